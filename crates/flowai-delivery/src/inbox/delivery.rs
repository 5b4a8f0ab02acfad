//! One event in the hands of its handler.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use flowai::{Error, ErrorKind, Event, Result};
use tokio::sync::oneshot;

use super::{
    Inbox,
    store::{Claim, Lease, Outcome},
};
use crate::storage::{Done, awaited, wait};

/// An event to handle, from [`Inbox::next`] or in a handler of [`Inbox::handle`].
///
/// Say what became of it with one of [`ack`](Self::ack), [`retry`](Self::retry), [`fail`](Self::fail) and
/// [`dead`](Self::dead), within [`lease_time`](crate::InboxOptions::lease_time) or the last
/// [`heartbeat`](Self::heartbeat): else it is handed out again. A delivery that is dropped before has failed.
pub struct Delivery {
    inbox: Inbox,
    claim: Claim,
    event: Event,
    attempt: u32,
    received_at_ms: i64,
    maybe_duplicate: bool,
    replayed: bool,
    /// Whether it was said what became of the event.
    settled: AtomicBool,
}

impl Delivery {
    pub(super) fn new(inbox: Inbox, lease: Lease, event: Event) -> Delivery {
        Delivery {
            inbox,
            claim: lease.claim,
            event,
            attempt: lease.attempt,
            received_at_ms: lease.received_at_ms,
            maybe_duplicate: lease.maybe_duplicate,
            replayed: lease.replayed,
            settled: AtomicBool::new(false),
        }
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The number of the event in its inbox, the same in every attempt.
    pub fn id(&self) -> i64 {
        self.claim.id
    }

    /// Which attempt this is, counted from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// When the event was stored, in milliseconds since 1970 UTC.
    pub fn received_at_ms(&self) -> i64 {
        self.received_at_ms
    }

    /// Whether the event is a copy that [`Inbox::replay`] made.
    pub fn replayed(&self) -> bool {
        self.replayed
    }

    /// Whether an event with the same bytes came within the 24 hours before it. Nothing in the body tells whether it is the
    /// same one again, or another that looks like it: to pause, resume and pause are three events with equal bodies.
    pub fn maybe_duplicate(&self) -> bool {
        self.maybe_duplicate
    }

    /// The event is handled. Once this returns it is not handed out again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`], after which the event will be handed out again; [`ErrorKind::Closed`] when the lease has
    /// ended, so that another handler may have the event, or the inbox is closed; [`ErrorKind::InvalidArgument`] when the
    /// outcome was said before; [`ErrorKind::Forked`]. So for all outcomes.
    pub fn ack(&self) -> Result<()> {
        self.settle(Outcome::Handled)
    }

    /// The event is to be handled later: after this time, or by default after one that grows with each attempt. Until then
    /// its thread waits. At the last attempt it becomes a dead letter.
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack).
    pub fn retry(&self, after: Option<Duration>) -> Result<()> {
        self.settle(self.failure(after, None))
    }

