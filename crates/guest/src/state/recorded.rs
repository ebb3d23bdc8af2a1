//! Places in a guest's program, as data: where something was begun, where entropy was taken.

/// A line of a program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file's path in the isolate.
    pub file: String,
    /// The line, counted from 1; 0 when it is not known.
    pub line: u32,
    /// The function; `<module>` for the top level.
    pub function: String,
}

/// Where something was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What the program called: `uuid.uuid4()`.
    pub what: String,
    /// Where: the innermost line that is not the platform's own.
    pub place: Place,
    /// The package that this line is of, when it is not the user's own.
    pub package: Option<String>,
    /// The user's own line that led there, when the line is a package's.
    pub caller: Option<Place>,
}

/// Entropy that was taken at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Where.
    pub origin: Origin,
    /// How many bytes, all in all.
    pub bytes: u64,
}
