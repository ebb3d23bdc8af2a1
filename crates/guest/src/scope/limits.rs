//! What the guest is told of its limits.

use super::Scope;
use crate::Error;
use crate::control::SoftStop;
use crate::host_memory::{Held, HostMemory};

impl Scope<'_> {
    /// Says how the guest is told that it should end, before it is stopped for good ([`crate::Control`]).
    ///
    /// # Errors
    ///
    /// [`Error::OutOfBounds`] for an address at which the memory has no word.
    pub fn set_soft_stop(&mut self, soft_stop: SoftStop) -> Result<(), Error> {
        for (address, _) in soft_stop.raise.iter().chain(&soft_stop.lower) {
            self.read_u32(*address)?;
        }
        self.state().control.set_soft_stop(soft_stop);
        Ok(())
    }

    /// Whether the guest is to end, which it asks once it has seen the words of [`SoftStop::raise`]; only the first
    /// answer after a soft stop is true. The words are lowered in any case.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn take_soft_stop(&mut self) -> Result<bool, Error> {
        let control = self.state().control.clone();
        for (address, word) in control.lowered() {
            self.write(address, &word.to_le_bytes())?;
        }
        Ok(control.take_signal())
    }

    /// By what the guest is interrupted ([`crate::Control::interrupt`]), which it asks as it does of a soft stop; 0 for
    /// nothing, and after the first answer.
    #[must_use]
    pub fn take_interrupt(&self) -> i32 {
        self.state().control.take_interrupt()
    }

    /// Has the guest look for an interruption when it goes on, if there is one: for calls of the host that an interruption
    /// ends. Answers whether there is.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn announce_interrupt(&mut self) -> Result<bool, Error> {
        if !self.state().control.is_interrupted() {
            return Ok(false);
        }
        self.look_again().map(|()| true)
    }

    /// Has the guest look once more whether there is something to tell it, soon.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn look_again(&mut self) -> Result<(), Error> {
        for (address, word) in self.state().control.raised() {
            self.write(address, &word.to_le_bytes())?;
        }
        Ok(())
    }

    /// The bytes of the host that the isolate holds, which count as its memory.
    #[must_use]
    pub fn host_memory(&self) -> &HostMemory {
        &self.state().limits.memory
    }

    /// Counts bytes of the host that the isolate is about to hold, until what is given is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`] when there would be more than the isolate may have, even after a collection.
    pub fn hold(&mut self, bytes: usize, what: &'static str) -> Result<Held, Error> {
        if !self.host_memory().has_room(bytes) {
            self.collect()?;
        }
        self.state_mut().limits.hold(bytes).ok_or(Error::OutOfMemory { what })
    }

    /// Counts bytes of the host that the isolate holds for as long as it lives.
    pub(crate) fn hold_for_good(&mut self, bytes: usize, what: &'static str) -> Result<(), Error> {
        self.hold(bytes, what).map(Held::keep)
    }

    /// How large the linear memory, and what the host holds for the isolate, may be together, in bytes.
    #[must_use]
    pub fn memory_limit(&self) -> usize {
        self.host_memory().maximum()
    }

    /// Whether the guest can have so many bytes more: it is tried, after a collection if it must be, and given back.
    ///
    /// # Errors
    ///
    /// A trap.
    pub fn has_room(&mut self, bytes: u32) -> Result<bool, Error> {
        let refused = self.memory_refused();
        let room = self.try_room(bytes)? || {
            self.collect()?;
            self.try_room(bytes)?
        };
        // To ask is no fault of the guest's.
        self.host_memory().set_refused(refused);
        Ok(room)
    }

    fn try_room(&mut self, bytes: u32) -> Result<bool, Error> {
        let javascript = self.javascript()?;
        let address = javascript.malloc.call(&mut self.store, bytes)?;
        if address == 0 {
            return Ok(false);
        }
        self.deallocate(address)?;
        Ok(true)
    }

    /// The address that the main module exports under a name.
    ///
    /// # Errors
    ///
    /// [`Error::Link`] when it exports no such thing.
    pub fn address_of(&mut self, name: &str) -> Result<u32, Error> {
        self.exported_address(name).ok_or_else(|| Error::Link {
            module: "the main module",
            what: format!("it exports no address `{name}`"),
        })
    }
}
