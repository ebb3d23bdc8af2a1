//! What an isolate is given of the outside world.

use std::any::{Any, TypeId};
use std::collections::HashMap;

/// Clocks and entropy. Nothing in an isolate reads them from elsewhere.
pub trait Host: Send {
    /// Milliseconds since the Unix epoch.
    fn wall_clock(&mut self) -> f64;
    /// Milliseconds since some moment before the isolate was made; never goes back.
    fn monotonic_clock(&mut self) -> f64;
    /// Fills `bytes` with random bytes fit for keys.
    fn random(&mut self, bytes: &mut [u8]);
}

/// The states of the host operations, one of each type.
#[derive(Debug, Default)]
pub struct Extensions(HashMap<TypeId, Box<dyn Any + Send>>);

impl Extensions {
    /// Puts `state` in, in place of the one of its type.
    pub fn insert<T: Any + Send>(&mut self, state: T) {
        self.0.insert(TypeId::of::<T>(), Box::new(state));
    }

    /// The state of type `T`.
    #[must_use]
    pub fn of<T: Any + Send>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>())?.downcast_ref()
    }

    /// The state of type `T`, to change.
    #[must_use]
    pub fn of_mut<T: Any + Send>(&mut self) -> Option<&mut T> {
        self.0.get_mut(&TypeId::of::<T>())?.downcast_mut()
    }
}
