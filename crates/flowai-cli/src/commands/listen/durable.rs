//! Events from an inbox, printed: each is acknowledged once it is printed.

use std::{path::PathBuf, thread, time::Duration};

use clap::Args;
use flowai::{ErrorKind, Result, runtime};
use flowai_delivery::{Inbox, InboxOptions};

use super::{Watch, print};
use crate::{
    args::seconds,
    commands::Context,
    exit::{self, Failure},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long to wait when the storage has failed.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Args)]
#[command(next_help_heading = "Inbox")]
pub(crate) struct InboxArgs {
    /// Keep events in this file until they are handled: a call is acknowledged once its events are safe there, and what
    /// was not handled is handled after the next start. Look into it with flowai inbox
    #[arg(long, value_name = "FILE")]
    inbox: Option<PathBuf>,
    /// How often an event is handed out before it becomes a dead letter [default: 10]
    #[arg(long, value_name = "N", requires = "inbox", value_parser = clap::value_parser!(u32).range(1..))]
    max_attempts: Option<u32>,
    /// How long an event waits after its first failure; each further wait is three times as long [default: 1]
    #[arg(long, value_name = "SECONDS", requires = "inbox", value_parser = seconds)]
    retry_min: Option<Duration>,
    /// The longest wait between two attempts [default: 900]
    #[arg(long, value_name = "SECONDS", requires = "inbox", value_parser = seconds)]
    retry_max: Option<Duration>,
    /// How many days handled events are kept, to be replayed [default: 7]
    #[arg(long, value_name = "DAYS", requires = "inbox")]
    keep: Option<u32>,
    /// How many MiB the inbox may have; beyond that calls are answered 503 [default: as long as the disk has room]
    #[arg(long, value_name = "MIB", requires = "inbox", value_parser = clap::value_parser!(u64).range(1..))]
    max_size: Option<u64>,
}

impl InboxArgs {
    /// `leases`: events are handed to others, who may be gone for ever.
    pub(super) fn open(&self, leases: bool) -> Result<Option<Inbox>> {
        let Some(path) = &self.inbox else {
            return Ok(None);
        };
        let mut options = InboxOptions::default();
        if !leases {
            // Whoever reads the output may take their time, and an event is printed once.
            options.lease_time = DAY;
        }
        if let Some(attempts) = self.max_attempts {
            options.max_attempts = attempts;
        }
        if let Some(time) = self.retry_min {
            options.retry_min = time;
        }
        if let Some(time) = self.retry_max {
            options.retry_max = time;
        }
        if let Some(days) = self.keep {
            options.keep_handled = DAY.saturating_mul(days);
        }
        options.max_bytes = self.max_size.map(|mib| mib.saturating_mul(1024 * 1024));
        Inbox::open_with(path, options).map(Some)
    }
}

/// Prints events until the count or the time is over, or somebody asks to stop. Gives their number.
pub(super) fn print_events(
    context: &Context<'_>,
    wanted: Option<u64>,
    inbox: &Inbox,
    watch: &Watch<'_>,
) -> Result<u64, Failure> {
    let mut printed = 0;
    while wanted != Some(printed) {
        match inbox.next_with(watch.time_left(), &mut || watch.look()) {
            Ok(Some(delivery)) => {
                print(context, delivery.event())?;
                printed += 1;
                if let Err(error) = delivery.ack() {
                    exit::say(&format!(
                        "event {} was printed and will be again: {error}",
                        delivery.id()
                    ));
                }
            }
            Ok(None) => break,
            Err(error) if error.kind() == ErrorKind::Cancelled => break,
            Err(error) if error.kind() == ErrorKind::Storage => {
                exit::say(&format!("no event can be taken from the inbox: {error}"));
                if !paused(watch) {
                    break;
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    watch.tell_refused()?;
    Ok(printed)
}

/// Waits a moment; false when that is the end.
fn paused(watch: &Watch<'_>) -> bool {
    let mut left = PAUSE;
    while !left.is_zero() {
        if watch.look().is_err() || watch.time_left() == Some(Duration::ZERO) {
            return false;
        }
        thread::sleep(runtime::TICK);
        left = left.saturating_sub(runtime::TICK);
    }
    true
}
