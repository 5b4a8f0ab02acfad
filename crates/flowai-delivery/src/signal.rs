//! Waking those who wait for something that is stored.

use std::{
    pin::pin,
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

/// Counts the changes after which what is waited for may be there.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    changes: Mutex<u64>,
    changed: Condvar,
    changed_async: Notify,
}

impl Signal {
    /// How many changes there were: look at this first, then for what is wanted, then wait for it to differ.
    pub(crate) fn count(&self) -> u64 {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change(&self) {
        *self.changes.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
        self.changed_async.notify_waiters();
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

    /// As [`wait`](Self::wait), awaited and without an end.
    pub(crate) async fn differs(&self, seen: u64) {
        loop {
            let mut changed = pin!(self.changed_async.notified());
            // From here on a change is remembered, so none is missed between the look and the wait.
            changed.as_mut().enable();
            if self.count() != seen {
                return;
            }
            changed.await;
        }
    }
}
