//! Which keys the wrangler format has, and what Taipan does with each.
//!
//! After wrangler 4.164.0, `packages/workers-utils/src/config/environment.ts`
//! and `config.ts`.

use crate::isolates;
use crate::limits::{self, Rule};

/// What a known key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Read by `check`.
    Read,
    /// For tools other than a runtime: silently skipped.
    Skipped,
    /// Means something to a runtime, not to this version of ours.
    Unsupported,
    /// Means something only where Cloudflare runs the worker.
    CloudOnly,
}

/// The keys of one object of the format.
pub(crate) type Keys = &'static [(&'static str, Effect)];

use Effect::{CloudOnly, Read, Skipped, Unsupported};

/// The keys at the top of a file.
pub(crate) const TOP: Keys = &[
    ("$schema", Skipped),
    ("account_id", CloudOnly),
    ("agent_memory", CloudOnly),
    ("ai", CloudOnly),
    ("ai_search", CloudOnly),
    ("alias", Unsupported),
    ("analytics_engine_datasets", Unsupported),
    ("artifacts", CloudOnly),
    ("assets", Unsupported),
    ("base_dir", Read),
    ("browser", CloudOnly),
    ("build", Unsupported),
    ("cache", Unsupported),
    ("compatibility_date", Read),
    ("compatibility_flags", Read),
    ("compliance_region", CloudOnly),
    ("connect", Unsupported),
    ("containers", CloudOnly),
    ("d1_databases", Unsupported),
    ("define", Unsupported),
    ("dev", Read),
    ("dispatch_namespaces", CloudOnly),
    ("durable_objects", Unsupported),
    ("env", Unsupported),
    ("exports", Unsupported),
    ("find_additional_modules", Read),
    ("flagship", CloudOnly),
    ("hyperdrive", Unsupported),
    ("images", CloudOnly),
    ("jsx_factory", Skipped),
    ("jsx_fragment", Skipped),
    ("keep_names", Skipped),
    ("keep_vars", CloudOnly),
    ("kv_namespaces", Unsupported),
    ("limits", Read),
    ("logpush", CloudOnly),
    ("main", Read),
    ("media", CloudOnly),
    ("migrations", Unsupported),
    ("minify", Skipped),
    ("mtls_certificates", Unsupported),
    ("name", Read),
    ("no_bundle", Skipped),
    ("observability", Unsupported),
    ("pipelines", CloudOnly),
    ("placement", CloudOnly),
    ("preview_urls", CloudOnly),
    ("python_modules", Unsupported),
    ("queues", Unsupported),
    ("r2_buckets", Unsupported),
    ("ratelimits", Unsupported),
    ("route", CloudOnly),
    ("routes", CloudOnly),
    ("rules", Read),
    ("secrets", Unsupported),
    ("secrets_store_secrets", Unsupported),
    ("send_email", Unsupported),
    ("services", Unsupported),
    ("site", CloudOnly),
    ("stream", CloudOnly),
    ("streaming_tail_consumers", Unsupported),
    ("tail_consumers", Unsupported),
    ("taipan", Read),
    ("triggers", Unsupported),
    ("tsconfig", Skipped),
    ("upload_source_maps", CloudOnly),
    ("vars", Read),
    ("vectorize", CloudOnly),
    ("version_metadata", Unsupported),
    ("vpc_networks", CloudOnly),
    ("vpc_services", CloudOnly),
    ("websearch", CloudOnly),
    ("worker_loaders", Unsupported),
    ("workers_dev", CloudOnly),
    ("workflows", Unsupported),
];

/// The keys of `dev`.
pub(crate) const DEV: Keys = &[
    ("enable_containers", CloudOnly),
    ("generate_types", Skipped),
    ("host", Unsupported),
    ("inspector_ip", Unsupported),
    ("inspector_port", Unsupported),
    ("ip", Read),
    ("local_protocol", Unsupported),
    ("port", Read),
    ("upstream_protocol", Unsupported),
];

/// The keys of `limits`: wrangler's, and nothing else.
pub(crate) const LIMITS: Keys = &[("cpu_ms", Read), ("subrequests", Read)];

/// The keys of one of `rules`.
pub(crate) const RULE: Keys = &[("fallthrough", Read), ("globs", Read), ("type", Read)];

/// The keys of `taipan`, which are ours.
pub(crate) const TAIPAN: Keys = &[
    // In pyproject.toml, for `taipan lock`.
    ("allow-build", Skipped),
    ("allow-downgrade", Skipped),
    ("exclude", Read),
    ("gates", Read),
    ("isolates", Read),
    ("isolation", Read),
    ("limits", Read),
    ("pyodide", Read),
    ("pyodide-index", Skipped),
    ("python", Read),
    ("warmup", Read),
];

/// The keys of `taipan.isolates`.
pub(crate) const ISOLATES: Keys = &ruled(&isolates::RULES);

/// The keys of `taipan.limits`.
pub(crate) const TAIPAN_LIMITS: Keys = &ruled(&limits::RULES);

/// The keys of numbers: each has a rule, by which it is read.
const fn ruled<T, const N: usize>(rules: &[Rule<T>; N]) -> [(&'static str, Effect); N] {
    let mut keys = [("", Read); N];
    let mut index = 0;
    while index < N {
        keys[index].0 = rules[index].key;
        index += 1;
    }
    keys
}

/// How alike a key must be to be suggested, from 0 to 1: lets one or two
/// letters of a word differ, and no more.
const LIKENESS_MIN: f64 = 0.75;

/// What the names of numbers end with.
const UNITS: [&str; 4] = ["_kb", "_mb", "_ms", "_seconds"];

/// What `key` does, if it is one of `keys`.
pub(crate) fn effect(keys: Keys, key: &str) -> Option<Effect> {
    keys.iter().find(|(known, _)| *known == key).map(|(_, effect)| *effect)
}

/// The key that `key`, in the table at `path`, most likely stands for: one of
/// `keys`, or one of ours that belongs below `taipan`.
pub(crate) fn suggestion(keys: Keys, path: &str, key: &str) -> Option<String> {
    let ours = match path {
        "" => effect(TAIPAN, key).map(|_| format!("taipan.{key}")),
        "limits" => effect(TAIPAN_LIMITS, key).map(|_| format!("taipan.limits.{key}")),
        _ => None,
    };
    let also_ours = || match path {
        "limits" => alike(TAIPAN_LIMITS, key).map(|known| format!("taipan.limits.{known}")),
        _ => None,
    };
    ours.or_else(|| alike(keys, key).map(str::to_owned)).or_else(also_ours)
}

/// The one of `keys` that is spelt nearly as `key`, or that is `key` with its unit.
fn alike(keys: Keys, key: &str) -> Option<&'static str> {
    let names = || keys.iter().map(|(known, _)| *known);
    let with_unit = |known: &&str| {
        known.strip_prefix(key).is_some_and(|rest| UNITS.contains(&rest)) && !key.is_empty()
    };
    most_alike(names(), key).or_else(|| names().find(with_unit))
}

/// The one of `names` that `name` most likely stands for.
pub(crate) fn most_alike(
    names: impl Iterator<Item = &'static str>,
    name: &str,
) -> Option<&'static str> {
    names
        .map(|known| (strsim::normalized_damerau_levenshtein(known, name), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}
