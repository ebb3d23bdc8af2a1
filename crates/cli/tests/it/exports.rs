//! `taipan bundle export` and `import`, with a real bundle.

use std::path::Path;
use std::process::Command;

use crate::fixture::Place;

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
    };
    check_refused("half", &sound[..sound.len() / 2], "is no export of a bundle");
    let find = |text: &[u8]| sound.windows(text.len()).position(|it| it == text).unwrap();
    let changed = |place: usize| {
        let mut bytes = sound.clone();
        bytes[place] ^= 1;
        bytes
    };
    let release = find(b"pyodide.asm.wasm\0") + 512 + 100_000;
    check_refused("release", &changed(release), "pyodide.asm.wasm");
    let code = find(b"main.code\0") + 512 + 100_000;
    check_refused("code", &changed(code), "is damaged: main.code: blake3");
    let id = find(b"\"bundle\":\"") + 10;
    check_refused("another's", &changed(id), "is for another Taipan: it was made by Taipan");

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
