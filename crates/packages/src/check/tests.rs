//! Trees that are not what they say.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::metadata;

/// Files by their paths; a list is made of those of its package unless it is there.
type Files = BTreeMap<String, Vec<u8>>;

/// Two packages, as uv leaves them.
fn sample() -> Files {
    let mut files = Files::new();
    let mut put = |path: &str, text: &str| files.insert(path.into(), text.into());
    put(".lock", "");
    put("bin/one", "#!/home/me/python\n");
    put("one/__init__.py", "from . import two\n");
    put("one/native.so", "\0asm\x01\0\0\0\0\x09\x08dylink.0");
    put("one-1.0.dist-info/METADATA", "Name: One\nVersion: 1.0\n\nText\n");
    put("one-1.0.dist-info/INSTALLER", "uv");
    put("one-1.0.dist-info/direct_url.json", "{\"url\": \"file:///home/me\"}");
    put("two.py", "");
    put("two-2.0.dist-info/METADATA", "Name: two\nVersion: 2.0\n");
    files
}

/// The line of a list for a file.
fn line(path: &str, contents: &[u8]) -> String {
    let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(contents));
    format!("{path},sha256={digest},{}\n", contents.len())
}

/// The list of the package `name`, whose files have that in their paths.
fn list(files: &Files, name: &str, version: &str) -> String {
    let of_package = files.iter().filter(|(path, _)| path.contains(name));
    let lines = of_package.map(|(path, contents)| line(path, contents)).collect::<String>();
    format!("{lines}{name}-{version}.dist-info/RECORD,,\n")
}

fn expected() -> Vec<Expected> {
    let expected = |name: &str, version: &str| Expected {
        name: name.into(),
        version: version.parse().ok(),
        may_be_absent: false,
    };
    vec![expected("one", "1.0"), expected("two", "2")]
}

/// What is said of a tree that `change` has changed before its lists were made, and `damage` afterwards.
fn outcome(
    change: impl FnOnce(&mut Files),
    damage: impl FnOnce(&mut Files),
) -> Result<Files, Error> {
    let mut files = sample();
    change(&mut files);
    for (name, version) in [("one", "1.0"), ("two", "2.0")] {
        let list = list(&files, name, version);
        files.insert(format!("{name}-{version}.dist-info/RECORD"), list.into());
    }
    damage(&mut files);
    let entries = files.into_iter().map(|(path, contents)| Entry::file(path, contents)).collect();
    let checked = check(entries, &expected())?;
    Ok(checked.into_iter().filter_map(|entry| Some((entry.path, entry.contents?))).collect())
}

#[track_caller]
fn refused(damage: impl FnOnce(&mut Files), expect: &str) {
    let outcome = outcome(|_| (), damage);
    assert_eq!(outcome.map(|_| ()).map_err(|error| error.to_string()), Err(expect.to_owned()));
}

fn append(files: &mut Files, path: &str, text: &str) {
    files.entry(path.into()).or_default().extend_from_slice(text.as_bytes());
}

const ONE: &str = "one-1.0.dist-info/RECORD";
const TWO: &str = "two-2.0.dist-info/RECORD";

#[test]
fn what_stays() {
    let files = outcome(|_| (), |_| ()).unwrap();
    let paths: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "one-1.0.dist-info/METADATA",
            ONE,
            "one/__init__.py",
            "one/native.so",
            "two-2.0.dist-info/METADATA",
            TWO,
            "two.py"
        ]
    );
    let list = String::from_utf8(files[ONE].clone()).unwrap();
    let listed: Vec<_> = list.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(listed, [&paths[..2], &paths[2..4]].concat());
}

#[test]
fn the_same_on_another_machine() {
    let elsewhere = |files: &mut Files| {
        files.insert("bin/one".into(), "#!/elsewhere/python\n".into());
        files.insert("one-1.0.dist-info/direct_url.json".into(), "{}".into());
        files.insert("one-1.0.dist-info/REQUESTED".into(), Vec::new());
        files.remove("one-1.0.dist-info/INSTALLER");
    };
    let reversed = |files: &mut Files| {
        let list = String::from_utf8(files[ONE].clone()).unwrap();
        let reversed: Vec<_> = list.lines().rev().collect();
        files.insert(ONE.into(), format!("{}\r\n", reversed.join("\r\n")).into());
    };
    assert_eq!(outcome(elsewhere, reversed).unwrap(), outcome(|_| (), |_| ()).unwrap());
}

