//! Reads and checks `--mount`: directories of this machine that a script gets.

use std::path::PathBuf;

use crate::failure::Failure;

/// A directory of the host that the guest may read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) host: PathBuf,
    /// Absolute, without `.`, `..` or a slash at its end, and not the root.
    pub(crate) guest: String,
    /// Whether the guest may write it, too.
    pub(crate) writable: bool,
}

/// Reads `DIR:/PATH[:ro|:rw]`; the last `:/` divides, so that a directory may hold others.
pub(crate) fn parse_mount(text: &str) -> Result<Mount, Failure> {
    let refused = |what: &str| Failure::Usage {
        reason: format!(
            "--mount {text}: {what}; it is written DIR:/PATH or DIR:/PATH:rw, such as data:/data"
        ),
    };
    let (host, guest) = text.rsplit_once(":/").ok_or_else(|| refused("there is no :/ in it"))?;
    if host.is_empty() {
        return Err(refused("the directory is missing"));
    }
    let (guest, writable) = match guest.strip_suffix(":rw") {
        Some(guest) => (guest, true),
        None => (guest.strip_suffix(":ro").unwrap_or(guest), false),
    };
    if let Some((_, suffix)) = guest.rsplit_once(':') {
        return Err(refused(&format!("there are :ro and :rw, and no :{suffix}")));
    }
    let guest = guest.trim_end_matches('/');
    let plain = guest.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if !plain || guest.contains('\0') {
        return Err(refused("the path must lead somewhere below /, without . or .."));
    }
    Ok(Mount { host: host.into(), guest: format!("/{guest}"), writable })
}

/// The directory of the guest's own files. No directory of the host takes its place.
pub(crate) const SESSION: &str = "/session";

/// The directories of the sandbox itself, with all that is below them: Python's library, devices, and facts about the
/// process.
pub(crate) const OF_THE_SYSTEM: [&str; 3] = ["/lib", "/dev", "/proc"];

/// Refuses mounts that hide each other, and mounts that would make Taipan write into a directory of the host.
pub(crate) fn check_mounts(mounts: &[Mount]) -> Result<(), Failure> {
    let below = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for (index, mount) in mounts.iter().enumerate() {
        let Mount { guest, .. } = mount;
        if mounts[..index].iter().any(|other| other.guest == *guest) {
            let reason = format!("two directories are mounted at {guest}");
            return Err(Failure::Usage { reason });
        }
        if guest == SESSION {
            let reason = format!("the script's own files are in {SESSION}: mount it elsewhere");
            return Err(Failure::Usage { reason });
        }
        if let Some(taken) = OF_THE_SYSTEM.iter().find(|taken| below(guest, taken)) {
            let reason =
                format!("{guest} is Python's own, like all of {taken}: mount it elsewhere");
            return Err(Failure::Usage { reason });
        }
        let outer = mounts
            .iter()
            .find(|other| other.writable && other.guest != *guest && below(guest, &other.guest));
        if let Some(Mount { guest: outer, .. }) = outer {
            let reason =
                format!("{guest} is within {outer}, which is written to: mount it elsewhere");
            return Err(Failure::Usage { reason });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_mount(text: &str, expect: Result<(&str, &str, bool), &str>) {
        let written = "it is written DIR:/PATH or DIR:/PATH:rw, such as data:/data";
        let found = parse_mount(text).map_err(|failure| failure.to_string());
        let expect = expect
            .map(|(host, guest, writable)| Mount {
                host: host.into(),
                guest: guest.to_owned(),
                writable,
            })
            .map_err(|what| format!("--mount {text}: {what}; {written}"));
        assert_eq!(found, expect);
    }

    #[test]
    fn mounts() {
        check_mount("data:/data", Ok(("data", "/data", false)));
        check_mount("/a:/b:/c/d/", Ok(("/a:/b", "/c/d", false)));
        check_mount("C:\\x:/x", Ok(("C:\\x", "/x", false)));
        check_mount("data:/data:ro", Ok(("data", "/data", false)));
        check_mount("data:/data/:rw", Ok(("data", "/data", true)));
        check_mount("data:/data:rx", Err("there are :ro and :rw, and no :rx"));
        check_mount("data", Err("there is no :/ in it"));
        check_mount("data:x", Err("there is no :/ in it"));
        check_mount(":/x", Err("the directory is missing"));
        let below = "the path must lead somewhere below /, without . or ..";
        for text in ["a:/", "a:/..", "a:/x/../y", "a:/x//y", "a:/./x"] {
            check_mount(text, Err(below));
        }
    }
}
