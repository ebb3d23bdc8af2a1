//! Entries: published whole, found damaged, built again.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use taipan_store::{Cache, Entry, Error, Files, OnReadOnly, Step, write_atomic};

/// A cache of its own with one published entry, `things/one`.
fn published() -> (tempfile::TempDir, Entry) {
    let home = tempfile::tempdir().unwrap();
    let entry = Cache::open(home.path()).unwrap().entry("things", "one").unwrap();
    build(&entry).unwrap();
    (home, entry)
}

fn build(entry: &Entry) -> Result<Files, Error> {
    build_as(entry, OnReadOnly::Refuse)
}

fn build_as(entry: &Entry, on_read_only: OnReadOnly) -> Result<Files, Error> {
    entry.get_or_build(on_read_only, &|_: Step<'_>| {}, |staging| {
        fs_err::create_dir(staging.join("folder"))?;
        fs_err::write(staging.join("folder/first"), "first")?;
        Ok(fs_err::write(staging.join("second"), "second")?)
    })
}

/// Damages a published entry, and sees what opening and verifying say; then it is made again.
#[track_caller]
fn check(damage: impl FnOnce(&Path), opened: Option<&str>, verified: &str) {
    let (_home, entry) = published();
    damage(entry.path());
    let said = |error: Option<Error>| error.map(|error| error.to_string());
    assert_eq!(said(entry.open().err()).as_deref(), opened);
    assert_eq!(said(entry.files().err()).as_deref(), Some(verified));
    assert_eq!(said(entry.verify().err()).as_deref(), Some(verified));
    build(&entry).unwrap();
    assert!(entry.verify().unwrap());
}

#[test]
fn file_cut_short() {
    let expect = "cache entry things/one is damaged: second: 3 bytes long, 6 expected";
    check(|path| fs_err::write(path.join("second"), "sec").unwrap(), Some(expect), expect);
}

#[test]
fn file_gone() {
    let expect = "cache entry things/one is damaged: folder/first: missing";
    check(|path| fs_err::remove_file(path.join("folder/first")).unwrap(), Some(expect), expect);
}

#[test]
fn file_became_a_link() {
    let expect = "cache entry things/one is damaged: second: missing";
    let damage = |path: &Path| {
        fs_err::remove_file(path.join("second")).unwrap();
        fs_err::os::unix::fs::symlink("folder/first", path.join("second")).unwrap();
    };
    check(damage, Some(expect), expect);
}

#[test]
fn inventory_gone() {
    let expect = "cache entry things/one is damaged: .inventory: missing";
    check(|path| fs_err::remove_file(path.join(".inventory")).unwrap(), Some(expect), expect);
}

#[test]
fn inventory_cut_short() {
    let expect = "cache entry things/one is damaged: .inventory: cut short or edited";
    let damage = |path: &Path| {
        let text = fs_err::read_to_string(path.join(".inventory")).unwrap();
        let lines: String = text.split_inclusive('\n').take(2).collect();
        fs_err::write(path.join(".inventory"), lines).unwrap();
    };
    check(damage, Some(expect), expect);
}

#[test]
fn inventory_huge() {
    let expect = "cache entry things/one is damaged: .inventory: longer than any inventory";
    let damage = |path: &Path| {
        fs_err::File::create(path.join(".inventory")).unwrap().set_len(1 << 40).unwrap();
    };
    check(damage, Some(expect), expect);
}

#[test]
fn file_became_a_folder() {
    let expect = "cache entry things/one is damaged: second: missing";
    let damage = |path: &Path| {
        fs_err::remove_file(path.join("second")).unwrap();
        fs_err::create_dir(path.join("second")).unwrap();
    };
    check(damage, Some(expect), expect);
}

#[test]
fn inventory_became_a_folder() {
    let expect = "cache entry things/one is damaged: .inventory: something else than a file";
    let damage = |path: &Path| {
        fs_err::remove_file(path.join(".inventory")).unwrap();
        fs_err::create_dir(path.join(".inventory")).unwrap();
    };
    check(damage, Some(expect), expect);
}

