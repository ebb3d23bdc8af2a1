//! The process's environment, read once. Nothing else in Taipan reads it.

use std::{env, path::PathBuf};

use taipan_store::Surroundings;

/// What Taipan takes from the environment.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// What says where the cache is.
    pub(crate) surroundings: Surroundings,
}

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "here is the one place that reads it")]
    pub(crate) fn read() -> Self {
        let path = |name| env::var_os(name).map(PathBuf::from);
        Self {
            surroundings: Surroundings {
                taipan_cache: path("TAIPAN_CACHE"),
                xdg_cache_home: path("XDG_CACHE_HOME"),
                home: path("HOME"),
            },
        }
    }
}
