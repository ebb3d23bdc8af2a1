//! Packages: the same pins whatever the source, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::error::Error as _;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use taipan_store::{Cache, Digest, Package, PackageFile, Source, Step, export, fetch};
use tar::{Builder, EntryType, Header};

const FIRST: &str = "the first file\n";
const SECOND: &str = "the second file\n";

/// A folder with a stand-in for `npm` and a cache.
struct Bench {
    home: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let npm = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files/npm");
        fs_err::os::unix::fs::symlink(npm, home.path().join("npm")).unwrap();
        Self { home }
    }

    fn put(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.home.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, contents).unwrap();
    }

    fn npm(&self) -> Source {
        Source::Npm { command: self.home.path().join("npm") }
    }

    fn folder(&self) -> Source {
        Source::Folder(self.home.path().join("source"))
    }

    /// Fetches the package: the files that arrived, or the error and its causes.
    fn fetch(&self, source: &Source) -> String {
        let pin = |path, contents: &str| PackageFile {
            path,
            length: contents.len() as u64,
            sha256: Digest::of(contents.as_bytes()),
        };
        let files = [pin("first", FIRST), pin("inner/second", SECOND)];
        let package = Package { name: "sample", version: "1.0.0", files: &files };
        let cache = Cache::open(&self.home.path().join("cache")).unwrap();
        let said = match fetch(&package, std::slice::from_ref(source), &cache, &|_: Step<'_>| {}) {
            Ok(folder) => listing(&folder),
            Err(error) => {
                assert_eq!(cache.entries("npm").unwrap().len(), 0, "it was published");
                match error.source() {
                    Some(cause) => format!("{error}: {cause}"),
                    None => error.to_string(),
                }
            }
        };
        said.replace(&self.home.path().display().to_string(), "[home]")
    }
}

