//! Wheels that are made to do harm, or are damaged: refused by name, and nothing of them stays.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use zip::write::SimpleFileOptions;

use crate::fixture::Serving;
use crate::packages::{
    ANSWERS, Archive, LOCK_HEAD, Wheel, locked, locked_package, nothing_is_left,
};
use crate::snapshots::{ANSWER_LINE, Cached, write};

#[test]
fn hostile_wheels() {
    let check = |wheel: Wheel<'_>, expect: &str| {
        let cached = locked(&[wheel]);
        let (code, text) = cached.run(&["sync", "--quiet"]);
        assert!(code != Some(0) && text.contains(expect), "{code:?} {text}");
        nothing_is_left(&cached);
    };
    let elf = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0";
    check(
        Wheel { files: &[("answers/native.so", elf)], ..ANSWERS },
        "answers/native.so of answers 1.0 is an ELF file, for Linux on x86-64, not a side module of WebAssembly",
    );
    let module = b"\0asm\x01\0\0\0\0\x09\x08dylink.0";
    check(
        Wheel { files: &[("answers/_x.cpython-312-wasm32-emscripten.so", module)], ..ANSWERS },
        "answers/_x.cpython-312-wasm32-emscripten.so of the packages is for CPython 3.12-wasm32-emscripten, and this is \
         CPython 3.14-wasm32-emscripten\n\nhint: its wheel has other modules than its name says",
    );
    let list = "answers/one.py,sha256=AAAA,3\nanswers-1.0.dist-info/METADATA,,\n";
    check(Wheel { list: Some(list), ..ANSWERS }, "of answers 1.0");
    let other = ("other-1.0.dist-info/METADATA", b"Name: other\nVersion: 1.0\n".as_slice());
    check(Wheel { files: &[other], ..ANSWERS }, "Multiple .dist-info directories found");
}

