//! What of a directory can be reached, and what cannot.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use fs_err as fs;

use super::*;

/// A directory `inside` with files and links, and beside it what must not be reached.
struct Place {
    root: tempfile::TempDir,
    folder: Folder,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let inside = root.path().join("inside");
        fs::create_dir_all(inside.join("directory")).unwrap();
        fs::create_dir(root.path().join("outside")).unwrap();
        for path in ["inside/file", "inside/directory/file", "outside/secret", "secret"] {
            fs::write(root.path().join(path), path).unwrap();
        }
        symlink("../secret", inside.join("link")).unwrap();
        symlink("../outside", inside.join("way")).unwrap();
        symlink("/", inside.join("root")).unwrap();
        symlink("directory", inside.join("within")).unwrap();
        symlink("/proc/self/root", inside.join("magic")).unwrap();
        let folder = Folder::open(&inside).unwrap();
        Self { root, folder }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.folder.open_file(path, Opening { flags, mode: mode(0o600) })
    }
}

/// Each way out, which ends with a link or goes through one, or above.
const WAYS_OUT: [&str; 9] = [
    "link",
    "way/secret",
    "root/etc/passwd",
    "magic/etc/passwd",
    "../secret",
    "directory/../../secret",
    "/etc/passwd",
    "within/file",
    "..",
];

#[test]
fn nothing_outside_is_opened() {
    let place = Place::new();
    for path in WAYS_OUT {
        for flags in [OFlags::RDONLY, OFlags::RDWR, OFlags::WRONLY | OFlags::CREATE] {
            assert!(place.open(path, flags).is_err(), "{path}");
        }
    }
    assert_eq!(fs::read(place.path("secret")).unwrap(), b"secret");
    assert!(place.open("file", OFlags::RDWR).is_ok());
    assert!(place.open("directory/file", OFlags::RDWR).is_ok());
}

#[test]
fn nothing_outside_is_changed() {
    let place = Place::new();
    let folder = &place.folder;
    let times = Timestamps {
        last_access: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
        last_modification: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
    };
    fs::set_permissions(place.path("secret"), Permissions::from_mode(0o640)).unwrap();
    for path in WAYS_OUT {
        let _ = folder.change_mode(path, mode(0o777));
        let _ = folder.set_times(path, &times);
        assert!(folder.make_directory(&format!("{path}/made"), mode(0o777)).is_err(), "{path}");
        assert!(folder.rename("file", &format!("{path}/file")).is_err(), "{path}");
        assert!(folder.remove(&format!("{path}/secret"), false).is_err(), "{path}");
        assert!(folder.list(path).is_err(), "{path}");
    }
    let secret = fs::metadata(place.path("secret")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o640);
    assert!(secret.modified().unwrap().elapsed().unwrap().as_secs() < 3600);
    assert!(place.path("outside/secret").exists() && place.path("inside/file").exists());
}

#[test]
fn a_link_is_told_of_and_removed_as_itself() {
    let place = Place::new();
    let stat = place.folder.stat("link").unwrap();
    assert_eq!(FileType::from_raw_mode(stat.st_mode), FileType::Symlink);
    assert_eq!(place.folder.read_link("link").unwrap(), "../secret");
    place.folder.remove("link", false).unwrap();
    assert!(place.path("secret").exists() && !place.path("inside/link").exists());
}

#[test]
fn only_files_are_opened() {
    let place = Place::new();
    assert_eq!(place.open("directory", OFlags::RDONLY).unwrap_err(), Errno::ISDIR);
    let pipe = place.path("inside/pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode(0o600), 0).unwrap();
    assert_eq!(place.open("pipe", OFlags::RDONLY).unwrap_err(), Errno::ACCESS);
}

#[test]
fn a_directory_that_becomes_a_link_meanwhile() {
    let place = Place::new();
    let (directory, aside) = (place.path("inside/directory"), place.path("inside/aside"));
    let swap = std::thread::spawn(move || {
        for _ in 0..2_000 {
            fs::rename(&directory, &aside).unwrap();
            symlink("../outside", &directory).unwrap();
            fs::remove_file(&directory).unwrap();
            fs::rename(&aside, &directory).unwrap();
        }
    });
    let create = OFlags::WRONLY | OFlags::CREATE;
    let mut opened = 0;
    while !swap.is_finished() {
        assert!(place.open("directory/secret", OFlags::RDONLY).is_err());
        opened += u32::from(place.open("directory/made", create).is_ok());
        let _ = place.folder.rename("directory/made", "directory/moved");
    }
    swap.join().unwrap();
    let outside: Vec<_> = fs::read_dir(place.path("outside")).unwrap().flatten().collect();
    assert_eq!(outside.len(), 1, "{outside:?}");
    assert!(opened > 0);
}

#[test]
fn modes_that_make_nobody_else() {
    let place = Place::new();
    place.folder.change_mode("file", mode(0o6755)).unwrap();
    let file = fs::metadata(place.path("inside/file")).unwrap();
    assert_eq!(file.permissions().mode() & 0o7777, 0o755);
}

#[test]
fn what_is_no_directory() {
    let place = Place::new();
    assert!(Folder::open(&place.path("secret")).is_err());
    assert!(Folder::open(&place.path("nothing")).is_err());
}
