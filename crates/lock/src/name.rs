//! Names of packages, as all tools compare them.

/// A package's name as all tools compare it (PEP 503).
#[must_use]
pub fn normalised(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

/// Whether a package can be called so (PEP 508, "Names").
#[must_use]
pub fn is_name(text: &str) -> bool {
    let has_ends = [text.chars().next(), text.chars().next_back()]
        .iter()
        .all(|end| end.is_some_and(|letter| letter.is_ascii_alphanumeric()));
    has_ends && text.chars().all(is_of_name)
}

/// Whether a name can have this letter.
pub(crate) fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

/// Whether a name is written as [`normalised`] writes it.
pub(crate) fn is_normalised(name: &str) -> bool {
    let is_known =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    !name.is_empty() && name.chars().all(is_known) && normalised(name) == name
}
