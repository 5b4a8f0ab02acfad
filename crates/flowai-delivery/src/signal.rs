//! Waking those who wait for something that is stored.

use std::{
    pin::pin,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

/// Counts the changes after which what is waited for may be there.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
    changed_async: Notify,
}

#[derive(Debug, Default)]
struct State {
    changes: u64,
    /// Threads that wait. To wake nobody costs a system call too.
    waiting: usize,
}

impl Signal {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many changes there were: look at this first, then for what is wanted, then wait for it to differ.
    pub(crate) fn count(&self) -> u64 {
        self.lock().changes
    }

    pub(crate) fn change(&self) {
        let mut state = self.lock();
        state.changes += 1;
        let waiting = state.waiting;
        drop(state);
        if waiting > 0 {
            self.changed.notify_all();
        }
        self.changed_async.notify_waiters();
    }

    /// Waits for the count to differ from `seen`, for at most `time`; tells whether it does.
    pub(crate) fn wait(&self, seen: u64, time: Duration) -> bool {
        let mut state = self.lock();
        state.waiting += 1;
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, time, |state| state.changes == seen)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.changes != seen
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
