//! Names of packages, as all tools compare them.

/// A package's name as all tools compare it (PEP 503).
#[must_use]
pub fn normalised(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

/// Whether a name is written as [`normalised`] writes it.
pub(crate) fn is_normalised(name: &str) -> bool {
    let is_known =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    !name.is_empty() && name.chars().all(is_known) && normalised(name) == name
}
