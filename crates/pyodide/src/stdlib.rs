//! The standard library of a release, as the entries of a file layer.
//!
//! A release carries it as a zip file of sources. At set-up it becomes a layer
//! twice: first as it is, to boot an interpreter from; then with the bytecode that
//! this interpreter made (`python/_taipan/compile_modules.py`) beside each source.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::layer::Entry;
use crate::{Error, PYTHON};

/// The directory of the standard library in which CPython looks for its extension modules.
pub const EXTENSIONS_DIRECTORY: &str = "lib-dynload";

/// The standard library of 3.14 has 567 files.
const FILES_MAX: usize = 20_000;
/// The largest file of 3.14 is `pydoc_data/topics.py` with 0.6 MB.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// All of 3.14 together are 9.6 MB.
const TOTAL_BYTES_MAX: u64 = 256 << 20;

/// What files end with here: what cannot work says what does. Beside the name of the file, a name that must be in it.
///
/// CPython up to Pyodide 0.28 knows the version of its platform by its former name only (PEP 783).
const ADDED: [(&str, &str, &str); 3] = [
    (
        "_sysconfigdata__emscripten_wasm32-emscripten.py",
        "PYODIDE_ABI_VERSION",
        "\nbuild_time_vars.setdefault('PYEMSCRIPTEN_PLATFORM_VERSION', build_time_vars['PYODIDE_ABI_VERSION'])\n",
    ),
    (
        "socket.py",
        "class socket(_socket.socket):",
        "\nfrom _taipan.sockets import explain_connect as _explain\nsocket.connect = _explain(socket.connect)\n",
    ),
    (
        "urllib/request.py",
        "class UnknownHandler(BaseHandler):",
        "\nfrom _taipan.sockets import explain_https as _explain\n\
         UnknownHandler.unknown_open = _explain(UnknownHandler.unknown_open)\n",
    ),
];

/// The files of `archive`, a release's `python_stdlib.zip`, and with them those that
/// Taipan adds.
///
/// # Errors
///
/// [`Error::Archive`] for what is no zip file, [`Error::ArchiveLimit`] for one that
/// is larger than any standard library.
pub fn entries(archive: &[u8]) -> Result<Vec<Entry>, Error> {
    let mut archive = ZipArchive::new(Cursor::new(archive))?;
    if archive.len() > FILES_MAX {
        return Err(Error::ArchiveLimit { what: "files", maximum: FILES_MAX as u64 });
    }
    // CPython warns when it is not there.
    let mut entries = vec![Entry::directory(EXTENSIONS_DIRECTORY)];
    let mut total = 0;
    for index in 0..archive.len() {
        let entry = read_entry(&mut archive, index)?;
        total += entry.contents.as_ref().map_or(0, |contents| contents.len() as u64);
        if total > TOTAL_BYTES_MAX {
            return Err(Error::ArchiveLimit { what: "bytes", maximum: TOTAL_BYTES_MAX });
        }
        entries.push(entry);
    }
    entries.extend(PYTHON.iter().map(|source| Entry::file(source.name, source.text)));
    Ok(entries)
}

fn read_entry(archive: &mut ZipArchive<Cursor<&[u8]>>, index: usize) -> Result<Entry, Error> {
    let mut file = archive.by_index(index)?;
    let path = file.name().to_owned();
    if file.is_dir() {
        return Ok(Entry::directory(path));
    }
    let mut contents = Vec::new();
    // What the directory of the archive says of the size may be wrong.
    let count = (&mut file)
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut contents)
        .map_err(|source| Error::ArchiveFile { path: path.clone(), source })?;
    if count as u64 > FILE_BYTES_MAX {
        return Err(Error::ArchiveLimit { what: "bytes in one file", maximum: FILE_BYTES_MAX });
    }
    for (_, name, text) in ADDED.iter().filter(|(file, ..)| *file == path) {
        if contents.windows(name.len()).any(|part| part == name.as_bytes()) {
            contents.extend_from_slice(text.as_bytes());
        }
    }
    Ok(Entry::file(path, contents))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (path, contents) in files {
            writer.start_file(*path, SimpleFileOptions::default()).unwrap();
            writer.write_all(contents).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[track_caller]
    fn check(archive: &[u8], expect: &str) {
        let outcome = match entries(archive) {
            Ok(entries) => entries
                .iter()
                .filter(|entry| PYTHON.iter().all(|source| source.name != entry.path))
                .map(|entry| {
                    format!("{} {:?}\n", entry.path, entry.contents.as_ref().map(Vec::len))
                })
                .collect(),
            Err(error) => error.to_string(),
        };
        assert_eq!(outcome, expect);
    }

    #[test]
    fn files() {
        check(
            &archive(&[("os.py", b"pass"), ("json/__init__.py", b"")]),
            "lib-dynload None\nos.py Some(4)\njson/__init__.py Some(0)\n",
        );
    }

    #[test]
    fn no_archive() {
        check(b"something else", "the standard library is not a readable zip file");
    }

    #[test]
    fn file_that_is_too_large() {
        let large = vec![0; usize::try_from(FILE_BYTES_MAX).unwrap() + 1];
        check(
            &archive(&[("large.py", &large)]),
            "the standard library has more than 16777216 bytes in one file",
        );
    }

    #[test]
    fn damaged_file() {
        let mut bytes = archive(&[("os.py", &[7; 1000])]);
        bytes[38] ^= 0xff;
        check(&bytes, "cannot unpack \"os.py\" of the standard library");
    }

    #[test]
    fn path_that_leaves_the_layer() {
        let entries = entries(&archive(&[("../x.py", b"")])).unwrap();
        assert_eq!(
            crate::layer::encode(&entries).unwrap_err().to_string(),
            "path \"../x.py\" has a name that cannot be"
        );
    }
}
