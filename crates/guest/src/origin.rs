//! Where in its program a guest is when it begins what a snapshot cannot keep, or takes entropy.
//!
//! This is asked only while an isolate is prepared for a snapshot. The crate that
//! knows the program's language gives the function that finds the place; this
//! crate keeps what it found.

use crate::scope::Scope;
use crate::state::recorded::{Origin, Taken};
use crate::state::{Locate, Recorder};
use crate::{Error, Handle, isolate};

/// Different places at which entropy was taken that are remembered. A worker's top level has a few.
const TAKEN_MAX: usize = 256;

impl Scope<'_> {
    /// Begins to record where entropy is taken, and to answer [`Scope::origin`].
    pub fn start_recording(&mut self, locate: Locate) {
        self.state_mut().recorder = Some(Box::new(Recorder { locate, taken: Vec::new() }));
    }

    /// Ends what [`Scope::start_recording`] began; the entropy that was taken, by place.
    pub fn stop_recording(&mut self) -> Vec<Taken> {
        self.state_mut().recorder.take().map_or_else(Vec::new, |recorder| recorder.taken)
    }

    /// Whether the isolate is prepared for a snapshot.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.state().recorder.is_some()
    }

    /// Where the guest is, while that is recorded.
    pub fn origin(&mut self) -> Option<Origin> {
        let locate = self.state().recorder.as_ref()?.locate;
        locate(self)
    }

    /// Says that the guest takes `bytes` of the host's entropy through `what`.
    pub fn note_entropy(&mut self, what: &str, bytes: usize) {
        // One comparison when nothing is recorded.
        let Some(mut origin) = self.origin() else { return };
        let Some(recorder) = &mut self.state_mut().recorder else { return };
        if origin.what.is_empty() {
            what.clone_into(&mut origin.what);
        }
        let bytes = bytes as u64;
        if let Some(taken) = recorder.taken.iter_mut().find(|taken| taken.origin == origin) {
            taken.bytes = taken.bytes.saturating_add(bytes);
        } else if recorder.taken.len() < TAKEN_MAX {
            recorder.taken.push(Taken { origin, bytes });
        }
    }

    /// The functions of JavaScript that are under way, one a line, as an `Error` has them.
    ///
    /// # Errors
    ///
    /// What a `prepareStackTrace` of the program throws; a trap.
    pub fn javascript_stack(&mut self) -> Result<String, Error> {
        let javascript = self.javascript()?;
        let stack: Handle = self.with_frame::<_, Error>(1, |scope, frame| {
            if javascript.stack.call(&mut scope.store, frame.address)? < 0 {
                return Err(scope.exception());
            }
            let value = scope.read_value(frame.address)?;
            scope.new_handle(value)
        })?;
        self.text(&stack)
    }

    /// The address of data that the main module exports by this name.
    pub fn exported_address(&mut self, name: &str) -> Option<u32> {
        let main = self.linked().ok()?.main;
        let address = main.get_global(&mut self.store, name)?.get(&mut self.store).i32()?;
        Some(isolate::memory_base(&mut self.store, &main).wrapping_add(address.cast_unsigned()))
    }

    /// Seeds `Math.random` again from the host's entropy: a resumed isolate has the same sequence as all others.
    ///
    /// # Errors
    ///
    /// A trap.
    pub fn reseed_javascript(&mut self) -> Result<(), Error> {
        let javascript = self.javascript()?;
        let mut seed = [0; 8];
        self.host().random(&mut seed);
        Ok(javascript.reseed.call(&mut self.store, u64::from_le_bytes(seed))?)
    }
}
