//! The processors for which machine code is made: levels that many machines share, so that what one compiles the
//! others run, and a snapshot of the same program has the same digest on all of them.

#![expect(unsafe_code, reason = "what Cranelift may use of the processor is set by name")]

use std::env::consts::ARCH;

use wasmtime::Config;

/// A level of processors.
#[derive(Debug)]
pub(crate) struct Processor {
    /// As the x86-64 psABI (section 3.1.1) names it; that of the architecture elsewhere.
    pub(crate) name: &'static str,
    /// What Cranelift may use, by its own names.
    flags: &'static [&'static str],
}

#[cfg(target_arch = "x86_64")]
const V3: Processor = Processor {
    name: "x86-64-v3",
    flags: &[
        "has_avx",
        "has_avx2",
        "has_bmi1",
        "has_bmi2",
        "has_cmpxchg16b",
        "has_fma",
        "has_lzcnt",
        "has_popcnt",
        "has_sse3",
        "has_sse41",
        "has_sse42",
        "has_ssse3",
    ],
};

#[cfg(target_arch = "x86_64")]
const V2: Processor = Processor {
    name: "x86-64-v2",
    flags: &["has_cmpxchg16b", "has_popcnt", "has_sse3", "has_sse41", "has_sse42", "has_ssse3"],
};

const BASELINE: Processor = Processor { name: ARCH, flags: &[] };

impl Processor {
    /// The highest level of this machine.
    pub(crate) fn host() -> Processor {
        #[cfg(target_arch = "x86_64")]
        {
            use std::is_x86_feature_detected as has;

            let v2 = has!("cmpxchg16b")
                && has!("popcnt")
                && has!("sse3")
                && has!("sse4.1")
                && has!("sse4.2")
                && has!("ssse3");
            let v3 = v2
                && has!("avx")
                && has!("avx2")
                && has!("bmi1")
                && has!("bmi2")
                && has!("fma")
                && has!("lzcnt");
            if v3 {
                return V3;
            } else if v2 {
                return V2;
            }
        }
        BASELINE
    }

    /// Has code made for this level, whatever else this machine can do.
    ///
    /// # Errors
    ///
    /// When Cranelift does not know the architecture.
    pub(crate) fn configure(&self, config: &mut Config) -> wasmtime::Result<()> {
        config.target(&format!("{ARCH}-unknown-linux-gnu"))?;
        for flag in self.flags {
            // SAFETY: each is a feature of processors of this level, and before wasmtime runs code it compares the
            // features that the code was made with against those of the machine.
            unsafe { config.cranelift_flag_enable(flag) };
        }
        Ok(())
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use std::collections::BTreeSet;

    use wasmtime::{Engine, Module};

    use super::*;

    /// What code was made with, from what wasmtime writes of it: a name, and after it a variant (2, a boolean) and
    /// its value.
    fn used(processor: &Processor) -> wasmtime::Result<BTreeSet<String>> {
        let mut config = Config::new();
        processor.configure(&mut config)?;
        let engine = Engine::new(&config)?;
        let code = Module::new(&engine, b"\0asm\x01\0\0\0")?.serialize()?;
        let starts = code.windows(4).enumerate().filter(|(_, it)| it == b"has_").map(|(at, _)| at);
        let flags = starts.filter_map(|start| {
            let rest = &code[start..];
            let length = rest.iter().position(|byte| *byte < b' ')?;
            let name = String::from_utf8(rest[..length].to_vec()).ok()?;
            (rest[length..].starts_with(&[2, 1])).then_some(name)
        });
        Ok(flags.collect())
    }

    #[test]
    fn code_uses_what_its_level_has_and_nothing_else() -> wasmtime::Result<()> {
        for level in [BASELINE, V2, V3] {
            let expected: BTreeSet<String> =
                level.flags.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(used(&level)?, expected, "{}", level.name);
        }
        Ok(())
    }
}
