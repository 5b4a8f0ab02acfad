//! What can be read from a webhook event.

use std::mem::MaybeUninit;

use flowai::{Document, Event, Originator};
use serde_json::Value;

use crate::{
    bot::{answer, flowai_answer},
    event::{Field, flowai_event},
    guard::read,
    status::flowai_status,
    strings::{NONE, Text, flowai_str, number},
};

/// What an event tells: one of FLOWAI_EVENT_... . Later versions may add some.
pub type flowai_kind = i32;

/// An event that this version does not know. It is delivered like any other.
pub const FLOWAI_EVENT_UNKNOWN: flowai_kind = 0;
/// The bot replies.
pub const FLOWAI_EVENT_REPLY: flowai_kind = 1;
/// A message that was sent has been delivered.
pub const FLOWAI_EVENT_DELIVERED: flowai_kind = 2;
/// A conversation is handed over to a person.
pub const FLOWAI_EVENT_HANDOVER: flowai_kind = 3;
/// The bot was paused.
pub const FLOWAI_EVENT_PAUSED: flowai_kind = 4;
/// The bot was resumed.
pub const FLOWAI_EVENT_RESUMED: flowai_kind = 5;
/// The answer to flowai_client_request_bot_status().
pub const FLOWAI_EVENT_BOT_STATUS: flowai_kind = 6;
/// The answer to flowai_client_request_history().
pub const FLOWAI_EVENT_HISTORY: flowai_kind = 7;
/// The answer to flowai_client_request_business_hours().
pub const FLOWAI_EVENT_BUSINESS_HOURS: flowai_kind = 8;
/// The answer to flowai_client_request_threads().
pub const FLOWAI_EVENT_THREADS: flowai_kind = 9;
/// The answer to flowai_client_request_trigger_events().
pub const FLOWAI_EVENT_TRIGGER_EVENTS: flowai_kind = 10;
/// A message of a user on another channel.
pub const FLOWAI_EVENT_INBOUND: flowai_kind = 11;
/// A message of the bot on another channel.
pub const FLOWAI_EVENT_OUTBOUND: flowai_kind = 12;
fn text<T: Into<Vec<u8>>>(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
    field: Field,
    value: impl FnOnce(&Event) -> T,
) -> flowai_status {
    read(event, out, |parsed| Ok(parsed.text(field, value)))
}

/// The JSON form of a person; nobody is empty text.
fn person(originator: Option<Originator>) -> String {
    originator.map_or_else(String::new, |originator| {
        Value::Object(originator.into_object()).to_string()
    })
}

/// What the event tells. An event without a name has the kind that its fields suggest.
///
/// @param event  An event.
/// @param out    Receives one of FLOWAI_EVENT_... .
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_kind(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_kind>>,
) -> flowai_status {
    read(event, out, |parsed| Ok(parsed.event.kind().code()))
}

/// The name of the event as it came, such as "message.reply".
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event; empty if there was none.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_type(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::Type, |event| event.type_name().into_owned())
}

/// The conversation, as it came. The id may carry a channel after a bar that the one which a message was sent to does
/// not have: compare with flowai_event_is_for().
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event; empty if there was none.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_thread_id(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::ThreadId, |event| {
        event.thread_id().into_owned()
    })
}

/// The part of the thread id before the first bar ("|"), or the whole when there is no bar.
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event; empty if there was none.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_thread_user(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::ThreadUser, |event| {
        event.thread_user().into_owned()
    })
}

/// The part of the thread id after the first bar ("|").
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event; empty if there was no bar.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_thread_channel(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::ThreadChannel, |event| {
        event.thread_channel().unwrap_or_default().into_owned()
    })
}

/// What was said: the texts of all messages, one a line, where a message without text has its fallback. For a
/// delivered message what was sent.
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event; empty if nothing was said.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_text(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::Text, |event| event.text())
}

/// The trace id as it is written; those of the platform itself are text such as "6beafa70:23cab391:6beafa70:1".
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event; empty if there was none.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_trace_id_text(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::TraceId, |event| {
        event.trace_id_text().unwrap_or_default().into_owned()
    })
}

