//! From a version to its release: what is asked for by name is looked up in the table.

use crate::{Error, RELEASES, Release};

/// The release that is called `version`, exactly.
pub fn release(version: &str) -> Result<&'static Release, Error> {
    RELEASES
        .iter()
        .find(|release| release.version == version)
        .ok_or_else(|| Error::Unknown { version: version.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::release;
    use crate::{NEWEST, RELEASES};

    #[test]
    fn newest_is_known() {
        let newest = RELEASES.iter().rfind(|release| !release.experimental);
        assert_eq!(release(NEWEST).unwrap(), newest.unwrap());
    }

    #[test]
    fn unknown_lists_what_there_is() {
        let error = release("0.1").unwrap_err().to_string();
        let known = error.strip_prefix("no Pyodide release `0.1` is known; there are ").unwrap();
        let versions = RELEASES.iter().map(|release| release.version);
        assert!(known.split(", ").eq(versions), "{known}");
    }
}
