//! Webhook events: making and freeing them ("Webhooks" of the API document).

use std::mem::MaybeUninit;

use flowai::{Event, parse_event, parse_events};

use crate::{
    error::flowai_error,
    guard::{free, make, read},
    registry::{self, handle},
    status::flowai_status,
    strings::{Data, Lazy, flowai_str},
};

/// An event that was posted to a webhook. Free it with flowai_event_free().
///
/// After parsing nothing about it fails: a field that is missing or of the wrong shape reads as absent, and
/// flowai_event_raw() has everything.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_event {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_event => Parsed, 11);

/// Several events that came in one body. Free it with flowai_event_list_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_event_list {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_event_list => Vec<Event>, 12);

/// Everything is read when it is asked for, and then kept: what is handed out must not move.
pub(crate) struct Parsed {
    pub(crate) event: Event,
    texts: [Lazy; FIELDS],
}

/// A field that is handed out as text.
#[derive(Clone, Copy)]
pub(crate) enum Field {
    Type,
    ThreadId,
    ThreadUser,
    ThreadChannel,
    Text,
    TraceId,
    OriginatorName,
    OriginatorRole,
    Originator,
    User,
    DedupeKey,
    Raw,
}

const FIELDS: usize = 12;

impl From<Event> for Parsed {
    fn from(event: Event) -> Parsed {
        Parsed {
            event,
            texts: Default::default(),
        }
    }
}

impl Parsed {
    /// Text that is made when it is first asked for.
    pub(crate) fn text<T: Into<Vec<u8>>>(&self, field: Field, value: impl FnOnce(&Event) -> T) -> flowai_str {
        let lazy = self.texts.get(field as usize);
        lazy.map_or_else(flowai_str::empty, |lazy| lazy.lend(|| value(&self.event)))
    }
}

/// Reads one event from the body of a webhook call. The body is copied. Check with a verifier first who has sent it.
///
/// @param body  A JSON object; may be NULL if len is 0, which is refused like any other body that is no event.
/// @param len   Its length in bytes, at most 16 MiB.
/// @param err   Receives an error on failure; may be NULL.
/// @param out   Receives the event, which the caller frees.
/// @return      FLOWAI_OK, FLOWAI_ERR_WEBHOOK_PARSE, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_parse(
    body: Data,
    len: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_event>>,
) -> flowai_status {
    make(err, out, || {
        Ok(parse_event(body.bytes(len, "body")?.to_vec())?.into())
    })
}

/// Reads one event or an array of events from the body of a webhook call. One bad event refuses the whole body.
///
/// @param body  A JSON object or an array of them; may be NULL if len is 0, which is refused.
/// @param len   Its length in bytes, at most 16 MiB.
/// @param err   Receives an error on failure; may be NULL.
/// @param out   Receives the list, which the caller frees.
/// @return      FLOWAI_OK, FLOWAI_ERR_WEBHOOK_PARSE, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_parse_many(
    body: Data,
    len: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_event_list>>,
) -> flowai_status {
    make(err, out, || parse_events(body.bytes(len, "body")?.to_vec()))
}

/// How many events a list has.
///
/// @param list  A list.
/// @param out   Receives the number.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_list_count(
    list: flowai_event_list,
    out: Option<&mut MaybeUninit<usize>>,
) -> flowai_status {
    read(list, out, |events| Ok(events.len()))
}

/// An event of a list.
///
/// @param list   A list.
/// @param index  From 0.
/// @param out    Receives the event, which the caller frees and which does not need the list; {0} if there is no such
///               event.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_list_at(
    list: flowai_event_list,
    index: usize,
    out: Option<&mut MaybeUninit<flowai_event>>,
) -> flowai_status {
    read(list, out, |events| event_handle(events.get(index).cloned()))
}

/// `{0}` for no event.
pub(crate) fn event_handle(event: Option<Event>) -> flowai::Result<flowai_event> {
    event.map_or(Ok(flowai_event { id: 0 }), |event| registry::insert(event.into()))
}

/// Frees a list; its events live on. {0} and one that was freed before are left alone.
///
/// @param list  A list.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_list_free(list: flowai_event_list) {
    free(list);
}

/// Frees an event and every text read from it. {0} and one that was freed before are left alone.
///
/// @param event  An event.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_event_free(event: flowai_event) {
    free(event);
}
