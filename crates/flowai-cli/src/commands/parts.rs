//! How the parts of a message are shown: texts, cards, buttons and what else a bot may reply.

use flowai::{Object, ReplyMessage, Template};
use serde_json::Value;

/// What a part says, in the order in which it is looked for.
const SAID: [&str; 6] = ["text", "speech", "title", "label", "name", "note"];
/// Text below that.
const BELOW: [&str; 3] = ["subtitle", "description", "address"];
const INDENT: &str = "  ";

/// The lines of a message; without parts those of its fallback.
pub(crate) fn message_lines(message: &ReplyMessage) -> Vec<String> {
    let parts = message.responses();
    if parts.is_empty() {
        return split(message.fallback().unwrap_or_default());
    }
    parts.iter().flat_map(part_lines).collect()
}

/// What a message says besides its text.
pub(crate) fn lines_beside_text(message: &ReplyMessage) -> Vec<String> {
    let beside = |part: &Template| match part.payload() {
        Some(payload) if part.is_text() => details(payload),
        _ => part_lines(part),
    };
    message.responses().iter().flat_map(beside).collect()
}

/// A text as it is. Any other part begins with its type; what belongs to it is indented below. A part of which nothing
/// can be shown shows its fallback, else its content.
fn part_lines(part: &Template) -> Vec<String> {
    let kind = part.r#type().unwrap_or("unknown");
    let empty = Object::new();
    let payload = part.payload().unwrap_or(&empty);
    let mut lines = split(said(payload).unwrap_or_default());
    let mut below = details(payload);
    if lines.is_empty() && below.is_empty() {
        lines = split(part.fallback().unwrap_or_default());
        if lines.is_empty() && !payload.is_empty() {
            lines.push(Value::Object(payload.clone()).to_string());
        }
    } else if let (true, Some(place)) = (lines.is_empty(), place(payload)) {
        below.retain(|line| line != place);
        lines.push(place.to_owned());
    }
    if kind != "text" || part.text().is_none() {
        let first = lines.first().map(String::as_str).unwrap_or_default();
        let first = format!("[{kind}] {first}").trim_end().to_owned();
        lines.splice(..lines.len().min(1), [first]);
    }
    lines.extend(indented(below));
    lines
}

fn said(payload: &Object) -> Option<&str> {
    SAID.iter().find_map(|key| text(payload, key))
}

/// Everything of a payload but what it says: where it is, what can be pressed, what it consists of.
fn details(payload: &Object) -> Vec<String> {
    let mut lines: Vec<String> = BELOW
        .iter()
        .filter_map(|key| text(payload, key))
        .flat_map(split)
        .collect();
    if let (Some(lat), Some(long)) = (scalar(payload.get("lat")), scalar(payload.get("long"))) {
        lines.push(format!("{lat}, {long}"));
    }
    let media = payload.get("media").and_then(Value::as_object);
    lines.extend(
        [Some(payload), media]
            .into_iter()
            .flatten()
            .filter_map(place)
            .map(str::to_owned),
    );
    if let Some(value) = payload
        .get("action")
        .and_then(|action| scalar(action.get("value")))
    {
        lines.push(format!("-> {value}"));
    }
    for key in ["cards", "items"] {
        for item in objects(payload, key) {
            lines.push(
                format!("- {}", said(item).unwrap_or_default())
                    .trim_end()
                    .to_owned(),
            );
            lines.extend(indented(details(item)));
        }
    }
    for key in ["buttons", "quickReplies"] {
        lines.extend(objects(payload, key).map(choice));
    }
    lines
}

/// Where it is.
fn place(object: &Object) -> Option<&str> {
    ["url", "fileUrl"].iter().find_map(|key| text(object, key))
}

/// `[Label] -> value`, without the value if it is the label.
fn choice(button: &Object) -> String {
    let kind = text(button, "type");
    let label = text(button, "label").or(kind).unwrap_or("?");
    match scalar(button.get("value")).filter(|value| value != label) {
        Some(value) => format!("[{label}] -> {value}"),
        None => format!("[{label}]"),
    }
}

fn objects<'a>(payload: &'a Object, key: &str) -> impl Iterator<Item = &'a Object> {
    let list = payload.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_object)
}

/// A text that is not empty.
fn text<'a>(object: &'a Object, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str().filter(|text| !text.is_empty())
}

fn scalar(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn split(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

fn indented(lines: Vec<String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| format!("{INDENT}{line}"))
}
