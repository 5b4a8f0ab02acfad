//! Where an event keeps its data.
//!
//! The API document shows no body of a webhook call. Three forms are accepted: all fields in the root; a name in
//! the root and the data in `payload`; and the form of a direct answer, with the data in `result`. An inner object
//! counts as data only when the root has none of the fields that make an event, since a flat event may have fields
//! of these names of its own.

use super::kind::EventKind;
use super::tape::{Fault, Kind};
use super::view::View;

/// The names under which the name of an event came, in the order in which they count.
const TYPE_KEYS: [&str; 4] = ["type", "event", "eventType", "eventName"];

/// The fields that make an event, with what an event without a name is when it has the field.
const CONTENT: [(&str, EventKind); 8] = [
    ("messages", EventKind::Reply),
    ("history", EventKind::History),
    ("threads", EventKind::Threads),
    ("items", EventKind::TriggerEvents),
    ("businessHours", EventKind::BusinessHours),
    ("isPaused", EventKind::BotStatus),
    ("isPaued", EventKind::BotStatus),
    ("speech", EventKind::Unknown),
];

/// The places of the data objects inside the root.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Envelope {
    payload: Option<u32>,
    result: Option<u32>,
}

impl Envelope {
    /// Finds the data objects; a key that one of them or the root has twice is a fault.
    pub(crate) fn find(root: View<'_>) -> Result<Envelope, Fault> {
        let inner = |object: View<'_>, key: &str| {
            let bare = !CONTENT.iter().any(|(field, _)| object.get(field).is_some());
            let value = bare.then(|| object.get(key))??;
            (value.kind() == Kind::Object).then_some(value.index())
        };
        let payload = inner(root, "payload");
        let result = match payload {
            Some(index) => inner(root.at(index), "result"),
            None => inner(root, "result"),
        };
        for index in [Some(root.index()), payload, result].into_iter().flatten() {
            root.at(index).must_have_unique_keys()?;
        }
        Ok(Envelope { payload, result })
    }

    /// A field of the event, wherever it is; null is absent.
    pub(crate) fn get<'a>(self, root: View<'a>, key: &str) -> Option<View<'a>> {
        let inner = |index: Option<u32>| root.at(index?).get(key);
        inner(self.result)
            .or_else(|| root.get(key))
            .or_else(|| inner(self.payload))
    }

    /// The kind of an event without a name, by its fields.
    pub(crate) fn infer(self, root: View<'_>) -> EventKind {
        CONTENT
            .iter()
            .find(|(field, _)| self.get(root, field).is_some())
            .map_or(EventKind::Unknown, |(_, kind)| *kind)
    }
}

/// The name of an event.
pub(crate) fn type_name<'a>(root: View<'a>) -> Option<std::borrow::Cow<'a, str>> {
    TYPE_KEYS
        .iter()
        .find_map(|key| root.get(key)?.str().filter(|name| !name.is_empty()))
}
