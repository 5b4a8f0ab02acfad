//! An event as it came, with accessors that never fail.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::envelope::Envelope;
use super::kind::EventKind;
use super::tape::{self, Fault, Kind, Node};
use super::view::View;
use super::{identity, text, time};
use crate::business_hours::BusinessHours;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Document;
use crate::models::{HistoryEntry, Originator, ReplyMessage};

/// What Flow.ai posted to a webhook ("Webhooks" of the API document).
///
/// The body is checked as a whole when it is parsed and read in place afterwards: a field that is missing, null or
/// of the wrong shape reads as absent and stays in [`Event::raw`]. Clones share the body. Two events are equal when
/// their bodies are.
#[derive(Clone)]
pub struct Event(Arc<Inner>);

struct Inner {
    raw: Bytes,
    nodes: Vec<Node>,
    envelope: Envelope,
}

/// Reads one event. The root of the body must be an object.
///
/// # Errors
///
/// [`ErrorKind::WebhookParse`] when the body is not strict JSON in UTF-8, is larger than 16 MiB, nests deeper than 128,
/// has a lone surrogate, or has a key of the envelope twice. The message names the position, never the content.
pub fn parse_event(body: impl Into<Bytes>) -> Result<Event> {
    let raw = body.into();
    let nodes = tape::parse(&raw).map_err(refused)?;
    Event::new(raw, nodes).map_err(refused)
}

/// Reads one event or an array of events. Each has its own bytes as [`Event::raw`].
///
/// # Errors
///
/// As [`parse_event`]; one bad item refuses the whole body.
pub fn parse_events(body: impl Into<Bytes>) -> Result<Vec<Event>> {
    let raw = body.into();
    let nodes = tape::parse(&raw).map_err(refused)?;
    let root = View::root(&raw, &nodes);
    if root.kind() != Kind::Array {
        return Ok(vec![Event::new(raw, nodes).map_err(refused)?]);
    }
    let mut events = Vec::new();
    for item in root.items() {
        let Some((place, part)) = tape::cut(&nodes, item.index()) else {
            continue;
        };
        let start = place.start;
        let event = Event::new(raw.slice(place), part).map_err(|fault| {
            refused(Fault {
                at: fault.at + start,
                ..fault
            })
        })?;
        events.push(event);
    }
    Ok(events)
}

fn refused(fault: Fault) -> Error {
    let message = format!(
        "the webhook body is not an event: {} at byte {}",
        fault.what, fault.at
    );
    Error::new(ErrorKind::WebhookParse, message)
}

/// The documents in an array; items of another shape are skipped.
fn documents<D: Document>(array: Option<View<'_>>) -> Vec<D> {
    array
        .into_iter()
        .flat_map(View::items)
        .filter_map(document)
        .collect()
}

fn document<D: Document>(value: View<'_>) -> Option<D> {
    (value.kind() == Kind::Object).then(|| D::from_object(value.to_object()))
}

fn strings(array: Option<View<'_>>) -> Vec<String> {
    array
        .into_iter()
        .flat_map(View::items)
        .filter_map(|item| Some(item.str()?.into_owned()))
        .collect()
}

/// A whole number, which may come as a string: the service sends both for the same field.
fn whole(value: View<'_>) -> Option<u64> {
    value.scalar()?.trim().parse().ok()
}

/// The part before the first `|` of a thread id.
fn user_part(thread_id: &str) -> &str {
    thread_id.split_once('|').map_or(thread_id, |(user, _)| user)
}

impl Event {
    fn new(raw: Bytes, nodes: Vec<Node>) -> Result<Event, Fault> {
        let root = View::root(&raw, &nodes);
        root.must_be_object()?;
        let envelope = Envelope::find(root)?;
        Ok(Event(Arc::new(Inner { raw, nodes, envelope })))
    }

