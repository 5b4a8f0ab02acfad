//! Any operation by its name, with arguments by their names: for programs that know which one only when they run, and
//! for the languages that are made of this. One table says what there is.

use std::{future::Future, path::PathBuf, pin::Pin, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    ask::Reply,
    bot::BotStatus,
    broadcast::{Channel, Segment},
    business_hours::BusinessHours,
    call::Call,
    cancel::Cancel,
    client::{Client, Receipt},
    error::{Delivery, Error, Result},
    history::{HistoryOptions, HistoryPage},
    many::Many,
    media::Upload,
    model::{Document, Object},
    models::{HistoryEntry, Originator},
    payload::Message,
    request::{Response, is_send_method},
    runtime,
    threads::ThreadsPage,
};

/// What an operation gives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is named like what it holds")]
pub enum Outcome {
    Receipt(Receipt),
    /// What became of each of many messages: `{"ok": a receipt}` or `{"error": why not}`.
    Results(Vec<Value>),
    Reply(Reply),
    HistoryPage(HistoryPage),
    HistoryEntries(Vec<HistoryEntry>),
    ThreadsPage(ThreadsPage),
    ThreadIds(Vec<String>),
    /// The names of events.
    Names(Vec<String>),
    /// The id of a new thread.
    ThreadId(String),
    Segments(Vec<Segment>),
    BusinessHours(Vec<BusinessHours>),
    BotStatus(BotStatus),
    Response(Response),
}

impl Outcome {
    /// The outcome as a JSON document, with the names that its fields have in every language.
    pub fn to_value(&self) -> Value {
        match self {
            Outcome::Receipt(receipt) => receipt_value(receipt),
            Outcome::Results(results) => json!(results),
            Outcome::Reply(reply) => json!({
                "text": reply.text(),
                "thread_id": reply.thread_id(),
                "trace_id": reply.trace_id(),
                "messages": documents(&reply.messages()),
                "templates": documents(&reply.templates()),
                "quick_replies": documents(&reply.quick_replies()),
            }),
            Outcome::HistoryPage(page) => json!({
                "thread_id": page.thread_id,
                "page": page.page,
                "pages": page.pages,
                "entries": page.entries,
            }),
            Outcome::HistoryEntries(entries) => json!({ "entries": entries }),
            Outcome::ThreadIds(ids) => json!({ "threads": ids }),
            Outcome::ThreadsPage(page) => json!({
                "threads": page.threads,
                "page": page.page,
                "pages": page.pages,
            }),
            Outcome::Names(names) => json!(names),
            Outcome::ThreadId(id) => json!({ "thread_id": id }),
            Outcome::Segments(segments) => documents(segments),
            Outcome::BusinessHours(sets) => json!(sets),
            Outcome::BotStatus(status) => json!({
                "thread_id": status.thread_id,
                "is_paused": status.is_paused,
            }),
            Outcome::Response(response) => json!({
                "status": response.status,
                "json": response.json().ok(),
                "body": String::from_utf8_lossy(&response.body),
            }),
        }
    }
}

fn receipt_value(receipt: &Receipt) -> Value {
    json!({
        "thread_id": (!receipt.thread_id.is_empty()).then_some(&receipt.thread_id),
        "trace_id": receipt.trace_id,
        "status": receipt.status,
        "request_id": receipt.request_id,
    })
}

fn result_value(result: Result<Receipt>) -> Value {
    match result {
        Ok(receipt) => json!({ "ok": receipt_value(&receipt) }),
        Err(error) => json!({ "error": {
            "kind": error.kind().name(),
            "message": error.to_string(),
            "delivery": error.delivery().map(Delivery::name),
            "retryable": error.is_retryable(),
            "argument": error.argument_name(),
            "status": error.status(),
            "trace_id": error.trace_id(),
        }}),
    }
}

fn documents<D: Document>(list: &[D]) -> Value {
    list.iter()
        .map(|document| Value::Object(document.clone().into_object()))
        .collect()
}

/// A call of an operation that is known by its name; [`Client::invoke`] makes one.
#[derive(Clone, Debug)]
pub struct Invocation {
    client: Client,
    known: &'static Known,
    arguments: Object,
    file: Option<File>,
    cancel: Option<Cancel>,
}

#[derive(Clone, Debug)]
enum File {
    Path(PathBuf),
    Bytes(Bytes),
}

/// An invocation whose arguments were checked: what is to be awaited.
pub type Started = Pin<Box<dyn Future<Output = Result<Outcome>> + Send>>;

