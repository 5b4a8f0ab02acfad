//! Where an event keeps its data.
//!
//! The API document shows no body of a webhook call. Three forms are accepted: all fields in the root; a name in
//! the root and the data in `payload`; and the form of a direct answer, with the data in `result`. An inner object
//! counts as data only when the root has none of the fields that make an event, since a flat event may have fields
//! of these names of its own.

use std::borrow::Cow;

use super::kind::EventKind;
use super::tape::{Fault, Kind};
use super::view::View;

/// Where a field that holds the name of an event comes among those that do; the first counts.
fn rank_of_name(key: &[u8]) -> Option<u8> {
    match key {
        b"type" => Some(0),
        b"event" => Some(1),
        b"eventType" => Some(2),
        b"eventName" => Some(3),
        _ => None,
    }
}

/// Where a field that makes an event comes among those that do, and what an event without a name is when it has the field;
/// the first counts.
fn rank_of_content(key: &[u8]) -> Option<(u8, EventKind)> {
    match key {
        b"messages" => Some((0, EventKind::Reply)),
        b"history" => Some((1, EventKind::History)),
        b"threads" => Some((2, EventKind::Threads)),
        b"items" => Some((3, EventKind::TriggerEvents)),
        b"businessHours" => Some((4, EventKind::BusinessHours)),
        b"isPaused" | b"isPaued" => Some((5, EventKind::BotStatus)),
        b"speech" => Some((6, EventKind::Unknown)),
        _ => None,
    }
}

/// Keeps what comes before what was kept.
fn keep_first<T>(kept: &mut Option<(u8, T)>, rank: u8, value: T) {
    if kept.as_ref().is_none_or(|(best, _)| rank < *best) {
        *kept = Some((rank, value));
    }
}

/// One look at an object that may hold the data of an event.
struct Survey<'a> {
    name: Option<View<'a>>,
    payload: Option<View<'a>>,
    result: Option<View<'a>>,
    content: Option<EventKind>,
}

impl<'a> Survey<'a> {
    /// A key that the object has twice is a fault.
    fn of(object: View<'a>) -> Result<Survey<'a>, Fault> {
        let (mut name, mut content) = (None, None);
        let (mut payload, mut result) = (None, None);
        object.unique_members(|key, value| {
            if value.kind() == Kind::Null {
                return;
            }
            match key {
                b"payload" => payload = Some(value),
                b"result" => result = Some(value),
                _ => {
                    if let Some(rank) = rank_of_name(key) {
                        if value.bytes().is_some_and(|name| !name.is_empty()) {
                            keep_first(&mut name, rank, value);
                        }
                    } else if let Some((rank, kind)) = rank_of_content(key) {
                        keep_first(&mut content, rank, kind);
                    }
                }
            }
        })?;
        let content = content.map(|(_, kind)| kind);
        // With content of its own the object is the data, and what is inside of it are fields.
        let inner =
            |field: Option<View<'a>>| field.filter(|field| content.is_none() && field.kind() == Kind::Object);
        Ok(Survey {
            name: name.map(|(_, value)| value),
            payload: inner(payload),
            result: inner(result),
            content,
        })
    }
}

/// The places of the name and of the data objects inside the root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    name: Option<u32>,
    payload: Option<u32>,
    result: Option<u32>,
    kind: EventKind,
}

impl Envelope {
    /// Finds the data objects; a key that one of them or the root has twice is a fault.
    pub(crate) fn find(root: View<'_>) -> Result<Envelope, Fault> {
        let outer = Survey::of(root)?;
        let payload = outer.payload.map(Survey::of).transpose()?;
        let result = payload.as_ref().map_or(outer.result, |payload| payload.result);
        let inner = result.map(Survey::of).transpose()?;
        let content = || {
            [Some(&outer), payload.as_ref(), inner.as_ref()]
                .into_iter()
                .flatten()
                .find_map(|s| s.content)
        };
        let kind = match outer.name.and_then(View::str) {
            Some(name) => EventKind::of_type(&name),
            None => content().unwrap_or_default(),
        };
        Ok(Envelope {
            name: outer.name.map(View::index),
            payload: outer.payload.map(View::index),
            result: result.map(View::index),
            kind,
        })
    }

    /// The kind by the name of the event, or by its fields when it has none.
    pub(crate) fn kind(self) -> EventKind {
        self.kind
    }

    /// The name of the event as it came.
    pub(crate) fn type_name<'a>(self, root: View<'a>) -> Option<Cow<'a, str>> {
        root.at(self.name?).str()
    }

    /// A field of the event, wherever it is; null is absent.
    pub(crate) fn get<'a>(self, root: View<'a>, key: &str) -> Option<View<'a>> {
        let inner = |index: Option<u32>| root.at(index?).get(key);
        inner(self.result)
            .or_else(|| root.get(key))
            .or_else(|| inner(self.payload))
    }
}
