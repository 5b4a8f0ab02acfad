//! How what was said is shown.

use flowai::HistoryEntry;
use serde_json::Value;
use time::OffsetDateTime;

use super::parts;

/// The messages of an entry as a conversation: when, who, what. Further lines of a message are indented.
pub(crate) fn entry_lines(entry: &HistoryEntry) -> Vec<String> {
    let originator = entry.originator().unwrap_or_default();
    let who = match (originator.name().unwrap_or("?"), originator.role()) {
        (name, Some(role)) => format!("{name} ({role})"),
        (name, None) => name.to_owned(),
    };
    let mut lines = Vec::new();
    for message in entry.messages() {
        let when = message.created_at().map(moment).unwrap_or_default();
        let start = if when.is_empty() {
            who.clone()
        } else {
            format!("{when}  {who}")
        };
        let mut said = parts::message_lines(&message).into_iter();
        lines.push(format!("{start}: {}", said.next().unwrap_or_default()));
        lines.extend(said.map(|line| format!("    {line}")));
    }
    lines
}

/// A time to the second, whichever way the service wrote it.
fn moment(time: &Value) -> String {
    match time {
        Value::String(text) => match (text.get(..10), text.get(10..11), text.get(11..19)) {
            (Some(date), Some("T"), Some(clock)) => format!("{date} {clock}"),
            _ => text.clone(),
        },
        Value::Number(number) => number.as_f64().and_then(from_milliseconds).unwrap_or_default(),
        _ => String::new(),
    }
}

/// A time that is counted in milliseconds since 1970, in UTC.
pub(super) fn from_milliseconds(milliseconds: f64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp((milliseconds / 1000.0) as i64).ok()?;
    let (date, clock) = (time.date(), time.time());
    Some(format!(
        "{date} {:02}:{:02}:{:02}",
        clock.hour(),
        clock.minute(),
        clock.second()
    ))
}

#[cfg(test)]
mod tests {
    use flowai::Document;
    use serde_json::json;

    use super::*;

    fn lines(entry: Value) -> Vec<String> {
        entry_lines(&HistoryEntry::from_value(entry).unwrap())
    }

    #[test]
    fn an_entry_reads_like_a_conversation() {
        let entry = json!({"originator": {"name": "John Doe", "role": "user"}, "messages": [
            {"createdAt": "2019-06-25T12:45:11.857Z", "responses": [{"type": "text", "payload": {"text": "one\ntwo"}}]},
            {"createdAt": 1_632_166_271_745_u64, "fallback": "three"},
            {"responses": [{"type": "card", "payload": {"title": "Parcel"}}, {"type": "image", "payload": {"url": "https://a/b"}}]},
        ]});
        assert_eq!(
            lines(entry),
            [
                "2019-06-25 12:45:11  John Doe (user): one",
                "    two",
                "2021-09-20 19:31:11  John Doe (user): three",
                "John Doe (user): [card] Parcel",
                "    [image] https://a/b"
            ]
        );
    }

    #[test]
    fn entries_of_any_shape_can_be_shown() {
        let odd =
            json!({"messages": [{"createdAt": 1e300}, {"createdAt": "ééééééééééé"}, {"responses": [{}]}]});
        assert_eq!(lines(odd), ["?: ", "ééééééééééé  ?: ", "?: [unknown]"]);
        assert!(lines(json!({})).is_empty());
    }
}
