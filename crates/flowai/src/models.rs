//! Who speaks and what was said: the documents that requests, answers and events have in common.

use crate::model::Object;
use serde_json::{Number, Value};

models! {
    /// More about the sender of a message ("Profile object" of the API document).
    Profile {
        /// Complete name.
        full_name: String = "fullName",
        /// First name.
        first_name: String = "firstName",
        /// Family name.
        last_name: String = "lastName",
        /// `M`, `F` or `U`.
        gender: String = "gender",
        /// ISO locale, such as `en-US`.
        locale: String = "locale",
        /// Hours from UTC. Zero is a value.
        timezone: Number = "timezone",
        /// Two-letter country code.
        country: String = "country",
        /// Email address.
        email: String = "email",
        /// URL of a picture.
        picture: String = "picture",
        /// Two-letter language code (later versions of the API).
        language: String = "language",
        /// Phone number in E.164 form (later versions of the API).
        phone_number: String = "phoneNumber",
        /// Free text about the person (replies of some channels).
        description: String = "description",
        /// Free text about where the person is (replies of some channels).
        location: String = "location",
    }

    /// The sender of a message ("Originator" of the API document).
    Originator {
        /// Name of the sender.
        name: String = "name" required,
        /// `external` for a customer or `moderator` for an agent when sent, `user` or `bot` too when received. Others are kept.
        role: String = "role" required,
        /// More about the sender.
        profile: {Profile} = "profile",
        /// Free keys and values.
        metadata: Object = "metadata",
        /// Identifier of the sender, in replies.
        user_id: String = "userId",
    }

    /// One part of a reply: a text, an image, a card and so on.
    Template {
        /// The kind of template, such as `text`. New kinds may appear at any time.
        r#type: String = "type",
        /// The content, whose fields depend on the kind.
        payload: Object = "payload",
        /// How long the bot waits before it shows this part, in milliseconds as sent.
        delay: Number = "delay",
        /// The same as plain text.
        fallback: String = "fallback",
    }

    /// One message of a reply or of a conversation's history ("Thread messages" of the API document).
    ReplyMessage {
        /// The whole message as plain text.
        fallback: String = "fallback",
        /// The parts to show.
        responses: [Template] = "responses",
        /// What the message answers.
        reply_to: Any = "replyTo",
        /// Who said it, when the message says so itself.
        originator: {Originator} = "originator",
        /// When it was said: ISO 8601 text, or milliseconds since 1970.
        created_at: Any = "createdAt",
        /// The contexts of the conversation.
        contexts: Array = "contexts",
        /// Parameters that were found in what the user said.
        params: Object = "params",
        /// The intents that were recognised.
        intents: Array = "intents",
        /// Names of actions to run.
        actions: Array = "actions",
        /// Whether the message is not meant to be shown.
        silent: Bool = "silent",
        /// The flow that the bot is in.
        flow: Object = "flow",
        /// The step within the flow.
        step: Object = "step",
        /// Message ids and times.
        meta: Object = "meta",
    }

    /// One entry of a conversation's history ("Thread messages" of the API document).
    HistoryEntry {
        /// Who spoke.
        originator: {Originator} = "originator",
        /// What was said.
        messages: [ReplyMessage] = "messages",
        /// Identifier of the exchange (later versions of the API).
        interaction_id: String = "interactionId",
    }
}

impl Originator {
    /// A sender with the role `external`, which is that of a customer.
    pub fn new(name: impl Into<String>) -> Originator {
        let mut object = Object::new();
        object.insert("name".into(), Value::String(name.into()));
        object.insert("role".into(), Value::String("external".into()));
        Originator(object)
    }

    /// Sets the role. A `moderator` makes the bot pause.
    pub fn with_role(mut self, role: impl Into<String>) -> Originator {
        self.0.insert("role".into(), Value::String(role.into()));
        self
    }

    /// Adds a profile.
    pub fn with_profile(mut self, profile: Profile) -> Originator {
        self.0.insert("profile".into(), Value::Object(profile.0));
        self
    }

    /// Adds free keys and values.
    pub fn with_metadata(mut self, metadata: Object) -> Originator {
        self.0.insert("metadata".into(), Value::Object(metadata));
        self
    }
}

impl From<&str> for Originator {
    fn from(name: &str) -> Originator {
        Originator::new(name)
    }
}

impl Profile {
    /// An empty profile.
    pub fn new() -> Profile {
        Profile::default()
    }

    /// Sets a field by its name in this library (`full_name`) or on the wire (`fullName`).
    ///
    /// ```
    /// let profile = flowai::Profile::new().with("full_name", "John Doe").with("timezone", -5);
    /// assert_eq!(profile.timezone(), Some(-5.0));
    /// ```
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Profile {
        use crate::model::Document;
        let wire = Self::MODEL.field(name).map_or(name, |field| field.wire);
        self.0.insert(wire.to_owned(), value.into());
        self
    }
}

/// `3` for a whole number that arrived as `3`, `3.0` or `"3"`.
pub(crate) fn whole(number: f64) -> Option<Number> {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        Some(Number::from(number as i64))
    } else {
        Number::from_f64(number)
    }
}
