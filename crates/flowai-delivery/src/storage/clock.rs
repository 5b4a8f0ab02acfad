//! What time it is, twice: for people, and for measuring.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Gives the time of the system, or in tests one that is set by hand.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Source);

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
        Clock(Source::System(Instant::now()))
    }

    /// Milliseconds since 1970 UTC. People set this clock, so it may jump in both directions.
    pub(crate) fn wall_ms(&self) -> i64 {
        match &self.0 {
            Source::System(_) => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            #[cfg(test)]
            Source::Manual(hands) => hands.lock().unwrap().wall_ms,
        }
    }

    /// The time since this clock was made; it never jumps.
    pub(crate) fn elapsed(&self) -> Duration {
        match &self.0 {
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
        Clock(Source::Manual(std::sync::Arc::new(std::sync::Mutex::new(
            Hands {
                wall_ms: 1_700_000_000_000,
                elapsed: Duration::ZERO,
            },
        ))))
    }

    fn set(&self, change: impl FnOnce(&mut Hands)) {
        match &self.0 {
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
