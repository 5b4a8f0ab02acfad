//! The seed: what a sandbox knows before anybody has asked it anything.

mod rules;
mod templates;

use std::collections::HashSet;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock;
use crate::error::SandboxError;
use crate::part::{Part, Problem};
use crate::recipient::Recipient;
use crate::threads::ThreadState;
pub(crate) use rules::{Rule, message};

/// The largest seed file in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What a sandbox knows when it starts: segments, triggerable events, business hours, conversations, and the rules
/// that its bot answers by.
///
/// It is written as JSON. Every member may be left out; one that is not known is refused, and so is a reply without
/// what its template must have.
///
/// ```
/// use flowai_sandbox::{Sandbox, Seed};
///
/// let seed = Seed::from_json(
///     r#"{"rules": [{"pattern": "order (\\d+)", "replies": [{"type": "text", "payload": {"text": "Order $1 is on its way."}}]}]}"#,
/// )?;
/// let sandbox = Sandbox::builder().seed(seed).start()?;
///
/// let refused = Seed::from_json(r#"{"rules": [{"any": true, "replies": [{"type": "image", "payload": {"url": "https://x"}}]}]}"#);
/// assert_eq!(refused.unwrap_err().to_string(), "seed: rules[0].replies[0].payload.title is missing");
/// # Ok::<(), flowai_sandbox::SandboxError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Seed {
    pub(crate) segments: Vec<Segment>,
    /// The events that can be triggered; any if it is not said.
    pub(crate) trigger_events: Option<Vec<String>>,
    pub(crate) business_hours: Option<Value>,
    /// How long a handover pauses the bot when the call does not say; without an end if it is not said.
    pub(crate) handover_pause: Option<Duration>,
    pub(crate) threads: Vec<SeededThread>,
    pub(crate) rules: Vec<Rule>,
}

/// People who can be written to together.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) members: Vec<Recipient>,
}

/// A conversation from before the sandbox started.
#[derive(Clone, Debug)]
pub(crate) struct SeededThread {
    pub(crate) id: String,
    /// `(originator, messages)` of each entry.
    pub(crate) history: Vec<(Value, Vec<Value>)>,
    pub(crate) state: ThreadState,
    pub(crate) paused: bool,
}

impl Seed {
    /// Reads a seed.
    ///
    /// # Errors
    ///
    /// [`SandboxError::InvalidArgument`] for what is no JSON, or names the place of what is wrong, for example
    /// `rules[2].replies[0].payload.title is missing`.
    pub fn from_json(text: &str) -> Result<Self, SandboxError> {
        let document = serde_json::from_str(text)
            .map_err(|error| SandboxError::invalid("seed", format!("not valid JSON: {error}")))?;
        Self::from_value(&document)
    }

    /// As [`from_json`](Self::from_json), from a document that was read already.
    ///
    /// # Errors
    ///
    /// As those of [`from_json`](Self::from_json).
    pub fn from_value(document: &Value) -> Result<Self, SandboxError> {
        Ok(Self::read(&Part::root(document, "the seed"))?)
    }

    /// As [`from_json`](Self::from_json), from a file of at most 16 MiB.
    ///
    /// # Errors
    ///
    /// As those of [`from_json`](Self::from_json), and for a file that cannot be read; with the name of the file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SandboxError> {
        let path = path.as_ref();
        let failed = |reason: String| SandboxError::invalid("seed", format!("{}: {reason}", path.display()));
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
        file.take(LARGEST + 1)
            .read_to_string(&mut text)
            .map_err(|error| failed(error.to_string()))?;
        if text.len() as u64 > LARGEST {
            return Err(failed(format!("larger than {LARGEST} bytes")));
        }
        Self::from_json(&text).map_err(|error| match error {
            SandboxError::InvalidArgument { reason, .. } => failed(reason),
            other => other,
        })
    }

    fn read(root: &Part<'_>) -> Result<Self, Problem> {
        root.only(&[
            "segments",
            "triggerEvents",
            "businessHours",
            "handoverSeconds",
            "threads",
            "rules",
        ])?;
        let trigger_events = root.member("triggerEvents").map(|part| {
            let names = part.list()?;
            names.iter().map(|name| Ok(name.filled()?.to_owned())).collect()
        });
        let hours = root.member("businessHours");
        let handover = root.member("handoverSeconds").map(|part| part.positive());
        Ok(Self {
            segments: segments(root)?,
            trigger_events: trigger_events.transpose()?,
            business_hours: hours.map(|part| business_hours(&part)).transpose()?,
            handover_pause: handover.transpose()?.map(Duration::from_secs),
            threads: each(root, "threads", thread)?,
            rules: Rule::read_all(&root.list_of("rules")?)?,
        })
    }
}

