//! The opening hours of the imaginary project ("Business hours" of the API document).

use serde_json::{Value, json};

/// What the sandbox knows until it is told otherwise: one team with a lunch break, closed at weekends,
/// and one that never sleeps. Times are 24-hour `H:MM` and the zone is a label, as in the document's sample.
pub(crate) fn default_hours() -> Value {
    let office = json!([{"from": "8:30", "to": "12:00"}, {"from": "13:00", "to": "17:45"}]);
    let always = json!([{"from": "0:00", "to": "23:59"}]);
    json!([
        {
            "weekdays": week(&["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], &office),
            "holidays": [
                {"holiday": "New Year", "date": "2027-01-01T00:00:00.000Z"},
                {"holiday": "Christmas Day", "date": "2026-12-25T00:00:00.000Z"},
            ],
            "label": "Office",
            "timezone": "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna",
        },
        {
            "weekdays": week(
                &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
                &always,
            ),
            "holidays": [],
            "label": "Night line",
            "timezone": "(UTC+00:00) Dublin, Edinburgh, Lisbon, London",
        },
    ])
}

fn week(days: &[&str], content: &Value) -> Vec<Value> {
    days.iter()
        .map(|day| json!({"weekday": day, "content": content}))
        .collect()
}