#[test]
fn files_that_are_not_as_listed() {
    refused(|files| _ = files.remove("two.py"), "two.py of two 2.0 is not there");
    refused(
        |files| append(files, "two.py", "import os"),
        "two.py of two 2.0 is not the file that its RECORD has the digest of",
    );
    refused(|files| append(files, "three.py", ""), "three.py is in the RECORD of no package");
    refused(|files| append(files, "one/.lock", ""), "one/.lock is in the RECORD of no package");
    refused(|files| append(files, "a.pth", "import os"), "a.pth is in the RECORD of no package");
}

#[test]
fn lists_that_cannot_be_used() {
    refused(|files| _ = files.remove(TWO), "two 2.0 has no RECORD, the list of its files");
    refused(
        |files| append(files, TWO, "../../etc/passwd,,\n"),
        "line 4 of the RECORD of two 2.0 names a file outside of the directory of packages",
    );
    refused(
        |files| append(files, TWO, "/etc/passwd,,\n"),
        "line 4 of the RECORD of two 2.0 names a file outside of the directory of packages",
    );
    refused(
        |files| append(files, TWO, "words\n"),
        "line 4 of the RECORD of two 2.0 is no line of three fields",
    );
    let undigested = "has no digest in its RECORD (sha256, sha384 or sha512)";
    for digest in ["", "md5=1B2M2Y8AsgTpgAmY7PhCfg"] {
        let damage = |files: &mut Files| {
            let list = String::from_utf8(files[TWO].clone()).unwrap();
            let others = list.lines().filter(|line| !line.starts_with("two.py"));
            let others: String = others.map(|line| format!("{line}\n")).collect();
            files.insert(TWO.into(), format!("{others}two.py,{digest},0\n").into());
        };
        refused(damage, &format!("two.py of two 2.0 {undigested}"));
    }
}

#[test]
fn files_of_two_packages() {
    let same =
        |files: &mut Files| append(files, TWO, &line("one/__init__.py", b"from . import two\n"));
    assert!(outcome(|_| (), same).is_ok());
    refused(
        |files| append(files, TWO, &line("one/__init__.py", b"other")),
        "one 1.0 and two 2.0 both have the file one/__init__.py, with different contents",
    );
}

#[test]
fn metadata_that_lies() {
    let say = |text: &'static str| {
        move |files: &mut Files| {
            files.insert("two-2.0.dist-info/METADATA".into(), text.into());
        }
    };
    refused(
        say("Name: three\nVersion: 2.0\n"),
        "two-2.0.dist-info has another name or version than its METADATA says",
    );
    refused(
        say("Name: two\nVersion: 2.1\n"),
        "two-2.0.dist-info has another name or version than its METADATA says",
    );
    refused(
        |files| _ = files.remove("two-2.0.dist-info/METADATA"),
        "two-2.0.dist-info has no METADATA",
    );
    let again = |files: &mut Files| {
        append(files, "One-1.0.0.dist-info/METADATA", "Name: one\nVersion: 1.0\n")
    };
    refused(again, "one-1.0.dist-info is of a package that is there twice");
}

#[test]
fn other_packages_than_locked() {
    let locked = |name: &str, version: &str, may_be_absent| {
        let files =
            [("two-2.0.dist-info/METADATA".to_owned(), b"Name: two\nVersion: 2.0\n".to_vec())];
        let files: Files = files.into();
        let files =
            files.iter().map(|(path, contents)| (path.as_str(), contents.as_slice())).collect();
        let expected = Expected { name: name.into(), version: version.parse().ok(), may_be_absent };
        let two = Expected { name: "two".into(), version: None, may_be_absent };
        let wanted = if name == "two" { vec![expected] } else { vec![two, expected] };
        check_versions(&metadata::of_files(&files).unwrap(), &wanted)
            .map_err(|error| error.to_string())
    };
    assert_eq!(locked("two", "2", false), Ok(()));
    assert_eq!(locked("two", "2.1", false), Err("two is 2.0, and the lock says 2.1".into()));
    assert_eq!(locked("three", "1", true), Ok(()));
    assert_eq!(
        locked("three", "1", false),
        Err("three was not installed, and the lock names it".into())
    );
    let none = check_versions(&metadata::of_files(&BTreeMap::new()).unwrap(), &[]);
    assert!(none.is_ok());
}

#[test]
fn libraries_of_other_machines() {
    let elf = |files: &mut Files| {
        _ = files.insert(
            "one/native.so".into(),
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".to_vec(),
        )
    };
    let refused = outcome(elf, |_| ()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "one/native.so of one 1.0 is an ELF file, for Linux on x86-64, not a side module of WebAssembly"
    );
}