#[derive(Debug)]
struct Known {
    name: &'static str,
    is_send: bool,
    start: fn(&Client, &mut Arguments) -> Result<Started>,
}

/// The names of all operations.
pub fn operations() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|known| known.name)
}

impl Client {
    /// Prepares any operation by its name. Arguments have the names that they have in every language; what is a message,
    /// an originator, a recipient, a channel or a segment is a document as it goes over the wire.
    ///
    /// ```no_run
    /// # let client = flowai::Client::builder().build()?;
    /// let mut call = client.invoke("send_text")?;
    /// call.set("thread_id", "thread-1").set("text", "Hello");
    /// println!("{}", call.wait()?.to_value());
    /// # Ok::<_, flowai::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidArgument` naming `operation` when there is none of this name.
    pub fn invoke(&self, operation: &str) -> Result<Invocation> {
        let known = OPERATIONS.iter().find(|known| known.name == operation);
        let known = known.ok_or_else(|| {
            let names: Vec<&str> = operations().collect();
            let names = names.join(", ");
            Error::argument("operation", format_args!("{operation:?} is none of {names}"))
        })?;
        Ok(Invocation {
            client: self.clone(),
            known,
            arguments: Object::new(),
            file: None,
            cancel: None,
        })
    }
}

impl Invocation {
    /// The name of the operation.
    pub fn operation(&self) -> &'static str {
        self.known.name
    }

    /// Whether it sends something, so that its errors tell the delivery.
    pub fn is_send(&self) -> bool {
        let method = self.arguments.get("method").and_then(Value::as_str);
        self.known.is_send || self.known.name == "request" && method.is_some_and(is_send_method)
    }

    /// Sets an argument; `null` is the same as none.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Invocation {
        match value.into() {
            Value::Null => self.arguments.remove(name),
            value => self.arguments.insert(name.to_owned(), value),
        };
        self
    }

    /// Sets the file of an upload, by its path.
    pub fn set_path(&mut self, path: impl Into<PathBuf>) -> &mut Invocation {
        self.file = Some(File::Path(path.into()));
        self
    }

    /// Sets the content of an upload.
    pub fn set_bytes(&mut self, bytes: impl Into<Bytes>) -> &mut Invocation {
        self.file = Some(File::Bytes(bytes.into()));
        self
    }

    /// Sets what gives the call up.
    pub fn set_cancel(&mut self, cancel: Option<&Cancel>) -> &mut Invocation {
        self.cancel = cancel.cloned();
        self
    }

    /// Checks the arguments; awaiting the result on the runtime of this library, with [`runtime::spawn`], makes the call.
    /// It can be made any number of times.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the argument.
    pub fn start(&self) -> Result<Started> {
        let mut arguments = Arguments {
            rest: self.arguments.clone(),
            file: self.file.clone(),
            cancel: self.cancel.clone(),
        };
        (self.known.start)(&self.client, &mut arguments).map_err(|error| {
            let delivery = error.delivery().or(self.is_send().then_some(Delivery::NotSent));
            error.with_operation(self.known.name).with_delivery(delivery)
        })
    }

    /// Makes the call on this thread and waits for its result.
    ///
    /// # Errors
    /// Those of the operation.
    pub fn wait(&self) -> Result<Outcome> {
        let started = self.start()?;
        runtime::block_on(started).map_err(|error| error.with_operation(self.known.name))?
    }
}

macro_rules! operations {
    ($($kind:ident $name:ident: $start:expr;)*) => {
        static OPERATIONS: &[Known] = &[$(Known {
            name: stringify!($name),
            is_send: is_send(stringify!($kind)),
            start: $start,
        },)*];
    };
}

const fn is_send(kind: &str) -> bool {
    matches!(kind.as_bytes(), b"send")
}

