//! The parts of a reply as typed values: which types of templates there are, and what their payloads hold.
//!
//! The API document does not describe the templates; these are the ones of the vendor's own SDKs. A type that is not
//! listed is kept whole and reads as [`Content::Other`].
//!
//! ```
//! use flowai::{Content, Document, Template};
//!
//! let template = Template::from_value(serde_json::json!({
//!     "type": "card",
//!     "payload": {"title": "Parcel 99812", "buttons": [{"type": "url", "label": "Track", "value": "https://t.example.org"}]},
//! }))?;
//! match template.content() {
//!     Content::Text(text) => println!("{}", text.text().unwrap_or_default()),
//!     Content::Card(card) => {
//!         for button in card.buttons() {
//!             println!("[{}]", button.label().unwrap_or_default());
//!         }
//!     }
//!     other => println!("{:?}: {}", other.kind(), template.fallback().unwrap_or_default()),
//! }
//! # Ok::<(), flowai::Error>(())
//! ```

use std::borrow::Cow;

use serde_json::Value;

use crate::model::{Document, Model, Object, read_list};
use crate::models::{ReplyMessage, Template};

/// Declares a model that has the fields of a card, by way of the macro that is named first.
macro_rules! card {
    ($with:ident $(#[doc = $doc:literal])* $model:ident { $($fields:tt)* }) => {
        $with! {
            $(#[doc = $doc])*
            $model {
                /// The first line.
                title: String = "title",
                /// The second line.
                subtitle: String = "subtitle",
                /// An image or a video.
                media: {CardMedia} = "media",
                /// What happens when it is tapped.
                action: {Action} = "action",
                /// Buttons below it.
                buttons: [Button] = "buttons",
                $($fields)*
            }
        }
    };
}

mod components;
mod generic;

pub use components::{Action, Button, ButtonTrigger, Card, CardMedia, ExpirationTime, ListItem, QuickReply};
pub use generic::{
    AgentTextTemplate, AudioTemplate, ButtonsTemplate, CardTemplate, CarouselTemplate, ChannelTemplate,
    CustomTemplate, EventTemplate, FileTemplate, HandoverTemplate, ImageTemplate, KhorosPriorityTemplate,
    ListTemplate, LocationTemplate, NoteTemplate, SystemReplyTemplate, TextTemplate, VideoTemplate,
    WebviewTemplate,
};

macro_rules! templates {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal, $model:ident;)*) => {
        /// Which template a part of a reply is. The numbers are those of the C library and never change.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum TemplateKind {
            /// A template that this version does not know, or one without a type.
            #[default]
            Unknown = 0,
            $($(#[$doc])* $variant = $code,)*
        }

        impl TemplateKind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [TemplateKind] = &[TemplateKind::Unknown, $(TemplateKind::$variant,)*];

            /// The `type` of the templates of this kind, the same in every language; `channel` stands for all of a
            /// channel's own, and `unknown` for any other.
            pub const fn name(self) -> &'static str {
                match self {
                    TemplateKind::Unknown => "unknown",
                    $(TemplateKind::$variant => $name,)*
                }
            }

            /// What the payload holds; nothing is known of an unknown one.
            pub const fn model(self) -> Option<&'static Model> {
                match self {
                    TemplateKind::Unknown => None,
                    $(TemplateKind::$variant => Some($model::MODEL),)*
                }
            }
        }

        /// The payload of a template, typed. A payload that is missing or no object has no fields.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Content {
            $($(#[$doc])* $variant($model),)*
            /// The payload of a template that this version does not know.
            Other(Object),
        }

        impl Content {
            fn new(kind: TemplateKind, payload: Object) -> Content {
                match kind {
                    TemplateKind::Unknown => Content::Other(payload),
                    $(TemplateKind::$variant => Content::$variant($model::from_object(payload)),)*
                }
            }

            /// Which template this is the payload of.
            pub fn kind(&self) -> TemplateKind {
                match self {
                    Content::Other(_) => TemplateKind::Unknown,
                    $(Content::$variant(_) => TemplateKind::$variant,)*
                }
            }

            /// The payload as it came.
            pub fn as_object(&self) -> &Object {
                match self {
                    Content::Other(payload) => payload,
                    $(Content::$variant(payload) => payload.as_object(),)*
                }
            }
        }
    };
}