fn each<T>(
    root: &Part<'_>,
    name: &str,
    read: fn(&Part<'_>) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    root.list_of(name)?.iter().map(read).collect()
}

fn segments(root: &Part<'_>) -> Result<Vec<Segment>, Problem> {
    let mut seen = HashSet::new();
    let mut segments = Vec::new();
    for part in root.list_of("segments")? {
        part.only(&["id", "name", "members"])?;
        let (id, name) = (part.required("id")?, part.required("name")?);
        if !seen.insert(id.filled()?) {
            return Err(id.wrong("is the id of another segment"));
        }
        let members = part.list_of("members")?;
        segments.push(Segment {
            id: id.filled()?.to_owned(),
            name: name.filled()?.to_owned(),
            members: members.iter().map(Recipient::read).collect::<Result<_, _>>()?,
        });
    }
    Ok(segments)
}

/// "Business hours" of the API document: days and holidays must be what they look like, the rest is shown as it is.
fn business_hours(part: &Part<'_>) -> Result<Value, Problem> {
    for hours in part.list()? {
        hours.object()?;
        for day in hours.list_of("weekdays")? {
            day.required("weekday")?.filled()?;
            for interval in day.list_of("content")? {
                interval.required("from")?.filled()?;
                interval.required("to")?.filled()?;
            }
        }
        for holiday in hours.list_of("holidays")? {
            holiday.required("holiday")?.filled()?;
            holiday.required("date")?.filled()?;
        }
    }
    Ok(part.value.clone())
}

fn thread(part: &Part<'_>) -> Result<SeededThread, Problem> {
    part.only(&["threadId", "state", "paused", "history"])?;
    let state = match part.member("state") {
        Some(state) => ThreadState::from_name(state.text()?)
            .ok_or_else(|| state.wrong("must be open, handover or resolved"))?,
        None => ThreadState::Open,
    };
    let paused = match part.member("paused") {
        Some(paused) => paused.flag()?,
        None => state == ThreadState::Handover,
    };
    Ok(SeededThread {
        id: part.required("threadId")?.filled()?.to_owned(),
        history: each(part, "history", entry)?,
        state,
        paused,
    })
}

/// An entry of "Thread messages" of the API document. What a message does not say of itself is filled in.
fn entry(part: &Part<'_>) -> Result<(Value, Vec<Value>), Problem> {
    let originator = part.required("originator")?;
    originator.required("name")?.filled()?;
    originator.required("role")?.filled()?;
    let mut messages = Vec::new();
    for message in part.required("messages")?.list()? {
        let responses = rules::responses(&message.required("responses")?.list()?)?;
        let mut fields = message.object()?.clone();
        for (name, value) in [
            ("fallback", json!(rules::spoken(&responses))),
            ("replyTo", Value::Null),
            ("contexts", json!([])),
            ("params", json!({})),
            ("intents", json!([])),
            ("createdAt", json!(clock::iso_now())),
        ] {
            fields.entry(name).or_insert(value);
        }
        messages.push(Value::Object(fields));
    }
    let mut originator = originator.object()?.clone();
    originator.entry("profile").or_insert(json!({}));
    Ok((Value::Object(originator), messages))
}
