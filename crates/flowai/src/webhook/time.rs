//! Times as the service writes them: RFC 3339 text or milliseconds since 1970.

use time::{Date, Month};

/// Exactly these digits as a number.
fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok())?
}

/// A number of two digits that is at most `max`.
fn two(text: &str, max: i64) -> Option<i64> {
    digits(text).filter(|number| text.len() == 2 && *number <= max)
}

/// `YYYY-MM-DD`.
pub(crate) fn date(text: &str) -> Option<Date> {
    let (year, rest) = text.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let year = digits(year).filter(|_| year.len() == 4)?;
    calendar_date(year, two(month, 12)?, two(day, 31)?)
}

/// A date of the calendar, if there is one.
pub(crate) fn calendar_date(year: i64, month: i64, day: i64) -> Option<Date> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()
}

const JULIAN_DAY_OF_1970: i64 = 2_440_588;

/// Days since 1970-01-01.
pub(crate) fn days_since_1970(date: Date) -> i64 {
    i64::from(date.to_julian_day()) - JULIAN_DAY_OF_1970
}

/// The date so many days after 1970-01-01, if the calendar goes so far.
pub(crate) fn date_of_day(days: i64) -> Option<Date> {
    let day = days.checked_add(JULIAN_DAY_OF_1970)?;
    Date::from_julian_day(i32::try_from(day).ok()?).ok()
}

/// `HH:MM:SS` with an optional fraction in milliseconds. Second 60 is a leap second.
fn time_of_day(text: &str) -> Option<i64> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, rest) = rest.split_once(':')?;
    let (second, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    digits(fraction.get(..fraction.len().min(9))?)?;
    let fraction = fraction
        .bytes()
        .chain(*b"00")
        .take(3)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit & 15));
    Some(((two(hour, 23)? * 60 + two(minute, 59)?) * 60 + two(second, 60)?) * 1000 + fraction)
}

/// Splits off `Z` or `+HH:MM`; the offset is in milliseconds.
fn offset(text: &str) -> Option<(&str, i64)> {
    if let Some(rest) = text.strip_suffix(['Z', 'z']) {
        return Some((rest, 0));
    }
    let (rest, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (sign, zone) = zone.split_at_checked(1)?;
    let (hours, minutes) = zone.split_once(':')?;
    let length = (two(hours, 23)? * 60 + two(minutes, 59)?) * 60_000;
    match sign {
        "+" => Some((rest, length)),
        "-" => Some((rest, -length)),
        _ => None,
    }
}

/// What the clock shows in a time with a zone, in milliseconds since 1970 on that clock, and how many milliseconds
/// it is ahead of UTC; nothing for anything else.
pub(crate) fn clock(text: &str) -> Option<(i64, i64)> {
    let (text, offset) = offset(text)?;
    let (day, time) = text.split_once(['T', 't', ' '])?;
    Some((
        days_since_1970(date(day)?) * 86_400_000 + time_of_day(time)?,
        offset,
    ))
}

/// Milliseconds since 1970 UTC of a time with a zone; nothing for anything else.
pub(crate) fn milliseconds(text: &str) -> Option<i64> {
    clock(text).map(|(shown, offset)| shown - offset)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn times_with_a_zone_are_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T00:00:00.5Z", 500),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2021-09-20T19:31:12.031Z", 1_632_166_272_031),
            ("2021-09-20T21:31:12.031+02:00", 1_632_166_272_031),
            ("2021-09-20 14:01:12.031999-05:30", 1_632_166_272_031),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("2024-12-31T23:59:60Z", 1_735_689_600_000),
            ("9999-12-31T23:59:59.999z", 253_402_300_799_999),
            ("0000-03-01T00:00:00Z", -62_162_035_200_000),
        ] {
            assert_eq!(milliseconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "Z",
            "yesterday",
            "2021-09-20",
            "2021-09-20T19:31:12",
            "2021-09-20T19:31Z",
            "2021-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2021-00-10T00:00:00Z",
            "2021-13-10T00:00:00Z",
            "2021-01-00T00:00:00Z",
            "2021-04-31T00:00:00Z",
            "2021-01-01T24:00:00Z",
            "2021-01-01T00:60:00Z",
            "2021-01-01T00:00:61Z",
            "2021-01-01T00:00:00.Z",
            "2021-01-01T00:00:00.1x2Z",
            "2021-01-01T0:00:00Z",
            "21-01-01T00:00:00Z",
            "+2021-01-01T00:00:00Z",
            "2021-01-01T00:00:00+0200",
            "2021-01-01T00:00:00\u{2212}02:00",
            "2021-01-01T00:00:00+24:00",
            "2021-01-01T-1:00:00Z",
            "2021-01-01T00:00:00é02:00",
        ] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
