//! Waking those who wait for something that is stored.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// Counts the changes after which what is waited for may be there.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    changes: Mutex<u64>,
    changed: Condvar,
}

impl Signal {
    /// How many changes there were: look at this first, then for what is wanted, then wait for it to differ.
    pub(crate) fn count(&self) -> u64 {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self) {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// Waits for the count to differ from `seen`, for at most `time`; tells whether it does.
    pub(crate) fn wait(&self, seen: u64, time: Duration) -> bool {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let (changes, _) = self
            .changed
            .wait_timeout_while(changes, time, |changes| *changes == seen)
            .unwrap_or_else(PoisonError::into_inner);
        *changes != seen
    }
}
