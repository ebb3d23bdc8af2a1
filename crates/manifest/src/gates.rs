//! Gates: features that are not ready. They are closed without the flag `experimental`.

/// A feature with a name, which a worker has when it opens the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// The name that a configuration has.
    pub name: &'static str,
    /// What is behind it.
    pub what: &'static str,
}

/// All gates.
pub const GATES: &[Gate] = &[Gate {
    name: "python_from_javascript",
    what: "JavaScript may import `pyodide:python`, which imports Python's modules",
}];

/// The gate of a name.
#[must_use]
pub fn gate(name: &str) -> Option<&'static Gate> {
    GATES.iter().find(|gate| gate.name == name)
}
