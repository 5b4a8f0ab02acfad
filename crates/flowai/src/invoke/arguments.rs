//! The arguments of an operation, by their names: each is taken out once, and what is left over is refused.

use std::time::Duration;

use serde_json::Value;

use super::{File, Outcome, Started, result_value};
use crate::{
    call::Call,
    cancel::Cancel,
    client::{Client, Receipt},
    error::{Error, Result},
    history::HistoryOptions,
    many::Many,
    model::{Document, Object},
    models::Originator,
    payload::Message,
};

/// What was given and not used yet.
pub(super) struct Arguments {
    pub(super) rest: Object,
    #[cfg_attr(
        not(feature = "upload"),
        allow(dead_code, reason = "no other operation has a file")
    )]
    pub(super) file: Option<File>,
    pub(super) cancel: Option<Cancel>,
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
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.rest.remove(name)
    }

    pub(super) fn required(&mut self, name: &str) -> Result<Value> {
        self.take(name).ok_or_else(|| Error::argument(name, "is missing"))
    }

    pub(super) fn taken<T>(
        &mut self,
        name: &str,
        what: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let refused = || Error::argument(name, format_args!("must be {what}"));
        read(&value).map(Some).ok_or_else(refused)
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String> {
        let text = self.taken(name, "a text", |value| value.as_str().map(str::to_owned))?;
        text.ok_or_else(|| Error::argument(name, "is missing"))
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>> {
        self.taken(name, "a whole number that is not negative", Value::as_u64)
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>> {
        self.taken(name, "true or false", Value::as_bool)
    }

    pub(super) fn seconds(&mut self, name: &str) -> Result<Option<Duration>> {
        let seconds = self.taken(name, "a number of seconds", |value| {
            Duration::try_from_secs_f64(value.as_f64()?).ok()
        })?;
        match seconds {
            Some(Duration::ZERO) => Err(Error::argument(name, "must be more than zero")),
            seconds => Ok(seconds),
        }
    }

    pub(super) fn limit(&mut self) -> Result<Option<usize>> {
        let limit = self.number("limit")?;
        Ok(limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)))
    }

    pub(super) fn history_options(&mut self) -> Result<HistoryOptions> {
        let page = self.number("page")?;
        Ok(HistoryOptions::from(page).events(self.boolean("events")?.unwrap_or(false)))
    }

    pub(super) fn list<D: Document>(&mut self, name: &str) -> Result<Vec<D>> {
        let Value::Array(items) = self.required(name)? else {
            return Err(Error::argument(name, "must be a list of documents"));
        };
        let read = |item| D::from_value(item).map_err(|error| Error::argument(name, error.message()));
        items.into_iter().map(read).collect()
    }

    pub(super) fn query(&mut self) -> Result<Vec<(String, String)>> {
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
    pub(super) fn along(&mut self, message: Value) -> Result<Message> {
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

    /// Sends a message to the thread that was given.
    pub(super) fn message(&mut self, client: &Client, message: Value) -> Result<Started> {
        let thread_id = self.text("thread_id")?;
        let message = self.along(message)?;
        self.acknowledged(client.send(&thread_id, message))
    }

    /// Sends many messages, each `{"thread_id": ..., "message": ...}`.
    pub(super) fn many(&mut self, client: &Client) -> Result<Started> {
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

    pub(super) fn acknowledged(&mut self, mut call: Call<Receipt>) -> Result<Started> {
        if let Some(wait) = self.boolean("write_concern")? {
            call = call.write_concern(wait);
        }
        self.run(call, Outcome::Receipt)
    }

    /// The client for operations that make several calls.
    pub(super) fn client(&mut self, client: &Client) -> Result<Client> {
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

    pub(super) fn run<T: Send + 'static>(
        &mut self,
        mut call: Call<T>,
        outcome: fn(T) -> Outcome,
    ) -> Result<Started> {
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
    pub(super) fn finish(&mut self) -> Result<()> {
        if let Some(name) = self.rest.keys().next() {
            return Err(Error::argument(name, "does not belong to this operation"));
        }
        match self.file.take() {
            Some(_) => Err(Error::argument("file", "does not belong to this operation")),
            None => Ok(()),
        }
    }
}
