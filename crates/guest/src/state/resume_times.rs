//! How long a resume took.

/// How long the steps of a resume took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResumeTimes {
    /// Making the store, the main module's instance and the engine's.
    pub instantiate: f64,
    /// Mapping the memory.
    pub map: f64,
    /// Globals, tables, and what else lies outside of the memory.
    pub side_state: f64,
}