// A `send` tells the delivery when it fails; see `Operation`.
operations! {
    send send_text: |client, given| {
        let message = json!({"type": "text", "speech": given.required("text")?});
        given.message(client, message)
    };
    send send_event: |client, given| {
        let message = json!({"type": "event", "eventName": given.required("event_name")?});
        given.message(client, message)
    };
    send send_location: |client, given| {
        let message = json!({"type": "location", "lat": given.required("lat")?, "long": given.required("long")?});
        given.message(client, message)
    };
    send send_media: |client, given| {
        let (url, media_type) = (given.required("url")?, given.required("media_type")?);
        given.message(client, json!({"type": "media", "url": url, "mediaType": media_type}))
    };
    send send: |client, given| {
        let message = given.required("message")?;
        given.message(client, message)
    };
    send send_many: |client, given| given.many(client);
    send upload_media: |client, given| {
        let thread_id = given.text("thread_id")?;
        let upload = given.upload()?;
        given.acknowledged(client.upload_media(&thread_id, upload))
    };
    send ask: |client, given| {
        let thread_id = given.text("thread_id")?;
        let message = match given.required("message")? {
            Value::String(text) => json!({"type": "text", "speech": text}),
            document => document,
        };
        let message = given.along(message)?;
        given.run(client.ask(&thread_id, message), Outcome::Reply)
    };
    call history: |client, given| {
        let thread_id = given.text("thread_id")?;
        let options = given.history_options()?;
        given.run(client.history(&thread_id, options), Outcome::HistoryPage)
    };
    call iter_history: |client, given| {
        let thread_id = given.text("thread_id")?;
        let (limit, options) = (given.limit()?, given.history_options()?);
        let client = given.client(client)?;
        let mut iter = client.iter_history_with(&thread_id, limit, options);
        Ok(Box::pin(async move {
            let mut all = Vec::new();
            while let Some(entry) = iter.next_awaited(|call| call).await? {
                all.push(entry);
            }
            Ok(Outcome::HistoryEntries(all))
        }))
    };
    call request_history: |client, given| {
        let thread_id = given.text("thread_id")?;
        let options = given.history_options()?;
        given.acknowledged(client.request_history(&thread_id, options))
    };
    call threads: |client, given| {
        let page = given.number("page")?;
        given.run(client.threads(page), Outcome::ThreadsPage)
    };
    call iter_threads: |client, given| {
        let limit = given.limit()?;
        let mut iter = given.client(client)?.iter_threads(limit);
        Ok(Box::pin(async move {
            let mut all = Vec::new();
            while let Some(thread_id) = iter.next_awaited(|call| call).await? {
                all.push(thread_id);
            }
            Ok(Outcome::ThreadIds(all))
        }))
    };
    call request_threads: |client, given| {
        let page = given.number("page")?;
        given.acknowledged(client.request_threads(page))
    };
    call create_thread: |client, given| given.run(client.create_thread(), Outcome::ThreadId);
    call business_hours: |client, given| given.run(client.business_hours(), Outcome::BusinessHours);
    call request_business_hours: |client, given| given.acknowledged(client.request_business_hours());
    call pause: |client, given| {
        let thread_id = given.text("thread_id")?;
        given.acknowledged(client.pause(&thread_id))
    };
    call resume: |client, given| {
        let thread_id = given.text("thread_id")?;
        given.acknowledged(client.resume(&thread_id))
    };
    call bot_status: |client, given| {
        let thread_id = given.text("thread_id")?;
        given.run(client.bot_status(&thread_id), Outcome::BotStatus)
    };
    call request_bot_status: |client, given| {
        let thread_id = given.text("thread_id")?;
        given.acknowledged(client.request_bot_status(&thread_id))
    };
    send handover: |client, given| {
        let thread_id = given.text("thread_id")?;
        let seconds = given.number("seconds_to_pause")?;
        given.acknowledged(client.handover(&thread_id, seconds))
    };
    call resolve: |client, given| {
        let thread_id = given.text("thread_id")?;
        given.acknowledged(client.resolve(&thread_id))
    };
    send takeover: |client, given| {
        let thread_id = given.text("thread_id")?;
        #[expect(deprecated, reason = "programs may still call it")]
        given.acknowledged(client.takeover(&thread_id))
    };
    call trigger_events: |client, given| given.run(client.trigger_events(), Outcome::Names);
    call request_trigger_events: |client, given| given.acknowledged(client.request_trigger_events());
    send trigger_event: |client, given| {
        let (thread_id, event_name) = (given.text("thread_id")?, given.text("event_name")?);
        given.acknowledged(client.trigger_event(&thread_id, &event_name))
    };
    send broadcast: |client, given| {
        let audience = given.list("audience")?;
        let channel = Channel::from_value(given.required("channel")?)
            .map_err(|error| Error::argument("channel", error.message()))?;
        let message = given.required("message")?;
        let message = given.along(message)?;
        given.acknowledged(client.broadcast(audience, channel, message))
    };
    send broadcast_to_segments: |client, given| {
        let segments: Vec<Segment> = given.list("segments")?;
        let message = given.required("message")?;
        let message = given.along(message)?;
        given.acknowledged(client.broadcast_to_segments(segments, message))
    };
    call segments: |client, given| given.run(client.segments(), Outcome::Segments);
    call request: |client, given| {
        let (method, path) = (given.text("method")?, given.text("path")?);
        let query = given.query()?;
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (&**name, &**value)).collect();
        let json = given.take("json");
        given.run(client.request(&method, &path, &query, json.as_ref()), Outcome::Response)
    };
}