/// The name of who caused the event.
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event; empty if there was none.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_originator_name(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::OriginatorName, |event| {
        event
            .originator()
            .and_then(|o| o.name().map(str::to_owned))
            .unwrap_or_default()
    })
}

/// The role of who caused the event, such as "bot", "external" or "moderator".
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event; empty if there was none.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_originator_role(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::OriginatorRole, |event| {
        event
            .originator()
            .and_then(|o| o.role().map(str::to_owned))
            .unwrap_or_default()
    })
}

/// Who caused the event, as a JSON object.
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event; empty if the event does not say.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_originator_json(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::Originator, |event| person(event.originator()))
}

/// Whom a reply is for, as a JSON object.
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event; empty if the event does not say.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_user_json(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::User, |event| person(event.user()))
}

/// A text that is equal for two deliveries of the same event and different for different events.
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event; empty if the event carries no identity.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_dedupe_key(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::DedupeKey, |event| {
        event.dedupe_key().unwrap_or_default()
    })
}

/// The body of the event, byte for byte.
///
/// @param event  An event.
/// @param out    Receives text that lives as long as the event.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_raw(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    text(event, out, Field::Raw, |event| event.raw().to_vec())
}

/// The trace id as a number: that of a message that this library sent.
///
/// @param event  An event.
/// @param out    Receives the number; FLOWAI_NONE if there is none, or one that is no number.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_trace_id(
    event: flowai_event,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(event, out, |parsed| Ok(number(parsed.event.trace_id())))
}

/// Whether the bot is paused.
///
/// @param event  An event.
/// @param out    Receives FLOWAI_YES, FLOWAI_NO or FLOWAI_UNKNOWN.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_is_paused(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_answer>>,
) -> flowai_status {
    read(event, out, |parsed| Ok(answer(parsed.event.is_paused())))
}

/// When it happened.
///
/// @param event  An event.
/// @param out    Receives milliseconds since 1970 UTC; FLOWAI_NONE if the event does not say.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_created_at_ms(
    event: flowai_event,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(event, out, |parsed| {
        Ok(parsed.event.created_at_ms().unwrap_or(NONE))
    })
}

/// Which page of a list the event has.
///
/// @param event  An event.
/// @param out    Receives the number; FLOWAI_NONE if the event does not say.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_page(
    event: flowai_event,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(event, out, |parsed| Ok(number(parsed.event.page())))
}

/// How many pages the list has.
///
/// @param event  An event.
/// @param out    Receives the number; FLOWAI_NONE if the event does not say.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_pages(
    event: flowai_event,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(event, out, |parsed| Ok(number(parsed.event.pages())))
}

/// Whether an event belongs to a conversation: the whole ids are equal, or one of them has no channel and the parts
/// before the bar are equal. No event belongs to the empty id.
///
/// @param event      An event.
/// @param thread_id  A thread.
/// @param out        Receives the answer.
/// @return           FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (thread_id is no text, out is
///                   NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_is_for(
    event: flowai_event,
    thread_id: Text,
    out: Option<&mut MaybeUninit<bool>>,
) -> flowai_status {
    read(event, out, |parsed| {
        Ok(parsed.event.is_for(thread_id.required("thread_id")?))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use flowai::EventKind;

    #[test]
    fn every_kind_of_event_has_its_constant() {
        let source = include_str!("event_fields.rs");
        let constants: Vec<(String, i32)> = source
            .lines()
            .filter_map(|line| {
                line.strip_prefix("pub const FLOWAI_EVENT_")?
                    .split_once(": flowai_kind = ")
            })
            .map(|(name, number)| (name.to_lowercase(), number.trim_end_matches(';').parse().unwrap()))
            .collect();
        let kinds: Vec<(String, i32)> = EventKind::ALL
            .iter()
            .map(|k| (k.name().to_owned(), k.code()))
            .collect();
        assert_eq!(constants, kinds);
    }
}
