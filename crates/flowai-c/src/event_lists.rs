//! What a webhook event has several of.

use std::mem::MaybeUninit;

use flowai::{Event, ReplyMessage};

use crate::{
    business_hours::flowai_business_hours,
    event::flowai_event,
    guard::read,
    list::{Items, flowai_list},
    registry,
    status::flowai_status,
};

fn list(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_list>>,
    items: impl FnOnce(&Event) -> Items,
) -> flowai_status {
    read(event, out, |parsed| registry::insert(items(&parsed.event)))
}

/// The messages of a reply. flowai_document_text() is what one says, its "responses" are its parts.
///
/// @param event  An event.
/// @param out    Receives a list of documents named ReplyMessage, which the caller frees.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_messages(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    list(event, out, |event| Items::of_documents(event.messages()))
}

/// The parts of all messages of a reply (texts, cards and so on), in their order.
///
/// @param event  An event.
/// @param out    Receives a list of documents named Template, which the caller frees.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_templates(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    list(event, out, |event| {
        let messages = event.messages();
        Items::of_documents(messages.iter().flat_map(ReplyMessage::responses).collect())
    })
}

/// The entries of a history.
///
/// @param event  An event.
/// @param out    Receives a list of documents named HistoryEntry, which the caller frees.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_history(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    list(event, out, |event| Items::of_documents(event.history()))
}

/// The ids of conversations.
///
/// @param event  An event.
/// @param out    Receives a list of texts, which the caller frees.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_threads(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    list(event, out, |event| Items::of_texts(event.threads()))
}

/// The names of events that can be triggered by hand.
///
/// @param event  An event.
/// @param out    Receives a list of texts, which the caller frees.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_triggers(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    list(event, out, |event| Items::of_texts(event.triggers()))
}

/// The sets of business hours.
///
/// @param event  An event.
/// @param out    Receives the business hours, which the caller frees.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_business_hours(
    event: flowai_event,
    out: Option<&mut MaybeUninit<flowai_business_hours>>,
) -> flowai_status {
    read(event, out, |parsed| {
        registry::insert(parsed.event.business_hours().into())
    })
}
