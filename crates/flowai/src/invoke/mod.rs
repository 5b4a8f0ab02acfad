//! Any operation by its name, with arguments by their names: for programs that know which one only when they run, and
//! for the languages that are made of this. One table says what there is.

mod arguments;
#[cfg(feature = "upload")]
mod upload;

use std::{future::Future, path::PathBuf, pin::Pin};

use bytes::Bytes;
use serde_json::{Value, json};

use arguments::Arguments;

use crate::{
    ask::Reply,
    bot::BotStatus,
    broadcast::{Channel, Segment},
    business_hours::BusinessHours,
    cancel::Cancel,
    client::{Client, Receipt},
    error::{Delivery, Error, Result},
    history::HistoryPage,
    model::{Document, Object},
    models::HistoryEntry,
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
#[cfg_attr(
    not(feature = "upload"),
    allow(dead_code, reason = "no other operation has a file")
)]
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
    ($($(#[$condition:meta])? $kind:ident $name:ident: $start:expr;)*) => {
        static OPERATIONS: &[Known] = &[$($(#[$condition])? Known {
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
    #[cfg(feature = "upload")]
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