    fn root(&self) -> View<'_> {
        View::root(&self.0.raw, &self.0.nodes)
    }

    /// A field of the event, wherever the envelope has it.
    pub(crate) fn field(&self, key: &str) -> Option<View<'_>> {
        self.0.envelope.get(self.root(), key)
    }

    fn string(&self, key: &str) -> Option<Cow<'_, str>> {
        self.field(key)?.str()
    }

    /// The body, byte for byte.
    pub fn raw(&self) -> &Bytes {
        &self.0.raw
    }

    /// The name of the event as it came, such as `message.reply`; empty when there is none.
    pub fn type_name(&self) -> Cow<'_, str> {
        self.0.envelope.type_name(self.root()).unwrap_or_default()
    }

    /// What the event tells. An event without a name has the kind that its fields suggest.
    pub fn kind(&self) -> EventKind {
        self.0.envelope.kind()
    }

    /// The conversation, as it came; empty when there is none. The id may carry a channel that the one which a
    /// message was sent to does not have: compare with [`Event::is_for`].
    pub fn thread_id(&self) -> Cow<'_, str> {
        self.string("threadId").unwrap_or_default()
    }

    /// The part of the thread id before the first `|`, or the whole when there is no `|`.
    pub fn thread_user(&self) -> Cow<'_, str> {
        match self.thread_id() {
            Cow::Borrowed(id) => Cow::Borrowed(user_part(id)),
            Cow::Owned(id) => Cow::Owned(user_part(&id).to_owned()),
        }
    }

    /// The part of the thread id after the first `|`; nothing when there is no `|`.
    pub fn thread_channel(&self) -> Option<Cow<'_, str>> {
        match self.thread_id() {
            Cow::Borrowed(id) => id.split_once('|').map(|(_, channel)| Cow::Borrowed(channel)),
            Cow::Owned(id) => id
                .split_once('|')
                .map(|(_, channel)| Cow::Owned(channel.to_owned())),
        }
    }

    /// Whether the event belongs to this conversation: the whole ids are equal, or one of them has no channel and
    /// the parts before the `|` are equal. No event belongs to the empty id.
    pub fn is_for(&self, thread_id: &str) -> bool {
        let own = self.thread_id();
        if thread_id.is_empty() || own.is_empty() {
            return false;
        }
        own == thread_id
            || (!(own.contains('|') && thread_id.contains('|')) && user_part(&own) == user_part(thread_id))
    }

    /// What was said: the texts of all messages, one a line, where a message without text has its fallback. For a
    /// delivered message, and for any event without messages, the `speech`. Else empty.
    pub fn text(&self) -> String {
        let speech = || self.string("speech").map(Cow::into_owned);
        let messages = || {
            let text = text::messages_text(self.field("messages")?);
            (!text.is_empty()).then_some(text)
        };
        let found = match self.kind() {
            EventKind::Delivered => speech().or_else(messages),
            _ => messages().or_else(speech),
        };
        found.unwrap_or_default()
    }

    /// The trace id, when it is a whole number or a string that holds one: that of a message that this library sent.
    pub fn trace_id(&self) -> Option<u64> {
        whole(self.field("traceId")?)
    }

    /// The trace id as it is written; those of the platform itself are text such as `6beafa70:23cab391:6beafa70:1`.
    pub fn trace_id_text(&self) -> Option<Cow<'_, str>> {
        self.field("traceId")?.scalar()
    }

    /// The messages of a reply.
    pub fn messages(&self) -> Vec<ReplyMessage> {
        documents(self.field("messages"))
    }

    /// Whether there is a list of messages, even an empty one.
    pub(crate) fn has_messages(&self) -> bool {
        self.field("messages")
            .is_some_and(|messages| messages.kind() == Kind::Array)
    }

    /// Who caused the event.
    pub fn originator(&self) -> Option<Originator> {
        document(self.field("originator")?)
    }

    /// Whom a reply is for.
    pub fn user(&self) -> Option<Originator> {
        document(self.field("user")?)
    }

    /// Whether the bot is paused, if the event tells. Reads `isPaused` as well as `isPaued`, the spelling of
    /// "Bot status" of the API document.
    pub fn is_paused(&self) -> Option<bool> {
        match self.kind() {
            EventKind::Paused => Some(true),
            EventKind::Resumed => Some(false),
            _ => ["isPaused", "isPaued"]
                .iter()
                .find_map(|key| self.field(key)?.bool()),
        }
    }

    /// When it happened, as it came: ISO 8601 text, or milliseconds since 1970.
    pub fn created_at(&self) -> Option<Value> {
        self.get("createdAt")
            .filter(|value| value.is_string() || value.is_number())
    }

    /// When it happened, in milliseconds since 1970 UTC. Nothing when it is missing or no time with a zone.
    pub fn created_at_ms(&self) -> Option<i64> {
        let time = self.field("createdAt")?;
        let text = time.scalar()?;
        text.parse().ok().or_else(|| match time.number() {
            Some(number) => (number.abs() < 1e15).then_some(number as i64),
            None => time::milliseconds(&text),
        })
    }

    /// The entries of a conversation's history, in the order of the service.
    pub fn history(&self) -> Vec<HistoryEntry> {
        documents(self.field("history"))
    }

    /// Which page of a list this is.
    pub fn page(&self) -> Option<u64> {
        whole(self.field("page")?)
    }

    /// How many pages the list has.
    pub fn pages(&self) -> Option<u64> {
        whole(self.field("pages")?)
    }

    /// The sets of business hours.
    pub fn business_hours(&self) -> Vec<BusinessHours> {
        documents(self.field("businessHours"))
    }

    /// The ids of conversations, of a list of them.
    pub fn threads(&self) -> Vec<String> {
        strings(self.field("threads"))
    }

    /// The names of events that can be triggered by hand.
    pub fn triggers(&self) -> Vec<String> {
        strings(self.field("items"))
    }

    /// Any field of the event by its name in the body, wherever the envelope has it.
    pub fn get(&self, key: &str) -> Option<Value> {
        self.field(key).map(View::to_value)
    }

    /// Equal for two deliveries of the same event, different for different events: `v1:` and a SHA-256 over the
    /// kind, the thread id, the ids of the messages, the activity id and, when a message was delivered, its trace id.
    /// Nothing when the body has none of these ids.
    pub fn dedupe_key(&self) -> Option<String> {
        identity::dedupe_key(self)
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Event) -> bool {
        self.0.raw == other.0.raw
    }
}

impl Eq for Event {}

impl Hash for Event {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.raw.hash(state);
    }
}

/// Without content: what people write to a bot has no place in a log.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("kind", &self.kind())
            .field("bytes", &self.0.raw.len())
            .finish_non_exhaustive()
    }
}
