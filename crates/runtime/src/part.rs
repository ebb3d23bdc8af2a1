//! What a part of the platform is, declared once.

use taipan_guest::{Operation, Scope};
use taipan_webapi::Unsaved;

use crate::world::Connection;

/// An error of a part, whatever it is.
pub type PartError = Box<dyn std::error::Error + Send + Sync>;

/// A part of the platform: what it adds to each isolate, and what outlives one.
#[derive(Debug)]
pub struct Part {
    /// Its name, and that of its section in a snapshot.
    pub name: &'static str,
    /// JavaScript: names of modules and their texts.
    pub javascript: fn() -> Vec<(&'static str, &'static str)>,
    /// Python: paths in the standard library and texts.
    pub python: fn() -> Vec<(&'static str, &'static str)>,
    /// What the host does for both.
    pub operations: &'static [&'static [Operation]],
    /// Gives an isolate what these operations work with, a new one as well as one that is resumed.
    pub(crate) connect: fn(&mut Scope<'_>, &mut Connection<'_>),
    /// What it has under way, which a snapshot cannot keep.
    pub(crate) unsaved: fn(&Scope<'_>) -> Vec<Unsaved>,
    /// What it keeps outside of the memory, if that outlives an isolate.
    pub(crate) state: Option<PartState>,
}

/// What a part keeps outside of an isolate's memory.
#[derive(Debug)]
pub(crate) struct PartState {
    /// Of what is saved; another one is refused.
    pub(crate) version: u8,
    /// What a snapshot keeps.
    pub(crate) save: fn(&Scope<'_>) -> Result<Vec<u8>, PartError>,
    /// Whether that is what `save` gives.
    pub(crate) check: fn(&[u8]) -> Result<(), PartError>,
    /// Gives it to an isolate that is resumed.
    pub(crate) restore: fn(&mut Scope<'_>, &[u8]) -> Result<(), PartError>,
}

impl PartState {
    /// What a snapshot has of it.
    pub(crate) fn section(&self, scope: &Scope<'_>) -> Result<Vec<u8>, PartError> {
        Ok(section(self.version, &(self.save)(scope)?))
    }

    /// What was saved, of such a section.
    pub(crate) fn saved<'a>(&self, section: &'a [u8]) -> Result<&'a [u8], PartError> {
        saved(self.version, section)
    }
}

/// A section of a snapshot: its version, and what is saved.
pub(crate) fn section(version: u8, saved: &[u8]) -> Vec<u8> {
    [&[version], saved].concat()
}

/// What is saved, of a section of this version.
pub(crate) fn saved(expected: u8, section: &[u8]) -> Result<&[u8], PartError> {
    match section.split_first() {
        Some((version, saved)) if *version == expected => Ok(saved),
        Some((version, _)) => {
            Err(format!("it has version {version}, and this Taipan reads {expected}").into())
        }
        None => Err("it is not there".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(saved(2, &section(2, &[5])).unwrap(), [5]);
        assert_eq!(saved(2, &section(2, &[])).unwrap(), [0; 0]);
        let error = saved(2, &[1, 5]).unwrap_err().to_string();
        assert_eq!(error, "it has version 1, and this Taipan reads 2");
        assert_eq!(saved(2, &[]).unwrap_err().to_string(), "it is not there");
    }
}
