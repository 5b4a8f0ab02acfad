//! What an inbox asks of the engine that keeps its events.

use std::{fmt, time::Duration};

use bytes::Bytes;
use flowai::Result;
use ring::digest::{SHA256, digest};

use super::entry::{Entry, Filter, InboxStats, StoredEvent};
use crate::storage::Done;

/// Keeps the events of an inbox and decides who handles which.
///
/// What every engine guarantees, tested by `behaviour`: what was put survives a power failure once `done` got `Ok`; of a
/// thread the oldest waiting event is the only one that is leased; whoever's lease has ended cannot settle.
pub(crate) trait InboxStore: Send + Sync + fmt::Debug {
    /// Stores all of them, or none. An event whose identity was stored within the deduplication window is not stored again.
    fn put(&self, arrivals: Vec<Arrival>, done: Done<Vec<StoredEvent>>);

    /// Leases the oldest event that waits, is due, and whose thread has no leased event; counts the attempt.
    fn lease(&self, time: Duration) -> Result<Leased>;

    /// Makes the lease last `time` from now on; false when it has ended.
    fn extend(&self, claim: Claim, time: Duration) -> Result<bool>;

    /// Ends the lease with what became of the event; false when the lease had ended and somebody else may have the event.
    fn settle(&self, claim: Claim, outcome: Outcome, done: Done<bool>);

    /// Events by number, oldest first.
    fn list(&self, filter: &Filter) -> Result<Vec<Entry>>;

    /// One event with its body; nothing when there is none with this number.
    fn show(&self, id: i64) -> Result<Option<(Entry, Bytes)>>;

    /// Stores the arrivals as copies of this event, whatever was stored before; a dead letter is none any more then.
    /// Nothing when there is no such event.
    fn replay(&self, id: i64, arrivals: Vec<Arrival>) -> Result<Option<Vec<i64>>>;

    /// Removes one event that is not being handled.
    fn discard(&self, id: i64) -> Result<Discarded>;

    /// Removes every trace of the content of a conversation; tells how many events that were.
    fn forget(&self, thread_id: &str) -> Result<u64>;

    fn stats(&self) -> Result<InboxStats>;

    /// Removes what has been kept for long enough; tells whether more of it is left.
    #[cfg(test)]
    fn sweep(&self) -> Result<bool>;
}

/// An event on its way into the store.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) thread_id: String,
    pub(crate) body: Bytes,
    pub(crate) identity: Identity,
    /// Why it cannot be handled and is a dead letter from the start.
    pub(crate) fault: Option<String>,
}

/// By what two arrivals of the same event are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// A hash of the event's key: the same is the same event.
    Key([u8; 32]),
    /// A hash of the bytes: the same may be the same event, or another one that looks like it.
    Bytes([u8; 32]),
}

impl Identity {
    pub(crate) fn of(dedupe_key: Option<&str>, body: &[u8]) -> Identity {
        match dedupe_key {
            Some(key) => Identity::Key(hash(key.as_bytes())),
            None => Identity::Bytes(hash(body)),
        }
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    // Both sides have 32 bytes.
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    hash
}

/// The right to handle an event, until the lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Claim {
    pub(crate) id: i64,
    /// Counts the leases of the event, so that an old one is told from the current one.
    pub(crate) generation: i64,
}

/// A leased event.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) claim: Claim,
    pub(crate) body: Bytes,
    /// Which attempt this is, counted from 1.
    pub(crate) attempt: u32,
    pub(crate) received_at_ms: i64,
    pub(crate) maybe_duplicate: bool,
    pub(crate) replayed: bool,
}

#[derive(Debug)]
pub(crate) enum Leased {
    Event(Lease),
    /// None is ready; one may be after this time even if nothing is put or settled.
    Nothing(Option<Duration>),
}

/// What became of an event.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Handled,
    /// It is due again after this time; until then its thread waits.
    Retry(Duration, Option<String>),
    /// It is not handed out any more, for this reason.
    Dead(String),
    /// Nobody has begun to handle it: it is due at once, and the attempt does not count.
    Returned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discarded {
    Yes,
    Missing,
    BeingHandled,
}
