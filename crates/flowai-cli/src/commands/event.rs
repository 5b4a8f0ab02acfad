//! How an event is shown.

use flowai::{Event, EventKind};
use serde_json::Value;

use super::{hours, parts, speech};

/// The event as it came.
pub(crate) fn document(event: &Event) -> Value {
    serde_json::from_slice(event.raw()).unwrap_or_default()
}

/// `thread  type  text`, with a text of several lines on one; below that, indented, what is no text.
pub(crate) fn lines(event: &Event) -> Vec<String> {
    let text = event.text().replace('\n', " / ");
    let line = format!("{}  {}  {text}", event.thread_id(), event.type_name());
    let mut lines = vec![line.trim_end().to_owned()];
    lines.extend(below(event).into_iter().map(|line| format!("    {line}")));
    lines
}

fn below(event: &Event) -> Vec<String> {
    match event.kind() {
        EventKind::History => event.history().iter().flat_map(speech::entry_lines).collect(),
        EventKind::Threads => event.threads(),
        EventKind::TriggerEvents => event.triggers(),
        EventKind::BusinessHours => hours::table(&event.business_hours()),
        _ => event
            .messages()
            .iter()
            .flat_map(parts::lines_beside_text)
            .collect(),
    }
}
