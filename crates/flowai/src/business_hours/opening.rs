//! Whether it is open at a moment, when it opens, and when it closes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::local_time::{DAY, LocalTime};
use super::{BusinessHours, Holiday, Interval};
use crate::webhook::time;

/// How many days ahead is looked for an opening or a closing.
const SEARCH_DAYS: i64 = 366;
const MINUTES_A_DAY: i64 = 24 * 60;
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// # When it is open
///
/// "Business hours" of the API document shows what they look like and does not say what they mean. They are read thus:
///
/// - An interval contains its `from` and not its `to`, except that `23:59` and `24:00` as `to` mean the end of the day.
/// - An interval whose `to` is not after its `from` runs past midnight into the next day: `22:00` to `2:00` is four
///   hours, `9:00` to `0:00` ends at midnight, `0:00` to `0:00` is the whole day.
/// - It belongs to the day on which it starts. Intervals of a day may overlap. A day without intervals is closed.
/// - A holiday closes whatever starts on its date; what started the day before goes on past midnight.
/// - Weekdays are the English names, in any case of letters. A weekday with another name, an interval that is not two
///   times of day, and a holiday without a date are passed over.
///
/// Whatever the document says, an answer takes time in proportion to its size.
impl BusinessHours {
    /// Whether it is open at this moment.
    ///
    /// ```
    /// use flowai::{BusinessHours, Document, LocalTime};
    /// let hours = BusinessHours::from_value(serde_json::json!({
    ///     "timezone": "(UTC+01:00) Amsterdam, Berlin, Bern",
    ///     "weekdays": [{"weekday": "Monday", "content": [{"from": "8:30", "to": "17:45"}]}],
    /// }))?;
    /// let monday: LocalTime = "2026-11-23T18:00:00+01:00".parse()?;
    /// assert!(!hours.is_open(monday));
    /// assert_eq!(hours.next_opening(monday), Some("2026-11-30T08:30:00+01:00".parse()?));
    /// # Ok::<(), flowai::Error>(())
    /// ```
    pub fn is_open(&self, at: LocalTime) -> bool {
        Plan::of(self).end_of_interval(at).is_some()
    }

    /// The first moment, not before `at`, at which it is open: `at` itself when it is open then. `None` when that is
    /// more than 366 days ahead.
    ///
    /// It is a moment of the same clock. Where that clock is put forward or back in between, its date and time of day
    /// are right and its offset from UTC is still that of `at`.
    pub fn next_opening(&self, at: LocalTime) -> Option<LocalTime> {
        let plan = Plan::of(self);
        if plan.end_of_interval(at).is_some() {
            return Some(at);
        }
        let today = at.day_number();
        (today..=today + SEARCH_DAYS).find_map(|day| {
            let passed = if day == today { at.minute_of_day() } else { -1 };
            let (start, _) = plan.starting_on(day).iter().find(|(start, _)| *start > passed)?;
            at.on_day(day, *start)
        })
    }

    /// The first moment, not before `at`, at which it is closed: `at` itself when it is closed then. `None` when that
    /// is more than 366 days ahead. It is a moment of the same clock, as for [`BusinessHours::next_opening`].
    pub fn next_closing(&self, at: LocalTime) -> Option<LocalTime> {
        let plan = Plan::of(self);
        let mut closing = at;
        while let Some((day, end)) = plan.end_of_interval(closing) {
            closing = at.on_day(day, end)?;
            if closing.day_number() > at.day_number() + SEARCH_DAYS {
                return None;
            }
        }
        Some(closing)
    }
}

/// Minutes since the midnight of the day on which it starts; the end may be on the next day and is not part of it.
type Span = (i64, i64);

/// What a document says, in order: for each weekday spans that do not touch each other, by their start.
struct Plan {
    week: [Vec<Span>; 7],
    /// Days since 1970-01-01.
    holidays: BTreeSet<i64>,
}

impl Plan {
    fn of(hours: &BusinessHours) -> Plan {
        let mut week: [Vec<Span>; 7] = Default::default();
        for weekday in hours.weekdays() {
            let name = weekday.weekday().unwrap_or_default().trim();
            let place = WEEKDAYS.iter().position(|known| known.eq_ignore_ascii_case(name));
            if let Some(spans) = place.and_then(|place| week.get_mut(place)) {
                spans.extend(weekday.content().iter().filter_map(Interval::span));
            }
        }
        Plan {
            week: week.map(joined),
            holidays: hours.holidays().iter().filter_map(Holiday::day_number).collect(),
        }
    }

    /// What starts on this day.
    fn starting_on(&self, day: i64) -> &[Span] {
        // 1970-01-01 was a Thursday.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap_or_default();
        match self.week.get(weekday) {
            Some(spans) if !self.holidays.contains(&day) => spans,
            _ => &[],
        }
    }

    /// The end of the interval that contains this moment, as minutes after a midnight; nothing if none does.
    fn end_of_interval(&self, at: LocalTime) -> Option<(i64, i64)> {
        let contains = |day: i64| {
            let minute = at.minute_of_day() + (at.day_number() - day) * MINUTES_A_DAY;
            let mut spans = self.starting_on(day).iter();
            let (_, end) = spans.find(|(start, end)| (*start..*end).contains(&minute))?;
            Some((day, *end))
        };
        let today = at.day_number();
        contains(today).or_else(|| contains(today - 1))
    }
}

/// The spans in their order, with those that overlap or touch made one.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut all: Vec<Span> = Vec::new();
    for (start, end) in spans {
        match all.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => all.push((start, end)),
        }
    }
    all
}

impl Interval {
    fn span(&self) -> Option<Span> {
        let start = minutes(self.from()?).filter(|start| *start < MINUTES_A_DAY)?;
        let end = match minutes(self.to()?)? {
            end if end >= MINUTES_A_DAY - 1 => MINUTES_A_DAY,
            end if end <= start => end + MINUTES_A_DAY,
            end => end,
        };
        Some((start, end))
    }
}

impl Holiday {
    /// Days since 1970-01-01, of a date in UTC: an ISO 8601 instant, milliseconds since 1970, or a date alone.
    fn day_number(&self) -> Option<i64> {
        let milliseconds = match self.0.get("date")? {
            Value::String(text) => match time::date(text.trim()) {
                Some(date) => return Some(time::days_since_1970(date)),
                None => time::milliseconds(text.trim())?,
            },
            other => other.as_i64()?,
        };
        Some(milliseconds.div_euclid(DAY * 1000))
    }
}

/// Minutes since midnight of a time of day, `H:MM` or `HH:MM`; `24:00` is one.
fn minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.trim().split_once(':')?;
    if !(1..=2).contains(&hours.len()) || minutes.len() != 2 {
        return None;
    }
    let total = number(hours)? * 60 + number(minutes).filter(|minutes| *minutes < 60)?;
    (total <= MINUTES_A_DAY).then_some(total)
}

fn number(text: &str) -> Option<i64> {
    let all = text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok())?
}
