//! Reading a message: what "Text message", "Event message", "Location message" and "Media message" of the API
//! document require is required, and everything else is read as widely as clients are known to write it.

use serde_json::{Map, Value, json};

use crate::answer::Refusal;
use crate::journal::UploadedFile;
use crate::originator::Originator;

/// A message that was accepted.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) content: Content,
    pub(crate) originator: Originator,
    trace_id: Option<Value>,
    /// `language`, `timezone` and `params`, each only if it was given.
    metadata: Map<String, Value>,
}

/// What the four types of message say.
#[derive(Clone)]
pub(crate) enum Content {
    Text {
        text: String,
    },
    Event {
        name: String,
    },
    Location {
        lat: Value,
        long: Value,
        title: Option<String>,
    },
    Media {
        media_type: String,
        url: String,
        mime_type: Option<String>,
        title: Option<String>,
    },
}

impl Message {
    /// Reads the JSON of a message, and the file that came with it.
    pub(crate) fn read(body: &Value, file: Option<UploadedFile>, max_text: usize) -> Result<Self, Refusal> {
        let Some(Value::Object(payload)) = body.get("payload") else {
            return Err(Refusal::bad_request(
                "The body must be an object with an object named payload",
            ));
        };
        let Some(kind) = string(payload, &["type"])? else {
            return Err(Refusal::bad_request("payload.type is missing"));
        };
        if file.is_some() && kind != "media" {
            return Err(Refusal::bad_request("A file needs a payload.type of \"media\""));
        }
        let originator = payload.get("originator");
        Ok(Self {
            content: Content::read(kind, payload, file, max_text)?,
            originator: Originator::read(originator)?,
            trace_id: trace_id(payload)?,
            metadata: metadata(payload)?,
        })
    }

    /// Reads the payload of a broadcast, which is one of these `types`. Who says it is said by its audience.
    pub(crate) fn read_broadcast(body: &Value, types: &[&str], max_text: usize) -> Result<Self, Refusal> {
        let Some(Value::Object(payload)) = body.get("payload") else {
            return Err(Refusal::bad_request("payload must be an object"));
        };
        let kind = string(payload, &["type"])?.filter(|kind| types.contains(kind));
        let Some(kind) = kind else {
            let message = format!("payload.type must be one of {}", types.join(", "));
            return Err(Refusal::bad_request(message));
        };
        Ok(Self {
            content: Content::read(kind, payload, None, max_text)?,
            originator: Originator::anonymous(),
            trace_id: trace_id(payload)?,
            metadata: metadata(payload)?,
        })
    }

    /// An event that is triggered without a message.
    pub(crate) fn triggered(name: &str) -> Self {
        Self {
            content: Content::Event {
                name: name.to_owned(),
            },
            originator: Originator::anonymous(),
            trace_id: None,
            metadata: Map::new(),
        }
    }

    /// The same from somebody else.
    pub(crate) fn said_by(&self, originator: Originator) -> Self {
        Self {
            originator,
            ..self.clone()
        }
    }

    /// The message as `message.delivered` repeats it.
    pub(crate) fn delivered_fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                fields.insert(name.to_owned(), value);
            }
        };
        put("traceId", json!(self.trace_id));
        match &self.content {
            Content::Text { text } => put("speech", json!(text)),
            Content::Event { name } => put("eventName", json!(name)),
            Content::Location { lat, long, title } => {
                put("lat", lat.clone());
                put("long", long.clone());
                put("title", json!(title));
            }
            Content::Media {
                media_type,
                url,
                mime_type,
                title,
            } => {
                put("mediaType", json!(media_type));
                put("url", json!(url));
                put("mimeType", json!(mime_type));
                put("title", json!(title));
            }
        }
        put("originator", self.originator.sent());
        if !self.metadata.is_empty() {
            put("metadata", Value::Object(self.metadata.clone()));
        }
        fields
    }

    /// The parameters that came with the message, an object.
    pub(crate) fn params(&self) -> Value {
        self.metadata.get("params").cloned().unwrap_or_else(|| json!({}))
    }
}

impl Content {
    fn read(
        kind: &str,
        payload: &Map<String, Value>,
        file: Option<UploadedFile>,
        max_text: usize,
    ) -> Result<Self, Refusal> {
        match kind {
            "text" => text(payload, max_text),
            "event" => Ok(Self::Event {
                name: required(payload, &["eventName"])?.to_owned(),
            }),
            "location" => Ok(Self::Location {
                lat: coordinate(payload, "lat")?,
                long: coordinate(payload, "long")?,
                title: owned(payload, "title")?,
            }),
            "media" => media(payload, file),
            other => Err(Refusal::bad_request(format!(
                "payload.type must be text, event, location or media, not {other:?}"
            ))),
        }
    }

