//! What a snapshot cannot keep: timers, fetches, reads and writes under way, open bodies, decoders in the middle of
//! a stream; and where each was begun.
//!
//! The places are remembered only while the isolate is prepared for a
//! snapshot ([`Scope::is_recording`]): else nothing here is ever called for more
//! than that question.

use std::collections::{BTreeMap, HashMap};

use taipan_guest::{Origin, Scope};

use crate::body::Bodies;
use crate::encoding::Decoders;
use crate::pending::Pending;
use crate::requests::Requests;

/// Characters of a URL that a message repeats.
const URL_CHARACTERS_MAX: usize = 200;

/// What a body is, and a decoder, wherever it was begun.
pub(crate) const BODY: &str = "a body that is not read to its end";
pub(crate) const DECODER: &str = "a TextDecoder in the middle of a stream";

/// Something that would be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsaved {
    /// What it is: `a timer that has not fired`.
    pub what: String,
    /// Where Python began it.
    pub origin: Option<Origin>,
    /// Where JavaScript began it, one function a line, when no line of Python did.
    pub javascript: String,
}

impl Unsaved {
    /// What was begun while its place was not recorded.
    fn of_unknown_place(what: &str) -> Self {
        Self { what: what.to_owned(), origin: None, javascript: String::new() }
    }

    /// In words: what, where, and what to do. `variable` is the one that holds it, if that is known.
    #[must_use]
    pub fn message(&self, variable: Option<&str>) -> String {
        let mut text = self.what.clone();
        if let Some(origin) = &self.origin {
            let place = &origin.place;
            text += &format!(", started at {}:{} in {}", place.file, place.line, place.function);
            if let Some(package) = &origin.package {
                text += &format!(" (package {package}");
                if let Some(caller) = &origin.caller {
                    text += &format!(", which {}:{} led to", caller.file, caller.line);
                }
                text += ")";
            }
        } else if let Some(line) = self.javascript.lines().find(|line| !is_platform(line)) {
            text += &format!(", started by JavaScript {}", line.trim());
        }
        if let Some(variable) = variable {
            text += &format!(", held by the variable {variable}");
        }
        text + REMEDY
    }
}

const REMEDY: &str = ": a snapshot cannot keep it; start it in the handler, or in a function given to \
                      taipan.after_resume";

fn is_platform(line: &str) -> bool {
    line.contains("taipan:") || line.contains("(native)")
}

/// A URL as a message shows it.
pub(crate) fn shown(url: &str) -> String {
    url.chars().take(URL_CHARACTERS_MAX).collect()
}

/// What was begun while the isolate is prepared, by the numbers of operations, bodies and decoders.
#[derive(Debug, Default)]
struct Places {
    operations: HashMap<u32, Unsaved>,
    bodies: HashMap<u32, Unsaved>,
    decoders: HashMap<u32, Unsaved>,
    /// The operation whose end was told last: what has no place of its own follows from it.
    cause: Option<Unsaved>,
}

/// The number of something that can be lost.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Id {
    Operation(u32),
    Body(u32),
    Decoder(u32),
}

/// Remembers where the guest is: it has begun something, which `what` says.
pub(crate) fn note(scope: &mut Scope<'_>, id: Id, what: impl FnOnce() -> String) {
    if !scope.is_recording() {
        return;
    }
    let mut begun = Unsaved { what: what(), origin: scope.origin(), javascript: String::new() };
    if begun.origin.is_none() {
        // A stack that cannot be had is of no use.
        begun.javascript = scope.javascript_stack().unwrap_or_default();
    }
    let places = places(scope);
    if let (None, Some(cause)) = (&begun.origin, &places.cause) {
        begun.origin.clone_from(&cause.origin);
    }
    match id {
        Id::Operation(id) => places.operations.insert(id, begun),
        Id::Body(id) => places.bodies.insert(id, begun),
        Id::Decoder(id) => places.decoders.insert(id, begun),
    };
}

