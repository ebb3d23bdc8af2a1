//! The process's environment, read once. Nothing else in Taipan reads it.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use taipan_store::Surroundings;
use taipan_webapi::fetch;

/// What Taipan takes from the environment.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// What says where the cache is.
    pub(crate) surroundings: Surroundings,
    /// Where releases are fetched from.
    pub(crate) sources: Option<String>,
    /// How outgoing requests reach the network.
    pub(crate) proxies: fetch::Settings,
    /// Where pip and uv say that packages are from.
    pub(crate) indexes: IndexSettings,
    /// What `taipan python` gives its program.
    pub(crate) python: BTreeMap<String, String>,
}

/// What in the environment says where packages are from.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexSettings {
    /// The variables of pip and uv.
    pub(crate) variables: BTreeMap<String, String>,
    /// The files that pip reads, in its order, whether or not they are there.
    pub(crate) pip: Vec<PathBuf>,
    /// Those of uv.
    pub(crate) uv: Vec<PathBuf>,
}

impl IndexSettings {
    #[expect(clippy::disallowed_methods, reason = "a part of the one place that reads it")]
    fn read() -> Self {
        let of_tools = |(name, _): &(String, String)| {
            ["PIP_", "UV_"].iter().any(|begin| name.starts_with(begin))
        };
        let variables = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let path = |name| env::var_os(name).map(PathBuf::from);
        let home = path("HOME");
        let below_home = |below: &str| home.as_ref().map(|home| home.join(below));
        let configuration = path("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        let pip = [
            Some("/etc/pip.conf".into()),
            below_home(".pip/pip.conf"),
            configuration.as_ref().map(|folder| folder.join("pip/pip.conf")),
            path("VIRTUAL_ENV").map(|folder| folder.join("pip.conf")),
            path("PIP_CONFIG_FILE"),
        ];
        let uv = [
            Some("/etc/uv/uv.toml".into()),
            configuration.as_ref().map(|folder| folder.join("uv/uv.toml")),
            path("UV_CONFIG_FILE"),
        ];
        Self {
            variables: variables.filter(of_tools).collect(),
            pip: pip.into_iter().flatten().collect(),
            uv: uv.into_iter().flatten().collect(),
        }
    }
}

/// The variables that CPython reads and that have an effect after it has started ("Command line and environment" of its
/// documentation), and the one by which pip's `--python` tells the interpreter that it calls.
const PYTHON: [&str; 13] = [
    "PYTHONBREAKPOINT",
    "PYTHONDEBUG",
    "PYTHONDEVMODE",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONINTMAXSTRDIGITS",
    "PYTHONNOUSERSITE",
    "PYTHONOPTIMIZE",
    "PYTHONPATH",
    "PYTHONPYCACHEPREFIX",
    "PYTHONSAFEPATH",
    "PYTHONUNBUFFERED",
    "PYTHONWARNINGS",
    "_PIP_RUNNING_IN_SUBPROCESS",
];

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "here is the one place that reads it")]
    pub(crate) fn read() -> Self {
        let path = |name| env::var_os(name).map(PathBuf::from);
        // As curl: either case. An empty one counts as none.
        let either = |one, other| {
            let text = env::var(one).or_else(|_| env::var(other)).ok();
            text.filter(|text| !text.is_empty())
        };
        Self {
            surroundings: Surroundings {
                taipan_cache: path("TAIPAN_CACHE"),
                xdg_cache_home: path("XDG_CACHE_HOME"),
                home: path("HOME"),
            },
            indexes: IndexSettings::read(),
            sources: env::var("TAIPAN_SOURCES").ok().filter(|text| !text.is_empty()),
            proxies: fetch::Settings {
                http_proxy: either("http_proxy", "HTTP_PROXY"),
                https_proxy: either("https_proxy", "HTTPS_PROXY"),
                no_proxy: either("no_proxy", "NO_PROXY"),
                ..fetch::Settings::default()
            },
            python: PYTHON
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), env::var(name).ok()?)))
                .collect(),
        }
    }
}
