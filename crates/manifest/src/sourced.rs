//! What files say of how a worker runs, before it is settled: each value with its
//! place, so that what two files say can be told apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::{self, Rule};
use crate::{
    Error, Isolates, Isolation, Limits, Location, Manifest, RequiresPython, Warning, isolates,
};

/// A value of a configuration, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    /// The key with its path.
    pub(crate) key: String,
    /// Where the value stands.
    pub(crate) at: Location,
}

/// What is said of how the worker runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Given {
    /// Where the configuration names the main module.
    pub(crate) main: Option<Location>,
    pub(crate) isolation: Option<Sourced<Isolation>>,
    pub(crate) warmup: Option<Sourced<Vec<String>>>,
    pub(crate) pyodide: Option<Sourced<String>>,
    pub(crate) python: Option<Sourced<String>>,
    pub(crate) exclude: Option<Sourced<Vec<String>>>,
    pub(crate) gates: Option<Sourced<BTreeSet<&'static str>>>,
    /// Only a `pyproject.toml` has it.
    pub(crate) requires_python: Option<RequiresPython>,
    /// By the keys of [`isolates::RULES`].
    pub(crate) isolates: Numbers,
    /// By the keys of [`limits::RULES`].
    pub(crate) limits: Numbers,
}

/// Numbers by their keys.
pub(crate) type Numbers = BTreeMap<&'static str, Sourced<u32>>;

impl Given {
    /// Puts in what `weaker` says and this does not; the rest gives warnings,
    /// unless both say the same.
    pub(crate) fn complete_with(&mut self, weaker: Self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        complete(&mut self.isolation, weaker.isolation, &mut warnings);
        complete(&mut self.warmup, weaker.warmup, &mut warnings);
        complete(&mut self.pyodide, weaker.pyodide, &mut warnings);
        complete(&mut self.python, weaker.python, &mut warnings);
        complete(&mut self.exclude, weaker.exclude, &mut warnings);
        complete(&mut self.gates, weaker.gates, &mut warnings);
        self.requires_python = weaker.requires_python;
        complete_numbers(&mut self.isolates, weaker.isolates, &mut warnings);
        complete_numbers(&mut self.limits, weaker.limits, &mut warnings);
        warnings
    }

    /// Sets what is said, and the defaults of all else.
    pub(crate) fn settle(&self, manifest: &mut Manifest) -> Result<(), Error> {
        let (isolation, warmup) = (self.isolation.as_ref(), self.warmup.as_ref());
        manifest.isolation = isolation.map_or(Isolation::default(), |said| said.value);
        manifest.warmup = warmup.map_or(Vec::new(), |said| said.value.clone());
        manifest.pyodide = self.pyodide.as_ref().map(|said| said.value.clone());
        manifest.python = self.python.as_ref().map(|said| said.value.clone());
        let exclude = self.exclude.as_ref();
        manifest.exclude = exclude.map_or(Vec::new(), |said| said.value.clone());
        manifest.gates = self.gates.as_ref().map_or(BTreeSet::new(), |said| said.value.clone());
        manifest.requires_python.clone_from(&self.requires_python);
        manifest.isolates = Isolates::default();
        set_numbers(&mut manifest.isolates, &isolates::RULES, &self.isolates);
        manifest.limits = Limits::default();
        set_numbers(&mut manifest.limits, &limits::RULES, &self.limits);
        match (self.isolates.get("min"), self.isolates.get("max")) {
            (Some(min), Some(max)) if min.value > max.value => Err(Error::Value {
                at: min.at.clone(),
                key: min.key.clone(),
                expected: format!("at most {}, which is `{}`", max.value, max.key),
                found: min.value.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

fn complete<T: PartialEq>(
    said: &mut Option<Sourced<T>>,
    weaker: Option<Sourced<T>>,
    warnings: &mut Vec<Warning>,
) {
    match (said.as_ref(), weaker) {
        (Some(said), Some(weaker)) => warnings.extend(overridden(said, weaker)),
        (None, weaker) => *said = weaker,
        (Some(_), None) => (),
    }
}

fn complete_numbers(numbers: &mut Numbers, weaker: Numbers, warnings: &mut Vec<Warning>) {
    for (key, weaker) in weaker {
        match numbers.get(key) {
            Some(said) => warnings.extend(overridden(said, weaker)),
            None => drop(numbers.insert(key, weaker)),
        }
    }
}

fn overridden<T: PartialEq>(said: &Sourced<T>, weaker: Sourced<T>) -> Option<Warning> {
    (said.value != weaker.value).then(|| Warning::Overridden {
        at: weaker.at,
        key: weaker.key,
        by: said.at.clone(),
        by_key: said.key.clone(),
    })
}

fn set_numbers<T>(target: &mut T, rules: &[Rule<T>], numbers: &Numbers) {
    for rule in rules {
        if let Some(said) = numbers.get(rule.key) {
            (rule.set)(target, said.value);
        }
    }
}
