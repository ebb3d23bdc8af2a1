//! What is answered when the program was to do something: JSON, with `fault` if it failed.

use serde::Deserialize;
use taipan_guest::{Origin, Place};

use crate::Error;

/// What Python says when it is ready for a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// It can be taken.
    Ready {
        /// Whether Python has something to do in each isolate before its first request.
        resumes: bool,
        /// Where random numbers were drawn that are the same in all isolates.
        drawn: Vec<Origin>,
        /// Whether there is SQLite, which seeds its generator again in each isolate.
        sqlite: bool,
        /// Generators of module `random` that are to go on elsewhere in each isolate: addresses and states.
        generators: Vec<(u32, Vec<u32>)>,
    },
    /// A function that was given to `taipan.before_snapshot` failed.
    Fault {
        /// The last line of the traceback.
        message: String,
        /// The traceback, cut to the user's frames.
        traceback: String,
    },
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    resumes: bool,
    #[serde(default)]
    drawn: Vec<Drawn>,
    #[serde(default)]
    sqlite: bool,
    #[serde(default)]
    generators: Vec<(u32, Vec<u32>)>,
    fault: Option<(String, String)>,
}

#[derive(Deserialize)]
struct Drawn {
    what: String,
    file: String,
    line: u32,
    function: String,
}

/// Reads what `prepare` of `js/snapshots.js` answers.
///
/// # Errors
///
/// [`Error::Prepared`] when it is something else: a program can put anything in the place of our Python.
pub fn prepared(json: &str) -> Result<Prepared, Error> {
    let raw: Raw = serde_json::from_str(json).map_err(|source| Error::Prepared { source })?;
    if let Some((message, traceback)) = raw.fault {
        return Ok(Prepared::Fault { message, traceback });
    }
    let origin = |Drawn { what, file, line, function }| {
        crate::origins::at(what, Place { file, line, function })
    };
    let drawn = raw.drawn.into_iter().map(origin).collect();
    let Raw { resumes, sqlite, generators, .. } = raw;
    Ok(Prepared::Ready { resumes, drawn, sqlite, generators })
}

/// What is told of a program that failed: the last line of the traceback, and the traceback, cut to the user's frames.
pub type Failed = (String, String);

/// Reads the answer of what has no other result than that the program did not fail.
///
/// # Errors
///
/// As [`prepared`].
pub fn outcome(json: &str) -> Result<Result<(), Failed>, Error> {
    let raw: Raw = serde_json::from_str(json).map_err(|source| Error::Prepared { source })?;
    Ok(raw.fault.map_or(Ok(()), Err))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let ready = prepared(
            r#"{"resumes": true, "drawn": [{"what": "random.random()", "file": "/a/python_modules/b/c.py",
                "line": 3, "function": "<module>"}], "sqlite": true, "generators": [[8, [1, 2]]]}"#,
        );
        let place =
            Place { file: "/a/python_modules/b/c.py".into(), line: 3, function: "<module>".into() };
        let what = "random.random()".into();
        let origin = Origin { what, place, package: Some("b".into()), caller: None };
        let generators = vec![(8, vec![1, 2])];
        assert_eq!(
            ready.unwrap(),
            Prepared::Ready { resumes: true, drawn: vec![origin], sqlite: true, generators }
        );
        let fault = prepared(r#"{"fault": ["ValueError: x", "Traceback"]}"#).unwrap();
        let (message, traceback) = ("ValueError: x".into(), "Traceback".into());
        assert_eq!(fault, Prepared::Fault { message, traceback });
        assert_eq!(outcome("{}").unwrap(), Ok(()));
        let failed = outcome(r#"{"fault": ["ValueError: x", ""]}"#).unwrap();
        assert_eq!(failed, Err(("ValueError: x".into(), String::new())));
        assert!(outcome("null").is_err());
        assert!(prepared("").is_err());
        assert!(prepared("[1]").is_err());
    }
}
