//! Where the packages of a worker are.

/// The directory beside the configuration into which `pywrangler sync` puts packages.
pub const PACKAGES_DIRECTORY: &str = "python_modules";