/// No name of a package reaches a terminal as it is: one could clear it, or write what Taipan never said.
#[test]
fn names_with_control_characters() {
    let cached = locked(&[]);
    fs_err::remove_file(cached.worker().join("pylock.toml")).unwrap();
    cached.place.write("python_modules/answers/one.py", "ANSWER = 42\n");
    let directory = "python_modules/evil\x1b[2J-1\u{9b}31m.dist-info";
    cached.place.write(&format!("{directory}/RECORD"), "");
    let (code, text) = cached.run(&["packages", "--quiet"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("\nevil\\x1b[2j") && text.contains(" 1\\x9b31m "), "{text}");
}

/// What is left out by uv is named, also when uv has it unpacked already.
#[test]
fn files_outside() {
    for outside in ["../../outside.py", "/tmp/taipan-outside.py", "answers/../../outside.py"] {
        let cached = locked(&[Wheel { files: &[ANSWERS.files[0], (outside, b"")], ..ANSWERS }]);
        for _ in 0..2 {
            let (code, text) = cached.run(&["sync", "--quiet"]);
            let expect = format!(
                "an archive of the packages has the file {outside}, which would be outside of their directory"
            );
            assert!(code != Some(0) && text.contains(&expect), "{code:?} {text}");
            nothing_is_left(&cached);
        }
    }
}

/// A worker with a wheel of these bytes.
fn with_bytes(bytes: &[u8]) -> Cached {
    let cached = locked(&[]);
    write(&cached.worker().join(ANSWERS.file_name()), bytes);
    let lock = format!("{LOCK_HEAD}{}", locked_package(ANSWERS.name, bytes));
    cached.place.write("pylock.toml", &lock);
    cached
}

#[track_caller]
fn check_bytes(bytes: &[u8], expect: &str) {
    let cached = with_bytes(bytes);
    let (code, text) = cached.run(&["sync", "--quiet"]);
    assert!(code != Some(0) && text.contains(expect), "{code:?} {text}");
    nothing_is_left(&cached);
}

/// In an archive a link is a file with a mode; uv writes it as a file with the link's text.
#[test]
fn links() {
    let add = |archive: &mut Archive| {
        archive.add_symlink("answers/link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    };
    check_bytes(
        &ANSWERS.bytes_with(add),
        "answers/link of answers 1.0 has no digest in its RECORD",
    );
}

/// Two files of one name: which of them is meant nobody knows.
#[test]
fn files_of_one_name() {
    let other = ("answers/onf.py", b"ANSWER = 'another'\n".as_slice());
    let mut bytes = Wheel { files: &[ANSWERS.files[0], other], ..ANSWERS }.bytes();
    let name = other.0.as_bytes();
    // The archive's list and the heads of files; the list of files of the package is compressed.
    while let Some(at) = bytes.windows(name.len()).position(|part| part == name) {
        bytes[at..at + name.len()].copy_from_slice(ANSWERS.files[0].0.as_bytes());
    }
    check_bytes(&bytes, "answers");
}

#[test]
fn cut_short() {
    let bytes = ANSWERS.bytes();
    check_bytes(&bytes[..bytes.len() / 2], "answers");
}

/// More than a worker may have, in few bytes: uv is ended before it has unpacked all.
#[test]
fn bombs() {
    const MEBIBYTES: usize = 1500;
    let add = |archive: &mut Archive| {
        archive.start_file("answers/bomb", SimpleFileOptions::default()).unwrap();
        let zeros = vec![0; 1 << 20];
        (0..MEBIBYTES).for_each(|_| archive.write_all(&zeros).unwrap());
    };
    let cached = with_bytes(&ANSWERS.bytes_with(add));
    let cache_of_uv = cached.worker().with_file_name("uv");
    let mut command = cached.command(&["sync", "--quiet"]);
    let output = command.env("UV_CACHE_DIR", &cache_of_uv).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("the packages have more than 1073741824 bytes"), "{text}");
    nothing_is_left(&cached);
    let size = Command::new("du").arg("-sm").arg(&cache_of_uv).output().unwrap();
    let size = String::from_utf8(size.stdout).unwrap();
    let mebibytes: usize = size.split_whitespace().next().unwrap().parse().unwrap();
    assert!(mebibytes < 100, "{size}");
}

/// A file system of a few bytes, while this lives.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this user cannot mount any.
    pub(crate) fn mount(at: &Path) -> Option<Self> {
        let size = ["-t", "tmpfs", "-o", "size=2m", "tmpfs"];
        let done = Command::new("mount").args(size).arg(at).status();
        done.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }

    fn grow(&self) {
        self.remount("size=64m");
    }

    pub(crate) fn remount(&self, option: &str) {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,{option}")]).arg(&self.0);
        assert!(command.status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

/// When the disk is full nothing half installed stays, and the next try succeeds.
#[test]
fn a_full_disk() {
    // What no compression makes smaller.
    let noise: Vec<u8> = (0..100_000_u32)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let files: Vec<_> = (0..20).map(|number| format!("answers/data{number}")).collect();
    let mut all = vec![ANSWERS.files[0]];
    all.extend(files.iter().map(|name| (name.as_str(), noise.as_slice())));
    let cached = locked(&[Wheel { files: &all, ..ANSWERS }]);
    let entries = cached.cache.clone();
    let links: Vec<_> = ["npm", "bundle"]
        .map(|kind| (kind, fs_err::read_link(entries.join("entries").join(kind)).unwrap()))
        .into();
    let Some(disk) = SmallDisk::mount(&entries) else {
        println!("skipped: this user cannot mount a small file system");
        return;
    };
    fs_err::create_dir_all(entries.join("entries")).unwrap();
    for (kind, target) in links {
        std::os::unix::fs::symlink(target, entries.join("entries").join(kind)).unwrap();
    }
    let (code, text) = cached.run(&["sync", "--quiet"]);
    assert!(code != Some(0) && text.contains("No space left on device"), "{code:?} {text}");
    nothing_is_left(&cached);
    disk.grow();
    let (code, text) = cached.run(&["sync", "--quiet"]);
    assert_eq!(code, Some(0), "{text}");
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    assert!(server.get("/", "").ends_with(ANSWER_LINE));
}

/// The digest of the archive is not the one of the lock.
#[test]
fn another_wheel_than_locked() {
    let cached = locked(&[ANSWERS]);
    write(&cached.worker().join(ANSWERS.file_name()), &Wheel { files: &[], ..ANSWERS }.bytes());
    let (code, text) = cached.run(&["sync", "--quiet"]);
    assert!(code != Some(0) && text.contains("ash mismatch"), "{text}");
    nothing_is_left(&cached);
}
