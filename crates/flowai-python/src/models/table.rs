//! Which classes of models there are.

use flowai::{
    Action, BusinessHours, Button, ButtonTrigger, Card, CardMedia, Channel, Document, EventMessage,
    ExpirationTime, HistoryEntry, Holiday, Interval, ListItem, LocationMessage, MediaMessage, Object,
    Originator, Profile, QuickReply, Recipient, ReplyMessage, Segment, Template, TemplateKind, TextMessage,
    Weekday,
};
use pyo3::types::PyString;

use super::{
    documents,
    spec::{Derived, Spec},
};

/// A derived text, read by the core from a document of this type.
macro_rules! says {
    ($name:literal, $doc:literal, $model:ident, |$it:ident| $read:expr) => {
        Derived {
            name: $name,
            kind: "str",
            doc: $doc,
            read: |py, object| {
                let $it = $model::from_object(object.clone());
                Ok(PyString::new(py, $read.as_ref()).into_any())
            },
        }
    };
}

/// The quick replies of a document of this type.
macro_rules! suggests {
    ($model:ident) => {
        Derived {
            name: "quick_replies",
            kind: "tuple[QuickReply, ...]",
            doc: "tuple of QuickReply: The answers that are offered with it.",
            read: |py, object: &Object| {
                let replies = $model::from_object(object.clone()).quick_replies();
                Ok(documents(py, replies)?.into_any())
            },
        }
    };
}

pub const SPECS: &[Spec] = &[
    Spec::plain(Profile::MODEL),
    Spec {
        positional: &["name", "role"],
        default: Some(("role", "external")),
        ..Spec::plain(Originator::MODEL)
    },
    Spec::message(TextMessage::MODEL, "text", &["text"]),
    Spec::message(EventMessage::MODEL, "event", &["event_name"]),
    Spec::message(LocationMessage::MODEL, "location", &["lat", "long"]),
    Spec::message(MediaMessage::MODEL, "media", &["url"]),
    Spec {
        positional: &["name"],
        ..Spec::plain(Recipient::MODEL)
    },
    Spec {
        positional: &["channel_name", "external_id"],
        ..Spec::plain(Channel::MODEL)
    },
    Spec::plain(Segment::MODEL),
    Spec {
        derived: &[
            says!(
                "text",
                "str: What it says as plain text, empty if that is nothing.",
                Template,
                |template| template.text().unwrap_or_default()
            ),
            says!(
                "kind",
                "str: Its type, if that is one with a class of its own; ``channel`` for one of a channel alone, else \
                 ``unknown``.",
                Template,
                |template| template.kind().name()
            ),
            suggests!(Template),
        ],
        ..Spec::plain(Template::MODEL)
    },
    Spec::template(TemplateKind::Text, &["text"]),
    Spec::template(TemplateKind::Image, &[]),
    Spec::template(TemplateKind::Video, &[]),
    Spec::template(TemplateKind::Audio, &[]),
    Spec::template(TemplateKind::File, &[]),
    Spec::template(TemplateKind::Location, &[]),
    Spec::template(TemplateKind::Card, &[]),
    Spec::template(TemplateKind::Carousel, &[]),
    Spec::template(TemplateKind::List, &[]),
    Spec::template(TemplateKind::Buttons, &[]),
    Spec::template(TemplateKind::Webview, &[]),
    Spec::template(TemplateKind::Handover, &[]),
    Spec::template(TemplateKind::Note, &["note"]),
    Spec::template(TemplateKind::Custom, &[]),
    Spec::template(TemplateKind::Event, &["name"]),
    Spec::template(TemplateKind::SystemReply, &[]),
    Spec::template(TemplateKind::KhorosPriority, &["priority"]),
    Spec::template(TemplateKind::AgentText, &["text"]),
    Spec::plain(Action::MODEL),
    Spec::plain(ButtonTrigger::MODEL),
    Spec::plain(Button::MODEL),
    Spec::plain(CardMedia::MODEL),
    Spec {
        positional: &["label"],
        derived: &[
            says!(
                "label_or_value",
                "str: The words to show: the label, else the value, else nothing.",
                QuickReply,
                |reply| reply.label_or_value()
            ),
            says!(
                "value_or_label",
                "str: What to send when it is chosen: the value, else the label, else nothing.",
                QuickReply,
                |reply| reply.value_or_label()
            ),
        ],
        ..Spec::plain(QuickReply::MODEL)
    },
    Spec::plain(ExpirationTime::MODEL),
    Spec::plain(Card::MODEL),
    Spec::plain(ListItem::MODEL),
    Spec {
        derived: &[
            says!(
                "text",
                "str: What it says as plain text, empty if that is nothing.",
                ReplyMessage,
                |message| message.text()
            ),
            suggests!(ReplyMessage),
        ],
        ..Spec::plain(ReplyMessage::MODEL)
    },
    Spec {
        derived: &[says!(
            "text",
            "str: What it says as plain text, empty if that is nothing.",
            HistoryEntry,
            |entry| entry.text()
        )],
        ..Spec::plain(HistoryEntry::MODEL)
    },
    Spec::plain(Interval::MODEL),
    Spec::plain(Weekday::MODEL),
    Spec::plain(Holiday::MODEL),
    Spec::plain(BusinessHours::MODEL),
];
