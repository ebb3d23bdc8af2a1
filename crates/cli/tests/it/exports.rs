//! Files that `--output` names: bundles, which another cache imports, and copies of snapshots.

use std::path::Path;
use std::process::Command;

use crate::fixture::Place;
use crate::snapshots::{Cached, WORKER};

/// Runs a command: whether it did its work, and what it printed.
fn run(cache: Option<&Path>, words: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taipan"));
    if let Some(cache) = cache {
        command.arg("--cache").arg(cache);
    }
    let output = command.args(words).output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(printed).unwrap())
}

/// Runs a command on a disk that has room for so many blocks of 1,024 bytes a file: the exit code and its errors.
fn without_room(command: &Command, blocks: u32) -> (Option<i32>, String) {
    let mut limited = Command::new("bash");
    limited.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    limited.arg(command.get_program()).args(command.get_args());
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.current_dir(command.get_current_dir().unwrap());
    let output = limited.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_copy_that_cannot_be_written() {
    let cached = Cached::new(WORKER);
    cached.create();
    let create = |name| cached.command(&["snapshot", "create", "--quiet", "-o", name]);
    let (code, text) = without_room(&create("copy"), 512);
    assert_eq!(
        (code, &*text),
        (
            Some(74),
            "error: cannot write copy\n  caused by: File too large (os error 27)\n\nhint: its disk or `ulimit -f` has \
             no room for so long a file; --output names another\n"
        )
    );
    fs_err::create_dir(cached.place.path().join("folder")).unwrap();
    for (name, cause, hint) in [
        (
            "none/copy",
            "No such file or directory",
            "name a file with --output in a folder that is there",
        ),
        ("entry.py/copy", "Not a directory", "name a file with --output in a folder that is there"),
        ("folder", "Is a directory", "name a file with --output, not a folder"),
    ] {
        let output = create(name).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(74), "{text}");
        let start = format!("error: cannot write {name}\n  caused by: {cause} (os error ");
        assert!(
            text.starts_with(&start) && text.ends_with(&format!("\n\nhint: {hint}\n")),
            "{text}"
        );
    }
    let left = fs_err::read_dir(cached.place.path()).unwrap().map(|it| it.unwrap().file_name());
    let mut left: Vec<_> = left.collect();
    left.sort();
    assert_eq!(left, ["entry.py", "folder"], "nothing is left behind");
}

#[test]
fn the_disk_is_full() {
    let place = Place::new(&[("none", "")]);
    // The cache of the tests may be empty.
    let (done, text) = run(None, &["bundle", "build"]);
    assert!(done, "{text}");
    let (code, text) = without_room(&place.command(&["bundle", "export", "-o", "file"]), 512);
    assert_eq!(code, Some(74), "{text}");
    assert!(
        text.starts_with("error: cannot write file\n  caused by: File too large (os error 27)\n"),
        "{text}"
    );
    assert_eq!(fs_err::read_dir(place.path()).unwrap().count(), 1, "nothing is left behind");

    let (done, text) =
        run(None, &["bundle", "export", "-o", place.path().join("file").to_str().unwrap()]);
    assert!(done, "{text}");
    let import = place.command(&["--cache", "../cache", "bundle", "import", "file"]);
    let (code, text) = without_room(&import, 512);
    assert_eq!(code, Some(75), "{text}");
    assert!(
        text.starts_with("error: cannot use the cache\n") && text.contains("/staging/"),
        "{text}"
    );
}

#[test]
fn there_and_damaged() {
    let place = Place::new(&[("none", "")]);
    let (file, cache) = (place.path().join("file"), place.path().join("cache"));
    let name = file.to_str().unwrap();
    let (done, text) = run(None, &["bundle", "export", "-o", name]);
    assert!(done, "{text}");

    let sound = fs_err::read(&file).unwrap();
    let check_refused = |what: &str, bytes: &[u8], said: &str| {
        fs_err::write(&file, bytes).unwrap();
        let (done, text) = run(Some(&cache), &["bundle", "import", name]);
        assert!(!done && text.contains(said), "{what}: {text}");
        let (_, list) = run(Some(&cache), &["bundle", "list"]);
        assert!(!list.contains("ready"), "{what}: {list}");
        let left = fs_err::read_dir(cache.join("staging")).unwrap().count();
        assert_eq!(left, 0, "{what}");
    };
    let again = "copy the file again from where it was exported";
    let damaged = |problem: &str| {
        format!("caused by: {name} is a damaged export: {problem}\n\nhint: {again}")
    };
    for length in [1 << 10, 100_000, sound.len() / 2, sound.len() - 73, sound.len() - 1] {
        check_refused("cut short", &sound[..length], &damaged("its end is missing"));
    }
    let no_export = "is no export of a bundle: ";
    check_refused("nothing", b"", &format!("{no_export}it is empty"));
    check_refused("another file", &[b'x'; 5000], no_export);
    check_refused("what it was", &sound[..9], "if this was one, copy it again");
    check_refused("two", &[&*sound, &*sound].concat(), &damaged("it is not as it was written"));

    let find = |text: &[u8]| sound.windows(text.len()).position(|it| it == text).unwrap();
    for (what, place) in [
        ("its first member's name", 0),
        ("its first member's length", 124 + 11),
        ("its description", find(b"\"bundle\":\"") + 10),
        ("a member's name", find(b"pyodide.asm.wasm\0")),
        ("a member's mode", find(b"main.code\0") + 106),
        ("a file of the release", find(b"pyodide.asm.wasm\0") + 512 + 100_000),
        ("machine code", find(b"main.code\0") + 512 + 100_000),
        ("an inventory", find(b".inventory\0") + 512 + 40),
        ("the end of the archive", sound.len() - 72 - 100),
        ("the digest", sound.len() - 10),
    ] {
        let mut bytes = sound.clone();
        bytes[place] ^= 1;
        check_refused(what, &bytes, &damaged("it is not as it was written"));
    }

    fs_err::write(&file, &sound).unwrap();
    let (done, text) = run(Some(&cache), &["bundle", "import", name]);
    assert!(done, "{text}");
    let words = ["run", "--offline", "-c", "print('from far')"];
    assert_eq!(run(Some(&cache), &words), (true, "from far\n".to_owned()));

    let another = place.path().join("another");
    let words = ["bundle", "fetch", "--offline", "--source", name];
    let (done, text) = run(Some(&another), &words);
    assert!(done && text.ends_with("are in the cache\n"), "{text}");
}
