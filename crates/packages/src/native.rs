//! What a shared library of a package is, by its first bytes.

use taipan_link::dylink;

/// Whether a file has the name of a shared library: `a.so`, `liba.so.1`.
pub(crate) fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.ends_with(".so") || name.contains(".so.")
}

/// Why `bytes` are no side module of WebAssembly, if they are not: what they are instead.
pub(crate) fn other_than_module(bytes: &[u8]) -> Option<String> {
    if bytes.starts_with(b"\0asm") {
        return match dylink(bytes) {
            Ok(Some(_)) => None,
            Ok(None) => Some(
                "a WebAssembly module that is no shared library (it has no section `dylink.0`)"
                    .into(),
            ),
            Err(error) => Some(format!("a damaged WebAssembly module ({error})")),
        };
    }
    let word = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let long = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    Some(match bytes {
        [0x7f, b'E', b'L', b'F', ..] => {
            format!("an ELF file, for Linux on {}", named(&ELF, word(18).map(u32::from)))
        }
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] => {
            format!("a Mach-O file, for macOS on {}", named(&MACH_O, long(4)))
        }
        [0xca, 0xfe, 0xba, 0xbe, ..] => "a Mach-O file, for macOS on several processors".into(),
        [b'M', b'Z', ..] => {
            let header = long(0x3c).and_then(|at| usize::try_from(at).ok());
            let machine = header.and_then(|at| word(at.checked_add(4)?)).map(u32::from);
            format!("a PE file, for Windows on {}", named(&PE, machine))
        }
        [] => "an empty file".into(),
        _ => "no program of a kind that is known".into(),
    })
}

/// Processors by their numbers: `e_machine` of elf(5), `cputype` of mach/machine.h, `Machine` of the PE format.
const ELF: [(u32, &str); 5] =
    [(62, "x86-64"), (183, "AArch64"), (3, "x86"), (40, "ARM"), (243, "RISC-V")];
const MACH_O: [(u32, &str); 2] = [(0x0100_0007, "x86-64"), (0x0100_000c, "AArch64")];
const PE: [(u32, &str); 3] = [(0x8664, "x86-64"), (0xaa64, "AArch64"), (0x14c, "x86")];

fn named(table: &[(u32, &'static str)], number: Option<u32>) -> &'static str {
    let found = table.iter().find(|(known, _)| Some(*known) == number);
    found.map_or("another processor", |(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expect: &str) {
        assert_eq!(other_than_module(bytes).unwrap_or_default(), expect);
    }

    #[test]
    fn modules() {
        // A section `dylink.0` that says nothing.
        check(b"\0asm\x01\0\0\0\0\x09\x08dylink.0", "");
        let alone = "a WebAssembly module that is no shared library (it has no section `dylink.0`)";
        check(b"\0asm\x01\0\0\0", alone);
        assert!(other_than_module(b"\0asm\x01\0\0\0\0\xff").unwrap().starts_with("a damaged"));
    }

    #[test]
    fn of_other_machines() {
        let elf = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 11], &[62, 0]].concat();
        check(&elf, "an ELF file, for Linux on x86-64");
        check(b"\x7fELF", "an ELF file, for Linux on another processor");
        check(b"\xcf\xfa\xed\xfe\x0c\0\0\x01", "a Mach-O file, for macOS on AArch64");
        check(b"\xca\xfe\xba\xbe", "a Mach-O file, for macOS on several processors");
        let pe = [b"MZ".as_slice(), &[0; 0x3a], &[0x40, 0, 0, 0], b"PE\0\0\x64\x86"].concat();
        check(&pe, "a PE file, for Windows on x86-64");
        check(b"MZ", "a PE file, for Windows on another processor");
        check(b"", "an empty file");
        check(b"text", "no program of a kind that is known");
    }

    #[test]
    fn names() {
        assert!(is_library("a/b.cpython-314-wasm32-emscripten.so") && is_library("libx.so.1.2"));
        assert!(!is_library("a.so/b.py") && !is_library("also.txt"));
    }
}
