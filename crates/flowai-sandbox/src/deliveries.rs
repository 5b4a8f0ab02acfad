//! What was delivered to the webhook, what was not, and what still may be.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::clock;
use crate::journal::Ring;
use crate::shared::lock;

/// Bytes of events that may wait at the same time.
const PENDING_BYTES: usize = 64 * 1024 * 1024;
/// Events that may wait at the same time.
const PENDING_EVENTS: usize = 10_000;

/// One event on its way to the webhook.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivery {
    /// The event, as it is sent.
    pub event: Value,
    /// Where it goes: the webhook that was registered when it happened, if there was one.
    pub url: Option<String>,
    /// Every attempt so far, in order.
    pub attempts: Vec<Attempt>,
    /// What has become of it.
    pub state: DeliveryState,
    /// When the event happened: milliseconds since 1970 UTC.
    pub time_ms: u64,
}

/// One call of the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The status of the answer, if there was one. Only 200 to 299 acknowledge.
    pub status: Option<u16>,
    /// What went wrong, if there was no answer.
    pub error: Option<String>,
    /// When the attempt ended: milliseconds since 1970 UTC.
    pub time_ms: u64,
}

/// What has become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeliveryState {
    /// Not acknowledged yet.
    Pending,
    /// Acknowledged by a 2xx.
    Delivered,
    /// Given up: not acknowledged within four hours of the sandbox's clock, or nowhere to go, or more
    /// waiting than memory allows (10,000 events, 64 MiB).
    Failed,
}

struct Log {
    ring: Ring<Delivery>,
    pending: usize,
    pending_bytes: usize,
    /// What will be said later, and so causes events.
    expected: usize,
    stopped: bool,
}

/// The journal of deliveries, which can be waited on.
pub(crate) struct DeliveryLog {
    log: Mutex<Log>,
    settled: Condvar,
}

impl DeliveryLog {
    pub(crate) fn new() -> Self {
        let log = Log {
            ring: Ring::new(),
            pending: 0,
            pending_bytes: 0,
            expected: 0,
            stopped: false,
        };
        Self {
            log: Mutex::new(log),
            settled: Condvar::new(),
        }
    }

    /// Records an event of `bytes` bytes. Returns its number if it is to be delivered.
    pub(crate) fn add(&self, event: Value, bytes: usize, url: Option<String>) -> Option<u64> {
        let mut log = lock(&self.log);
        let accepted = url.is_some()
            && !log.stopped
            && log.pending < PENDING_EVENTS
            && log.pending_bytes.saturating_add(bytes) <= PENDING_BYTES;
        let state = if accepted {
            DeliveryState::Pending
        } else {
            DeliveryState::Failed
        };
        let delivery = Delivery {
            event,
            url,
            attempts: Vec::new(),
            state,
            time_ms: clock::now_ms(),
        };
        // The attempts to come weigh something, too.
        let number = log
            .ring
            .push(delivery, bytes.saturating_mul(2).saturating_add(1024));
        if accepted {
            log.pending += 1;
            log.pending_bytes += bytes;
        }
        accepted.then_some(number)
    }

    pub(crate) fn attempted(&self, number: u64, outcome: &Result<u16, String>) {
        let (status, error) = match outcome {
            Ok(status) => (Some(*status), None),
            Err(reason) => (None, Some(reason.clone())),
        };
        if let Some(delivery) = lock(&self.log).ring.get_mut(number) {
            delivery.attempts.push(Attempt {
                status,
                error,
                time_ms: clock::now_ms(),
            });
        }
    }

    pub(crate) fn settle(&self, number: u64, bytes: usize, state: DeliveryState) {
        let mut log = lock(&self.log);
        if let Some(delivery) = log.ring.get_mut(number) {
            delivery.state = state;
        }
        log.pending = log.pending.saturating_sub(1);
        log.pending_bytes = log.pending_bytes.saturating_sub(bytes);
        if log.pending == 0 {
            self.settled.notify_all();
        }
    }

    /// Events are to come that [`wait`](Self::wait) waits for. False if too many are already.
    pub(crate) fn expect(&self) -> bool {
        let mut log = lock(&self.log);
        let accepted = !log.stopped && log.expected < PENDING_EVENTS;
        log.expected += usize::from(accepted);
        accepted
    }

    /// What was expected has come, or will not.
    pub(crate) fn expected(&self) {
        let mut log = lock(&self.log);
        log.expected = log.expected.saturating_sub(1);
        self.settled.notify_all();
    }

    pub(crate) fn stop(&self) {
        lock(&self.log).stopped = true;
        self.settled.notify_all();
    }

    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let deadline = Instant::now().checked_add(limit);
        let mut log = lock(&self.log);
        while log.pending + log.expected > 0 && !log.stopped {
            let left = deadline.map_or(Duration::from_secs(3600), |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return false;
            }
            log = self
                .settled
                .wait_timeout(log, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        log.pending + log.expected == 0
    }

    pub(crate) fn to_vec(&self) -> Vec<Delivery> {
        lock(&self.log).ring.to_vec()
    }

    pub(crate) fn since(&self, number: u64) -> Vec<(u64, Delivery)> {
        lock(&self.log).ring.since(number)
    }
}
