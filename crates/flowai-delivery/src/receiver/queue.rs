//! The events that were received and not yet taken.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use flowai::{Error, ErrorKind, Result, webhook::Event};
use tokio::sync::Notify;

/// A bounded queue in memory, for any number of threads and tasks on both ends.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    changed_async: Notify,
    max_events: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The number of the next entry.
    next: u64,
    /// Nothing more will come.
    closed: bool,
    /// How often those who wait were told to look again.
    nudges: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    bytes: usize,
    event: Event,
}

/// Why events were not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no room now.
    Full,
    /// There would be no room even in the empty queue.
    TooMany,
    /// The queue is closed.
    Closed,
}

impl Queue {
    pub(crate) fn new(max_events: usize, max_bytes: usize) -> Queue {
        Queue {
            state: Mutex::default(),
            changed: Condvar::new(),
            changed_async: Notify::new(),
            max_events,
            max_bytes,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self) {
        self.changed.notify_all();
        self.changed_async.notify_waiters();
    }

    /// Has everybody who waits look again.
    pub(crate) fn nudge(&self) {
        self.lock().nudges += 1;
        self.announce();
    }

    /// Adds all events of one body, or none.
    pub(crate) fn push(&self, events: Vec<Event>, body_bytes: usize) -> Result<(), Refused> {
        if events.len() > self.max_events {
            return Err(Refused::TooMany);
        }
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        // A body larger than the byte limit is still taken by an empty queue, else it could never be delivered.
        let too_large = !state.entries.is_empty() && state.bytes.saturating_add(body_bytes) > self.max_bytes;
        if too_large || state.entries.len() + events.len() > self.max_events {
            return Err(Refused::Full);
        }
        let share = body_bytes.checked_div(events.len()).unwrap_or_default();
        for event in events {
            let number = state.next;
            state.next += 1;
            state.bytes += share;
            state.entries.push_back(Entry {
                number,
                bytes: share,
                event,
            });
        }
        drop(state);
        self.announce();
        Ok(())
    }

    /// Nothing more will come; what is queued can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.announce();
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Takes the first event that `wanted` accepts. `None` when the time is over; [`ErrorKind::Closed`] when none
    /// can come any more. `tick` is called at least every [`flowai::runtime::TICK`] while waiting, without a lock.
    pub(crate) fn take(
        &self,
        wanted: impl Fn(&Event) -> bool,
        timeout: Option<Duration>,
        tick: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Option<Event>> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut seen = 0;
        let mut nudges = None;
        loop {
            let mut state = self.lock();
            if let Some(event) = state.take(&wanted, &mut seen) {
                return Ok(Some(event));
            }
            if state.closed {
                return Err(closed());
            }
            let nudged = Some(state.nudges);
            if nudges != nudged {
                nudges = nudged;
                drop(state);
                tick()?;
                continue;
            }
            let slice = match deadline {
                Some(deadline) => deadline
                    .saturating_duration_since(Instant::now())
                    .min(flowai::runtime::TICK),
                None => flowai::runtime::TICK,
            };
            if slice.is_zero() {
                return Ok(None);
            }
            drop(
                self.changed
                    .wait_timeout(state, slice)
                    .unwrap_or_else(PoisonError::into_inner),
            );
            tick()?;
        }
    }

    /// The first event that `wanted` accepts, awaited. No event is lost when the future is dropped.
    pub(crate) async fn take_async(&self, wanted: impl Fn(&Event) -> bool) -> Result<Event> {
        let mut seen = 0;
        loop {
            let changed = self.changed_async.notified();
            let mut changed = std::pin::pin!(changed);
            // From here on a change is remembered, so none is missed between the look and the wait.
            changed.as_mut().enable();
            {
                let mut state = self.lock();
                if let Some(event) = state.take(&wanted, &mut seen) {
                    return Ok(event);
                }
                if state.closed {
                    return Err(closed());
                }
            }
            changed.await;
        }
    }

    /// Waits until the queue is closed; tells whether it is.
    pub(crate) fn wait_closed(
        &self,
        timeout: Duration,
        tick: &mut dyn FnMut() -> Result<()>,
    ) -> Result<bool> {
        let deadline = Instant::now().checked_add(timeout);
        loop {
            let state = self.lock();
            if state.closed {
                return Ok(true);
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(false);
            }
            drop(
                self.changed
                    .wait_timeout(state, flowai::runtime::TICK)
                    .unwrap_or_else(PoisonError::into_inner),
            );
            tick()?;
        }
    }
}

impl State {
    /// Looks at the entries from number `seen` on, so that a waiting caller looks at each only once.
    fn take(&mut self, wanted: &impl Fn(&Event) -> bool, seen: &mut u64) -> Option<Event> {
        let start = self.entries.partition_point(|entry| entry.number < *seen);
        let found = self
            .entries
            .iter()
            .skip(start)
            .position(|entry| wanted(&entry.event));
        *seen = self.next;
        let entry = self.entries.remove(start + found?)?;
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        Some(entry.event)
    }
}

fn closed() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the receiver was stopped and all its events were taken",
    )
}
