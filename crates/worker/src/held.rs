//! What the host holds for the isolates of a worker: for those that there are, and for those that have ended while
//! their answers are still on the way to clients.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use taipan_guest::HostMemory;

/// Between two looks at whether there is room.
const PAUSE: Duration = Duration::from_millis(20);

/// The memory that the host holds for a worker, and a bound of it.
#[derive(Debug)]
pub(crate) struct HeldMemory {
    /// Of each isolate for which something is held, or may be.
    isolates: Mutex<Vec<HostMemory>>,
    /// When more bytes are held, no isolate is made.
    maximum: usize,
}

impl HeldMemory {
    pub(crate) fn new(maximum: usize) -> Self {
        Self { isolates: Mutex::default(), maximum }
    }

    /// There is one isolate more.
    pub(crate) fn add(&self, isolate: HostMemory) {
        self.isolates().push(isolate);
    }

    /// Waits until so much has been sent, or given up, that there may be one isolate more.
    pub(crate) async fn room(&self) {
        while self.is_full() {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether so much is held that there is no room for one isolate more.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes() > self.maximum
    }

    fn bytes(&self) -> usize {
        let mut isolates = self.isolates();
        isolates.retain(HostMemory::is_shared);
        isolates.iter().map(HostMemory::held).sum()
    }

    fn isolates(&self) -> MutexGuard<'_, Vec<HostMemory>> {
        // What it guards is whole at any time.
        self.isolates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outlives_its_isolate() {
        let held = HeldMemory::new(100);
        let isolate = HostMemory::default();
        held.add(isolate.clone());
        let answer = isolate.hold(101).unwrap();
        drop(isolate);
        assert_eq!(held.bytes(), 101);
        assert!(held.is_full());
        drop(answer);
        assert!(!held.is_full());
        assert!(held.isolates().is_empty(), "an account that nobody uses is forgotten");
    }
}