    /// The type of the step of a flow that waits for such a message.
    pub(crate) fn step_type(&self) -> &'static str {
        match self {
            Self::Text { .. } => "INTENT",
            Self::Event { .. } => "EVENT",
            Self::Location { .. } => "LOCATION",
            Self::Media { media_type, .. } => match media_type.as_str() {
                "image" => "IMAGE",
                "audio" => "AUDIO",
                "video" => "VIDEO",
                _ => "FILE",
            },
        }
    }

    /// The message in words.
    pub(crate) fn fallback(&self) -> String {
        match self {
            Self::Text { text } => text.clone(),
            Self::Event { name } => name.clone(),
            Self::Location { lat, long, title } => title
                .clone()
                .unwrap_or_else(|| format!("{}, {}", plain(lat), plain(long))),
            Self::Media { url, title, .. } => title.clone().unwrap_or_else(|| url.clone()),
        }
    }

    /// The message as a response template, which is how the history shows it.
    pub(crate) fn response(&self) -> Value {
        match self {
            Self::Text { text } => json!({"type": "text", "payload": {"text": text}}),
            Self::Event { name } => json!({
                "type": "event",
                "payload": {"name": name, "title": null, "url": null, "lat": null, "long": null},
            }),
            Self::Location { lat, long, .. } => json!({
                "type": "location",
                "payload": {"title": self.fallback(), "lat": plain(lat), "long": plain(long)},
            }),
            Self::Media { media_type, url, .. } => json!({
                "type": media_type,
                "payload": {"title": self.fallback(), "url": url},
            }),
        }
    }
}

fn text(payload: &Map<String, Value>, max_text: usize) -> Result<Content, Refusal> {
    // The argument table says `text`, every sample says `speech`.
    let text = required(payload, &["speech", "text"])?;
    let length = text.chars().count();
    if length > max_text {
        return Err(Refusal::bad_request(format!(
            "The text has {length} characters, {max_text} are allowed"
        )));
    }
    Ok(Content::Text {
        text: text.to_owned(),
    })
}

fn media(payload: &Map<String, Value>, file: Option<UploadedFile>) -> Result<Content, Refusal> {
    let media_type = required(payload, &["mediaType"])?;
    if !["image", "file", "audio", "video"].contains(&media_type) {
        return Err(Refusal::bad_request(format!(
            "payload.mediaType must be image, file, audio or video, not {media_type:?}"
        )));
    }
    // The table says `mimeType`, a sample says `mimetype`.
    let mime_type = string(payload, &["mimeType", "mimetype"])?.map(str::to_owned);
    let title = owned(payload, "title")?;
    let url = string(payload, &["url"])?
        .filter(|url| !url.is_empty())
        .map(str::to_owned);
    let (url, mime_type, title) = match (url, file) {
        (None, None) => {
            return Err(Refusal::bad_request(
                "payload.url is missing, and there is no file",
            ));
        }
        (Some(url), None) => (url, mime_type, title),
        // The bytes are not kept, so their address is their name.
        (url, Some(file)) => (
            url.unwrap_or_else(|| format!("urn:sha256:{}", file.sha256)),
            mime_type.or(file.content_type),
            title.or(file.name),
        ),
    };
    Ok(Content::Media {
        media_type: media_type.to_owned(),
        url,
        mime_type,
        title,
    })
}

/// The string under the first of `names` that is present. Null is absent.
fn string<'a>(payload: &'a Map<String, Value>, names: &[&str]) -> Result<Option<&'a str>, Refusal> {
    for name in names {
        match payload.get(*name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => return Ok(Some(text)),
            Some(_) => return Err(Refusal::bad_request(format!("payload.{name} must be a string"))),
        }
    }
    Ok(None)
}

fn required<'a>(payload: &'a Map<String, Value>, names: &[&str]) -> Result<&'a str, Refusal> {
    match string(payload, names)? {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(Refusal::bad_request(format!(
            "payload.{} is missing or empty",
            names.join(" or payload.")
        ))),
    }
}

fn owned(payload: &Map<String, Value>, name: &str) -> Result<Option<String>, Refusal> {
    Ok(string(payload, &[name])?.map(str::to_owned))
}

/// A coordinate: the document's strings, or a number.
fn coordinate(payload: &Map<String, Value>, name: &str) -> Result<Value, Refusal> {
    match payload.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(json!(text)),
        Some(number @ Value::Number(_)) => Ok(number.clone()),
        _ => Err(Refusal::bad_request(format!(
            "payload.{name} must be a string that is not empty"
        ))),
    }
}

fn plain(coordinate: &Value) -> String {
    coordinate
        .as_str()
        .map_or_else(|| coordinate.to_string(), str::to_owned)
}

fn trace_id(payload: &Map<String, Value>) -> Result<Option<Value>, Refusal> {
    match payload.get("traceId") {
        None | Some(Value::Null) => Ok(None),
        Some(id @ (Value::Number(_) | Value::String(_))) => Ok(Some(id.clone())),
        Some(_) => Err(Refusal::bad_request("payload.traceId must be a number")),
    }
}

/// `lang`, `timezone` and `params` stand beside `type`, or as `language`, `timezone` and `params` in
/// `metadata`, which wins.
fn metadata(payload: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    let empty = Map::new();
    let nested = match payload.get("metadata") {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(nested)) => nested,
        Some(_) => return Err(Refusal::bad_request("payload.metadata must be an object")),
    };
    let mut metadata = Map::new();
    for (beside, inside) in [
        ("lang", "language"),
        ("timezone", "timezone"),
        ("params", "params"),
    ] {
        let given = [(nested, inside), (payload, beside)]
            .into_iter()
            .find_map(|(from, name)| from.get(name).filter(|value| !value.is_null()));
        let Some(value) = given else { continue };
        let fits = match inside {
            "language" => value.is_string(),
            "timezone" => value.is_number() || value.as_str().is_some_and(|text| text.parse::<f64>().is_ok()),
            _ => value.is_object(),
        };
        if !fits {
            return Err(Refusal::bad_request(format!(
                "payload.{beside} has the wrong type"
            )));
        }
        metadata.insert(inside.to_owned(), value.clone());
    }
    Ok(metadata)
}
