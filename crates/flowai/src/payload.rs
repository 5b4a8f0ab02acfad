//! A message: what it may say, and how it goes over the wire ("Sending messages" of the API document).

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::{
    config::{Config, MetadataForm},
    error::{Error, Result},
    model::{Document, Model, Object},
    models::{Originator, whole},
    operation::to_bytes,
    trace_id::{TRACE_ID_LIMIT, next_trace_id},
};

/// Declares messages: what they have of their own, and what goes along with every message.
macro_rules! messages {
    ($($(#[$($doc:tt)*])* $message:ident { $($own:tt)* })*) => {
        models! {$(
            $(#[$($doc)*])*
            $message {
                /// `text`, `event`, `location` or `media`.
                r#type: String = "type" required,
                $($own)*
                /// Who sends it.
                originator: {Originator} = "originator",
                /// A number below 2^53 that comes back with the delivery.
                trace_id: Integer = "traceId",
                /// Two-letter language code (ISO 639-1).
                lang: String = "lang",
                /// Hours from UTC, -12 to 14.
                timezone: Integer = "timezone",
                /// Free parameters.
                params: Object = "params",
            }
        )*}

        $(impl From<$message> for Message {
            fn from(message: $message) -> Message {
                Message(message.0)
            }
        })*
    };
}

messages! {
    /// A text ("Text message" of the API document).
    TextMessage {
        /// What to say.
        text: String = "speech" required,
    }

    /// An event that triggers something in a flow ("Event message" of the API document).
    EventMessage {
        /// The name of the event.
        event_name: String = "eventName" required,
    }

    /// A place ("Location message" of the API document).
    LocationMessage {
        /// Latitude; sent as a string.
        lat: String = "lat" required,
        /// Longitude; sent as a string.
        long: String = "long" required,
        /// A name for the place (later versions of the API).
        title: String = "title",
    }

    /// An image, file, audio or video ("Media message" of the API document).
    MediaMessage {
        /// `image`, `file`, `audio` or `video`.
        media_type: String = "mediaType" required,
        /// Where it is.
        url: String = "url",
        /// Its MIME type.
        mime_type: String = "mimeType",
        /// A name for it (later versions of the API).
        title: String = "title",
    }
}

/// A message to send: what it says, and what goes along with it.
///
/// ```
/// use flowai::Message;
/// let message = Message::text("Hallo").lang("nl").trace_id(42).originator("John Doe");
/// assert_eq!(message.as_object()["speech"], "Hallo");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Message(Object);

impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::text(text)
    }
}

/// A latitude or longitude: text is taken as it is, a number is written out.
#[derive(Clone, Debug)]
pub struct Coordinate(Value);

impl From<&str> for Coordinate {
    fn from(text: &str) -> Self {
        Coordinate(text.into())
    }
}
impl From<String> for Coordinate {
    fn from(text: String) -> Self {
        Coordinate(text.into())
    }
}
impl From<f64> for Coordinate {
    fn from(number: f64) -> Self {
        Coordinate(match whole(number) {
            Some(number) => Value::Number(number),
            None => Value::String(number.to_string()),
        })
    }
}

impl Message {
    /// A text, at most 255 code points unless the client allows more.
    pub fn text(text: impl Into<String>) -> Message {
        Message::of("text").with("speech", text.into())
    }

    /// An event by name.
    pub fn event(name: impl Into<String>) -> Message {
        Message::of("event").with("eventName", name.into())
    }

    /// A place. Numbers are sent as strings, as the API document has it.
    pub fn location(lat: impl Into<Coordinate>, long: impl Into<Coordinate>) -> Message {
        Message::of("location")
            .with("lat", lat.into().0)
            .with("long", long.into().0)
    }

    /// Media by URL; `media_type` is `image`, `file`, `audio` or `video`.
    pub fn media(url: impl Into<String>, media_type: impl Into<String>) -> Message {
        Message::of("media")
            .with("mediaType", media_type.into())
            .with("url", url.into())
    }

    /// Media whose file is uploaded along.
    #[cfg(feature = "upload")]
    pub(crate) fn uploaded(media_type: impl Into<String>) -> Message {
        Message::of("media").with("mediaType", media_type.into())
    }

    /// Takes a message in the form in which it is sent (`{"type": "text", "speech": "Hello"}`).
    pub fn from_value(value: Value) -> Result<Message> {
        match value {
            Value::Object(object) => Ok(Message(object)),
            _ => Err(Error::argument("message", "must be an object")),
        }
    }

    fn of(kind: &str) -> Message {
        Message(Object::new()).with("type", kind)
    }

    fn with(mut self, wire: &str, value: impl Into<Value>) -> Message {
        self.0.insert(wire.to_owned(), value.into());
        self
    }

    /// Who sends it, in place of the client's originator.
    pub fn originator(self, originator: impl Into<Originator>) -> Message {
        self.with("originator", Value::Object(originator.into().0))
    }

    /// A number below 2^53 that comes back with the delivery, in place of a generated one.
    pub fn trace_id(self, trace_id: u64) -> Message {
        self.with("traceId", trace_id)
    }

    /// Two-letter language code (ISO 639-1).
    pub fn lang(self, lang: impl Into<String>) -> Message {
        self.with("lang", lang.into())
    }

    /// Hours from UTC, -12 to 14.
    pub fn timezone(self, hours: i64) -> Message {
        self.with("timezone", hours)
    }

    /// Free parameters, `{name: [{"value": ...}]}`.
    pub fn params(self, params: Object) -> Message {
        self.with("params", Value::Object(params))
    }

    /// A name for a location or for media (later versions of the API).
    pub fn title(self, title: impl Into<String>) -> Message {
        self.with("title", title.into())
    }

    /// The MIME type of media.
    pub fn mime_type(self, mime_type: impl Into<String>) -> Message {
        self.with("mimeType", mime_type.into())
    }

    /// Where uploaded media can be found too.
    pub fn url(self, url: impl Into<String>) -> Message {
        self.with("url", url.into())
    }

    /// The message in the form in which it is sent.
    pub fn as_object(&self) -> &Object {
        &self.0
    }

    /// The message in the form in which it is sent.
    pub fn into_object(self) -> Object {
        self.0
    }

    /// The same rules for every language and every way to make a message.
    pub(crate) fn checked(mut self, config: &Config, uploads: bool) -> Result<Checked<'_>> {
        self.check(config, uploads)?;
        self.place_metadata(config.metadata_form);
        let given = self.0.get("traceId").and_then(Value::as_u64);
        let generated = (given.is_none() && config.trace_ids).then(next_trace_id);
        let originator = match self.0.contains_key("originator") {
            true => None,
            false => Some(config.originator.as_object()),
        };
        Ok(Checked {
            payload: self.0,
            originator,
            given,
            generated,
        })
    }

    /// The same rules for a message that is sent later: it has a sender and a trace id already.
    pub(crate) fn complete(mut self, config: &Config, uploads: bool) -> Result<Message> {
        self.check(config, uploads)?;
        if !self.0.contains_key("originator") {
            self = self.originator(config.originator.clone());
        }
        if config.trace_ids && !self.0.contains_key("traceId") {
            self = self.trace_id(next_trace_id());
        }
        Ok(self)
    }

    /// The same rules for a message to many people, which has no sender and no trace id of its own, and knows
    /// `metadata` alone.
    pub(crate) fn checked_for_broadcast(mut self, config: &Config, kinds: &[&str]) -> Result<Object> {
        if !kinds.contains(&self.kind()) {
            let problem = format_args!("must be {}", kinds.join(" or "));
            return Err(Error::argument("message.type", problem));
        }
        self.check(config, false)?;
        self.place_metadata(MetadataForm::Metadata);
        Ok(self.0)
    }

    fn check(&mut self, config: &Config, uploads: bool) -> Result<()> {
        if self.0.values().any(Value::is_null) {
            self.0.retain(|_, value| !value.is_null());
        }
        match self.kind() {
            "text" => {
                named_check(TextMessage::MODEL, &self.0)?;
                self.check_text(config.max_text_length)?;
            }
            "event" => named_check(EventMessage::MODEL, &self.0)?,
            "location" => {
                for key in ["lat", "long"] {
                    check_coordinate(&mut self.0, key)?;
                }
                named_check(LocationMessage::MODEL, &self.0)?;
            }
            "media" => {
                named_check(MediaMessage::MODEL, &self.0)?;
                self.check_media(uploads)?;
            }
            _ => return Err(Error::argument("type", "must be text, event, location or media")),
        }
        self.check_common()
    }

    /// `text`, `event`, `location`, `media`, or something that is refused.
    pub(crate) fn kind(&self) -> &str {
        self.str("type")
    }

    fn str(&self, wire: &str) -> &str {
        self.0.get(wire).and_then(Value::as_str).unwrap_or_default()
    }

    fn check_text(&self, limit: usize) -> Result<()> {
        let length = self.str("speech").chars().count();
        if length > limit {
            return Err(Error::argument(
                "text",
                format_args!("has {length} characters, {limit} are allowed"),
            ));
        }
        Ok(())
    }

    fn check_media(&self, uploads: bool) -> Result<()> {
        if !matches!(self.str("mediaType"), "image" | "file" | "audio" | "video") {
            return Err(Error::argument(
                "media_type",
                "must be image, file, audio or video",
            ));
        }
        let url = self.str("url");
        if url.is_empty() && !uploads {
            return Err(Error::argument("url", "is empty"));
        }
        if !(url.is_empty() || url.starts_with("https://") || url.starts_with("http://")) {
            return Err(Error::argument("url", "must begin with https:// or http://"));
        }
        Ok(())
    }

    fn check_common(&self) -> Result<()> {
        if let Some(originator) = self.0.get("originator").and_then(Value::as_object) {
            check_originator(&Originator::from_object(originator.clone()))?;
        }
        if let Some(id) = self.0.get("traceId")
            && id.as_u64().is_none_or(|id| id >= TRACE_ID_LIMIT)
        {
            return Err(Error::argument(
                "trace_id",
                "must be a whole number from 0 to 2^53 - 1",
            ));
        }
        if let Some(lang) = self.0.get("lang").and_then(Value::as_str)
            && !(lang.len() == 2 && lang.bytes().all(|byte| byte.is_ascii_alphabetic()))
        {
            return Err(Error::argument("lang", "must be a language code of two letters"));
        }
        if let Some(hours) = self.0.get("timezone").and_then(Value::as_i64)
            && !(-12..=14).contains(&hours)
        {
            return Err(Error::argument("timezone", "must be hours from UTC, -12 to 14"));
        }
        Ok(())
    }

    fn place_metadata(&mut self, form: MetadataForm) {
        if form == MetadataForm::Seed {
            return;
        }
        let mut metadata = match self.0.remove("metadata") {
            Some(Value::Object(given)) => given,
            _ => Object::new(),
        };
        for (beside, inside) in [
            ("lang", "language"),
            ("timezone", "timezone"),
            ("params", "params"),
        ] {
            let value = match form {
                MetadataForm::Metadata => self.0.remove(beside),
                _ => self.0.get(beside).cloned(),
            };
            if let Some(value) = value {
                metadata.insert(inside.to_owned(), value);
            }
        }
        if !metadata.is_empty() {
            self.0.insert("metadata".into(), Value::Object(metadata));
        }
    }
}

