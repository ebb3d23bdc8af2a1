//! Which line of a worker began something: the user's own, or a package's and the user's that led there.

use taipan_guest::{Locate, Origin, Place, Scope, Taken};

use crate::{frames, seeds};

/// Finds out where Python is, for [`Scope::start_recording`].
pub const LOCATE: Locate = |scope| {
    let frames: Vec<_> = frames::of(scope)?.flatten().collect();
    origin(&frames)
};

/// Where the files of Python itself and of Taipan are.
const LIBRARY: &str = "/lib/python3.";
const FROZEN: &str = "<frozen ";

/// Files of numpy of which one, by version, is the first to import the module that makes the generator.
const NUMPY_RANDOM: [&str; 2] = ["/numpy/random/__init__.py", "/numpy/random/_pickle.py"];

/// Draws a key for connections between processes when it is imported: a worker is one process.
const PROCESS_KEY: &str = "/multiprocessing/process.py";

/// The folder of a worker in which its packages are.
pub const PACKAGES_DIRECTORY: &str = "python_modules";

/// Ends the recording; where entropy was taken that is the same in all isolates of a snapshot, and where numbers were
/// `drawn` from generators.
///
/// Not the entropy that seeds generators which are seeded again, as SQLite's if `sqlite` says so, and not the hash seeds of
/// packages.
pub fn entropy(scope: &mut Scope<'_>, drawn: Vec<Origin>, sqlite: bool) -> Vec<Origin> {
    let lasting = |taken: &Taken| !seeds::is_taken_again(taken, sqlite);
    let taken = scope.stop_recording().into_iter().filter(lasting).map(|taken| taken.origin);
    taken.chain(drawn).filter(|origin| !seeds::is_known(origin)).collect()
}

/// What a use of entropy means, in words: where it was, and what to do.
#[must_use]
pub fn entropy_message(origin: &Origin) -> String {
    let Origin { what, place, package, caller } = origin;
    let mut text = format!("{what} at the top level");
    if !place.file.is_empty() {
        text += &format!(", {}:{} in {}", place.file, place.line, place.function);
    }
    if let Some(package) = package {
        text += &format!(" (package {package}");
        if let Some(caller) = caller {
            text += &format!(", which {}:{} led to", caller.file, caller.line);
        }
        text += ")";
    }
    text + ": its value is in the snapshot and the same in every isolate; call it in the handler, or in a function given \
            to taipan.after_resume"
}

/// What the frames, innermost first, say; `None` when none is the worker's.
fn origin(frames: &[Place]) -> Option<Origin> {
    let first = frames.iter().position(|place| !is_platform(place))?;
    let (library, rest) = frames.split_at(first);
    let place = rest.first()?;
    // The generator that numpy makes for its module functions is seeded again too.
    let makes = NUMPY_RANDOM.iter().any(|file| place.file.ends_with(file));
    if makes && place.function == "<module>" {
        return None;
    }
    if library.iter().any(|place| place.file.ends_with(PROCESS_KEY)) {
        return None;
    }
    let package = package(place);
    let own = |place: &&Place| !is_platform(place) && self::package(place).is_none();
    let caller = rest.iter().find(own).filter(|_| package.is_some()).cloned();
    let what = library.last().map(call).unwrap_or_default();
    Some(Origin { what, place: place.clone(), package, caller })
}

/// Whether a place is in Python's own library, or Taipan's.
pub(crate) fn is_platform(place: &Place) -> bool {
    in_library(&place.file).is_some() || place.file.starts_with(FROZEN)
}

/// Something that is known to have been called at a place.
pub(crate) fn at(what: String, place: Place) -> Origin {
    let package = package(&place);
    Origin { what, place, package, caller: None }
}

/// The name of the package that a file is of.
fn package(place: &Place) -> Option<String> {
    let mut parts = place.file.split('/').skip_while(|part| *part != PACKAGES_DIRECTORY);
    let name = parts.nth(1)?;
    Some(name.strip_suffix(".py").unwrap_or(name).to_owned())
}

/// The rest of the path of a file of the standard library, whichever Python's.
fn in_library(file: &str) -> Option<&str> {
    file.strip_prefix(LIBRARY)?.split_once('/').map(|(_, path)| path)
}

/// A function of the standard library as it is called: `uuid.uuid4()`.
fn call(place: &Place) -> String {
    let path = in_library(&place.file).unwrap_or(&place.file);
    let path = path.strip_suffix("/__init__.py").or(path.strip_suffix(".py"));
    match path {
        Some(path) if place.function != "<module>" => {
            format!("{}.{}()", path.replace('/', "."), place.function)
        }
        Some(path) => format!("import {}", path.replace('/', ".")),
        None => String::from("import"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(table: &[(&str, u32, &str)]) -> Vec<Place> {
        let place = |&(file, line, function): &(&str, u32, &str)| Place {
            file: file.to_owned(),
            line,
            function: function.to_owned(),
        };
        table.iter().map(place).collect()
    }

    #[track_caller]
    fn check(table: &[(&str, u32, &str)], expected: Option<(&str, u32, &str, Option<u32>)>) {
        let found = origin(&frames(table));
        let found = found.as_ref().map(|origin| {
            let package = origin.package.as_deref().unwrap_or("");
            let caller = origin.caller.as_ref().map(|caller| caller.line);
            (origin.what.as_str(), origin.place.line, package, caller)
        });
        assert_eq!(found, expected);
    }

    const MAIN: (&str, u32, &str) = ("/session/metadata/entry.py", 7, "<module>");
    const IMPORT: (&str, u32, &str) =
        ("<frozen importlib._bootstrap>", 488, "_call_with_frames_removed");
    const WORKER: (&str, u32, &str) = ("/lib/python3.14/_taipan/worker.py", 33, "load");

    #[test]
    fn direct() {
        check(&[MAIN, IMPORT, WORKER], Some(("", 7, "", None)));
    }

    #[test]
    fn through_the_library() {
        let uuid = ("/lib/python3.14/uuid.py", 770, "uuid4");
        check(&[uuid, MAIN, IMPORT], Some(("uuid.uuid4()", 7, "", None)));
        let inner = ("/lib/python3.14/email/utils.py", 3, "f");
        let outer = ("/lib/python3.14/email/__init__.py", 4, "message");
        check(&[inner, outer, MAIN], Some(("email.message()", 7, "", None)));
        check(&[uuid, IMPORT, MAIN], Some(("import", 7, "", None)));
        let key = ("/lib/python3.14/multiprocessing/process.py", 367, "__init__");
        check(&[key, IMPORT, MAIN], None);
    }

    #[test]
    fn in_a_package() {
        let package = ("/session/metadata/python_modules/app/ids.py", 3, "<module>");
        check(&[package, IMPORT, MAIN], Some(("", 3, "app", Some(7))));
        let module = ("/session/metadata/python_modules/six.py", 9, "<module>");
        check(&[module, IMPORT, WORKER], Some(("", 9, "six", None)));
        let numpy = ("/session/metadata/python_modules/numpy/random/__init__.py", 180, "<module>");
        check(&[numpy, IMPORT, MAIN], None);
    }

    #[test]
    fn nowhere() {
        check(&[], None);
        check(&[IMPORT, WORKER], None);
    }
}