/// Remembers that what happens from now on follows from an operation, and that a body came of it.
pub(crate) fn ended(scope: &mut Scope<'_>, operation: u32) {
    if scope.is_recording() {
        let places = places(scope);
        places.cause = places.operations.remove(&operation);
    }
}

/// Remembers a body that came of the fetch that ended last, of `url`.
pub(crate) fn fetched(scope: &mut Scope<'_>, body: u32, url: &str) {
    if scope.is_recording() {
        let places = places(scope);
        if let Some(fetch) = places.cause.clone() {
            let what = format!(
                "the body of the response from {}, which is not read to its end",
                shown(url)
            );
            places.bodies.insert(body, Unsaved { what, ..fetch });
        }
    }
}

fn places<'a>(scope: &'a mut Scope<'_>) -> &'a mut Places {
    let extensions = scope.extensions_mut();
    if extensions.of::<Places>().is_none() {
        extensions.insert(Places::default());
    }
    extensions.of_mut::<Places>().expect("it was put in above")
}

/// All that a snapshot taken now would lose, in the order in which it was begun.
#[must_use]
pub fn unsaved(scope: &Scope<'_>) -> Vec<Unsaved> {
    let extensions = scope.extensions();
    let nothing = Places::default();
    let places = extensions.of::<Places>().unwrap_or(&nothing);
    let mut found = Vec::new();
    let mut add = |ids: Vec<u32>, begun: &HashMap<u32, Unsaved>, otherwise: &str| {
        let ids: BTreeMap<u32, ()> = ids.into_iter().map(|id| (id, ())).collect();
        let unknown = Unsaved::of_unknown_place(otherwise);
        found.extend(ids.keys().map(|id| begun.get(id).unwrap_or(&unknown).clone()));
    };
    if let Some(pending) = extensions.of::<Pending>() {
        add(pending.under_way(), &places.operations, "an operation that has not ended");
    }
    if let Some(bodies) = extensions.of::<Bodies>() {
        add(bodies.ids(), &places.bodies, BODY);
    }
    if let Some(decoders) = extensions.of::<Decoders>() {
        add(decoders.ids(), &places.decoders, DECODER);
    }
    if extensions.of::<Requests>().is_some_and(|requests| !requests.is_idle()) {
        found.push(Unsaved::of_unknown_place("a request that is still being answered"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use taipan_guest::Place;

    fn place(file: &str, line: u32, function: &str) -> Place {
        Place { file: file.into(), line, function: function.into() }
    }

    #[track_caller]
    fn check(unsaved: &Unsaved, variable: Option<&str>, expected: &str) {
        assert_eq!(unsaved.message(variable).strip_suffix(REMEDY), Some(expected));
    }

    #[test]
    fn messages() {
        let own = place("/session/metadata/entry.py", 7, "<module>");
        let what = "a timer that has not fired".to_owned();
        let origin =
            Origin { what: String::new(), place: own.clone(), package: None, caller: None };
        let mut timer = Unsaved { what, origin: Some(origin), javascript: String::new() };
        check(
            &timer,
            Some("task"),
            "a timer that has not fired, started at /session/metadata/entry.py:7 in <module>, held by the variable task",
        );
        timer.origin = Some(Origin {
            what: String::new(),
            place: place("/session/metadata/python_modules/app/x.py", 3, "start"),
            package: Some("app".into()),
            caller: Some(own),
        });
        check(
            &timer,
            None,
            "a timer that has not fired, started at /session/metadata/python_modules/app/x.py:3 in start (package app, \
             which /session/metadata/entry.py:7 led to)",
        );
        timer.origin = None;
        check(&timer, None, "a timer that has not fired");
        timer.javascript =
            "    at arm (taipan:webapi/timers.js:46:1)\n    at later (<evalScript>:1:9)".into();
        check(
            &timer,
            None,
            "a timer that has not fired, started by JavaScript at later (<evalScript>:1:9)",
        );
    }

    #[test]
    fn long_urls() {
        assert_eq!(shown(&"x".repeat(1000)).len(), URL_CHARACTERS_MAX);
    }
}
