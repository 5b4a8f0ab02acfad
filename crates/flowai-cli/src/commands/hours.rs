//! `flowai business-hours` ("Business hours" of the API document).

use clap::Args;
use flowai::{BusinessHours, Document, Interval};
use serde_json::json;

use super::Context;
use crate::exit::Failure;

#[derive(Args)]
pub(crate) struct HoursArgs {
    /// Only ask: the hours come by webhook
    #[arg(long = "async")]
    by_webhook: bool,
}

pub(crate) fn run(context: &Context<'_>, args: &HoursArgs) -> Result<(), Failure> {
    let client = context.connection.client()?;
    if args.by_webhook {
        let receipt = context.wait(client.request_business_hours())?;
        let sentence = "asked: the hours come to the webhook, as a business_hours event";
        return context.acknowledged(&receipt, sentence);
    }
    let sets = context.wait(client.business_hours())?;
    context.output.result(
        || json!(sets.iter().map(BusinessHours::as_object).collect::<Vec<_>>()),
        || table(&sets),
    )
}

fn table(sets: &[BusinessHours]) -> Vec<String> {
    if sets.is_empty() {
        return vec!["no business hours are configured".into()];
    }
    let mut lines = Vec::new();
    for set in sets {
        let label = set.label().unwrap_or("business hours");
        lines.push(match set.timezone() {
            Some(timezone) => format!("{label}  {timezone}"),
            None => label.to_owned(),
        });
        let days = set.weekdays();
        let rows = days.iter().map(|day| {
            let times: Vec<String> = day.content().iter().map(interval).collect();
            (day.weekday().unwrap_or("?").to_owned(), times.join(", "))
        });
        lines.extend(aligned(rows.collect()));
        let holidays = set.holidays();
        let rows = holidays.iter().map(|day| {
            let date = day.date().unwrap_or("?");
            let date = date.split('T').next().unwrap_or(date);
            (
                date.to_owned(),
                format!("closed, {}", day.holiday().unwrap_or("holiday")),
            )
        });
        lines.extend(aligned(rows.collect()));
    }
    lines
}

fn interval(interval: &Interval) -> String {
    format!(
        "{:>5} - {:>5}",
        interval.from().unwrap_or("?"),
        interval.to().unwrap_or("?")
    )
}

fn aligned(rows: Vec<(String, String)>) -> Vec<String> {
    let width = rows
        .iter()
        .map(|(first, _)| first.chars().count())
        .max()
        .unwrap_or(0);
    rows.into_iter()
        .map(|(first, second)| format!("  {first:width$}  {second}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
