//! By what two deliveries of the same event are recognised.
//!
//! Flow.ai repeats a call that was not acknowledged and gives events no id ("Webhooks" of the API document). What
//! identifies an event are the ids inside of it. A hash of the bytes would not do: pause, resume, pause are three
//! events with equal bodies.

use ring::digest::{Context, SHA256};

use super::event::Event;
use super::kind::EventKind;

/// A hash over labelled fields, each with its length, so that no two lists of fields look alike.
struct Fields {
    hash: Context,
    identities: usize,
}

impl Fields {
    fn add(&mut self, label: u8, value: &str) {
        self.hash.update(&[label]);
        self.hash.update(&(value.len() as u64).to_be_bytes());
        self.hash.update(value.as_bytes());
    }

    fn identity(&mut self, label: u8, value: Option<impl AsRef<str>>) {
        if let Some(value) = value
            .as_ref()
            .map(AsRef::as_ref)
            .filter(|value| !value.is_empty())
        {
            self.add(label, value);
            self.identities += 1;
        }
    }
}

/// `v1:` and the hash in hex, or nothing when the body carries no identity.
pub(crate) fn dedupe_key(event: &Event) -> Option<String> {
    let mut fields = Fields {
        hash: Context::new(&SHA256),
        identities: 0,
    };
    match event.kind() {
        EventKind::Unknown => fields.add(b'n', &event.type_name()),
        kind => fields.add(b'k', kind.name()),
    }
    fields.add(b't', &event.thread_id());
    for message in event
        .field("messages")
        .into_iter()
        .flat_map(|messages| messages.items())
    {
        let id = message.get("meta").and_then(|meta| meta.get("msgId")?.scalar());
        fields.identity(b'm', id);
    }
    fields.identity(b'a', event.field("activityId").and_then(|id| id.scalar()));
    if event.kind() == EventKind::Delivered {
        fields.identity(b'd', event.trace_id_text());
    }
    if fields.identities == 0 {
        return None;
    }
    let mut key = String::with_capacity(67);
    key.push_str("v1:");
    for byte in fields.hash.finish().as_ref() {
        for digit in [byte >> 4, byte & 15] {
            key.extend(char::from_digit(digit.into(), 16));
        }
    }
    Some(key)
}
