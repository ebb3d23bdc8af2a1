//! What reaches the top level of a worker, and so its snapshot.
//!
//! [`TopLevel`] is all that the start of a worker looks at beside its bundle, and the snapshot's key is a digest of
//! all of it: what is not in it cannot be in a snapshot either.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use taipan_runtime::OwnModules;
use taipan_store::Digest;

use crate::code::Code;
use crate::settings::{Network, Settings};

/// All that can change what is in a worker's snapshot, beside its bundle.
pub(crate) struct TopLevel<'a> {
    pub(crate) main: &'a str,
    pub(crate) code: &'a Code,
    pub(crate) modules: &'a OwnModules,
    pub(crate) warmup: &'a [String],
    pub(crate) flags: &'a BTreeMap<&'static str, bool>,
    pub(crate) variables: &'a BTreeMap<String, Value>,
    /// Of the limits those that hold while it runs: a program can catch what they raise, or look at them.
    pub(crate) memory_bytes: usize,
    pub(crate) startup_cpu: Duration,
    pub(crate) inside: &'a taipan_webapi::limits::Limits,
    pub(crate) network: &'a Network,
}

impl<'a> TopLevel<'a> {
    pub(crate) fn of(settings: &'a Settings) -> TopLevel<'a> {
        TopLevel {
            main: &settings.main,
            code: &settings.code,
            modules: &settings.modules,
            warmup: &settings.warmup,
            flags: &settings.flags,
            variables: &settings.variables,
            memory_bytes: settings.limits.memory_bytes,
            startup_cpu: settings.limits.startup_cpu,
            inside: &settings.limits.inside,
            network: &settings.network,
        }
    }

    /// The digests of all of it, by what is told when two snapshots differ.
    pub(crate) fn inputs(&self) -> BTreeMap<&'static str, Digest> {
        // Without `..`: what comes to be here has to go into a digest.
        let TopLevel {
            main,
            code,
            modules,
            warmup,
            flags,
            variables,
            memory_bytes,
            startup_cpu,
            inside,
            network,
        } = self;
        // Flags that it has not are left out: a Taipan that knows more of them makes the same snapshot.
        let flags: Vec<_> = flags.iter().filter(|(_, has)| **has).collect();
        let configuration = json!([main, variables, warmup, flags]).to_string();
        let limits = format!("{memory_bytes} {startup_cpu:?} {inside:?}");
        BTreeMap::from([
            ("configuration", Digest::of(configuration.as_bytes())),
            ("limits", Digest::of(limits.as_bytes())),
            ("modules", Digest::of(modules.to_string().as_bytes())),
            ("network", Digest::of(format!("{:?}", network.settings).as_bytes())),
            ("source", code.digest),
        ])
    }
}

#[cfg(test)]
mod tests {
    use taipan_webapi::fetch;

    use super::*;

    /// The inputs that differ when the top level is another.
    #[track_caller]
    fn check(change: impl for<'a> FnOnce(&mut TopLevel<'a>), expect: &[&str]) {
        let code = Code::new(&[]).unwrap();
        let modules = OwnModules::default();
        let (flags, variables) = (BTreeMap::new(), BTreeMap::new());
        let inside = taipan_webapi::limits::Limits {
            timers: 1,
            subrequests: 2,
            log_kb: 3,
            response_body_mb: None,
        };
        let network = Network::new(fetch::Settings::default()).unwrap();
        let mut top_level = TopLevel {
            main: "entry.py",
            code: &code,
            modules: &modules,
            warmup: &[],
            flags: &flags,
            variables: &variables,
            memory_bytes: 1,
            startup_cpu: Duration::from_secs(1),
            inside: &inside,
            network: &network,
        };
        let before = top_level.inputs();
        change(&mut top_level);
        let after = top_level.inputs();
        let differ: Vec<_> = before.keys().filter(|key| before[*key] != after[*key]).collect();
        assert_eq!(differ, expect.iter().collect::<Vec<_>>());
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
        static INSIDE: taipan_webapi::limits::Limits = taipan_webapi::limits::Limits {
            timers: 1,
            subrequests: 2,
            log_kb: 4,
            response_body_mb: None,
        };
        check(|it| it.inside = &INSIDE, &["limits"]);
        let proxy = Some("http://localhost:1".to_owned());
        let settings = fetch::Settings { http_proxy: proxy, ..fetch::Settings::default() };
        let network: &'static Network = Box::leak(Box::new(Network::new(settings).unwrap()));
        check(|it| it.network = network, &["network"]);
    }
}