fn listing(folder: &Path) -> String {
    let read = |path| fs_err::read_to_string(folder.join(path)).unwrap();
    let names = |folder: &Path| {
        let found = fs_err::read_dir(folder).unwrap();
        let mut names: Vec<_> = found.map(|found| found.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(folder), [".inventory", "first", "inner"]);
    assert_eq!(names(&folder.join("inner")), ["second"]);
    read("first") + &read("inner/second")
}

type Members = Builder<GzEncoder<Vec<u8>>>;

fn add(members: &mut Members, path: &str, kind: EntryType, contents: &str) {
    let mut header = Header::new_gnu();
    // Not `set_path`, which refuses what the table wants.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(contents.len() as u64);
    header.set_cksum();
    members.append(&header, contents.as_bytes()).unwrap();
}

fn file(members: &mut Members, path: &str, contents: &str) {
    add(members, path, EntryType::Regular, contents);
}

fn tarball(fill: impl FnOnce(&mut Members)) -> Vec<u8> {
    let mut members = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    fill(&mut members);
    members.into_inner().unwrap().finish().unwrap()
}

fn good(members: &mut Members) {
    file(members, "package/README.md", "nobody asked for this");
    file(members, "package/first", FIRST);
    file(members, "package/inner/second", SECOND);
}

/// Fetches from a tarball with these members.
#[track_caller]
fn check(fill: impl FnOnce(&mut Members), expect: &str) {
    check_bytes(&tarball(fill), expect);
}

#[track_caller]
fn check_bytes(tarball: &[u8], expect: &str) {
    let bench = Bench::new();
    bench.put("npm.sample-1.0.0.tgz", tarball);
    assert_eq!(bench.fetch(&bench.npm()), expect);
}

/// Fetches from a folder with these files.
#[track_caller]
fn check_folder(files: &[(&str, &str)], expect: &str) {
    let bench = Bench::new();
    for (path, contents) in files {
        bench.put(&format!("source/{path}"), contents);
    }
    assert_eq!(bench.fetch(&bench.folder()), expect);
}

#[test]
fn good_tarball() {
    check(good, "the first file\nthe second file\n");
}

#[test]
fn another_top_folder() {
    let fill = |members: &mut Members| {
        add(members, "sample/", EntryType::Directory, "");
        file(members, "sample/first", FIRST);
        file(members, "sample/inner/second", SECOND);
    };
    check(fill, "the first file\nthe second file\n");
}

#[test]
fn wrong_digest() {
    let fill = |members: &mut Members| {
        file(members, "package/first", "the fIrst file\n");
        file(members, "package/inner/second", SECOND);
    };
    check(
        fill,
        "first from the tarball of sample@1.0.0 has sha256 \
         c66d8f4f9db9aed4febffcf7819f3da27502ad644b9d6d09b60e7b140a557f7b, \
         95a2c91d3a8dea036c1306b1722816367e3c5889f87219981b5ee01c7c32ae2e expected",
    );
}

#[test]
fn wrong_length() {
    let fill = |members: &mut Members| file(members, "package/first", "the first");
    check(fill, "first from the tarball of sample@1.0.0 is 9 bytes long, 15 expected");
}

#[test]
fn missing_file() {
    let fill = |members: &mut Members| file(members, "package/first", FIRST);
    check(fill, "inner/second is missing from the tarball of sample@1.0.0");
}

#[test]
fn path_that_climbs() {
    let fill = |members: &mut Members| {
        good(members);
        file(members, "package/../../evil", "evil");
    };
    check(fill, "the tarball of sample@1.0.0 is refused: `package/../../evil` leaves the package");
}

#[test]
fn absolute_path() {
    let fill = |members: &mut Members| file(members, "/package/first", FIRST);
    check(fill, "the tarball of sample@1.0.0 is refused: `/package/first` leaves the package");
}

#[test]
fn symbolic_link() {
    let fill = |members: &mut Members| add(members, "package/first", EntryType::Symlink, "");
    check(fill, "the tarball of sample@1.0.0 is refused: `package/first` is a link");
}

#[test]
fn hard_link() {
    let fill = |members: &mut Members| add(members, "package/first", EntryType::Link, "");
    check(fill, "the tarball of sample@1.0.0 is refused: `package/first` is a link");
}

#[test]
fn device() {
    let fill = |members: &mut Members| add(members, "package/first", EntryType::Block, "");
    check(
        fill,
        "the tarball of sample@1.0.0 is refused: `package/first` is neither a file nor a folder",
    );
}

#[test]
fn cut_in_the_stream() {
    let whole = tarball(good);
    check_bytes(
        &whole[..whole.len() / 2],
        "the tarball of sample@1.0.0 cannot be read: incomplete deflate stream",
    );
}

#[test]
fn cut_in_a_file() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut header = Header::new_gnu();
    header.set_path("package/first").unwrap();
    header.set_size(FIRST.len() as u64);
    header.set_cksum();
    encoder.write_all(header.as_bytes()).unwrap();
    encoder.write_all(b"the").unwrap();
    check_bytes(
        &encoder.finish().unwrap(),
        "first from the tarball of sample@1.0.0 is 3 bytes long, 15 expected",
    );
}

#[test]
fn giant_file_that_is_not_needed() {
    let encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut members = Builder::new(encoder);
    let mut header = Header::new_gnu();
    let length = 300 * 1024 * 1024;
    header.set_path("package/giant").unwrap();
    header.set_size(length);
    header.set_cksum();
    members.append(&header, std::io::Read::take(std::io::repeat(0), length)).unwrap();
    check_bytes(
        &members.into_inner().unwrap().finish().unwrap(),
        "the tarball of sample@1.0.0 cannot be read: it unpacks to more than 268435456 bytes",
    );
}

#[test]
fn giant_file_by_its_header() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mut header = Header::new_gnu();
    header.set_path("package/first").unwrap();
    header.set_size(u64::MAX >> 1);
    header.set_cksum();
    encoder.write_all(header.as_bytes()).unwrap();
    check_bytes(
        &encoder.finish().unwrap(),
        "first from the tarball of sample@1.0.0 is 9223372036854775807 bytes long, 15 expected",
    );
}