fn make_fifo(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn inventory_became_a_fifo() {
    let expect = "cache entry things/one is damaged: .inventory: something else than a file";
    let damage = |path: &Path| {
        fs_err::remove_file(path.join(".inventory")).unwrap();
        make_fifo(&path.join(".inventory"));
    };
    check(damage, Some(expect), expect);
}

/// Puts something into an empty cache, and sees what making and holding an entry say of it.
#[track_caller]
fn check_in_the_way(path: &str, put: impl Fn(&Path), needed: &str) {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let entry = cache.entry("things", "one").unwrap();
    let path = cache.root().join(path);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    put(&path);
    let error = build(&entry).and_then(|_| entry.hold()).unwrap_err();
    let place = path.display();
    assert_eq!(
        error.to_string(),
        format!("{place} is in the way: the cache needs a {needed} there")
    );
    assert_eq!(error.hint().as_deref(), Some("remove it; Taipan makes what it needs there"));
    fs_err::remove_file(&path).or_else(|_| fs_err::remove_dir(&path)).unwrap();
    build(&entry).and_then(|_| entry.hold()).unwrap();
}

#[test]
fn what_is_no_lock() {
    for lock in ["locks/things/one", "locks/things/.one"] {
        check_in_the_way(lock, make_fifo, "file");
        check_in_the_way(lock, |path| fs_err::create_dir(path).unwrap(), "file");
    }
}

#[test]
fn what_is_no_folder() {
    let file = |path: &Path| fs_err::write(path, "").unwrap();
    let link = |path: &Path| std::os::unix::fs::symlink("/nowhere/at/all", path).unwrap();
    for folder in
        ["entries", "locks", "staging", "entries/things", "locks/things", "staging/things"]
    {
        check_in_the_way(folder, file, "folder");
        check_in_the_way(folder, link, "folder");
        check_in_the_way(folder, make_fifo, "folder");
    }
}

#[test]
fn no_entry_where_there_can_be_no_folder() {
    for folder in ["entries", "entries/things"] {
        let home = tempfile::tempdir().unwrap();
        let cache = Cache::open(home.path()).unwrap();
        let entry = cache.entry("things", "one").unwrap();
        assert_eq!(cache.entries("things").unwrap().len(), 0);
        let path = cache.root().join(folder);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        let expect = format!("{} is in the way: the cache needs a folder there", path.display());
        let put: [fn(&Path); 2] = [|path| fs_err::write(path, "").unwrap(), make_fifo];
        for put in put {
            put(&path);
            assert_eq!(cache.entries("things").unwrap_err().to_string(), expect);
            for outcome in
                [entry.open().map(drop), entry.files().map(drop), entry.verify().map(drop)]
            {
                assert_eq!(outcome.unwrap_err().to_string(), expect);
            }
            // Nothing is called damaged before that.
            let progress = |step: Step<'_>| panic!("{step:?}");
            let build = |_: &Path| -> Result<(), Error> { unreachable!("it has no place") };
            let error = entry.get_or_build(OnReadOnly::Refuse, &progress, build).unwrap_err();
            assert_eq!(error.to_string(), expect);
            fs_err::remove_file(&path).unwrap();
        }
        std::os::unix::fs::symlink("/nowhere/at/all", &path).unwrap();
        assert_eq!(cache.entries("things").unwrap_err().to_string(), expect);
    }
}

#[test]
fn a_file_of_an_entry_that_is_a_fifo() {
    let (_home, entry) = published();
    entry.glance("second").unwrap();
    fs_err::remove_file(entry.path().join("second")).unwrap();
    make_fifo(&entry.path().join("second"));
    assert_eq!(
        entry.glance("second").unwrap_err().to_string(),
        "cache entry things/one is damaged: second: something else than a file"
    );
}

#[test]
fn what_is_no_list_of_the_last_entries() {
    let (home, entry) = published();
    let cache = Cache::open(home.path()).unwrap();
    let keep = || cache.keep_recent("somebody", &entry, 1, &|_: Step<'_>| {});
    keep().unwrap();
    let folder = cache.root().join("recent");
    let list = fs_err::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let check = |path: &Path, needed: &str| {
        let place = path.display();
        let expect = format!("{place} is in the way: the cache needs a {needed} there");
        assert_eq!(keep().unwrap_err().to_string(), expect);
    };
    fs_err::remove_file(&list).unwrap();
    make_fifo(&list);
    check(&list, "file");
    fs_err::remove_file(&list).unwrap();
    fs_err::create_dir(&list).unwrap();
    check(&list, "file");
    fs_err::remove_dir_all(&folder).unwrap();
    make_fifo(&folder);
    check(&folder, "folder");
    fs_err::remove_file(&folder).unwrap();
    keep().unwrap();
}

#[test]
fn entry_became_a_file() {
    let expect = "cache entry things/one is damaged: .inventory: not a directory";
    let damage = |path: &Path| {
        fs_err::remove_dir_all(path).unwrap();
        fs_err::write(path, "").unwrap();
    };
    check(damage, Some(expect), expect);
}

#[test]
fn file_emptied() {
    let expect = "cache entry things/one is damaged: second: 0 bytes long, 6 expected";
    check(|path| fs_err::write(path.join("second"), "").unwrap(), Some(expect), expect);
}

#[test]
fn contents_changed() {
    let digest = |text: &str| blake3::hash(text.as_bytes()).to_string();
    check(
        |path| fs_err::write(path.join("second"), "SECOND").unwrap(),
        None,
        &format!(
            "cache entry things/one is damaged: second: blake3 {}, {} expected",
            digest("SECOND"),
            digest("second")
        ),
    );
}

#[test]
fn file_too_many_is_for_verify() {
    let (_home, entry) = published();
    fs_err::write(entry.path().join("third"), "").unwrap();
    assert!(entry.files().unwrap().is_some());
    assert_eq!(
        entry.verify().unwrap_err().to_string(),
        "cache entry things/one is damaged: third: not part of the entry",
    );
}

/// What was opened is what was published, whatever comes to be at its path.
#[test]
fn files_outlive_their_entry() {
    let (_home, entry) = published();
    let files = entry.files().unwrap().unwrap();
    assert_eq!(files.names().collect::<Vec<_>>(), ["folder/first", "second"]);
    entry.remove(&|_: Step<'_>| {}).unwrap();
    let mut text = String::new();
    files.file("second").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "second");
    assert!(matches!(files.file("third"), Err(Error::Damaged { .. })));
}

#[test]
fn built_once() {
    let (_home, entry) = published();
    let files = entry
        .get_or_build(OnReadOnly::Refuse, &|_: Step<'_>| {}, |_staging| -> Result<(), Error> {
            unreachable!("it is there")
        })
        .unwrap();
    assert_eq!(fs_err::read_to_string(files.folder().join("folder/first")).unwrap(), "first");
}

#[test]
fn failed_build_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    let entry = cache.entry("things", "one").unwrap();
    let error = entry
        .get_or_build(OnReadOnly::Refuse, &|_: Step<'_>| {}, |staging| -> anyhow::Result<()> {
            fs_err::write(staging.join("half"), "")?;
            anyhow::bail!("no more")
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "no more");
    assert_eq!(entry.open().unwrap(), None);
    assert!(!entry.verify().unwrap());
    assert!(!home.path().join("staging/things/one").exists());
}