/// Checks the fields of a message and names them as the methods do: `text`, not `speech`.
fn named_check(model: &Model, object: &Object) -> Result<()> {
    model.check(object, "").map_err(|error| {
        let name = error.argument_name().unwrap_or_default();
        let ours = model
            .fields
            .iter()
            .find(|field| field.wire == name)
            .map(|field| field.name);
        match ours {
            Some(ours) if ours != name => {
                let problem = error
                    .message()
                    .trim_start_matches(name)
                    .trim_start_matches(": ")
                    .to_owned();
                Error::argument(ours, format_args!("{problem} (in a document: {name})"))
            }
            _ => error,
        }
    })
}

fn check_coordinate(object: &mut Object, key: &str) -> Result<()> {
    let text = match object.get(key) {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.clone(),
        _ => return Ok(()),
    };
    if text.trim().parse::<f64>().is_ok_and(f64::is_finite) {
        object.insert(key.to_owned(), Value::String(text));
        Ok(())
    } else if text.is_empty() {
        Err(Error::argument(key, "is empty"))
    } else {
        Err(Error::argument(key, "must be a number"))
    }
}

/// "Originator" of the API document: a name and a role are required.
pub(crate) fn check_originator(originator: &Originator) -> Result<()> {
    Originator::MODEL.check(originator.as_object(), "originator")
}

/// A message that may go out, and what it does not say itself.
pub(crate) struct Checked<'a> {
    payload: Object,
    originator: Option<&'a Object>,
    given: Option<u64>,
    generated: Option<u64>,
}

impl Checked<'_> {
    pub(crate) fn trace_id(&self) -> Option<u64> {
        self.given.or(self.generated)
    }

    /// The document that goes out: `{"payload": ...}`.
    pub(crate) fn to_bytes(&self) -> Result<Bytes> {
        #[derive(Serialize)]
        struct Document<'a> {
            payload: &'a Checked<'a>,
        }
        to_bytes(&Document { payload: self })
    }
}

impl Serialize for Checked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut payload = serializer.serialize_map(None)?;
        for (name, value) in &self.payload {
            payload.serialize_entry(name, value)?;
        }
        if let Some(id) = &self.generated {
            payload.serialize_entry("traceId", id)?;
        }
        if let Some(originator) = self.originator {
            payload.serialize_entry("originator", originator)?;
        }
        payload.end()
    }
}
