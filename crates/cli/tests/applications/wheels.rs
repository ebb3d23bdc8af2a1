//! Wheels that no index has: packages of Pyodide 0.27, which another package carries among its files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use zip::ZipArchive;

use crate::run;

/// A shared library, which is published with the release: `--source` finds it.
const LIBRARY: &str = "openblas-0.3.26.zip";

/// Sees to it that the wheels are there that `package` has among its files: below `target`, where they stay. False, and it
/// is said, where pip cannot download it.
pub(crate) fn fetch(package: &str) -> Result<bool, String> {
    let folder = folder(package);
    if folder.exists() {
        return Ok(true);
    }
    // Trials are processes, which do not wait for each other.
    let own = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut pip = Command::new("python3");
    pip.args(["-c", taipan_lock::RUN_PIP, "download", "--no-deps", package, "--dest"])
        .arg(own.path());
    if let Err(error) = run(&mut pip) {
        let said = format!("SKIPPED: pip cannot download {package}: {error}\n");
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return Ok(false);
    }
    let whole = fs_err::read_dir(own.path()).unwrap().next().unwrap().unwrap().path();
    let wheels = own.path().join("wheels");
    fs_err::create_dir(&wheels).unwrap();
    unpack(&whole, &wheels);
    fs_err::create_dir_all(folder.parent().unwrap()).unwrap();
    // Another trial may have been first.
    if fs_err::rename(&wheels, &folder).is_err() && !folder.exists() {
        return Err(format!("{} cannot be made", folder.display()));
    }
    Ok(true)
}

/// Where they are, when they are there.
pub(crate) fn folder(package: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("wheels").join(package)
}

fn unpack(whole: &Path, wheels: &Path) {
    let mut archive = ZipArchive::new(fs_err::File::open(whole).unwrap()).unwrap();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let name = file.name().rsplit('/').next().unwrap_or_default().to_owned();
        if name.ends_with(".whl") || name == LIBRARY {
            let mut copy = fs_err::File::create(wheels.join(name)).unwrap();
            std::io::copy(&mut file, &mut copy).unwrap();
        }
    }
}