#[test]
fn link_is_not_published() {
    let home = tempfile::tempdir().unwrap();
    let entry = Cache::open(home.path()).unwrap().entry("things", "one").unwrap();
    let error = entry
        .get_or_build(OnReadOnly::Refuse, &|_: Step<'_>| {}, |staging| -> Result<(), Error> {
            Ok(fs_err::os::unix::fs::symlink("/etc/passwd", staging.join("link"))?)
        })
        .unwrap_err();
    assert!(matches!(error, Error::Unpublishable { .. }), "{error}");
    assert_eq!(entry.open().unwrap(), None);
}

#[test]
fn listed_and_removed() {
    let (home, entry) = published();
    let cache = Cache::open(home.path()).unwrap();
    let names = || -> Vec<_> {
        let entries = cache.entries("things").unwrap();
        entries.iter().map(|entry| entry.name().to_owned()).collect()
    };
    assert_eq!(names(), ["things/one"]);
    entry.remove(&|_: Step<'_>| {}).unwrap();
    assert_eq!(names(), [""; 0]);
    assert_eq!(entry.open().unwrap(), None);
    entry.remove(&|_: Step<'_>| {}).unwrap();
    build(&entry).unwrap();
    assert_eq!(names(), ["things/one"]);
}

#[test]
fn names_that_leave_the_cache() {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::open(home.path()).unwrap();
    for name in ["", ".", "..", "../x", "a/b", "/x", ".hidden", "a b", "ä", &"x".repeat(129)] {
        assert!(matches!(cache.entry("things", name), Err(Error::EntryName { .. })), "{name}");
        assert!(matches!(cache.entry(name, "one"), Err(Error::EntryName { .. })), "{name}");
    }
}

#[test]
fn root_that_cannot_be() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("file");
    fs_err::write(&root, "").unwrap();
    let error = Cache::open(&root.join("cache")).unwrap_err();
    assert_eq!(
        error.to_string().replace(&home.path().display().to_string(), "[home]"),
        "failed to create directory `[home]/file/cache`: Not a directory (os error 20)"
    );
    assert_eq!(error.hint().as_deref(), Some("set TAIPAN_CACHE to a folder that can be written"));
}

#[test]
fn atomic_write_replaces() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("file");
    fs_err::write(&path, "old and longer").unwrap();
    write_atomic(&path, b"new").unwrap();
    assert_eq!(fs_err::read(&path).unwrap(), b"new");
    assert_eq!(fs_err::read_dir(home.path()).unwrap().count(), 1);
    let mode = fs_err::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o600, 0o600, "{mode:o}");
    assert_eq!(mode & 0o111, 0, "{mode:o}");
}

