//! What a message says as plain text: one rule for events, which are read in place, and for documents.

use std::borrow::Cow;

use serde_json::Value;

use super::view::View;
use crate::models::{HistoryEntry, ReplyMessage, Template};

/// What the rule needs to know about a JSON value.
pub(crate) trait Json<'a>: Copy {
    fn field(self, key: &str) -> Option<Self>;
    fn each(self) -> impl Iterator<Item = Self>;
    fn string(self) -> Option<Cow<'a, str>>;
    fn bytes(self) -> Option<Cow<'a, [u8]>>;
}

impl<'a> Json<'a> for View<'a> {
    fn field(self, key: &str) -> Option<Self> {
        self.get(key)
    }
    fn each(self) -> impl Iterator<Item = Self> {
        self.items()
    }
    fn string(self) -> Option<Cow<'a, str>> {
        self.str()
    }

    fn bytes(self) -> Option<Cow<'a, [u8]>> {
        self.bytes()
    }
}

impl<'a> Json<'a> for &'a Value {
    fn field(self, key: &str) -> Option<Self> {
        self.get(key)
    }
    fn each(self) -> impl Iterator<Item = Self> {
        self.as_array().into_iter().flatten()
    }
    fn string(self) -> Option<Cow<'a, str>> {
        self.as_str().map(Cow::Borrowed)
    }

    fn bytes(self) -> Option<Cow<'a, [u8]>> {
        Some(Cow::Borrowed(self.as_str()?.as_bytes()))
    }
}

/// Adds a line; an empty one is not there.
fn add_line(out: &mut String, line: &str) {
    if !line.is_empty() {
        out.reserve(line.len() + 1);
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(line);
    }
}

/// Whether a template of this type is spoken text: `text` itself and those of the channels, such as `whatsapp_text`.
fn is_text(template_type: &[u8]) -> bool {
    template_type == b"text" || template_type.ends_with(b"_text")
}

/// Adds the text templates of a message, one a line; the message's fallback when there is none.
pub(crate) fn message_text<'a, J: Json<'a>>(out: &mut String, field: impl Fn(&str) -> Option<J>) {
    let before = out.len();
    for template in field("responses").into_iter().flat_map(J::each) {
        let spoken = template
            .field("type")
            .and_then(J::bytes)
            .is_some_and(|name| is_text(&name));
        let line = || template.field("payload")?.field("text")?.string();
        if let Some(line) = spoken.then(line).flatten() {
            add_line(out, &line);
        }
    }
    if out.len() == before {
        add_line(out, &field("fallback").and_then(J::string).unwrap_or_default());
    }
}

/// The texts of all messages of an array, one a line.
pub(crate) fn messages_text<'a, J: Json<'a>>(messages: J) -> String {
    let mut out = String::new();
    for message in messages.each() {
        message_text(&mut out, |key| message.field(key));
    }
    out
}

impl ReplyMessage {
    /// What the message says: its text templates, one a line, else its fallback, else nothing.
    ///
    /// ```
    /// use flowai::{ReplyMessage, model::Document};
    /// let card = serde_json::json!({"fallback": "A card", "responses": [{"type": "card", "payload": {"title": "T"}}]});
    /// assert_eq!(ReplyMessage::from_value(card)?.text(), "A card");
    /// # Ok::<(), flowai::Error>(())
    /// ```
    pub fn text(&self) -> String {
        let mut out = String::new();
        message_text(&mut out, |key| self.0.get(key));
        out
    }
}

impl HistoryEntry {
    /// What was said: the texts of all messages, one a line.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for message in self.messages() {
            message_text(&mut out, |key| message.0.get(key));
        }
        out
    }
}

impl Template {
    /// Whether this part is spoken text, which [`ReplyMessage::text`] takes.
    pub fn is_text(&self) -> bool {
        self.r#type().is_some_and(|name| is_text(name.as_bytes()))
    }
}
