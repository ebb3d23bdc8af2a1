//! A requirement (PEP 508), as far as it has to be understood: uv understands the rest.

use pep440_rs::VersionSpecifiers;

use crate::name::{is_of_name, normalised};

/// What a project asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    /// As it is written, without needless spaces: what requirements are compared by.
    pub text: String,
    /// The package's name, normalised.
    pub name: String,
    /// The versions that fit; none for one with an address, or what is not understood.
    pub specifiers: Option<VersionSpecifiers>,
    /// The marker that says when it counts, as it is written.
    pub marker: Option<String>,
}

impl Requirement {
    /// Reads `text`; none for what is no requirement: where it begins with no name, or has what are no versions behind it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let end = text.find(|letter| !is_of_name(letter)).unwrap_or(text.len());
        let (written, rest) = text.split_at(end);
        let name = normalised(written);
        if name.is_empty() {
            return None;
        }
        let rest = rest.trim_start();
        let rest = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((_extras, rest)) => rest,
            None => rest,
        };
        let (versions, marker) = match rest.split_once(';') {
            Some((versions, marker)) => (versions, Some(marker.trim().to_owned())),
            None => (rest, None),
        };
        let versions = versions.trim().trim_start_matches('(').trim_end_matches(')');
        let specifiers = versions.parse().ok().filter(|_| !versions.starts_with('@'));
        // An address, or a version that is no version and means itself (`===`).
        let is_understood =
            specifiers.is_some() || versions.starts_with('@') || versions.contains("===");
        is_understood.then_some(Self { name, specifiers, marker, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, name: &str, specifiers: Option<&str>, has_marker: bool) {
        let found = Requirement::parse(text).unwrap();
        let said = found.specifiers.map(|specifiers| specifiers.to_string());
        assert_eq!(
            (found.name.as_str(), said.as_deref(), found.marker.is_some()),
            (name, specifiers, has_marker)
        );
    }

    #[test]
    fn forms() {
        check("httpx", "httpx", Some(""), false);
        check("Typing_Extensions >= 4, <5", "typing-extensions", Some(">=4, <5"), false);
        check("jinja2[i18n]>=3 ; python_version > '3'", "jinja2", Some(">=3"), true);
        check("a (>=1)", "a", Some(">=1"), false);
        check("thing @ file:///x/thing-1-py3-none-any.whl", "thing", None, false);
        check("a===one", "a", None, false);
        for none in [" >=1", "", "a ~ 1", "a >>> 1", "a 1.0", "a[b", "a, b", "-e ."] {
            assert_eq!(Requirement::parse(none), None, "{none}");
        }
        assert_eq!(Requirement::parse("a  >=1").unwrap().text, "a >=1");
    }
}