#[test]
fn atomic_write_names_its_path() {
    let error = write_atomic(Path::new("/dev/null/file"), b"").unwrap_err();
    assert_eq!(error.to_string(), "cannot write /dev/null/file");
    assert_eq!(error.hint().as_deref(), Some("set TAIPAN_CACHE to a folder that can be written"));
}

#[test]
fn what_is_used_is_not_removed() {
    let (_home, entry) = published();
    let progress = |_: Step<'_>| {};
    let (one, two) = (entry.hold().unwrap(), entry.hold().unwrap());
    drop(one);
    assert!(!entry.remove_unused(&progress).unwrap());
    assert!(entry.verify().unwrap());
    drop(two);
    assert!(entry.remove_unused(&progress).unwrap());
    assert!(entry.open().unwrap().is_none());
    assert!(entry.remove_unused(&progress).unwrap(), "it is gone already");
}

/// A name with a dot before it is an entry's only in staging, where that is on its way out.
#[test]
fn names_with_a_dot() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    for folder in ["entries/things/.DS_Store", "staging/things/.gone", "staging/things/gone"] {
        fs_err::create_dir_all(root.path().join(folder)).unwrap();
    }
    assert_eq!(cache.entries("things").unwrap().len(), 0);
    let unfinished = cache.unfinished("things").unwrap();
    assert_eq!(unfinished.iter().map(Entry::name).collect::<Vec<_>>(), ["things/gone"]);
}

/// What a killed process has left goes when another entry of the kind is built; what one builds now stays.
#[test]
fn what_others_have_left() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    let staging = root.path().join("staging/things");
    fs_err::create_dir_all(staging.join("left/folder")).unwrap();
    fs_err::create_dir_all(staging.join(".aside")).unwrap();
    let build = |entry: Entry, inside: &dyn Fn()| {
        let fill = |folder: &Path| {
            inside();
            write_atomic(&folder.join("file"), b"")
        };
        entry.get_or_build(OnReadOnly::Refuse, &|_| (), fill).unwrap();
    };
    let entry = |key: &str| cache.entry("things", key).unwrap();
    build(entry("one"), &|| {
        build(entry("two"), &|| {
            let there = fs_err::read_dir(&staging).unwrap().map(|found| found.unwrap().file_name());
            let mut there: Vec<_> = there.collect();
            there.sort();
            assert_eq!(there, ["one", "two"]);
        });
    });
    assert_eq!(fs_err::read_dir(&staging).unwrap().count(), 0);
}

/// Who waits hears what for.
#[test]
fn waits_for_what_is_called_so() {
    let root = tempfile::tempdir().unwrap();
    let cache = Cache::open(root.path()).unwrap();
    let entry = cache.entry("things", "one").unwrap().called("the first thing");
    let lock = root.path().join("locks/things/one");
    fs_err::create_dir_all(lock.parent().unwrap()).unwrap();
    let lock = fs_err::File::create(lock).unwrap();
    lock.file().lock().unwrap();
    let heard = std::cell::Cell::new(false);
    let progress = |step: Step<'_>| {
        assert_eq!(step, Step::Waiting { entry: "the first thing" });
        heard.set(true);
        lock.file().unlock().unwrap();
    };
    let fill = |folder: &Path| write_atomic(&folder.join("file"), b"");
    entry.get_or_build(OnReadOnly::Refuse, &progress, fill).unwrap();
    assert!(heard.get());
}