#[test]
fn no_tarball_at_all() {
    check_bytes(
        b"<html>the proxy wants a password</html>",
        "the tarball of sample@1.0.0 cannot be read: invalid gzip header",
    );
}

#[test]
fn empty_tarball() {
    check(|_members| {}, "first is missing from the tarball of sample@1.0.0");
}

#[test]
fn npm_leaves_nothing() {
    let bench = Bench::new();
    assert_eq!(bench.fetch(&bench.npm()), "npm left 0 tarballs for sample@1.0.0, 1 expected");
}

#[test]
fn npm_fails() {
    let bench = Bench::new();
    bench.put("npm.said", "npm error code ETARGET\nnpm error notarget No matching version\n");
    assert_eq!(
        bench.fetch(&bench.npm()),
        "npm could not fetch sample@1.0.0 (exit status: 1): npm error code ETARGET\n\
         npm error notarget No matching version"
    );
}

#[test]
fn npm_is_not_there() {
    let bench = Bench::new();
    let source = Source::Npm { command: bench.home.path().join("nowhere/npm") };
    assert_eq!(
        bench.fetch(&source),
        "cannot start [home]/nowhere/npm, which fetches sample@1.0.0: \
         No such file or directory (os error 2)"
    );
}

#[test]
fn folder_of_the_package() {
    check_folder(
        &[("first", FIRST), ("inner/second", SECOND)],
        "the first file\nthe second file\n",
    );
}

#[test]
fn folder_of_packages() {
    check_folder(
        &[("first", "of another"), ("sample/first", FIRST), ("sample/inner/second", SECOND)],
        "the first file\nthe second file\n",
    );
}

#[test]
fn folder_without_the_file() {
    check_folder(&[("first", FIRST)], "inner/second is missing from [home]/source");
}

#[test]
fn folder_with_another_file() {
    check_folder(
        &[("first", "the first"), ("inner/second", SECOND)],
        "first from [home]/source is 9 bytes long, 15 expected",
    );
}

#[test]
fn an_export_is_a_source() {
    let bench = Bench::new();
    bench.put("npm.sample-1.0.0.tgz", tarball(good));
    let first = bench.fetch(&bench.npm());
    let [sound, empty] = ["sound", "empty"].map(|name| bench.home.path().join(name));
    let folder = bench.home.path().join("cache");
    let entries = Cache::open(&folder).unwrap().entries("npm").unwrap();
    export(&entries, "of a test", &sound).unwrap();
    export(&[], "of a test", &empty).unwrap();
    fs_err::remove_dir_all(folder).unwrap();

    let bytes = fs_err::read(&sound).unwrap();
    bench.put("half", &bytes[..bytes.len() / 2]);
    let at = bytes.windows(FIRST.len()).position(|it| it == FIRST.as_bytes()).unwrap();
    let changed = [&bytes[..at], b"THE", &bytes[at + 3..]].concat();
    // Whoever writes an export can give it a digest that fits.
    let (archive, _) = changed.split_at(changed.len() - "blake3 \n".len() - 64);
    bench.put(
        "forged",
        [archive, format!("blake3 {}\n", blake3::hash(archive)).as_bytes()].concat(),
    );
    bench.put("changed", changed);
    for (name, said) in [
        ("empty", "first is missing from [home]/empty"),
        ("half", "[home]/half is a damaged export: its end is missing"),
        ("changed", "[home]/changed is a damaged export: it is not as it was written"),
        ("forged", "first from [home]/forged has sha256"),
    ] {
        let refused = bench.fetch(&Source::Export(bench.home.path().join(name)));
        assert!(refused.starts_with(said), "{name}: {refused}");
    }
    assert_eq!(bench.fetch(&Source::Export(sound)), first);
}

#[test]
fn fetched_once() {
    let bench = Bench::new();
    bench.put("npm.sample-1.0.0.tgz", tarball(good));
    let first = bench.fetch(&bench.npm());
    let nowhere = Source::Folder(bench.home.path().join("nowhere"));
    assert_eq!(bench.fetch(&nowhere), first);
}
