//! What a machine needs to build and test Taipan: a table, and what follows
//! from what is there.

/// Something that has to be installed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// What it is, for people.
    pub(crate) name: &'static str,
    /// What needs it.
    pub(crate) reason: &'static str,
    /// How to see that it is there.
    pub(crate) evidence: Evidence,
    /// The Debian package that has it.
    pub(crate) package: &'static str,
}

/// How to see that a requirement is met.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// One of these programs runs with `argument` and prints `expect`.
    Program {
        /// The environment variable that names another one instead.
        variable: Option<&'static str>,
        names: &'static [&'static str],
        argument: &'static str,
        expect: &'static str,
    },
    /// This file is there.
    File(&'static str),
}

/// What the build needs. The names of the compiler and the linker are those
/// that the build script of `quickjs` tries, in its order.
pub(crate) const BUILD: &[Requirement] = &[
    Requirement {
        name: "clang",
        reason: "compiles the JavaScript engine to WebAssembly",
        evidence: Evidence::Program {
            variable: Some("TAIPAN_CLANG"),
            names: &["clang-22", "clang-21", "clang-20", "clang-19", "clang"],
            // Some systems have a clang that cannot do it.
            argument: "--print-targets",
            expect: "wasm32",
        },
        package: "clang-19",
    },
    Requirement {
        name: "wasm-ld",
        reason: "links the JavaScript engine",
        evidence: Evidence::Program {
            variable: Some("TAIPAN_WASM_LD"),
            names: &["wasm-ld-22", "wasm-ld-21", "wasm-ld-20", "wasm-ld-19", "wasm-ld"],
            argument: "--version",
            expect: "LLD",
        },
        package: "lld-19",
    },
    Requirement {
        name: "npm",
        reason: "fetches Pyodide; it is not used when Taipan runs",
        evidence: Evidence::Program {
            variable: None,
            names: &["npm"],
            argument: "--version",
            expect: ".",
        },
        package: "npm",
    },
];

/// What the tests need besides.
pub(crate) const TEST: &[Requirement] = &[
    Requirement {
        name: "CPython's own tests",
        reason: "Python in Taipan has to pass them",
        evidence: Evidence::File("/usr/lib/python3.11/test/test_json/__init__.py"),
        package: "libpython3.11-testsuite",
    },
    Requirement {
        name: "pip",
        reason: "fetches uv, which locks packages, where there is none",
        evidence: Evidence::Program {
            variable: None,
            names: &["pip3", "pip"],
            argument: "--version",
            expect: "pip",
        },
        package: "python3-pip",
    },
];

/// The command that installs these, for someone who may.
pub(crate) fn command_line(missing: &[&Requirement]) -> String {
    let packages: Vec<_> = missing.iter().map(|requirement| requirement.package).collect();
    format!(
        "apt-get update && apt-get install --yes --no-install-recommends {}",
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::{BUILD, Evidence, TEST, command_line};

    #[test]
    fn one_line_for_all() {
        let missing: Vec<_> = BUILD.iter().chain(TEST).collect();
        assert_eq!(
            command_line(&missing),
            "apt-get update && apt-get install --yes --no-install-recommends \
             clang-19 lld-19 npm libpython3.11-testsuite python3-pip"
        );
    }

    #[test]
    fn what_is_installed_is_what_is_looked_for() {
        for requirement in BUILD {
            let Evidence::Program { names, .. } = requirement.evidence else { continue };
            let suffix = requirement.package.split_once('-').map_or("", |(_, version)| version);
            assert!(names.iter().any(|name| name.ends_with(suffix)), "{}", requirement.name);
        }
    }
}
