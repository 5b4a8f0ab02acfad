//! Counting what the receiver did.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// What a [`Receiver`](crate::Receiver) has done since it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events that were put in the queue or stored in the inbox.
    pub accepted: u64,
    /// Events that were acknowledged and not stored again, since the inbox had them.
    pub repeated: u64,
    /// Refused requests by the status of the answer.
    pub rejected: BTreeMap<u16, u64>,
    /// Connections that were ended because the client was too slow with a head or with reading, or had to make room.
    pub dropped: u64,
    /// Events in the queue now; none when there is an inbox.
    pub queued: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    accepted: AtomicU64,
    repeated: AtomicU64,
    rejected: Mutex<BTreeMap<u16, u64>>,
    dropped: AtomicU64,
}

impl Counters {
    pub(crate) fn accept(&self, events: usize) {
        self.accepted.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn repeat(&self, events: usize) {
        self.repeated.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn reject(&self, status: u16) {
        *self
            .rejected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(status)
            .or_default() += 1;
    }

    pub(crate) fn drop_connection(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, queued: usize) -> Stats {
        Stats {
            accepted: self.accepted.load(Ordering::Relaxed),
            repeated: self.repeated.load(Ordering::Relaxed),
            rejected: self
                .rejected
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            dropped: self.dropped.load(Ordering::Relaxed),
            queued,
        }
    }
}