/// What was given and not used yet.
struct Arguments {
    rest: Object,
    file: Option<File>,
    cancel: Option<Cancel>,
}

/// What goes along with a message, and its name on the wire.
const ALONG: [(&str, &str); 8] = [
    ("originator", "originator"),
    ("trace_id", "traceId"),
    ("lang", "lang"),
    ("timezone", "timezone"),
    ("params", "params"),
    ("title", "title"),
    ("mime_type", "mimeType"),
    ("url", "url"),
];

impl Arguments {
    fn take(&mut self, name: &str) -> Option<Value> {
        self.rest.remove(name)
    }

    fn required(&mut self, name: &str) -> Result<Value> {
        self.take(name).ok_or_else(|| Error::argument(name, "is missing"))
    }

    fn taken<T>(&mut self, name: &str, what: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let refused = || Error::argument(name, format_args!("must be {what}"));
        read(&value).map(Some).ok_or_else(refused)
    }

    fn text(&mut self, name: &str) -> Result<String> {
        let text = self.taken(name, "a text", |value| value.as_str().map(str::to_owned))?;
        text.ok_or_else(|| Error::argument(name, "is missing"))
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>> {
        self.taken(name, "a whole number that is not negative", Value::as_u64)
    }

    fn boolean(&mut self, name: &str) -> Result<Option<bool>> {
        self.taken(name, "true or false", Value::as_bool)
    }

    fn seconds(&mut self, name: &str) -> Result<Option<Duration>> {
        let seconds = self.taken(name, "a number of seconds", |value| {
            Duration::try_from_secs_f64(value.as_f64()?).ok()
        })?;
        match seconds {
            Some(Duration::ZERO) => Err(Error::argument(name, "must be more than zero")),
            seconds => Ok(seconds),
        }
    }

    fn limit(&mut self) -> Result<Option<usize>> {
        let limit = self.number("limit")?;
        Ok(limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)))
    }

    fn history_options(&mut self) -> Result<HistoryOptions> {
        let page = self.number("page")?;
        Ok(HistoryOptions::from(page).events(self.boolean("events")?.unwrap_or(false)))
    }

    fn list<D: Document>(&mut self, name: &str) -> Result<Vec<D>> {
        let Value::Array(items) = self.required(name)? else {
            return Err(Error::argument(name, "must be a list of documents"));
        };
        let read = |item| D::from_value(item).map_err(|error| Error::argument(name, error.message()));
        items.into_iter().map(read).collect()
    }

    fn query(&mut self) -> Result<Vec<(String, String)>> {
        let query = match self.take("query") {
            None => Object::new(),
            Some(Value::Object(query)) => query,
            Some(_) => return Err(Error::argument("query", "must be an object")),
        };
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(query
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect())
    }

    /// A message in its form on the wire, with what was given to go along.
    fn along(&mut self, message: Value) -> Result<Message> {
        let Value::Object(mut object) = message else {
            return Message::from_value(message);
        };
        for (name, wire) in ALONG {
            let value = match self.take(name) {
                None => continue,
                Some(Value::String(sender)) if name == "originator" => {
                    Value::Object(Originator::new(sender).into_object())
                }
                Some(value) => value,
            };
            object.insert(wire.to_owned(), value);
        }
        Message::from_value(Value::Object(object))
    }

    fn upload(&mut self) -> Result<Upload> {
        let given = match self.take("file") {
            Some(Value::Object(file)) => Some(file),
            Some(Value::String(path)) => {
                self.file = Some(File::Path(path.into()));
                None
            }
            Some(_) => return Err(Error::argument("file", "must be a path or an object")),
            None => None,
        };
        let in_file = |name: &str| given.as_ref().and_then(|file| file.get(name)?.as_str());
        let content = if let Some(text) = in_file("text") {
            Some(File::Bytes(Bytes::copy_from_slice(text.as_bytes())))
        } else if let Some(data) = in_file("base64") {
            let bytes = STANDARD.decode(data);
            Some(File::Bytes(
                bytes
                    .map_err(|_| Error::argument("file", "is not base64"))?
                    .into(),
            ))
        } else {
            in_file("path").map(|path| File::Path(path.into()))
        };
        let name = in_file("filename").unwrap_or_default();
        let mut upload = match content.or_else(|| self.file.take()) {
            Some(File::Path(path)) => Upload::from_path(path)?,
            Some(File::Bytes(bytes)) => Upload::from_bytes(bytes, name)?,
            None => return Err(Error::argument("file", "is missing")),
        };
        if self.rest.contains_key("filename") {
            upload = upload.filename(self.text("filename")?);
        }
        if self.rest.contains_key("media_type") {
            upload = upload.media_type(self.text("media_type")?);
        }
        if self.rest.contains_key("mime_type") {
            upload = upload.mime_type(self.text("mime_type")?);
        }
        if let Some(timeout) = self.seconds("idle_timeout")? {
            upload = upload.idle_timeout(timeout);
        }
        let mut refused = None;
        let upload = upload.message(|message| {
            let object = message.as_object().clone();
            self.along(Value::Object(object)).unwrap_or_else(|error| {
                refused = Some(error);
                message
            })
        });
        refused.map_or(Ok(upload), Err)
    }

    /// Sends a message to the thread that was given.
    fn message(&mut self, client: &Client, message: Value) -> Result<Started> {
        let thread_id = self.text("thread_id")?;
        let message = self.along(message)?;
        self.acknowledged(client.send(&thread_id, message))
    }

    /// Sends many messages, each `{"thread_id": ..., "message": ...}`.
    fn many(&mut self, client: &Client) -> Result<Started> {
        let Value::Array(items) = self.required("messages")? else {
            return Err(Error::argument("messages", "must be a list"));
        };
        let mut messages = Vec::with_capacity(items.len());
        for (number, item) in items.into_iter().enumerate() {
            let place = format!("messages[{number}]");
            let refused = |problem: &str| Error::argument(place.as_str(), problem);
            let Value::Object(mut item) = item else {
                return Err(refused("must be an object with thread_id and message"));
            };
            let (thread_id, message) = (item.remove("thread_id"), item.remove("message"));
            let (Some(Value::String(thread_id)), Some(message), true) = (thread_id, message, item.is_empty())
            else {
                return Err(refused(
                    "must have a text thread_id and a message, and nothing else",
                ));
            };
            let message = match message {
                Value::String(text) => Message::text(text),
                document => Message::from_value(document).map_err(|error| refused(error.message()))?,
            };
            messages.push((thread_id, message));
        }
        let mut many = Many::new();
        if let Some(concurrency) = self.number("concurrency")? {
            many = many.concurrency(usize::try_from(concurrency).unwrap_or(usize::MAX));
        }
        if let Some(skip) = self.boolean("skip_after_failure")? {
            many = many.skip_after_failure(skip);
        }
        let client = self.client(client)?;
        Ok(Box::pin(async move {
            let mut sending = client.send_many(messages).options(many).start()?;
            let mut results = Vec::new();
            while let Some(result) = sending.next_awaited().await? {
                results.push(result_value(result));
            }
            Ok(Outcome::Results(results))
        }))
    }

    fn acknowledged(&mut self, mut call: Call<Receipt>) -> Result<Started> {
        if let Some(wait) = self.boolean("write_concern")? {
            call = call.write_concern(wait);
        }
        self.run(call, Outcome::Receipt)
    }

    /// The client for operations that make several calls.
    fn client(&mut self, client: &Client) -> Result<Client> {
        let mut options = crate::options::Options::new();
        if let Some(timeout) = self.seconds("timeout")? {
            options = options.timeout(timeout);
        }
        if let Some(cancel) = &self.cancel {
            options = options.cancel(cancel);
        }
        self.finish()?;
        client.with_options(options)
    }

    fn run<T: Send + 'static>(&mut self, mut call: Call<T>, outcome: fn(T) -> Outcome) -> Result<Started> {
        if let Some(timeout) = self.seconds("timeout")? {
            call = call.timeout(timeout);
        }
        if let Some(cancel) = &self.cancel {
            call = call.cancel(cancel);
        }
        self.finish()?;
        let made = call.start()?;
        Ok(Box::pin(async move { made.await.map(outcome) }))
    }

    /// What is left belongs to nothing, and would be lost silently.
    fn finish(&mut self) -> Result<()> {
        if let Some(name) = self.rest.keys().next() {
            return Err(Error::argument(name, "does not belong to this operation"));
        }
        match self.file.take() {
            Some(_) => Err(Error::argument("file", "does not belong to this operation")),
            None => Ok(()),
        }
    }
}
