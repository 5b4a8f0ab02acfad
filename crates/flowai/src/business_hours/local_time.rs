//! A moment as the clock on the wall shows it.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::webhook::time;

pub(super) const MINUTE: i64 = 60;
pub(super) const DAY: i64 = 24 * 60 * MINUTE;

/// A date and a time of day as the clock on the wall of some place shows them, to the second, and how far that clock
/// is ahead of UTC. The years are 1 to 9999.
///
/// Business hours are those of such a clock: the `timezone` that the service gives is a label for people, so whoever
/// asks says what time it is there.
///
/// ```
/// use flowai::LocalTime;
/// let at: LocalTime = "2026-11-23T10:00:00+01:00".parse()?;
/// assert_eq!(at, LocalTime::from_unix(1_795_424_400, 3600)?);
/// assert_eq!(at, LocalTime::new(2026, 11, 23, 10, 0, 0)?.with_offset(3600)?);
/// # Ok::<(), flowai::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LocalTime {
    /// What the clock shows, in seconds since it showed 1970-01-01T00:00:00.
    shown: i64,
    /// Seconds ahead of UTC.
    offset: i32,
}

impl LocalTime {
    /// What a clock shows that is `offset_seconds` ahead of UTC (negative: behind), so many seconds after 1970 UTC.
    ///
    /// # Errors
    /// `InvalidArgument` for a time outside of the years 1 to 9999 and for an offset of a day or more.
    pub fn from_unix(unix_seconds: i64, offset_seconds: i32) -> Result<LocalTime> {
        let shown = unix_seconds
            .checked_add(i64::from(offset_seconds))
            .and_then(LocalTime::checked)
            .ok_or_else(|| Error::argument("unix_seconds", "must be in the years 1 to 9999"))?;
        shown.with_offset(offset_seconds)
    }

    /// A date and a time of day, on a clock that shows UTC; [`LocalTime::with_offset`] says that it is another one.
    ///
    /// # Errors
    /// `InvalidArgument` for a date or a time that does not exist.
    pub fn new(year: i32, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Result<LocalTime> {
        let date = time::calendar_date(year.into(), month.into(), day.into())
            .ok_or_else(|| Error::argument("at", "is no date of the calendar"))?;
        if hour > 23 || minute > 59 || second > 59 {
            return Err(Error::argument("at", "is no time of day"));
        }
        let minutes = i64::from(hour) * 60 + i64::from(minute);
        let shown = time::days_since_1970(date) * DAY + minutes * MINUTE + i64::from(second);
        LocalTime::checked(shown).ok_or_else(|| Error::argument("at", "must be in the years 1 to 9999"))
    }

    /// The same on the clock, which is so many seconds ahead of UTC (negative: behind).
    ///
    /// # Errors
    /// `InvalidArgument` for a day or more.
    pub fn with_offset(self, offset_seconds: i32) -> Result<LocalTime> {
        if i64::from(offset_seconds).abs() >= DAY {
            return Err(Error::argument("offset_seconds", "must be less than a day"));
        }
        Ok(LocalTime {
            offset: offset_seconds,
            ..self
        })
    }

    fn checked(shown: i64) -> Option<LocalTime> {
        let date = time::date_of_day(shown.div_euclid(DAY))?;
        (1..=9999)
            .contains(&date.year())
            .then_some(LocalTime { shown, offset: 0 })
    }

    /// The moment on the same clock that is so many minutes after the midnight with which a day begins.
    pub(super) fn on_day(self, day: i64, minute: i64) -> Option<LocalTime> {
        let shown = LocalTime::checked(day * DAY + minute * MINUTE)?;
        Some(LocalTime {
            offset: self.offset,
            ..shown
        })
    }

    /// Days since 1970-01-01 on the clock.
    pub(super) fn day_number(self) -> i64 {
        self.shown.div_euclid(DAY)
    }

    /// Minutes since the midnight with which the day began on the clock.
    pub(super) fn minute_of_day(self) -> i64 {
        self.shown.rem_euclid(DAY) / MINUTE
    }

    fn date(self) -> Option<(i32, u8, u8)> {
        let (year, month, day) = time::date_of_day(self.day_number())?.to_calendar_date();
        Some((year, month.into(), day))
    }

    /// The year, 1 to 9999.
    pub fn year(self) -> i32 {
        self.date().map_or(1, |date| date.0)
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.date().map_or(1, |date| date.1)
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> u8 {
        self.date().map_or(1, |date| date.2)
    }

    /// The hour, 0 to 23.
    pub fn hour(self) -> u8 {
        (self.minute_of_day() / 60) as u8
    }

    /// The minute, 0 to 59.
    pub fn minute(self) -> u8 {
        (self.minute_of_day() % 60) as u8
    }

    /// The second, 0 to 59.
    pub fn second(self) -> u8 {
        self.shown.rem_euclid(MINUTE) as u8
    }

    /// Seconds since 1970 UTC.
    pub fn unix_seconds(self) -> i64 {
        self.shown - i64::from(self.offset)
    }

    /// How many seconds the clock is ahead of UTC.
    pub fn offset_seconds(self) -> i32 {
        self.offset
    }
}

/// RFC 3339, such as `2026-11-23T10:00:00+01:00`. A fraction of a second is dropped.
impl FromStr for LocalTime {
    type Err = Error;

    fn from_str(text: &str) -> Result<LocalTime> {
        let wrong = || {
            Error::argument(
                "at",
                "must be a time with an offset, such as 2026-11-23T10:00:00+01:00",
            )
        };
        let (shown, offset) = time::clock(text).ok_or_else(wrong)?;
        let offset = i32::try_from(offset / 1000).map_err(|_| wrong())?;
        LocalTime::checked(shown.div_euclid(1000))
            .ok_or_else(wrong)?
            .with_offset(offset)
    }
}

/// RFC 3339. An offset that is not a whole number of minutes has its seconds after another colon.
impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date().unwrap_or((1, 1, 1));
        let (hour, minute, second) = (self.hour(), self.minute(), self.second());
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        let sign = if self.offset < 0 { '-' } else { '+' };
        let ahead = self.offset.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", ahead / 3600, ahead / 60 % 60)?;
        match ahead % 60 {
            0 => Ok(()),
            seconds => write!(f, ":{seconds:02}"),
        }
    }
}

impl fmt::Debug for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalTime({self})")
    }
}
