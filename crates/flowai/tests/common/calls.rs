//! Makes the calls of the shared vectors.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use flowai::{
    Call, Channel, Client, Document, HistoryOptions, Message, Object, Options, Originator, Receipt,
    Recipient, Reply, ReplyMessage, Result, Segment, Upload,
};
use serde_json::{Value, json};

pub fn originator(value: &Value) -> Result<Originator> {
    match value {
        Value::String(name) => Ok(Originator::new(name)),
        other => Originator::from_value(other.clone()),
    }
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

/// The client that makes the call: the given one, or one with the options of the call.
fn caller(client: &Client, call: &Value) -> Result<Client> {
    let Some(given) = call.get("options") else {
        return Ok(client.clone());
    };
    let mut options = Options::new();
    for (name, value) in given.as_object().unwrap() {
        options = match name.as_str() {
            "timeout" => options.timeout(Duration::from_secs_f64(value.as_f64().unwrap())),
            "max_retries" => options.max_retries(value.as_u64().unwrap() as u32),
            "originator" => options.originator(originator(value)?),
            other => panic!("no such option: {other}"),
        };
    }
    client.with_options(options)
}

/// Waits for a call, with the options that a call may have.
fn wait<T>(call: Call<T>, args: &Value) -> Result<T> {
    match args["timeout"].as_f64() {
        Some(seconds) => call.timeout(Duration::from_secs_f64(seconds)).wait(),
        None => call.wait(),
    }
}

/// Waits for a call that is acknowledged.
fn acknowledged(call: Call<Receipt>, args: &Value) -> Result<Value> {
    let call = match args["write_concern"].as_bool() {
        Some(concern) => call.write_concern(concern),
        None => call,
    };
    wait(call, args).map(receipt)
}

fn documents<D: Document>(list: &Value) -> Result<Vec<D>> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| D::from_value(item.clone())).collect()
}

fn history_options(args: &Value) -> HistoryOptions {
    HistoryOptions::from(args["page"].as_u64()).events(args["events"] == true)
}

fn reply(reply: &Reply) -> Value {
    let types = |message: &ReplyMessage| {
        let responses = message.responses().into_iter();
        responses
            .map(|template| json!(template.r#type()))
            .collect::<Value>()
    };
    let labels = reply.quick_replies().into_iter();
    json!({
        "text": reply.text(),
        "thread_id": reply.thread_id(),
        "trace_id": reply.trace_id(),
        "messages": reply.messages().len(),
        "responses": reply.messages().iter().map(types).collect::<Value>(),
        "quick_replies": labels.map(|quick| json!(quick.label())).collect::<Value>(),
    })
}

fn any_request(client: &Client, args: &Value) -> Result<Value> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let query: Vec<(String, String)> = args["query"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect();
    let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (&**name, &**value)).collect();
    let (method, path) = (text(&args["method"]), text(&args["path"]));
    let call = client.request(&method, &path, &query, args.get("json"));
    let response = wait(call, args)?;
    Ok(json!({"status": response.status, "json": response.json().ok()}))
}

/// Makes the call `{op, args, options}` and gives its result as the vectors write it.
pub fn perform(client: &Client, call: &Value) -> Result<Value> {
    let client = &caller(client, call)?;
    let args = &call["args"];
    let text = |name: &str| args[name].as_str().unwrap_or_default();
    let thread = text("thread_id");
    let page = args["page"].as_u64();
    let limit = args["limit"].as_u64().map(|limit| limit as usize);
    let sent = |message: Value| acknowledged(client.send(thread, along(args, message)?), args);
    let bare = args.as_object().map_or(0, Object::len) == 2;
    match call["op"].as_str().unwrap() {
        "send_text" if bare => acknowledged(client.send_text(thread, text("text")), args),
        "send_event" if bare => acknowledged(client.send_event(thread, text("event_name")), args),
        "send_text" => sent(json!({"type": "text", "speech": args["text"]})),
        "send_event" => sent(json!({"type": "event", "eventName": args["event_name"]})),
        "send_location" => sent(json!({"type": "location", "lat": args["lat"], "long": args["long"]})),
        "send_media" => sent(json!({"type": "media", "url": args["url"], "mediaType": args["media_type"]})),
        "send" => {
            let message = Message::from_value(args["message"].clone())?;
            acknowledged(client.send(thread, message), args)
        }
        "upload_media" => acknowledged(client.upload_media(thread, upload(args)?), args),
        "ask" => {
            let message = match &args["message"] {
                Value::String(text) => json!({"type": "text", "speech": text}),
                document => document.clone(),
            };
            wait(client.ask(thread, along(args, message)?), args).map(|found| reply(&found))
        }
        "history" => client.history(thread, history_options(args)).wait().map(|page| {
            json!({"thread_id": page.thread_id, "page": page.page, "pages": page.pages, "entries": page.entries})
        }),
        "iter_history" => {
            let entries = client.iter_history_with(thread, limit, history_options(args));
            Ok(json!({ "entries": entries.collect::<Result<Vec<_>>>()? }))
        }
        "request_history" => acknowledged(client.request_history(thread, history_options(args)), args),
        "threads" => client.threads(page).wait().map(|page| {
            json!({"threads": page.threads, "page": page.page, "pages": page.pages})
        }),
        "iter_threads" => {
            let threads = client.iter_threads(limit).collect::<Result<Vec<_>>>()?;
            Ok(json!({ "threads": threads }))
        }
        "request_threads" => acknowledged(client.request_threads(page), args),
        "create_thread" => client.create_thread().wait().map(|id| json!({ "thread_id": id })),
        "business_hours" => client.business_hours().wait().map(|hours| json!(hours)),
        "request_business_hours" => acknowledged(client.request_business_hours(), args),
        "pause" => acknowledged(client.pause(thread), args),
        "resume" => acknowledged(client.resume(thread), args),
        "bot_status" => client
            .bot_status(thread)
            .wait()
            .map(|status| json!({"thread_id": status.thread_id, "is_paused": status.is_paused})),
        "request_bot_status" => acknowledged(client.request_bot_status(thread), args),
        "handover" => acknowledged(client.handover(thread, args["seconds_to_pause"].as_u64()), args),
        "resolve" => acknowledged(client.resolve(thread), args),
        #[allow(deprecated)]
        "takeover" => acknowledged(client.takeover(thread), args),
        "trigger_events" => client.trigger_events().wait().map(|names| json!(names)),
        "request_trigger_events" => acknowledged(client.request_trigger_events(), args),
        "trigger_event" => acknowledged(client.trigger_event(thread, text("event_name")), args),
        "broadcast" => {
            let audience = documents::<Recipient>(&args["audience"])?;
            let channel = Channel::from_value(args["channel"].clone())?;
            let message = Message::from_value(args["message"].clone())?;
            acknowledged(client.broadcast(audience, channel, message), args)
        }
        "broadcast_to_segments" => {
            let segments = documents::<Segment>(&args["segments"])?;
            let message = Message::from_value(args["message"].clone())?;
            acknowledged(client.broadcast_to_segments(segments, message), args)
        }
        "segments" => client.segments().wait().map(|segments| json!(segments)),
        "request" => any_request(client, args),
        other => panic!("no such operation: {other}"),
    }
}