    /// The event was not handled, for this reason, and is to be handled again as by [`retry`](Self::retry).
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack).
    pub fn fail(&self, reason: &str) -> Result<()> {
        self.settle(self.failure(None, Some(reason)))
    }

    /// The event is not to be handled again, for this reason: it becomes a dead letter, and its thread goes on.
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack).
    pub fn dead(&self, reason: &str) -> Result<()> {
        self.settle(Outcome::Dead(reason.to_owned()))
    }

    /// As [`ack`](Self::ack), awaited in any async runtime. Dropping the future does not undo it. So for all outcomes.
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack).
    pub async fn ack_async(&self) -> Result<()> {
        self.settle_async(Outcome::Handled).await
    }

    /// As [`retry`](Self::retry), awaited.
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack).
    pub async fn retry_async(&self, after: Option<Duration>) -> Result<()> {
        self.settle_async(self.failure(after, None)).await
    }

    /// As [`fail`](Self::fail), awaited.
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack).
    pub async fn fail_async(&self, reason: &str) -> Result<()> {
        self.settle_async(self.failure(None, Some(reason))).await
    }

    /// As [`dead`](Self::dead), awaited.
    ///
    /// # Errors
    ///
    /// As [`ack`](Self::ack).
    pub async fn dead_async(&self, reason: &str) -> Result<()> {
        self.settle_async(Outcome::Dead(reason.to_owned())).await
    }

    /// The event is still being handled: its lease lasts the whole lease time from now on.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Closed`] when the lease has ended, and as [`ack`](Self::ack).
    pub fn heartbeat(&self) -> Result<()> {
        let time = self.inbox.0.options.lease_time;
        if self.inbox.store()?.extend(self.claim, time)? {
            return Ok(());
        }
        Err(ended())
    }

    /// Whether it was said what became of the event.
    pub fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    fn failure(&self, after: Option<Duration>, reason: Option<&str>) -> Outcome {
        let options = &self.inbox.0.options;
        if self.attempt < options.max_attempts {
            let after = after.unwrap_or_else(|| options.backoff(self.attempt));
            return Outcome::Retry(after, reason.map(str::to_owned));
        }
        let reason = reason.unwrap_or("it was not handled");
        Outcome::Dead(format!("{reason} (attempt {}, the last)", self.attempt))
    }

    fn settle(&self, outcome: Outcome) -> Result<()> {
        let current = wait(|done| self.start_settling(outcome, done))?;
        if current { Ok(()) } else { Err(ended()) }
    }

    async fn settle_async(&self, outcome: Outcome) -> Result<()> {
        let current = awaited(|done| self.start_settling(outcome, done)).await?;
        if current { Ok(()) } else { Err(ended()) }
    }

    /// Nobody has begun to handle the event, nor will: it is handed out again at once, and the attempt does not count. This
    /// returns before that is written down; if it cannot be, the event is handed out again all the same. Nothing happens
    /// when the outcome was said before.
    pub fn give_back(&self) {
        self.start_settling(Outcome::Returned, Box::new(|_| {}));
    }

    /// Begins to write down what became of the event, and returns at once: it was handled, or failed for this reason.
    pub(super) fn settle_later(&self, failure: Option<&str>) -> Settling {
        let outcome = match failure {
            None => Outcome::Handled,
            Some(reason) => self.failure(None, Some(reason)),
        };
        let (sender, receiver) = oneshot::channel();
        self.start_settling(
            outcome,
            Box::new(move |result| {
                let _ = sender.send(result);
            }),
        );
        Settling {
            id: self.id(),
            result: receiver,
        }
    }

    /// `done` gets false when the lease had ended.
    fn start_settling(&self, outcome: Outcome, done: Done<bool>) {
        let store = match self.inbox.store() {
            Ok(store) => store,
            Err(error) => return done(Err(error)),
        };
        if self.settled.swap(true, Ordering::AcqRel) {
            return done(Err(Error::new(
                ErrorKind::InvalidArgument,
                "what became of the event was said before",
            )));
        }
        let (event_id, attempt) = (self.id(), self.attempt());
        match &outcome {
            Outcome::Handled => {
                log::debug!(event_id, attempt; "event {event_id} of the inbox was handled in attempt {attempt}");
            }
            Outcome::Retry(after, _) => {
                let pause = after.as_secs_f64();
                log::debug!(
                    event_id, attempt, pause;
                    "event {event_id} of the inbox, attempt {attempt}, is due again in {pause:.1} s"
                );
            }
            Outcome::Dead(reason) => {
                log::warn!(event_id, attempt; "event {event_id} of the inbox becomes a dead letter: {}", last_line(reason));
            }
            Outcome::Returned => {
                log::debug!(event_id, attempt; "event {event_id} of the inbox is given back");
            }
        }
        let signal = self.inbox.0.signal.clone();
        store.settle(
            self.claim,
            outcome,
            Box::new(move |result| {
                signal.change();
                done(result);
            }),
        );
    }
}

/// An outcome that is being written down.
pub(super) struct Settling {
    id: i64,
    result: oneshot::Receiver<Result<bool>>,
}

impl Settling {
    /// Waits until it is written down. Who handles events has nothing to do about a failure: the event comes again.
    pub(super) fn finish(self) {
        report(self.id, self.result.blocking_recv());
    }

    /// As [`finish`](Self::finish), awaited.
    pub(super) async fn finish_async(self) {
        report(self.id, self.result.await);
    }
}

fn report(id: i64, settled: Result<Result<bool>, oneshot::error::RecvError>) {
    match settled {
        Ok(Ok(true)) | Err(_) => {}
        Ok(Ok(false)) => log::warn!("event {id} of the inbox: {}", ended()),
        Ok(Err(error)) => log::warn!("event {id} of the inbox: {error}"),
    }
}

/// What the log says of a reason, which may be a traceback.
pub(super) fn last_line(reason: &str) -> &str {
    const MOST: usize = 200;
    let line = reason.trim_end().lines().next_back().unwrap_or_default();
    line.char_indices()
        .nth(MOST)
        .and_then(|(end, _)| line.get(..end))
        .unwrap_or(line)
}

fn ended() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the lease has ended; the event is handed out again",
    )
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if !self.is_settled() {
            let outcome = self.failure(None, Some("it was dropped without an outcome"));
            self.start_settling(outcome, Box::new(|_| {}));
        }
    }
}

/// Without content: what people write to a bot has no place in a log.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.id())
            .field("attempt", &self.attempt)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}
