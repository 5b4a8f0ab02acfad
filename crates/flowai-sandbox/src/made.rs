//! Events that are made, not caused: what a webhook may be called with.

use serde_json::{Map, Value, json};

use crate::bot::Saying;
use crate::documents::{self, Reply};
use crate::error::SandboxError;
use crate::originator::Originator;
use crate::part::{Part, Problem};
use crate::seed;
use crate::shared::Shared;

/// Where a made event happens unless it is told.
const THREAD: &str = "thread-1";

/// Events that are about no thread.
const WITHOUT_THREAD: [&str; 4] = ["businessHours", "segments", "threads", "trigger.events"];

/// What says what is said in an event that is made.
const SAID: [&str; 3] = ["replies", "quickReplies", "fallback"];

pub(crate) fn event(
    shared: &Shared,
    name: &str,
    thread_id: Option<&str>,
    mut members: Map<String, Value>,
) -> Result<Value, SandboxError> {
    if name.is_empty() {
        return Err(SandboxError::invalid("name", "must not be empty"));
    }
    let thread_id = thread_id.or((!WITHOUT_THREAD.contains(&name)).then_some(THREAD));
    let said: Map<String, Value> = SAID
        .iter()
        .filter_map(|name| members.remove_entry(*name))
        .collect();
    let saying = (!said.is_empty())
        .then(|| seed::message(&Part::root(&json!(said), "the message")))
        .transpose()
        .map_err(|problem: Problem| SandboxError::invalid("replies", problem.to_string()))?;
    let mut fields = match (name, saying) {
        ("message.reply" | "outbound", saying) => reply(shared, name, thread_id.unwrap_or_default(), saying),
        ("message.delivered" | "inbound", saying) => spoken(saying)?,
        (_, None) => Map::new(),
        (_, Some(_)) => return Err(SandboxError::invalid("replies", format!("{name} says nothing"))),
    };
    fields.append(&mut members);
    fields.insert("type".to_owned(), json!(name));
    if let Some(thread_id) = thread_id {
        fields.entry("threadId").or_insert(json!(thread_id));
    }
    Ok(Value::Object(fields))
}

/// The fields of a reply to nothing in particular.
fn reply(shared: &Shared, name: &str, thread_id: &str, saying: Option<Saying>) -> Map<String, Value> {
    let channel_name = match name {
        "outbound" => "whatsapp",
        _ => documents::GATEWAY,
    };
    let reply = Reply {
        thread_id: thread_id.to_owned(),
        interaction_id: shared.ids.uuid(),
        channel_name: channel_name.to_owned(),
        reply_to: String::new(),
        user: Originator::anonymous().sent(),
        sent_params: json!({}),
        params: json!({}),
        step: "made".to_owned(),
        step_type: "INTENT",
    };
    reply.speak(shared, saying.as_slice()).fields
}

/// The fields of what a user says, which can be words alone.
fn spoken(saying: Option<Saying>) -> Result<Map<String, Value>, SandboxError> {
    let mut fields = Map::from_iter([("originator".to_owned(), Originator::anonymous().sent())]);
    if let Some(saying) = saying {
        let [Value::Object(template)] = saying.responses.as_slice() else {
            return Err(SandboxError::invalid("replies", "must be one text"));
        };
        let text = template.get("payload").and_then(|payload| payload.get("text"));
        let text = text.filter(|_| template.get("type") == Some(&json!("text")));
        let text = text.ok_or_else(|| SandboxError::invalid("replies", "must be one text"))?;
        fields.insert("speech".to_owned(), text.clone());
    }
    Ok(fields)
}
