//! Locks that are whole: what is read from them, and their digests.

use std::path::Path;

use taipan_lock::{Lock, Package, Place, Source};

/// A lock as uv writes it, and one of each kind of package.
pub(crate) const SAMPLE: &str = r#"lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.14.2"
unknown = [1, 2.5, 1979-05-27]

[[packages]]
name = "httpx"
version = "0.28.1"
marker = "sys_platform == 'emscripten'"
dependencies = [{ name = "idna" }, { url = "https://x/y" }]
index = "https://index/simple"
sdist = { url = "https://files/httpx-0.28.1.tar.gz", upload-time = 2024-12-06T15:37:21Z, size = 141406, hashes = { sha256 = "75e98c5f16b0f35b567856f597f06ff2270a374470a5c2392242528e3e3e42fc" } }
wheels = [{ url = "https://files/httpx-0.28.1-py3-none-any.whl", hashes = { sha256 = "d909fcccc110f8c7faf814ca82a9a4d816bc5a6dbfea25d6591d6985b8ba59ad" } }]

[[packages]]
name = "local"
directory = { path = "../local", editable = true }

[[packages]]
name = "iniconfig"
version = "2.0.0"
vcs = { type = "git", url = "https://host/iniconfig", requested-revision = "v2.0.0", commit-id = "93f5930e668c0d1ddf4597e38dd0dea4e2665e7a" }

[[packages]]
name = "apart"
version = "1"
archive = { path = "apart-1-py3-none-any.whl", hashes = { sha512 = "ee26b0dd4af7e749aa1a8ee3c10ae9923f618980772e473f8819a5d4940e0db27ac185f8a0e1d5f84f88bc887fd67b143732c304cc5fa9ad8e6f57f50028a8ff" } }
"#;

#[test]
fn every_kind_of_package() {
    let lock = Lock::parse("pylock.toml", SAMPLE).unwrap();
    assert_eq!(lock.created_by, "uv");
    let names: Vec<_> = lock.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["httpx", "local", "iniconfig", "apart"]);
    let httpx = &lock.packages[0];
    assert_eq!(httpx.version, Some("0.28.1".parse().unwrap()));
    assert_eq!(httpx.marker.as_deref(), Some("sys_platform == 'emscripten'"));
    assert_eq!(httpx.dependencies, ["idna"]);
    let Source::Files { wheels, sdist } = &httpx.source else { panic!("{httpx:?}") };
    assert_eq!(wheels[0].name, "httpx-0.28.1-py3-none-any.whl");
    assert_eq!(sdist.as_ref().unwrap().size, Some(141_406));
    assert!(matches!(&lock.packages[1].source, Source::Directory { editable: true, .. }));
    let Source::Vcs(vcs) = &lock.packages[2].source else { panic!() };
    assert_eq!(vcs.place, Place::Url("https://host/iniconfig".to_owned()));
    assert!(matches!(&lock.packages[3].source, Source::Archive { .. }));
}

/// What an installer is given is a lock again, with absolute paths.
#[test]
fn locks_that_are_written() {
    let lock = Lock::parse("pylock.toml", SAMPLE).unwrap();
    let again = Lock::parse("pylock.toml", &lock.of_wheels(Path::new("/there"), &[])).unwrap();
    let unlike = |package: &Package| {
        let mut package = package.clone();
        // They are not for installers.
        (package.dependencies, package.index) = (Vec::new(), None);
        match &mut package.source {
            Source::Directory { path, editable, .. } => {
                (*path, *editable) = (format!("/there/{path}"), false);
            }
            Source::Archive { file, .. } => {
                file.place = Place::Path(format!("/there/{}", file.name));
            }
            Source::Files { .. } | Source::Vcs(_) => {}
        }
        package
    };
    assert_eq!(again.packages, lock.packages.iter().map(unlike).collect::<Vec<_>>());
    assert_eq!(again.requires_python, lock.requires_python);
}

fn digest(from: &str, to: &str) -> String {
    assert!(SAMPLE.contains(from), "{from}");
    Lock::parse("pylock.toml", &SAMPLE.replace(from, to)).unwrap().digest().to_string()
}

#[test]
fn digests_are_of_what_is_installed() {
    let own = digest("uv", "uv");
    for (from, to) in [
        ("created-by = \"uv\"", "created-by = \"pip\""),
        ("https://files/", "https://mirror/some/"),
        (", size = 141406", ""),
        ("index = \"https://index/simple\"\n", ""),
        ("requested-revision = \"v2.0.0\", ", ""),
    ] {
        assert_eq!(digest(from, to), own, "{to}");
    }
    for (from, to) in [
        ("version = \"2.0.0\"", "version = \"2.0.1\""),
        ("'emscripten'", "'linux'"),
        ("d909", "d908"),
        ("93f5", "93f6"),
        ("../local", "../other"),
        ("ee26", "ee27"),
    ] {
        assert_ne!(digest(from, to), own, "{to}");
    }
}
