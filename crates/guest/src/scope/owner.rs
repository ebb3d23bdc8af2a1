//! In whose name JavaScript runs.

use super::Scope;
use crate::Error;

impl Scope<'_> {
    /// In whose name JavaScript runs: the number that was set last. A reaction to a promise runs in the name of the
    /// owner that asked for it, not of the one that settles the promise. 0 is no owner.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn owner(&self) -> Result<u32, Error> {
        self.read_u32(self.javascript()?.owner)
    }

    /// Has JavaScript run in another's name from now on; gives the one before.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn set_owner(&mut self, owner: u32) -> Result<u32, Error> {
        let address = self.javascript()?.owner;
        let before = self.read_u32(address)?;
        if before != owner {
            self.write(address, &owner.to_le_bytes())?;
            self.runs_as(owner)?;
        }
        Ok(before)
    }

    /// JavaScript runs in another's name.
    pub(crate) fn runs_as(&mut self, owner: u32) -> Result<(), Error> {
        for (address, word) in self.state().control.clone().run_as(owner) {
            self.write(address, &word.to_le_bytes())?;
        }
        Ok(())
    }
}
