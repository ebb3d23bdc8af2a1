//! Files of a project that cannot be written: the error names them, and they are as they were.

use std::io::Write;

use crate::fixture::Place;
use crate::hostile::SmallDisk;
use crate::locks::{place, read, run};

const READ_ONLY: &str = "Read-only file system";
const FULL: &str = "No space left on device";

/// Checks that a command names the file that it cannot write, with the hint of a project.
#[track_caller]
fn check(place: &Place, words: &[&str], file: &str, cause: &str, hint: &str) {
    let before = read(place, "pyproject.toml");
    let said = run(place, words);
    let path = place.path().join(file);
    let told = format!("74\nerror: cannot write {}, which is as it was\n", path.display());
    assert!(said.starts_with(&told) && said.contains(cause), "{said}");
    assert!(said.ends_with(&format!("\nhint: {hint}\n")), "{said}");
    assert_eq!(read(place, "pyproject.toml"), before);
    assert!(!place.path().join("pylock.toml").exists());
}

#[test]
fn read_only_and_full() {
    let place = place("'plain'");
    let files = ["entry.py", "pyproject.toml"].map(|name| (name, read(&place, name)));
    let Some(disk) = SmallDisk::mount(&place.path()) else {
        println!("skipped: this user cannot mount a small file system");
        return;
    };
    files.iter().for_each(|(name, text)| place.write(name, text));
    disk.remount("ro");
    let hint = "let this user write the file and the directory that it is in, or do this where the project can be \
                written";
    check(&place, &["lock"], "pylock.toml", READ_ONLY, hint);
    check(&place, &["add", "side"], "pyproject.toml", READ_ONLY, hint);
    check(&place, &["lock", "--allow-build", "plain"], "pyproject.toml", READ_ONLY, hint);
    disk.remount("rw");
    let mut file = fs_err::File::create(place.path().join("large")).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    let hint = "free some space on the disk of the project";
    check(&place, &["lock"], "pylock.toml", FULL, hint);
    check(&place, &["add", "side"], "pyproject.toml", FULL, hint);
    drop(file);
    fs_err::remove_file(place.path().join("large")).unwrap();
    assert_eq!(run(&place, &["add", "side"]), "0\n");
    let names = fs_err::read_dir(place.path()).unwrap().map(|found| found.unwrap().file_name());
    assert_eq!(names.count(), 3);
}
