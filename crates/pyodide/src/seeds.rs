//! Entropy that a top level may take although all isolates of its snapshot have what came of it.
//!
//! Either it is taken again, or it is a seed like Python's own hash seed: each worker has another, nobody outside sees it,
//! and nothing that has to be unique is made of it. workerd has such a list as well (src/pyodide/internal/topLevelEntropy).

use taipan_guest::{Origin, Taken};

/// What reading `/dev/random` and `/dev/urandom` is called.
pub(crate) const DEVICE: &str = "/dev/urandom";

/// Bytes that module `random` takes to seed one generator: the whole state of a Mersenne Twister (CPython 3.14,
/// Modules/_randommodule.c, `random_seed_urandom`).
const TWISTER_BYTES: u64 = 624 * 4;

/// Bytes that SQLite takes to seed its generator (src/random.c, `sqlite3_randomness`: 256 up to 3.41, then 44), and
/// both, where a line has one SQLite after the other do it. Each does it once.
const SQLITE_BYTES: [u64; 3] = [44, 256, 44 + 256];

/// A place where a package takes entropy when it is imported.
struct Known {
    package: &'static str,
    /// The end of the file's path.
    file: &'static str,
    function: &'static str,
}

const TOP: &str = "<module>";

/// What is known, by reading the source and by comparing isolates (`tests/projects/randoms`).
const KNOWN: &[Known] = &[
    // Seeds of Rust's hash tables. Random numbers are drawn from other generators, which are seeded at their first use.
    Known { package: "pydantic_core", file: "pydantic_core/__init__.py", function: TOP },
    Known { package: "pydantic", file: "pydantic/types.py", function: "Secret" },
    // Where Cloudflare's SDK has pydantic_core draw the last of them.
    Known {
        package: "_workers_sdk_entropy_import_context",
        file: "_workers_sdk_entropy_import_context.py",
        function: "pydantic_core_context",
    },
    Known { package: "jiter", file: "jiter/__init__.py", function: TOP },
    Known { package: "uuid_utils", file: "uuid_utils/__init__.py", function: TOP },
    // A part of the names of keys, which are compared within one process.
    Known {
        package: "opentelemetry",
        file: "opentelemetry/context/__init__.py",
        function: "create_key",
    },
    // The first of the numbers that links on a terminal have.
    Known { package: "rich", file: "rich/style.py", function: TOP },
];

/// Whether what was taken is taken again in each isolate. `sqlite` says that there is SQLite, which will.
pub(crate) fn is_taken_again(Taken { origin, bytes }: &Taken, sqlite: bool) -> bool {
    bytes.is_multiple_of(TWISTER_BYTES)
        || sqlite && origin.what == DEVICE && SQLITE_BYTES.contains(bytes)
}

/// Whether it was taken at a place where it may be the same in all isolates.
pub(crate) fn is_known(origin: &Origin) -> bool {
    KNOWN.iter().any(|known| {
        origin.package.as_deref() == Some(known.package)
            && origin.place.file.ends_with(known.file)
            && known.function == origin.place.function
    })
}

#[cfg(test)]
mod tests {
    use taipan_guest::Place;

    use super::*;

    fn origin(what: &str, package: &str, file: &str, function: &str) -> Origin {
        let file = format!("/session/metadata/python_modules/{file}");
        let place = Place { file, line: 1, function: function.to_owned() };
        Origin { what: what.to_owned(), place, package: Some(package.to_owned()), caller: None }
    }

    #[test]
    fn hash_seeds_are_known_by_their_places() {
        let check = |function, file, expect| {
            assert_eq!(is_known(&origin("import", "jiter", file, function)), expect);
        };
        check("<module>", "jiter/__init__.py", true);
        check("<module>", "jiter/other.py", false);
        check("parse", "jiter/__init__.py", false);
        assert!(!is_known(&origin("import", "other", "other/jiter/__init__.py", "<module>")));
    }

    #[test]
    fn seeds_are_known_by_their_sizes() {
        let check = |what, bytes, sqlite, expect| {
            let taken = Taken { origin: origin(what, "a", "a.py", "f"), bytes };
            assert_eq!(is_taken_again(&taken, sqlite), expect);
        };
        check("import random", 2496, false, true);
        check("os.urandom()", 16, false, false);
        check(DEVICE, 44, true, true);
        check(DEVICE, 300, true, true);
        check(DEVICE, 88, true, false);
        check(DEVICE, 44, false, false);
        check(DEVICE, 45, true, false);
        check("os.urandom()", 44, true, false);
    }
}
