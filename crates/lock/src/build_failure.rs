//! Why a build has failed, of what uv says: what the backend did, not which of uv's files is missing afterwards.

use std::path::Path;

use crate::Error;

/// What the Python of a build says when it was ended at a limit.
const STOPPED: &str = "error: the script was stopped: ";

/// What the same says of a module that is not there, for who has typed `taipan run`.
const ADVICE: &str = "if it is a package, `taipan run --with ";

/// What uv says of backends that end well (`uv-build-frontend`, as of uv 0.13), and what they did.
const FAULTS: [(&str, &str); 4] = [
    // The file in which what uv runs puts the name that the backend gives.
    (".txt`: No such file or directory", "has ended Python before it has named a wheel"),
    ("failed (exit status: 0)", "has named a wheel that it has not made"),
    ("Built wheel has an invalid filename", "has made a file that is not called as a wheel is"),
    ("Failed to read from zip file", "has made a wheel that is no archive"),
];

/// What Python says when what uv runs writes down a name that is no text.
const NO_TEXT: &str = "TypeError: write() argument must be str, not ";

/// What uv says where the wheel is of another package.
const OTHER: &str = "Package metadata ";

/// The error of a build in `folder` of the package `name` of which uv has `said` this.
pub(crate) fn build_failure(name: String, said: &str, folder: &Path) -> Error {
    if let Some(reason) = said.lines().find_map(|line| line.trim_start().strip_prefix(STOPPED)) {
        return Error::BuildStopped { name, reason: reason.to_owned() };
    }
    let with_fault = |fault: &str, line: &str| format!("{fault}: {line}");
    let last = said.lines().last().unwrap_or_default();
    if last.starts_with(OTHER) && last.contains(" does not match ") {
        let fault = with_fault("has made a wheel of something else", last);
        return Error::Backend { name, fault };
    }
    if gives_no_name(said) {
        return Error::Backend { name, fault: "has given no name of a wheel".to_owned() };
    }
    match FAULTS.iter().find(|(sign, _)| said.contains(sign)) {
        Some((sign, fault)) if sign.starts_with("Built") => {
            Error::Backend { name, fault: with_fault(fault, last) }
        }
        Some((_, fault)) => Error::Backend { name, fault: (*fault).to_owned() },
        None => Error::Build { name, said: of_backend(said, folder) },
    }
}

/// Whether it was written where the traceback ends in what uv runs, and not in the backend.
fn gives_no_name(said: &str) -> bool {
    let frame = said.lines().rfind(|line| line.trim_start().starts_with("File \""));
    said.contains(NO_TEXT) && frame.is_some_and(|frame| frame.contains("\"<string>\""))
}

/// What of it is the backend's.
fn of_backend(said: &str, folder: &Path) -> String {
    let lines = said.lines().filter(|line| !line.starts_with(ADVICE));
    let said: Vec<_> = lines.collect();
    said.join("\n").replace(&folder.display().to_string(), "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, expect: &str, hint: &str) {
        let error = build_failure("answers".to_owned(), said, Path::new("/cache/x"));
        assert_eq!(error.to_string(), expect);
        let found = error.hint().unwrap_or_default();
        assert!(found.contains(hint), "{found}");
    }

    /// As uv 0.13.9 says it.
    #[test]
    fn of_what_uv_says() {
        let of_package = "a fault of the package";
        check(
            "failed to open file `/cache/x/.cache/builds-v0/.tmpznfJMb/build_wheel.txt`: No such file or directory (os error 2)",
            "the build backend of answers has ended Python before it has named a wheel",
            of_package,
        );
        check(
            "Call to `own.build_wheel` failed (exit status: 0)",
            "the build backend of answers has named a wheel that it has not made",
            of_package,
        );
        check(
            "Built wheel has an invalid filename\nThe wheel filename `x.txt` is invalid: Must end with .whl",
            "the build backend of answers has made a file that is not called as a wheel is: The wheel filename `x.txt` \
             is invalid: Must end with .whl",
            of_package,
        );
        check(
            "Package metadata name `other` does not match given name `answers`",
            "the build backend of answers has made a wheel of something else: Package metadata name `other` does not \
             match given name `answers`",
            of_package,
        );
    }

    #[test]
    fn of_what_the_backend_says() {
        let traceback = "Call to `own.build_wheel` failed (exit status: 1)\n\n[stderr]\nTraceback:\n  File \"/cache/x/a\"\n";
        let shown = "answers cannot be built in the sandbox:\n\
                     Call to `own.build_wheel` failed (exit status: 1)\n\n[stderr]\nTraceback:\n  File \"…/a\"\n";
        let check = |last: &str, hint: &str| {
            let advice = format!("\n{ADVICE}x` gives it to the script");
            check(&format!("{traceback}{last}{advice}"), &format!("{shown}{last}"), hint);
        };
        check("ValueError: no luck", "its build backend says why");
        check("ModuleNotFoundError: No module named 'mesonpy'", "and 'mesonpy' is none of them");
        check(
            "OSError: [Errno 138] emscripten does not support processes.",
            "there is no compiler",
        );
        check("error: command 'cc' failed: No such file", "there is no compiler");
    }
}
