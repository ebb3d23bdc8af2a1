//! What a lock installs, in a name: the same for all locks that install the same, whichever index they name.

use std::fmt::Write;

use taipan_store::Digest;

use crate::file::File;
use crate::lock::Lock;
use crate::package::{Package, Source};

/// Begins what the digest is of. Another form is another number.
const FORM: &str = "taipan lock 1";

impl Lock {
    /// The digest of what it installs: packages with their versions, markers, and the digests of their files. Addresses,
    /// sizes, the order and who made it do not count.
    ///
    /// A directory counts by its path alone. Who installs one digests its files as well.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut lines: Vec<_> = self.packages.iter().map(line).collect();
        lines.sort();
        lines.insert(0, FORM.to_owned());
        Digest::of(lines.join("\n").as_bytes())
    }
}

/// One package, of which each part is quoted, so that no two packages have the same line.
pub(crate) fn line(package: &Package) -> String {
    let Package { name, version, marker, source, .. } = package;
    let version = version.as_ref().map(ToString::to_string);
    let mut line = format!("{name} {version:?} {marker:?}");
    let parts = match source {
        Source::Files { wheels, sdist } => {
            let mut parts: Vec<_> = wheels.iter().map(|wheel| part("wheel", wheel)).collect();
            parts.extend(sdist.iter().map(|sdist| part("sdist", sdist)));
            parts
        }
        Source::Directory { path, editable: _, subdirectory } => {
            vec![format!("directory {path:?} {subdirectory:?}")]
        }
        Source::Vcs(vcs) => vec![format!("{:?} {:?} {:?}", vcs.kind, vcs.commit, vcs.subdirectory)],
        Source::Archive { file, subdirectory } => {
            vec![format!("{} {subdirectory:?}", part("archive", file))]
        }
    };
    let mut parts = parts;
    parts.sort();
    for part in parts {
        // Writing to a string does not fail.
        write!(line, "; {part}").ok();
    }
    line
}

fn part(kind: &str, file: &File) -> String {
    format!("{kind} {:?} {:?}", file.name, file.hashes)
}
