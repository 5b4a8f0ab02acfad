//! What an inbox, an outbox and a receiver tell, as documents: the names of the fields and what they hold.

use std::time::Duration;

use flowai::{
    Object,
    model::{Field, Model, Shape},
};
use flowai_delivery::{Entry, InboxStats, OutboxEntry, OutboxStats, Report, Stats, StoredEvent};
use serde_json::Value;

use crate::{document::flowai_document, list::Items, record::Record, registry};

/// Something that is told as a document.
pub(crate) trait Row {
    const MODEL: &'static Model;
    fn object(&self) -> Object;
}

pub(crate) fn document(row: &impl Row) -> flowai::Result<flowai_document> {
    row_document(Some(row))
}

/// `{0}` when there is none.
pub(crate) fn row_document<R: Row>(row: Option<&R>) -> flowai::Result<flowai_document> {
    row.map_or(Ok(flowai_document { id: 0 }), |row| {
        registry::insert(Record::new(row.object(), Some(R::MODEL)))
    })
}

pub(crate) fn items<R: Row>(rows: &[R]) -> Items {
    let values = rows.iter().map(|row| Value::Object(row.object())).collect();
    Items::of_field(values, Some(R::MODEL))
}

/// An event that was stored again to be handled again.
pub(crate) struct Copied(pub(crate) i64);

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

macro_rules! rows {
    ($($source:ident as $name:literal, |$row:ident| {$($field:ident: $shape:ident = $value:expr,)*})*) => {$(
        impl Row for $source {
            const MODEL: &'static Model = &Model {
                name: $name,
                fields: &[$(Field {
                    name: stringify!($field),
                    wire: stringify!($field),
                    shape: Shape::$shape,
                    required: false,
                    doc: "",
                },)*],
                doc: "",
            };

            fn object(&self) -> Object {
                let $row = self;
                let mut object = Object::new();
                $(object.insert(
                    stringify!($field).to_owned(),
                    serde_json::to_value(&$value).unwrap_or_default(),
                );)*
                object
            }
        }
    )*};
}

rows! {
    Entry as "InboxEntry", |row| {
        id: Integer = row.id,
        thread_id: String = row.thread_id,
        state: String = row.state.name(),
        received_at_ms: Integer = row.received_at_ms,
        attempts: Integer = row.attempts,
        error: String = row.error,
        maybe_duplicate: Bool = row.maybe_duplicate,
        replay_of: Integer = row.replay_of,
        size: Integer = row.size,
    }
    StoredEvent as "StoredEvent", |row| {
        id: Integer = row.id,
        duplicate: Bool = row.duplicate,
        dead: Bool = row.dead,
    }
    Copied as "ReplayedEvent", |row| {
        id: Integer = row.0,
    }
    InboxStats as "InboxStats", |row| {
        waiting: Integer = row.waiting,
        leased: Integer = row.leased,
        oldest_waiting_ms: Integer = row.oldest_waiting.map(ms),
        dead: Integer = row.dead,
        bytes: Integer = row.bytes,
    }
    Stats as "ReceiverStats", |row| {
        accepted: Integer = row.accepted,
        repeated: Integer = row.repeated,
        rejected: Object = row.rejected,
        dropped: Integer = row.dropped,
        queued: Integer = row.queued,
    }
    OutboxEntry as "OutboxEntry", |row| {
        position: Integer = row.position,
        id: Integer = row.id,
        thread_id: String = row.thread_id,
        trace_id: Integer = row.trace_id,
        message: Object = row.message.as_object(),
        filename: String = row.filename,
        state: String = row.state.name(),
        attempts: Integer = row.attempts,
        ambiguous_attempts: Integer = row.ambiguous_attempts,
        enqueued_at_ms: Integer = row.enqueued_at_ms,
        expires_at_ms: Integer = row.expires_at_ms,
        next_attempt_at_ms: Integer = row.next_attempt_at_ms,
        error: String = row.error,
        size: Integer = row.size,
    }
    Report as "OutboxReport", |row| {
        number: Integer = row.number,
        id: Integer = row.id,
        thread_id: String = row.thread_id,
        trace_id: Integer = row.trace_id,
        outcome: String = row.outcome.name(),
        message: Object = row.message.as_object(),
        error: String = row.error,
        error_kind: String = row.error_kind,
        status: Integer = row.status,
        request_id: String = row.request_id,
        attempts: Integer = row.attempts,
        ambiguous_attempts: Integer = row.ambiguous_attempts,
        enqueued_at_ms: Integer = row.enqueued_at_ms,
        attempted_at_ms: Integer = row.attempted_at_ms,
        settled_at_ms: Integer = row.settled_at_ms,
        confirmed_at_ms: Integer = row.confirmed_at_ms,
    }
    OutboxStats as "OutboxStats", |row| {
        waiting: Integer = row.waiting,
        sending: Integer = row.sending,
        arriving: Integer = row.arriving,
        bytes: Integer = row.bytes,
        oldest_ms: Integer = row.oldest.map(ms),
        next_attempt_at_ms: Integer = row.next_attempt_at_ms,
        error: String = row.error,
        error_kind: String = row.error_kind,
        ambiguous: Integer = row.ambiguous,
        reports: Integer = row.reports,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paragraph of the header that begins with the name of a document and ends with an empty line.
    fn paragraph_of(header: &str, model: &Model) -> String {
        let start = format!("Fields of {}: ", model.name);
        let text = header.split(&start).nth(1).unwrap_or_default();
        text.split("\n *\n").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_header_tells_all_fields() {
        let header = include_str!("../../../../include/flowai.h");
        let models = [
            Entry::MODEL,
            StoredEvent::MODEL,
            Copied::MODEL,
            InboxStats::MODEL,
            Stats::MODEL,
            OutboxEntry::MODEL,
            Report::MODEL,
            OutboxStats::MODEL,
        ];
        for model in models {
            let told = paragraph_of(header, model);
            for field in model.fields {
                let name = format!("\"{}\"", field.name);
                assert!(told.contains(&name), "{name} of {}: {told}", model.name);
            }
        }
    }
}
