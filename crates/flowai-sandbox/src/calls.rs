//! What each call of the API does, and answers.

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderValue, header};
use serde_json::{Value, json};

use crate::answer::{self, Refusal};
use crate::body::Intake;
use crate::bot::Change;
use crate::broadcast;
use crate::control;
use crate::conversation::{Way, hear};
use crate::endpoints::Call;
use crate::messages::Message;
use crate::multipart;
use crate::part::Part;
use crate::query::Query;
use crate::routes::discard;
use crate::shared::{Shared, lock};

/// The body of the answer.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    call: Call,
    head: &Parts,
    mut intake: Intake,
    query: &Query<'_>,
) -> Result<Value, Refusal> {
    match call {
        Call::Send(thread_id) => {
            let message = message(shared, head, &mut intake).await?;
            let synchronous = query.sync() && shared.options.sync_replies;
            let way = if synchronous {
                Way::Synchronous
            } else {
                Way::Message
            };
            let reply = hear(shared, &thread_id, &message, way);
            Ok(reply.unwrap_or_else(answer::ok))
        }
        Call::Handover(thread_id) => {
            let body = optional_json(&mut intake).await?;
            let seconds = Part::root(&body, "The body").member("secondsToPause");
            let seconds = seconds.map(|seconds| seconds.positive()).transpose()?;
            Ok(change(
                shared,
                &thread_id,
                Change::Handover(seconds.map(Duration::from_secs)),
            ))
        }
        Call::Broadcast => broadcast::to_audience(shared, &read_json(&mut intake).await?).await,
        Call::BroadcastToSegments => broadcast::to_segments(shared, &read_json(&mut intake).await?).await,
        call => {
            discard(head, intake).await;
            without_body(shared, call, query)
        }
    }
}

/// The calls that need no body.
fn without_body(shared: &Arc<Shared>, call: Call, query: &Query<'_>) -> Result<Value, Refusal> {
    let changed = |thread_id: &str, to: Change| Ok(change(shared, thread_id, to));
    match call {
        Call::Pause(thread_id) => changed(&thread_id, Change::Pause),
        Call::Resume(thread_id) => changed(&thread_id, Change::Resume),
        Call::Takeover(thread_id) => changed(&thread_id, Change::Takeover),
        Call::Resolve(thread_id) => changed(&thread_id, Change::Resolve),
        Call::CreateThread => {
            let id = format!("{}|w_{}", shared.ids.uuid(), shared.webhooks.channel_id());
            Ok(json!({"status": "ok", "threadId": id}))
        }
        Call::History(thread_id) => {
            let page = lock(&shared.threads).page(&thread_id, query.page()?, query.events());
            Ok(under_result(shared, query, "history", page))
        }
        Call::Threads => {
            let page = lock(&shared.threads).list(query.page()?);
            Ok(under_result(shared, query, "threads", page))
        }
        Call::TriggerEvents => {
            let names = shared.seed.trigger_events.as_deref().unwrap_or_default();
            Ok(under_result(
                shared,
                query,
                "trigger.events",
                json!({"items": names}),
            ))
        }
        Call::Trigger(thread_id) => {
            let name = query.event_name()?;
            let known = shared.seed.trigger_events.as_ref();
            if known.is_some_and(|known| !known.contains(&name)) {
                return Err(Refusal::unknown("No event of that name can be triggered"));
            }
            hear(shared, &thread_id, &Message::triggered(&name), Way::Trigger);
            Ok(answer::ok())
        }
        Call::BusinessHours => {
            let hours = json!({"businessHours": shared.options.business_hours});
            Ok(at_root(shared, query, "businessHours", hours))
        }
        Call::Segments => Ok(at_root(shared, query, "segments", broadcast::segments(shared))),
        Call::BotStatus(thread_id) => {
            let paused = json!(lock(&shared.threads).is_paused(&thread_id));
            let name = if query.sync() {
                shared.options.is_paused_name
            } else {
                "isPaused"
            };
            let status = with(name, paused, json!({"threadId": thread_id}));
            Ok(at_root(shared, query, "isPaused", status))
        }
        Call::Send(_) | Call::Handover(_) | Call::Broadcast | Call::BroadcastToSegments => {
            Err(Refusal::not_found())
        }
    }
}

/// Does something to a thread. The answer comes when it is done, with `writeConcern` and without.
fn change(shared: &Arc<Shared>, thread_id: &str, change: Change) -> Value {
    control::apply(shared, &mut lock(&shared.threads), thread_id, change);
    answer::ok()
}

/// A result as the history and its likes answer it: under `result`, or later as an event.
fn under_result(shared: &Shared, query: &Query<'_>, event: &str, result: Value) -> Value {
    if query.sync() {
        json!({"status": "ok", "result": result})
    } else {
        later(shared, event, result)
    }
}

/// A result that is answered beside the status, or later as an event.
fn at_root(shared: &Shared, query: &Query<'_>, event: &str, result: Value) -> Value {
    if query.sync() {
        with("status", json!("ok"), result)
    } else {
        later(shared, event, result)
    }
}

/// Acknowledges now, and tells the result as a webhook event: a flat object with its name under `type`.
fn later(shared: &Shared, name: &str, result: Value) -> Value {
    shared.webhooks.send(with("type", json!(name), result));
    answer::ok()
}

fn with(name: &str, value: Value, mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.insert(name.to_owned(), value);
    }
    object
}

async fn message(shared: &Arc<Shared>, head: &Parts, intake: &mut Intake) -> Result<Message, Refusal> {
    let content_type = head
        .headers
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    if !is_multipart(content_type) {
        // Whatever it is called: a sample of the document has no Content-Type at all.
        let body = read_json(intake).await?;
        return Message::read(&body, None, shared.options.max_text);
    }
    let boundary = std::str::from_utf8(content_type)
        .ok()
        .and_then(|value| multer::parse_boundary(value).ok())
        .filter(|boundary| !boundary.is_empty() && boundary.len() <= 70)
        .ok_or_else(|| Refusal::bad_request("The Content-Type has no usable boundary"))?;
    let form = multipart::read(intake, boundary, shared.options.max_upload).await?;
    Message::read(&parsed(&form.json)?, form.file, shared.options.max_text)
}

fn is_multipart(content_type: &[u8]) -> bool {
    let essence = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"multipart/form-data")
}

async fn read_json(intake: &mut Intake) -> Result<Value, Refusal> {
    let body = intake.read_json().await.map_err(|error| Refusal::from(&error))?;
    parsed(&body)
}

/// A body that may be missing; an empty object then.
async fn optional_json(intake: &mut Intake) -> Result<Value, Refusal> {
    let body = intake.read_json().await.map_err(|error| Refusal::from(&error))?;
    if body.trim_ascii().is_empty() {
        return Ok(json!({}));
    }
    let body = parsed(&body)?;
    Part::root(&body, "The body").object()?;
    Ok(body)
}

fn parsed(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("The body is not valid JSON: {error}")))
}