templates! {
    /// A text.
    Text = 1, "text", TextTemplate;
    /// An image.
    Image = 2, "image", ImageTemplate;
    /// A video.
    Video = 3, "video", VideoTemplate;
    /// A sound.
    Audio = 4, "audio", AudioTemplate;
    /// A file.
    File = 5, "file", FileTemplate;
    /// A place.
    Location = 6, "location", LocationTemplate;
    /// A card.
    Card = 7, "card", CardTemplate;
    /// Several cards, side by side.
    Carousel = 8, "carousel", CarouselTemplate;
    /// Several rows, one below the other.
    List = 9, "list", ListTemplate;
    /// A title with buttons.
    Buttons = 10, "buttons", ButtonsTemplate;
    /// A page that opens inside the conversation.
    Webview = 11, "webview", WebviewTemplate;
    /// The bot hands the conversation over to people.
    Handover = 12, "handover", HandoverTemplate;
    /// A note for agents. The customer must not see it.
    Note = 13, "note", NoteTemplate;
    /// Whatever the makers of the bot and of the client agreed on.
    Custom = 14, "custom", CustomTemplate;
    /// An event that was triggered, in a history.
    Event = 15, "event", EventTemplate;
    /// A message of the system.
    SystemReply = 16, "system_reply", SystemReplyTemplate;
    /// How urgent the conversation is to the agents.
    KhorosPriority = 17, "khoros_priority", KhorosPriorityTemplate;
    /// A text of an agent.
    AgentText = 18, "agent_text", AgentTextTemplate;
    /// A template of one channel alone, such as `whatsapp_list`.
    Channel = 19, "channel", ChannelTemplate;
}

/// How the names of the templates begin that one channel alone can show.
const CHANNELS: [&str; 6] = ["whatsapp_", "messenger_", "rbm_", "gbm_", "apple_", "phone_"];

fn is_of_a_channel(type_name: &str) -> bool {
    CHANNELS.iter().any(|channel| type_name.starts_with(channel))
        || type_name.ends_with("_public_reply")
        || type_name == "sticker"
}

impl TemplateKind {
    /// The kind of a template with this `type`.
    ///
    /// ```
    /// use flowai::TemplateKind;
    /// assert_eq!(TemplateKind::of_type("card"), TemplateKind::Card);
    /// assert_eq!(TemplateKind::of_type("whatsapp_list"), TemplateKind::Channel);
    /// assert_eq!(TemplateKind::of_type("hologram"), TemplateKind::Unknown);
    /// ```
    pub fn of_type(type_name: &str) -> TemplateKind {
        let named = |kind: &TemplateKind| kind.is_generic() && kind.name() == type_name;
        match Self::ALL.iter().copied().find(named) {
            Some(kind) => kind,
            None if is_of_a_channel(type_name) => TemplateKind::Channel,
            None => TemplateKind::Unknown,
        }
    }

    /// Whether templates of this kind have one type, and can be shown by every channel.
    const fn is_generic(self) -> bool {
        !matches!(self, TemplateKind::Unknown | TemplateKind::Channel)
    }

    /// The number of the kind in the C library.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The kind with this number.
    pub fn from_code(code: i32) -> Option<TemplateKind> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

impl std::fmt::Display for TemplateKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Template {
    /// Which template it is.
    pub fn kind(&self) -> TemplateKind {
        self.r#type().map_or(TemplateKind::Unknown, TemplateKind::of_type)
    }

    /// The payload, typed. It is a copy; [`Template::payload`] is the document itself.
    pub fn content(&self) -> Content {
        Content::new(self.kind(), self.payload().cloned().unwrap_or_default())
    }

    /// A field of the payload: by its name in this library (`thumbnail_url`), where it has the shape that it should
    /// have, else by its name in the document, as it is. Null is absent.
    ///
    /// ```
    /// # use flowai::{Document, Template};
    /// let video = Template::from_value(serde_json::json!(
    ///     {"type": "video", "payload": {"thumbnailUrl": "https://v.example.org/1.png", "codec": "av1"}}))?;
    /// assert_eq!(video.field("thumbnail_url").unwrap().as_str(), Some("https://v.example.org/1.png"));
    /// assert_eq!(video.field("codec").unwrap().as_str(), Some("av1"));
    /// # Ok::<(), flowai::Error>(())
    /// ```
    pub fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        let payload = self.payload()?;
        match self.kind().model().and_then(|model| model.field(name)) {
            Some(field) => field.read(payload),
            None => payload
                .get(name)
                .filter(|value| !value.is_null())
                .map(Cow::Borrowed),
        }
    }

    /// The answers that are offered with it, whatever kind of template it is.
    pub fn quick_replies(&self) -> Vec<QuickReply> {
        read_list(self.payload().and_then(|payload| payload.get("quickReplies")))
    }

    /// What this part says in words. Of a template that is spoken text ([`Template::is_text`]) that is its `text`, and
    /// nothing else; of any other it is `text`, `speech`, `title` or `note`, whichever comes first, else nothing.
    pub fn text(&self) -> Option<&str> {
        let payload = self.payload()?;
        let keys: &[&str] = if self.is_text() {
            &["text"]
        } else {
            &["text", "speech", "title", "note"]
        };
        keys.iter().find_map(|key| payload.get(*key)?.as_str())
    }
}

impl ReplyMessage {
    /// The answers that are offered with the message: those of all its parts, in their order.
    pub fn quick_replies(&self) -> Vec<QuickReply> {
        self.responses()
            .iter()
            .flat_map(Template::quick_replies)
            .collect()
    }
}
