//! The file layers of an isolate: what its host operations look files up in.

use std::fmt;
use std::sync::Arc;

use crate::layer::Layer;

/// The bytes of a layer: a mapping, or a vector.
pub type LayerBytes = bytes::Bytes;

/// The file layers of an isolate, by their numbers.
#[derive(Clone, Default)]
pub struct Layers(pub Vec<Arc<Layer<LayerBytes>>>);

impl fmt::Debug for Layers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Layers({})", self.0.len())
    }
}
