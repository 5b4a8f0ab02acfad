//! When to try again: for one message, and for all of them when what failed concerns all.

use std::time::{Duration, Instant};

use flowai::{Delivery, Error, ErrorKind};

use super::options::OutboxOptions;

/// A service that asks for a longer wait is asked again after this one.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Holds back all messages while nothing gets through: so that a thousand threads do not find out one by one, and so that
/// a service that fails in the middle of its answers makes a few messages doubtful and not all.
///
/// While it is shut nothing is sent. When its time is over one message is tried; the first answer that is not a failure
/// opens it.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Failures since the last success.
    failures: u32,
    last_failed: Option<i64>,
    shut_until: Option<Instant>,
}

/// When a message may be tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Again {
    pub(crate) wait: Duration,
    /// The reason concerns all messages, so the wait ends when any other one gets through.
    pub(crate) shared: bool,
}

impl Gate {
    /// The service answered something that lets the others go on; tells whether there were failures before.
    pub(crate) fn passed(&mut self) -> bool {
        std::mem::take(self).failures > 0
    }

    /// A message failed, in a way that may pass; `attempts` is how often it was tried.
    pub(crate) fn failed(&mut self, id: i64, attempts: u32, error: &Error, options: &OutboxOptions) -> Again {
        self.failures = self.failures.saturating_add(1);
        let asked = error.response().and_then(|response| response.retry_after);
        let wait = |failures| match asked {
            Some(asked) => asked.min(LONGEST_RETRY_AFTER),
            None => random_part(options.backoff_limit(failures)),
        };
        let shared = concerns_all(error);
        let of_all = wait(self.failures);
        // One message with which the service fails says nothing about the others; two in a row do.
        let another = self.last_failed.is_some_and(|last| last != id);
        if shared || another {
            let until = Instant::now().checked_add(of_all);
            self.shut_until = self.shut_until.max(until);
        }
        self.last_failed = Some(id);
        let wait = if shared { of_all } else { wait(attempts) };
        Again { wait, shared }
    }

    /// How many messages may leave besides those that are leaving.
    pub(crate) fn room(&self, leaving: usize, concurrency: usize) -> usize {
        match self.shut_until {
            None => concurrency.saturating_sub(leaving),
            Some(_) if self.waits().is_some() => 0,
            Some(_) => 1_usize.saturating_sub(leaving),
        }
    }

    /// How long it stays shut.
    pub(crate) fn waits(&self) -> Option<Duration> {
        let left = self.shut_until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

/// No connection, a refused key, an unpaid bill: it would be the same for every message.
fn concerns_all(error: &Error) -> bool {
    error.delivery() == Some(Delivery::NotSent)
        || error.kind() == ErrorKind::Authentication && error.status() != Some(403)
}

/// Full jitter: any part of the limit, so that clients do not come back all at once.
fn random_part(limit: Duration) -> Duration {
    let part = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    limit.mul_f64(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> OutboxOptions {
        OutboxOptions {
            retry_min: Duration::from_secs(60),
            ..OutboxOptions::default()
        }
    }

    fn no_network() -> Error {
        Error::new(ErrorKind::Connection, "down").with_delivery(Some(Delivery::NotSent))
    }

    fn busy() -> Error {
        Error::new(ErrorKind::RateLimited, "busy").with_delivery(Some(Delivery::Rejected))
    }

    #[test]
    fn without_a_network_nothing_leaves_until_one_gets_through() {
        let mut gate = Gate::default();
        assert_eq!(gate.room(2, 8), 6);
        assert!(gate.failed(1, 1, &no_network(), &options()).shared);
        gate.shut_until = Instant::now().checked_add(Duration::from_secs(60));
        assert_eq!(gate.room(0, 8), 0);
        gate.shut_until = Some(Instant::now());
        assert_eq!((gate.room(0, 8), gate.room(1, 8)), (1, 0));
        gate.passed();
        assert_eq!(gate.room(0, 8), 8);
    }

    #[test]
    fn one_message_that_is_not_wanted_does_not_hold_the_others() {
        let mut gate = Gate::default();
        for attempt in 1..5 {
            assert!(!gate.failed(1, attempt, &busy(), &options()).shared);
            assert_eq!(gate.room(0, 8), 8);
        }
        gate.failed(2, 1, &busy(), &options());
        assert!(gate.shut_until.is_some());
    }

    #[test]
    fn waits_are_random_parts_of_their_limits() {
        let limit = Duration::from_secs(10);
        let waits: Vec<_> = (0..200).map(|_| random_part(limit)).collect();
        assert!(waits.iter().all(|wait| *wait <= limit));
        assert!(waits.iter().any(|wait| *wait < limit / 3));
        assert!(waits.iter().any(|wait| *wait > limit / 3 * 2));
    }
}
