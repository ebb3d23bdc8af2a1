//! A worker's configuration, checked: what `parse` makes and all other crates read.

use core::net::{IpAddr, Ipv4Addr};
use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::{Version, VersionSpecifiers};

use crate::{Binding, Date, DevVars, Flags, Isolates, Isolation, Limits, Location, Modules};

/// A checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The worker's name; none was given when absent.
    pub name: Option<String>,
    /// The Python or JavaScript file that answers: a relative path with `/`,
    /// inside the directory of the configuration.
    pub main: String,
    /// Which files are modules.
    pub modules: Modules,
    /// The day of the behaviour that the worker was written for.
    pub compatibility_date: Option<Date>,
    /// Behaviours asked for by name, in the order given.
    pub compatibility_flags: Vec<String>,
    /// The flags that the worker has: those that it asks for, and those that its date implies.
    pub flags: Flags,
    /// The version of Pyodide that it is pinned to.
    pub pyodide: Option<String>,
    /// The version of Python that it is pinned to, as `MAJOR.MINOR`.
    pub python: Option<String>,
    /// The versions of Python that it runs on, if it says so.
    pub requires_python: Option<RequiresPython>,
    /// Names of files and directories of packages that are left out; one that begins with `*` is an ending.
    pub exclude: Vec<String>,
    /// The gates that it opens, by name. They need the flag `experimental`.
    pub gates: BTreeSet<&'static str>,
    /// What the worker finds in `env`.
    pub bindings: BTreeMap<String, Binding>,
    /// Where `taipan dev` and `taipan serve` listen.
    pub dev: Dev,
    /// What an isolate does after it has answered.
    pub isolation: Isolation,
    /// Paths that are asked for, in this order, before the worker's snapshot is
    /// taken; each begins with `/`.
    pub warmup: Vec<String>,
    /// How many isolates there are; the most of them is
    /// `isolates.max(isolation)`.
    pub isolates: Isolates,
    /// What the worker may use.
    pub limits: Limits,
}

/// `requires-python` of a project (core metadata, `Requires-Python`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiresPython {
    /// As it is written.
    pub text: String,
    /// Where it stands.
    pub at: Location,
    pub(crate) specifiers: VersionSpecifiers,
}

impl RequiresPython {
    /// Whether a version of Python is among them; a pre-release counts as what it leads to.
    #[must_use]
    pub fn allows(&self, version: &str) -> bool {
        let version = version.parse::<Version>();
        version.is_ok_and(|version| self.specifiers.contains(&version.only_release()))
    }
}

/// Where to listen. Options of the command line go before these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dev {
    /// The address of the interface.
    pub ip: IpAddr,
    /// The TCP port; 0 takes any that is free.
    pub port: u16,
}

impl Default for Dev {
    /// The address that wrangler uses too.
    fn default() -> Self {
        Self { ip: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 8787 }
    }
}

impl Manifest {
    /// The configuration of a worker that has no configuration file.
    pub fn bare(main: &str) -> Self {
        Self {
            name: None,
            main: main.to_owned(),
            modules: Modules::of(main),
            compatibility_date: None,
            compatibility_flags: Vec::new(),
            flags: Flags::default(),
            pyodide: None,
            python: None,
            requires_python: None,
            exclude: Vec::new(),
            gates: BTreeSet::new(),
            bindings: BTreeMap::new(),
            dev: Dev::default(),
            isolation: Isolation::default(),
            warmup: Vec::new(),
            isolates: Isolates::default(),
            limits: Limits::default(),
        }
    }

    /// Puts the variables of `.dev.vars` over those of the configuration.
    pub fn override_vars(&mut self, dev_vars: DevVars) {
        let values = dev_vars.values.into_iter();
        self.bindings.extend(values.map(|(name, text)| (name, Binding::Value(text.into()))));
    }
}
