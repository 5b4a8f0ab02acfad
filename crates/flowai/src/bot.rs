//! "Bot control" of the API document: pause and resume the bot of a thread, and ask which it is.

use http::Method;
use serde_json::{Value, json};

use crate::{
    call::Call,
    client::{Client, Receipt},
    error::Result,
    operation::{Operation, Request, thread_named_by},
    transport::Response,
};

static PAUSE: Operation = Operation::idempotent("pause", Method::POST);
static RESUME: Operation = Operation::idempotent("resume", Method::DELETE);
static BOT_STATUS: Operation = Operation::get("bot_status");
static REQUEST_BOT_STATUS: Operation = Operation::get("request_bot_status");

/// Whether the bot of a thread is paused.
#[derive(Clone, Debug, PartialEq)]
pub struct BotStatus {
    /// `None` if the service did not say.
    pub is_paused: Option<bool>,
    /// The thread, as the service names it.
    pub thread_id: String,
    /// The result as it came.
    pub raw: Value,
}

impl BotStatus {
    fn read(request: &Request, response: Response) -> Result<BotStatus> {
        let raw = response.result()?;
        Ok(BotStatus::from_value(raw, &request.thread_id))
    }

    /// Reads a status from the result as it came, which was asked for by this thread id.
    pub fn from_value(raw: Value, thread_id: &str) -> BotStatus {
        BotStatus {
            is_paused: read_is_paused(|key| raw.get(key).and_then(Value::as_bool)),
            thread_id: thread_named_by(&raw, thread_id),
            raw,
        }
    }
}

/// The service has misspelt the name since the first day ("Bot status" of the API document), except in later events.
pub(crate) fn read_is_paused(get: impl Fn(&str) -> Option<bool>) -> Option<bool> {
    get("isPaused").or_else(|| get("isPaued"))
}

impl Client {
    /// Pauses the bot of a thread. Pausing a paused bot changes nothing, so it is retried.
    pub fn pause(&self, thread_id: &str) -> Call<Receipt> {
        self.acknowledged(&PAUSE, pause_request(&PAUSE, thread_id))
    }

    /// Resumes the bot of a thread. Resuming a running bot changes nothing, so it is retried.
    pub fn resume(&self, thread_id: &str) -> Call<Receipt> {
        self.acknowledged(&RESUME, pause_request(&RESUME, thread_id))
    }

    /// Asks whether the bot of a thread is paused.
    pub fn bot_status(&self, thread_id: &str) -> Call<BotStatus> {
        let request = Request::of_thread(&BOT_STATUS, "pause", thread_id).map(|r| r.with_query("sync", true));
        Call::new(self, &BOT_STATUS, request, BotStatus::read)
    }

    /// Asks for the status, which then arrives as a webhook event of the kind `BotStatus`.
    pub fn request_bot_status(&self, thread_id: &str) -> Call<Receipt> {
        let request = Request::of_thread(&REQUEST_BOT_STATUS, "pause", thread_id);
        self.acknowledged(&REQUEST_BOT_STATUS, request)
    }
}

fn pause_request(operation: &'static Operation, thread_id: &str) -> Result<Request> {
    Request::of_thread(operation, "pause", thread_id)?.with_json(&json!({}))
}
