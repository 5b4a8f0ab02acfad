//! How an outbox behaves.

use std::time::Duration;

use flowai::{Error, Result};

/// What an outbox does with a message that left and may have been taken or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnAmbiguous {
    /// Reports it as `maybe_sent` and never sends it again: at most once.
    #[default]
    Surface,
    /// Sends it again, with the same trace id, up to [`OutboxOptions::max_repeats`] times: it may arrive more than once.
    Repeat,
}

impl OnAmbiguous {
    /// `surface` or `repeat`.
    pub const fn name(self) -> &'static str {
        match self {
            OnAmbiguous::Surface => "surface",
            OnAmbiguous::Repeat => "repeat",
        }
    }

    /// The policy with this name.
    pub fn by_name(name: &str) -> Option<OnAmbiguous> {
        [OnAmbiguous::Surface, OnAmbiguous::Repeat]
            .into_iter()
            .find(|policy| policy.name() == name)
    }
}

/// The settings of an [`Outbox`](crate::Outbox). Change single fields:
///
/// ```
/// let mut options = flowai_delivery::OutboxOptions::default();
/// options.on_ambiguous = flowai_delivery::OnAmbiguous::Repeat;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutboxOptions {
    /// What to do with a message of which nobody knows whether it was taken. Default: report it, never repeat it.
    pub on_ambiguous: OnAmbiguous,
    /// How often a message is repeated at most under [`OnAmbiguous::Repeat`]; then it is reported as `maybe_sent`.
    /// Default: 10.
    pub max_repeats: u32,
    /// How old a message may get before it is reported as failed (`expired`), besides the time that it was given itself.
    /// `None`: it waits until it can be sent. Default: `None`.
    pub max_age: Option<Duration>,
    /// How many messages may wait. Unread reports of messages that were not sent count too, since nothing else would
    /// bound them. Default: 100,000.
    pub max_messages: u64,
    /// How many bytes the waiting messages may have, copied files included; a larger one is taken into an empty outbox.
    /// Default: 1 GiB.
    pub max_bytes: u64,
    /// The longest wait after the first failure; each further limit is twice as long, and each wait a random part of its
    /// limit. Default: 500 ms.
    pub retry_min: Duration,
    /// The longest wait between two attempts, unless the service asks for a longer one, of which at most an hour is
    /// granted. Default: 5 minutes.
    pub retry_max: Duration,
    /// How many messages are sent at the same time, each of another thread. Default: 8.
    pub concurrency: usize,
    /// How many unread reports of messages that were sent are kept, the newest ones; 0 makes none. Default: 10,000.
    pub keep_sent: u64,
    /// How long [`Outbox::close`](crate::Outbox::close) waits for the messages that are on their way. Default: 5 s.
    pub close_time: Duration,
    /// How long to wait for another process that has locked the database before that is an error. Default: 2 s.
    pub lock_time: Duration,
}

impl Default for OutboxOptions {
    fn default() -> OutboxOptions {
        OutboxOptions {
            on_ambiguous: OnAmbiguous::Surface,
            max_repeats: 10,
            max_age: None,
            max_messages: 100_000,
            max_bytes: 1 << 30,
            retry_min: Duration::from_millis(500),
            retry_max: Duration::from_secs(5 * 60),
            concurrency: 8,
            keep_sent: 10_000,
            close_time: Duration::from_secs(5),
            lock_time: Duration::from_secs(2),
        }
    }
}

impl OutboxOptions {
    pub(crate) fn check(&self) -> Result<()> {
        let problem = if self.concurrency == 0 {
            "concurrency is zero"
        } else if self.max_messages == 0 {
            "max_messages is zero"
        } else if self.max_bytes == 0 {
            "max_bytes is zero"
        } else if self.retry_max < self.retry_min {
            "retry_max is shorter than retry_min"
        } else if self.max_age == Some(Duration::ZERO) {
            "max_age is zero"
        } else {
            return Ok(());
        };
        Err(Error::argument("options", problem))
    }

    /// The longest wait after this many failures in a row.
    pub(crate) fn backoff_limit(&self, failures: u32) -> Duration {
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.retry_min.saturating_mul(factor).min(self.retry_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_grow_to_the_longest() {
        let options = OutboxOptions::default();
        let ms = [1, 2, 3, 10, 11, u32::MAX].map(|n| options.backoff_limit(n).as_millis());
        assert_eq!(ms, [500, 1000, 2000, 256_000, 300_000, 300_000]);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let refused = |change: fn(&mut OutboxOptions)| {
            let mut options = OutboxOptions::default();
            change(&mut options);
            options.check().is_err()
        };
        assert!(!refused(|_| {}));
        assert!(refused(|o| o.concurrency = 0));
        assert!(refused(|o| o.max_messages = 0));
        assert!(refused(|o| o.max_bytes = 0));
        assert!(refused(|o| o.retry_max = Duration::ZERO));
        assert!(refused(|o| o.max_age = Some(Duration::ZERO)));
        assert_eq!(OnAmbiguous::by_name("repeat"), Some(OnAmbiguous::Repeat));
    }
}
