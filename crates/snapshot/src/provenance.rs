//! What a snapshot was made from: whether it is the one that is looked for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Error;

/// What a snapshot was made from: all that can change what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The bundle that was booted.
    pub bundle: Digest,
    /// Whose state it is.
    pub kind: Kind,
    /// What else went into it, by name: the worker's source, its configuration, its limits.
    pub inputs: BTreeMap<String, Digest>,
}

/// Whose state a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The bundle's own: nothing but the interpreter has run.
    Baseline,
    /// A worker's: the pages that differ from those of a baseline.
    Worker {
        /// The digest of the baseline ([`Snapshot::digest`](crate::Snapshot::digest)).
        baseline: Digest,
    },
}

impl Kind {
    fn baseline(self) -> Option<Digest> {
        match self {
            Self::Baseline => None,
            Self::Worker { baseline } => Some(baseline),
        }
    }
}

impl Provenance {
    /// Checks that a snapshot of this provenance is one of `expected`.
    ///
    /// # Errors
    ///
    /// When they differ: the first difference.
    pub fn check(&self, expected: &Self) -> Result<(), Error> {
        same("bundle", Some(self.bundle), Some(expected.bundle))?;
        same("baseline", self.kind.baseline(), expected.kind.baseline())?;
        let names: BTreeSet<_> = self.inputs.keys().chain(expected.inputs.keys()).collect();
        names.into_iter().try_for_each(|name| {
            same(name, self.inputs.get(name).copied(), expected.inputs.get(name).copied())
        })
    }
}

fn same(what: &str, found: Option<Digest>, expected: Option<Digest>) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    let show = |digest: Option<Digest>| digest.map_or("none".to_owned(), |it| it.to_string());
    Err(Error::Provenance { what: what.to_owned(), found: show(found), expected: show(expected) })
}
