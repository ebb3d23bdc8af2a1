//! The JavaScript and the Python of this crate.

/// The module that starts a worker.
pub(crate) const WORKER_MODULE: &str = "taipan:worker/worker.js";

/// JavaScript, by name.
pub(crate) const JAVASCRIPT: &[(&str, &str)] = &[
    (WORKER_MODULE, include_str!("../js/worker.js")),
    ("taipan:worker/modules.js", include_str!("../js/modules.js")),
    ("cloudflare:sockets", include_str!("../js/cloudflare_sockets.js")),
    ("cloudflare:workers", include_str!("../js/cloudflare_workers.js")),
    ("pyodide:python", include_str!("../js/pyodide_python.js")),
    ("pyodide:python-entrypoint-helper", include_str!("../js/entrypoint_helper.js")),
];

/// The module that makes a worker's `env`.
pub(crate) const ENVIRONMENT: (&str, &str) =
    ("taipan:bindings/environment.js", include_str!("../js/environment.js"));

/// Python, by its path in the standard library.
pub const PYTHON: &[(&str, &str)] = &[
    ("_cloudflare/__init__.py", include_str!("../python/cloudflare/__init__.py")),
    ("_cloudflare/allow_entropy.py", include_str!("../python/cloudflare/allow_entropy.py")),
    (
        "_cloudflare/import_patch_manager.py",
        include_str!("../python/cloudflare/import_patch_manager.py"),
    ),
    ("_taipan/entrypoints.py", include_str!("../python/entrypoints.py")),
    ("_taipan/handlers.py", include_str!("../python/handlers.py")),
    ("_taipan/missing.py", include_str!("../python/missing.py")),
    ("_taipan/worker.py", include_str!("../python/worker.py")),
    ("site-packages/workers.py", include_str!("../python/workers.py")),
];
