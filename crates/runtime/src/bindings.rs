//! What a worker's `env` is made of: bindings, by name.
//!
//! A snapshot holds the names and kinds of bindings. What is behind one is asked of the host when a program looks at it
//! first, in each isolate. What a program looks at before the snapshot is in the snapshot as well; so those names are
//! saved, and the snapshot suits only a worker whose bindings of these names are the same
//! ([`SnapshotFile::bindings_read`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use taipan_guest::{Call, Operation, Output, Scope, Throw};

/// The name of this part, and of its section in a snapshot.
pub(crate) const NAME: &str = "bindings";
/// Of that section.
pub(crate) const VERSION: u8 = 1;

/// The operations for `environment.js`.
pub(crate) const OPERATIONS: &[Operation] =
    &[Operation { name: "bindings", call: bindings }, Operation { name: "binding", call: binding }];

/// What a worker finds under a name of its `env`.
#[derive(Clone, Debug, PartialEq)]
pub enum Binding {
    /// A value: a variable of the configuration, or a secret.
    Value(Value),
}

impl Binding {
    /// Its kind, as `environment.js` names it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Value(_) => "value",
        }
    }

    /// What `environment.js` makes it of.
    fn told(&self) -> String {
        match self {
            Self::Value(value) => value.to_string(),
        }
    }
}

/// The bindings of a worker, by name. A clone is the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bindings(Arc<BTreeMap<String, Binding>>);

impl FromIterator<(String, Binding)> for Bindings {
    fn from_iter<T: IntoIterator<Item = (String, Binding)>>(bindings: T) -> Self {
        Self(Arc::new(bindings.into_iter().collect()))
    }
}

impl Bindings {
    /// The same with one more.
    #[must_use]
    pub fn with(mut self, name: &str, binding: Binding) -> Self {
        Arc::make_mut(&mut self.0).insert(name.to_owned(), binding);
        self
    }

    /// The names, and the kind of each.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.0.iter().map(|(name, binding)| (&**name, binding.kind()))
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// What a program that looks at the bindings of these names is told.
    pub fn told<'a>(
        &'a self,
        names: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = (&'a str, String)> {
        let of = |name: &'a String| Some((&**name, self.0.get(name)?.told()));
        names.iter().filter_map(of)
    }
}

/// The bindings that an isolate is connected to.
#[derive(Debug)]
struct Connected {
    bindings: Bindings,
    /// The names of those that its program has looked at.
    read: BTreeSet<String>,
}

/// Gives an isolate its bindings.
pub(crate) fn connect(scope: &mut Scope<'_>, bindings: Bindings) {
    scope.extensions_mut().insert(Connected { bindings, read: BTreeSet::new() });
}

/// The names of the bindings that the program of an isolate has looked at.
pub(crate) fn read_by(scope: &Scope<'_>) -> BTreeSet<String> {
    scope.extensions().of::<Connected>().map(|it| it.read.clone()).unwrap_or_default()
}

/// `host.bindings()`: JSON, `[[name, kind], …]`.
fn bindings(call: &mut Call<'_>) -> Result<Output, Throw> {
    let connected = call.scope.extensions().of::<Connected>();
    let kinds: Vec<_> = connected.iter().flat_map(|it| it.bindings.kinds()).collect();
    Ok(Output::Text(json!(kinds).to_string()))
}

/// `host.binding(name)`: what the binding is made of, as its kind says.
fn binding(call: &mut Call<'_>) -> Result<Output, Throw> {
    let name = call.text(0)?;
    let connected = call.scope.extensions_mut().of_mut::<Connected>();
    let Some((connected, told)) =
        connected.and_then(|it| it.bindings.0.get(&name).map(Binding::told).map(|told| (it, told)))
    else {
        let message = format!("the binding {name} is not connected in this isolate");
        return Err(Throw::error("Error", &message));
    };
    connected.read.insert(name);
    Ok(Output::Text(told))
}

/// What a snapshot keeps: the names of the bindings that were looked at.
pub(crate) fn save(scope: &Scope<'_>) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_stdvec(&read_by(scope))
}

/// The names of bindings that a snapshot's section has, behind its version.
///
/// # Errors
///
/// What is wrong with it.
pub fn saved_bindings(section: &[u8]) -> Result<BTreeSet<String>, postcard::Error> {
    let (names, rest) = postcard::take_from_bytes(section)?;
    if rest.is_empty() { Ok(names) } else { Err(postcard::Error::SerdeDeCustom) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> BTreeSet<String> {
        ["A", "SECRET"].map(str::to_owned).into()
    }

    #[test]
    fn what_is_told() {
        let value = |value| Binding::Value(value);
        let bindings =
            Bindings::default().with("A", value(json!("text"))).with("B", value(json!([1])));
        assert_eq!(bindings.kinds().collect::<Vec<_>>(), [("A", "value"), ("B", "value")]);
        let (names, text) = (sample(), "\"text\"".to_owned());
        let told: Vec<_> = bindings.told(&names).collect();
        assert_eq!(told, [("A", text)]);
    }

    #[test]
    fn names_that_are_saved() {
        let bytes = postcard::to_stdvec(&sample()).unwrap();
        assert_eq!(saved_bindings(&bytes).unwrap(), sample());
        for end in 0..bytes.len() {
            assert!(saved_bindings(&bytes[..end]).is_err());
        }
        assert!(saved_bindings(&[&*bytes, &[0]].concat()).is_err());
        // A list of 2^64 - 1 names.
        assert!(saved_bindings(&[&[0xff; 9][..], &[1]].concat()).is_err());
        assert!(saved_bindings(&[1, 1, 0xff]).is_err(), "a name that is no text");
    }
}
