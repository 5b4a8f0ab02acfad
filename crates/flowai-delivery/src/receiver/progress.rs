//! What is known about one connection: shared by those who watch its bytes, answer its requests and may end it.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Between two requests, or after the last one.
    Idle = 0,
    /// Before the end of its handshake or of the head of a request.
    Opening = 1,
    /// From the head of a request to its answer.
    Request = 2,
}

#[derive(Debug)]
pub(crate) struct Progress {
    born: Instant,
    /// The phase in the two lowest bits, above them when it began, in milliseconds after `born`.
    phase: AtomicU64,
    good_heads: AtomicU64,
    fault: OnceLock<&'static str>,
    unread: AtomicBool,
    too_slow: AtomicBool,
}

impl Progress {
    pub(crate) fn new() -> Progress {
        Progress {
            born: Instant::now(),
            phase: AtomicU64::new(Phase::Opening as u64),
            good_heads: AtomicU64::new(0),
            fault: OnceLock::new(),
            unread: AtomicBool::new(false),
            too_slow: AtomicBool::new(false),
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        let millis = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        self.phase.store(millis << 2 | phase as u64, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) & 3 {
            0 => Phase::Idle,
            1 => Phase::Opening,
            _ => Phase::Request,
        }
    }

    /// How long the connection has been in its phase.
    pub(crate) fn age(&self) -> Duration {
        let since = Duration::from_millis(self.phase.load(Ordering::Relaxed) >> 2);
        self.born.elapsed().saturating_sub(since)
    }

    /// One more head has arrived that is as it should be.
    pub(crate) fn head_is_good(&self) {
        self.good_heads.fetch_add(1, Ordering::Relaxed);
    }

    /// The head after the good ones is not as it should be; nothing after it counts.
    pub(crate) fn head_is_bad(&self, fault: &'static str) {
        let _ = self.fault.set(fault);
    }

    /// Whether the request with this number, counted from 0, may be served, and if not why.
    ///
    /// A head that only the HTTP library believes to be complete is refused too: then the two disagree on where a
    /// request ends, and that is how requests are smuggled.
    pub(crate) fn check_head(&self, number: u64) -> Result<(), &'static str> {
        if number < self.good_heads.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(self
            .fault
            .get()
            .copied()
            .unwrap_or("the end of the head is unclear"))
    }

    /// The answer went out before the request was read, so the client may still be writing.
    pub(crate) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// The client has kept the receiver waiting in the middle of something.
    pub(crate) fn lose_patience(&self) {
        self.too_slow.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_too_slow(&self) -> bool {
        self.too_slow.load(Ordering::Relaxed)
    }
}
