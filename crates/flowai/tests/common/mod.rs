//! Makes the calls of the shared vectors in Rust.
#![allow(dead_code)]

use std::{path::PathBuf, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use flowai::{
    Client, ClientBuilder, Document, Error, Message, MetadataForm, Object, Originator, Receipt, Result,
    Upload,
};
use flowai_testkit::{TestServer, Vector, fill_in};
use serde_json::{Value, json};

pub fn vectors_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

/// The document of a vector with every `${name}` in place.
pub fn filled(server: &TestServer, vector: &Vector, part: &str, run: &str, n: usize) -> Value {
    fill_in(vector.get(part), &|name| match name {
        "id" => Some(vector.id.clone()),
        "run" => Some(run.to_owned()),
        "n" => Some(n.to_string()),
        _ => server.values().get(name).cloned(),
    })
}

fn originator(value: &Value) -> Result<Originator> {
    match value {
        Value::String(name) => Ok(Originator::new(name)),
        other => Originator::from_value(other.clone()),
    }
}

pub fn builder(server: &TestServer, options: &Value, id: &str, run: &str) -> Result<ClientBuilder> {
    let base = format!("{}/vector/{id}/{run}/rest/v1/", server.http());
    let mut builder = Client::builder().api_key("MY_MESSAGING_API_KEY").base_url(base);
    for (name, value) in options.as_object().into_iter().flatten() {
        let text = value.as_str().unwrap_or_default();
        builder = match name.as_str() {
            "api_key" => builder.api_key(text),
            "base_url" => builder.base_url(text),
            "originator" => builder.originator(originator(value)?),
            "timeout" => builder.timeout(Duration::from_secs_f64(value.as_f64().unwrap())),
            "max_retries" => builder.max_retries(value.as_u64().unwrap() as u32),
            "auth_scheme" => builder.auth_scheme(text),
            "metadata_form" => builder.metadata_form(MetadataForm::from_name(text)?),
            "max_text_length" => builder.max_text_length(value.as_u64().unwrap() as usize),
            "proxy" => builder.proxy(text),
            "ca_file" => builder.ca_file(text),
            "user_agent" => builder.user_agent(text),
            "trace_ids" => builder.trace_ids(value.as_bool().unwrap()),
            "allow_http" => builder.allow_http(value.as_bool().unwrap()),
            other => panic!("no such option: {other}"),
        };
    }
    Ok(builder)
}

/// The arguments that go along with a message, in their form on the wire.
fn along(args: &Value, message: Value) -> Result<Message> {
    let mut object = message.as_object().cloned().unwrap();
    for (name, wire) in [
        ("trace_id", "traceId"),
        ("lang", "lang"),
        ("timezone", "timezone"),
        ("params", "params"),
        ("title", "title"),
        ("mime_type", "mimeType"),
    ] {
        if let Some(value) = args.get(name) {
            object.insert(wire.into(), value.clone());
        }
    }
    if let Some(value) = args.get("originator") {
        object.insert(
            "originator".into(),
            Value::Object(originator(value)?.into_object()),
        );
    }
    Message::from_value(Value::Object(object))
}

fn receipt(receipt: Receipt) -> Value {
    json!({
        "thread_id": (!receipt.thread_id.is_empty()).then_some(receipt.thread_id), "trace_id": receipt.trace_id,
        "status": receipt.status, "request_id": receipt.request_id,
    })
}

fn upload(args: &Value) -> Result<Upload> {
    let file = &args["file"];
    let bytes = if let Some(text) = file["text"].as_str() {
        text.as_bytes().to_vec()
    } else if let Some(data) = file["base64"].as_str() {
        STANDARD.decode(data).unwrap()
    } else {
        vec![b'x'; file["fill"].as_u64().unwrap() as usize]
    };
    let mut upload = Upload::from_bytes(bytes, file["filename"].as_str().unwrap_or_default())?;
    if let Some(filename) = args["filename"].as_str() {
        upload = upload.filename(filename);
    }
    if let Some(media_type) = args["media_type"].as_str() {
        upload = upload.media_type(media_type);
    }
    if let Some(mime_type) = args["mime_type"].as_str() {
        upload = upload.mime_type(mime_type);
    }
    if let Some(seconds) = args["idle_timeout"].as_f64() {
        upload = upload.idle_timeout(Duration::from_secs_f64(seconds));
    }
    let mut failed = None;
    upload = upload.message(|message| {
        let mut object = message.clone().into_object();
        if let Some(url) = args.get("url") {
            object.insert("url".into(), url.clone());
        }
        along(args, Value::Object(object)).unwrap_or_else(|error| {
            failed = Some(error);
            message
        })
    });
    failed.map_or(Ok(upload), Err)
}

/// Makes the call `{op, args}` and gives its result as the vectors write it.
pub fn perform(client: &Client, call: &Value) -> Result<Value> {
    let args = &call["args"];
    let text = |name: &str| args[name].as_str().unwrap_or_default();
    let thread = text("thread_id");
    let timeout = args["timeout"].as_f64().map(Duration::from_secs_f64);
    let sent = |message: Value| {
        let call = client.send(thread, along(args, message)?);
        match timeout {
            Some(timeout) => call.timeout(timeout).wait(),
            None => call.wait(),
        }
        .map(receipt)
    };
    let bare = args.as_object().map_or(0, Object::len) == 2;
    match call["op"].as_str().unwrap() {
        "send_text" if bare => client.send_text(thread, text("text")).wait().map(receipt),
        "send_event" if bare => client.send_event(thread, text("event_name")).wait().map(receipt),
        "send_text" => sent(json!({"type": "text", "speech": args["text"]})),
        "send_event" => sent(json!({"type": "event", "eventName": args["event_name"]})),
        "send_location" => sent(json!({"type": "location", "lat": args["lat"], "long": args["long"]})),
        "send_media" => sent(json!({"type": "media", "url": args["url"], "mediaType": args["media_type"]})),
        "send" => client
            .send(thread, Message::from_value(args["message"].clone())?)
            .wait()
            .map(receipt),
        "upload_media" => {
            let call = client.upload_media(thread, upload(args)?);
            match timeout {
                Some(timeout) => call.timeout(timeout).wait(),
                None => call.wait(),
            }
            .map(receipt)
        }
        "history" => client.history(thread, args["page"].as_u64()).wait().map(|page| {
            json!({"thread_id": page.thread_id, "page": page.page, "pages": page.pages, "entries": page.entries})
        }),
        "iter_history" => {
            let limit = args["limit"].as_u64().map(|limit| limit as usize);
            let entries = client.iter_history(thread, limit).collect::<Result<Vec<_>>>()?;
            Ok(json!({ "entries": entries }))
        }
        "business_hours" => client.business_hours().wait().map(|hours| json!(hours)),
        "pause" => client.pause(thread).wait().map(receipt),
        "resume" => client.resume(thread).wait().map(receipt),
        "bot_status" => client
            .bot_status(thread)
            .wait()
            .map(|status| json!({"thread_id": status.thread_id, "is_paused": status.is_paused})),
        "request_history" => client.request_history(thread, args["page"].as_u64()).wait().map(receipt),
        "request_business_hours" => client.request_business_hours().wait().map(receipt),
        "request_bot_status" => client.request_bot_status(thread).wait().map(receipt),
        other => panic!("no such operation: {other}"),
    }
}

/// What is wrong with an error, compared with the `error` of a vector.
pub fn error_problems(expected: &Value, error: &Error) -> Vec<String> {
    let mut problems = Vec::new();
    let actual = json!({
        "kind": error.kind().name(),
        "delivery": error.delivery().map(|delivery| delivery.name()),
        "status": error.status(),
        "retryable": error.is_retryable(),
        "server_message": error.response().and_then(|response| response.server_message.clone()),
        "retry_after": error.response().and_then(|r| r.retry_after).map(|after| after.as_secs()),
        "request_id": error.request_id(),
    });
    let shown = format!("{error} {error:?}");
    for (name, value) in expected.as_object().into_iter().flatten() {
        let any_of = |matches: &dyn Fn(&str) -> bool| match value {
            Value::Array(names) => names.iter().filter_map(Value::as_str).any(matches),
            other => other.as_str().is_some_and(matches),
        };
        let right = match name.as_str() {
            "kind" => any_of(&|kind| kind == error.kind().name()),
            "argument" => error.argument_name().is_some_and(|argument| {
                any_of(&|name| {
                    argument == name
                        || argument
                            .strip_prefix(name)
                            .is_some_and(|rest| rest.starts_with('.'))
                })
            }),
            "message_contains" => value
                .as_str()
                .is_some_and(|text| error.to_string().contains(text)),
            "must_not_contain" => value.as_str().is_some_and(|text| !shown.contains(text)),
            other => {
                let found = &actual[other];
                found == value || (found.is_number() && found.as_f64() == value.as_f64())
            }
        };
        if !right {
            problems.push(format!("{name}: expected {value}, got {error:?}"));
        }
    }
    problems
}
