//! The time of day, in the two forms the sandbox writes it, and the pace of its waits.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// Milliseconds since 1970 UTC.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The moment as the API writes it: `2019-06-25T12:45:11.857Z`.
pub(crate) fn iso(moment: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
        moment.millisecond()
    )
}

/// [`iso`] of now.
pub(crate) fn iso_now() -> String {
    iso(OffsetDateTime::now_utc())
}

/// How fast the waits of the sandbox pass.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    /// Finite and above zero.
    pub(crate) speed: f64,
}

impl Pace {
    /// A wait in real time. (`Duration::div_f64` panics where the result is too long.)
    pub(crate) fn real(self, wait: Duration) -> Duration {
        Duration::try_from_secs_f64(wait.as_secs_f64() / self.speed).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_history_sample_does() {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(1_561_466_711_857_000_000).unwrap();
        assert_eq!(iso(moment), "2019-06-25T12:45:11.857Z");
    }
}
