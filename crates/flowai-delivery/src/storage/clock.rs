//! What time it is, twice: for people, and for measuring.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Gives the time of the system, or in tests one that is set by hand.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    source: Source,
    /// What both clocks showed when this was made.
    made_at_ms: i64,
    made_at: Duration,
}

#[derive(Clone, Debug)]
enum Source {
    System(Instant),
    #[cfg(test)]
    Manual(std::sync::Arc<std::sync::Mutex<Hands>>),
}

/// What a clock that is set by hand shows.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
struct Hands {
    wall_ms: i64,
    elapsed: Duration,
}

impl Clock {
    pub(crate) fn system() -> Clock {
        Clock::new(Source::System(Instant::now()))
    }

    fn new(source: Source) -> Clock {
        let mut clock = Clock {
            source,
            made_at_ms: 0,
            made_at: Duration::ZERO,
        };
        clock.made_at_ms = clock.wall_ms();
        clock.made_at = clock.elapsed();
        clock
    }

    /// Milliseconds since 1970 UTC, by the clock of the wall when this was made and by the monotonic one from then on: it
    /// jumps only between one process and the next.
    pub(crate) fn steady_ms(&self) -> i64 {
        let since = self.elapsed().saturating_sub(self.made_at);
        self.made_at_ms.saturating_add(millis(since))
    }

    /// Milliseconds since 1970 UTC. People set this clock, so it may jump in both directions.
    pub(crate) fn wall_ms(&self) -> i64 {
        match &self.source {
            Source::System(_) => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            #[cfg(test)]
            Source::Manual(hands) => hands.lock().unwrap().wall_ms,
        }
    }

    /// The time since some moment; it never jumps.
    pub(crate) fn elapsed(&self) -> Duration {
        match &self.source {
            Source::System(made) => made.elapsed(),
            #[cfg(test)]
            Source::Manual(hands) => hands.lock().unwrap().elapsed,
        }
    }
}

/// A length of time in whole milliseconds.
pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
impl Clock {
    /// A clock that stands still until it is told otherwise.
    pub(crate) fn manual() -> Clock {
        Clock::new(Source::Manual(std::sync::Arc::new(std::sync::Mutex::new(
            Hands {
                wall_ms: 1_700_000_000_000,
                elapsed: Duration::ZERO,
            },
        ))))
    }

    /// The clock that the next process would make.
    pub(crate) fn of_next_process(&self) -> Clock {
        Clock::new(self.source.clone())
    }

    fn set(&self, change: impl FnOnce(&mut Hands)) {
        match &self.source {
            Source::Manual(hands) => change(&mut hands.lock().unwrap()),
            Source::System(_) => panic!("the clock of the system is not set"),
        }
    }

    /// Time passes, on both clocks.
    pub(crate) fn advance(&self, time: Duration) {
        self.set(|hands| {
            hands.wall_ms += millis(time);
            hands.elapsed += time;
        });
    }

    /// Somebody sets the clock of the wall.
    pub(crate) fn jump(&self, by_ms: i64) {
        self.set(|hands| hands.wall_ms += by_ms);
    }
}
