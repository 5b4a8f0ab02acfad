//! `flowai business-hours` ("Business hours" of the API document).

use clap::Args;
use flowai::{BusinessHours, Document, Interval, LocalTime, Result};
use jiff::Zoned;
use serde_json::{Value, json};

use super::{Context, aligned};
use crate::exit::Failure;

const NONE: &str = "no business hours are configured";

#[derive(Args)]
pub(crate) struct HoursArgs {
    /// Show whether it is open at this time, and when that changes: a time with its offset, such as
    /// 2026-11-23T10:00:00+01:00, or now, by the clock of this machine. It is the clock that counts: the service tells
    /// the timezone of the hours in words only
    #[arg(long, value_name = "TIME", conflicts_with = "by_webhook")]
    at: Option<String>,
    /// Only ask: the hours come by webhook
    #[arg(long = "async")]
    by_webhook: bool,
}

pub(crate) fn run(context: &Context<'_>, args: &HoursArgs) -> Result<(), Failure> {
    let at = args.at.as_deref().map(moment).transpose()?;
    let client = context.connection.client()?;
    if args.by_webhook {
        let receipt = context.wait(client.request_business_hours())?;
        let sentence = "asked: the hours come to the webhook, as a business_hours event";
        return context.acknowledged(&receipt, sentence);
    }
    let sets = context.wait(client.business_hours())?;
    if let Some(at) = at {
        return context.output.result(
            || json!(sets.iter().map(|set| state(set, at)).collect::<Vec<_>>()),
            || some_or(NONE, sets.iter().map(|set| sentence(set, at)).collect()),
        );
    }
    context.output.result(
        || json!(sets.iter().map(BusinessHours::as_object).collect::<Vec<_>>()),
        || table(&sets),
    )
}

/// A time as it is typed.
fn moment(typed: &str) -> Result<LocalTime> {
    if typed != "now" {
        return typed.parse();
    }
    let now = Zoned::now();
    LocalTime::from_unix(now.timestamp().as_second(), now.offset().seconds())
}

fn state(set: &BusinessHours, at: LocalTime) -> Value {
    let text = |time: Option<LocalTime>| time.map(|time| time.to_string());
    json!({
        "label": set.label(),
        "timezone": set.timezone(),
        "at": at.to_string(),
        "is_open": set.is_open(at),
        "next_opening": text(set.next_opening(at)),
        "next_closing": text(set.next_closing(at)),
    })
}

fn sentence(set: &BusinessHours, at: LocalTime) -> String {
    let (state, change, next) = if set.is_open(at) {
        ("open", "closes", set.next_closing(at))
    } else {
        ("closed", "opens", set.next_opening(at))
    };
    let next = match next {
        Some(next) => format!("{change} {next}"),
        None => format!("never {change} within a year"),
    };
    format!("{}: {state}, {next}", label(set))
}

fn label(set: &BusinessHours) -> &str {
    set.label().unwrap_or("business hours")
}

fn some_or(none: &str, lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() {
        vec![none.to_owned()]
    } else {
        lines
    }
}

/// The hours of each set, a day a line.
pub(crate) fn table(sets: &[BusinessHours]) -> Vec<String> {
    let mut lines = Vec::new();
    for set in sets {
        let label = label(set);
        lines.push(match set.timezone() {
            Some(timezone) => format!("{label}  {timezone}"),
            None => label.to_owned(),
        });
        let days = set.weekdays();
        let rows = days.iter().map(|day| {
            let times: Vec<String> = day.content().iter().map(interval).collect();
            (day.weekday().unwrap_or("?").to_owned(), times.join(", "))
        });
        lines.extend(indented(rows));
        let holidays = set.holidays();
        let rows = holidays.iter().map(|day| {
            let date = day.date().unwrap_or("?");
            let date = date.split('T').next().unwrap_or(date);
            (
                date.to_owned(),
                format!("closed, {}", day.holiday().unwrap_or("holiday")),
            )
        });
        lines.extend(indented(rows));
    }
    some_or(NONE, lines)
}

fn interval(interval: &Interval) -> String {
    format!(
        "{:>5} - {:>5}",
        interval.from().unwrap_or("?"),
        interval.to().unwrap_or("?")
    )
}

fn indented(rows: impl Iterator<Item = (String, String)>) -> impl Iterator<Item = String> {
    aligned::<2>(rows.collect())
        .into_iter()
        .map(|row| format!("  {row}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_a_table() {
        let set: Value = json!({"label": "Support", "timezone": "(UTC+03:00) Minsk", "weekdays": [
            {"weekday": "Monday", "content": [{"from": "0:20", "to": "12:00"}, {"from": "13:00", "to": "17:45"}]},
            {"weekday": "Wednesday", "content": [{"from": "8:30", "to": "9:00"}]}],
            "holidays": [{"holiday": "New Year", "date": "2020-01-01T00:00:00.000Z"}]});
        let set = BusinessHours::from_value(set).unwrap();
        assert_eq!(
            table(&[set]),
            [
                "Support  (UTC+03:00) Minsk",
                "  Monday      0:20 - 12:00, 13:00 - 17:45",
                "  Wednesday   8:30 -  9:00",
                "  2020-01-01  closed, New Year"
            ]
        );
        assert_eq!(table(&[]), ["no business hours are configured"]);
    }
}
