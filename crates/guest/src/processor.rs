//! The processors for which machine code is made: levels that many machines share, so that what one compiles the
//! others run, and a snapshot of the same program has the same digest on all of them.

#![expect(unsafe_code, reason = "what Cranelift may use of the processor is set by name")]

use std::env::consts::ARCH;

use wasmtime::Config;

/// Something that not all processors have: its name in Cranelift, and whether this machine has it.
type Feature = (&'static str, fn() -> bool);

/// A level of processors.
#[derive(Debug)]
pub(crate) struct Processor {
    /// As the x86-64 psABI (section 3.1.1) names it; that of the architecture elsewhere.
    pub(crate) name: &'static str,
    /// What Cranelift may use: of the level below, and of this one.
    features: [&'static [Feature]; 2],
}

#[cfg(target_arch = "x86_64")]
const V2: &[Feature] = &[
    ("has_cmpxchg16b", || is_x86_feature_detected!("cmpxchg16b")),
    ("has_popcnt", || is_x86_feature_detected!("popcnt")),
    ("has_sse3", || is_x86_feature_detected!("sse3")),
    ("has_sse41", || is_x86_feature_detected!("sse4.1")),
    ("has_sse42", || is_x86_feature_detected!("sse4.2")),
    ("has_ssse3", || is_x86_feature_detected!("ssse3")),
];

#[cfg(target_arch = "x86_64")]
const V3: &[Feature] = &[
    ("has_avx", || is_x86_feature_detected!("avx")),
    ("has_avx2", || is_x86_feature_detected!("avx2")),
    ("has_bmi1", || is_x86_feature_detected!("bmi1")),
    ("has_bmi2", || is_x86_feature_detected!("bmi2")),
    ("has_fma", || is_x86_feature_detected!("fma")),
    ("has_lzcnt", || is_x86_feature_detected!("lzcnt")),
];

/// What every processor of the architecture is.
const BASELINE: Processor = Processor { name: ARCH, features: [&[], &[]] };

/// The others, the highest first.
#[cfg(target_arch = "x86_64")]
const LEVELS: &[Processor] = &[
    Processor { name: "x86-64-v3", features: [V2, V3] },
    Processor { name: "x86-64-v2", features: [&[], V2] },
];

#[cfg(not(target_arch = "x86_64"))]
const LEVELS: &[Processor] = &[];

impl Processor {
    /// The highest level of this machine.
    pub(crate) fn host() -> &'static Self {
        let is_met = |level: &&Self| level.features().all(|(_, is_there)| is_there());
        LEVELS.iter().find(is_met).unwrap_or(&BASELINE)
    }

    fn features(&self) -> impl Iterator<Item = &'static Feature> {
        self.features.into_iter().flatten()
    }

    /// Has code made for this level, whatever else this machine can do.
    ///
    /// # Errors
    ///
    /// When Cranelift does not know the architecture.
    pub(crate) fn configure(&self, config: &mut Config) -> wasmtime::Result<()> {
        config.target(&format!("{ARCH}-unknown-linux-gnu"))?;
        for (flag, _) in self.features() {
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
        for level in LEVELS.iter().chain([&BASELINE]) {
            let expected: BTreeSet<String> =
                level.features().map(|(flag, _)| (*flag).to_owned()).collect();
            assert_eq!(used(level)?, expected, "{}", level.name);
        }
        Ok(())
    }
}
