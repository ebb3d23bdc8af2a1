//! What reaches the top level of a worker, and so its snapshot.
//!
//! [`TopLevel`] is all that the start of a worker looks at beside its bundle, and the snapshot's key is a digest of all
//! of it: what is not in it cannot be in a snapshot either. The names and kinds of bindings are in it, and the values
//! that the program has looked at, which are known when it has run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;
use taipan_runtime::{Bindings, OwnModules};
use taipan_store::Digest;

use crate::code::Code;
use crate::packages::Packages;
use crate::settings::{Network, Settings};

/// The name of the input that is the values which the program has looked at.
pub(crate) const VALUES: &str = "values";
/// The names of the inputs that are mounted beside the program.
pub(crate) const PACKAGES: &str = "packages";
pub(crate) const UNVENDORED: &str = "unvendored";

/// All that can change what is in a worker's snapshot, beside its bundle.
pub(crate) struct TopLevel<'a> {
    pub(crate) main: &'a str,
    pub(crate) code: &'a Code,
    pub(crate) packages: Option<&'a Packages>,
    pub(crate) unvendored: Option<&'a Packages>,
    pub(crate) modules: &'a OwnModules,
    pub(crate) warmup: &'a [String],
    pub(crate) flags: &'a BTreeMap<&'static str, bool>,
    pub(crate) bindings: &'a Bindings,
    /// The limits that hold while it runs: a program can catch what they raise, or look at them.
    pub(crate) memory_bytes: usize,
    pub(crate) startup_cpu: Duration,
    pub(crate) inside: &'a taipan_webapi::limits::Limits,
    pub(crate) network: &'a Network,
}

impl<'a> TopLevel<'a> {
    pub(crate) fn of(settings: &'a Settings) -> Self {
        TopLevel {
            main: &settings.main,
            code: &settings.code,
            packages: settings.packages.as_ref(),
            unvendored: settings.unvendored.as_ref(),
            modules: &settings.modules,
            warmup: &settings.warmup,
            flags: &settings.flags,
            bindings: &settings.bindings,
            memory_bytes: settings.limits.memory_bytes,
            startup_cpu: settings.limits.startup_cpu,
            inside: &settings.limits.inside,
            network: &settings.network,
        }
    }

    /// What is mounted beside the program.
    pub(crate) fn libraries(&self) -> Vec<&'a Packages> {
        self.packages.into_iter().chain(self.unvendored).collect()
    }

    /// The digests of all of it but values, by what is told when two snapshots differ.
    pub(crate) fn inputs(&self) -> BTreeMap<&'static str, Digest> {
        // Without `..`: a new field must go into a digest.
        let TopLevel {
            main,
            code,
            packages,
            unvendored,
            modules,
            warmup,
            flags,
            bindings,
            memory_bytes,
            startup_cpu,
            inside,
            network,
        } = self;
        // Flags that are off are left out: a Taipan that knows more of them makes the same snapshot.
        let flags: Vec<_> = flags.iter().filter(|(_, has)| **has).collect();
        let kinds: Vec<_> = bindings.kinds().collect();
        let configuration = json!([main, kinds, warmup, flags]).to_string();
        let limits = format!("{memory_bytes} {startup_cpu:?} {inside:?}");
        let packages = packages.map(|packages| (PACKAGES, packages.digest));
        let unvendored = unvendored.map(|modules| (UNVENDORED, modules.digest));
        let inputs = [
            ("configuration", Digest::of(configuration.as_bytes())),
            ("limits", Digest::of(limits.as_bytes())),
            ("modules", Digest::of(modules.to_string().as_bytes())),
            ("network", Digest::of(format!("{:?}", network.settings).as_bytes())),
            ("source", code.digest),
        ];
        inputs.into_iter().chain(packages).chain(unvendored).collect()
    }

    /// The digest of the values of these bindings, at which the program has looked; none of no values.
    pub(crate) fn values(&self, read: &BTreeSet<String>) -> Option<Digest> {
        let values: Vec<_> = self.bindings.told(read).collect();
        (!values.is_empty()).then(|| Digest::of(json!(values).to_string().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use taipan_runtime::Binding;
    use taipan_webapi::fetch;

    use super::*;

    /// The inputs that differ when the top level is another.
    #[track_caller]
    fn check(change: impl for<'a> FnOnce(&mut TopLevel<'a>), expect: &[&str]) {
        let code = Code::new(&[]).unwrap();
        let modules = OwnModules::default();
        let flags = BTreeMap::new();
        let bindings = bindings(&[("A", 1), ("B", 1)]);
        let inside = taipan_webapi::limits::Limits::default();
        let network = Network::new(fetch::Settings::default()).unwrap();
        let mut top_level = TopLevel {
            main: "entry.py",
            code: &code,
            packages: None,
            unvendored: None,
            modules: &modules,
            warmup: &[],
            flags: &flags,
            bindings: &bindings,
            memory_bytes: 1,
            startup_cpu: Duration::from_secs(1),
            inside: &inside,
            network: &network,
        };
        let read = BTreeSet::from(["A".to_owned()]);
        let inputs = |it: &TopLevel<'_>| {
            let values = it.values(&read).map(|values| (VALUES, values));
            it.inputs().into_iter().chain(values).collect::<BTreeMap<_, _>>()
        };
        let before = inputs(&top_level);
        change(&mut top_level);
        let after = inputs(&top_level);
        let differ: Vec<_> = before.keys().filter(|key| before[*key] != after[*key]).collect();
        assert_eq!(differ, expect.iter().collect::<Vec<_>>());
    }

    fn bindings(values: &[(&str, u32)]) -> Bindings {
        let value =
            |(name, value): &(&str, u32)| ((*name).to_owned(), Binding::Value(json!(value)));
        values.iter().map(value).collect()
    }

    #[test]
    fn values_that_are_looked_at() {
        let change = |it: &mut TopLevel<'_>, values: &[_]| {
            it.bindings = Box::leak(Box::new(bindings(values)))
        };
        check(|it| change(it, &[("A", 1), ("B", 2)]), &[]);
        check(|it| change(it, &[("A", 2), ("B", 1)]), &["values"]);
        check(|it| change(it, &[("A", 1)]), &["configuration"]);
        check(|it| change(it, &[("A", 1), ("B", 1), ("C", 1)]), &["configuration"]);
    }

    #[test]
    fn all_that_a_program_sees() {
        static WARMUP: [String; 1] = [String::new()];
        check(|_| (), &[]);
        check(|it| it.main = "main.py", &["configuration"]);
        check(|it| it.warmup = &WARMUP, &["configuration"]);
        check(|it| it.memory_bytes = 2, &["limits"]);
        check(|it| it.startup_cpu = Duration::from_secs(2), &["limits"]);
    }

    #[test]
    fn limits_and_network() {
        let inside = taipan_webapi::limits::Limits { log_kb: 4, ..Default::default() };
        let inside: &'static _ = Box::leak(Box::new(inside));
        check(|it| it.inside = inside, &["limits"]);
        let proxy = Some("http://localhost:1".to_owned());
        let settings = fetch::Settings { http_proxy: proxy, ..fetch::Settings::default() };
        let network: &'static Network = Box::leak(Box::new(Network::new(settings).unwrap()));
        check(|it| it.network = network, &["network"]);
    }
}
