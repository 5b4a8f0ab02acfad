//! How an inbox behaves.

use std::time::Duration;

use flowai::{Error, Result};

/// The settings of an [`Inbox`](crate::Inbox). Change single fields:
///
/// ```
/// let mut options = flowai_delivery::InboxOptions::default();
/// options.max_attempts = 3;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InboxOptions {
    /// How long an event may be held without an outcome or a [`heartbeat`](crate::Delivery::heartbeat) before it is handed
    /// out again. Default: 5 minutes.
    pub lease_time: Duration,
    /// How often an event is handed out before it becomes a dead letter. Default: 10.
    pub max_attempts: u32,
    /// How long an event waits after its first failure; each further wait is three times as long. Default: 1 s.
    pub retry_min: Duration,
    /// The longest wait between two attempts. Default: 15 minutes, so that the default attempts span 48 minutes.
    pub retry_max: Duration,
    /// How long handled events are kept, for replay. Default: 7 days.
    pub keep_handled: Duration,
    /// How long dead letters are kept; `None`: until they are replayed or discarded. Default: `None`.
    pub keep_dead: Option<Duration>,
    /// For how long an event that comes again is recognised, at least 24 hours. Flow.ai repeats a call for up to four hours.
    /// Default: 7 days.
    pub deduplication: Duration,
    /// How many bytes of the file may be in use. Beyond that handled events are removed before their time, and when that is
    /// not enough nothing more is stored, as on a full disk, and calls are answered 503. What is there can be handled all the
    /// same. `None`: as long as there is room on the disk. Default: `None`.
    pub max_bytes: Option<u64>,
    /// How long to wait for another process that has locked the database before that is an error. Default: 2 s.
    pub lock_time: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for InboxOptions {
    fn default() -> InboxOptions {
        InboxOptions {
            lease_time: Duration::from_secs(5 * 60),
            max_attempts: 10,
            retry_min: Duration::from_secs(1),
            retry_max: Duration::from_secs(15 * 60),
            keep_handled: 7 * DAY,
            keep_dead: None,
            deduplication: 7 * DAY,
            max_bytes: None,
            lock_time: Duration::from_secs(2),
        }
    }
}

impl InboxOptions {
    pub(crate) fn check(&self) -> Result<()> {
        let problem = if self.lease_time.is_zero() {
            "lease_time is zero"
        } else if self.max_attempts == 0 {
            "max_attempts is zero"
        } else if self.deduplication < DAY {
            "deduplication is shorter than 24 hours"
        } else {
            return Ok(());
        };
        Err(Error::argument("options", problem))
    }

    /// How long an event waits after this many failed attempts.
    pub(crate) fn backoff(&self, attempts: u32) -> Duration {
        let factor = 3_u32.checked_pow(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.retry_min
            .checked_mul(factor)
            .unwrap_or(Duration::MAX)
            .min(self.retry_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_their_limit() {
        let options = InboxOptions::default();
        let seconds = [1, 2, 3, 7, 8, 9, 40, u32::MAX].map(|n| options.backoff(n).as_secs());
        assert_eq!(seconds, [1, 3, 9, 729, 900, 900, 900, 900]);
        let all: u64 = (1..options.max_attempts)
            .map(|n| options.backoff(n).as_secs())
            .sum();
        assert_eq!(all / 60, 48);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let refused = |change: fn(&mut InboxOptions)| {
            let mut options = InboxOptions::default();
            change(&mut options);
            options.check().is_err()
        };
        assert!(!refused(|_| {}));
        assert!(refused(|o| o.lease_time = Duration::ZERO));
        assert!(refused(|o| o.max_attempts = 0));
        assert!(refused(|o| o.deduplication = Duration::from_secs(3600)));
    }
}
