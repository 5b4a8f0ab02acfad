//! Who leads a conversation: hand it over to people, resolve it, take it over (later versions of the API).

use http::Method;
use serde_json::json;

use crate::{
    call::Call,
    client::{Client, Receipt},
    error::{Error, Result},
    operation::{Operation, Request},
};

static HANDOVER: Operation = Operation::send("handover");
static RESOLVE: Operation = Operation::idempotent("resolve", Method::POST);
static TAKEOVER: Operation = Operation::send("takeover");

impl Client {
    /// Hands a conversation over to people: the bot pauses for `seconds_to_pause`, or as long as the dashboard says.
    ///
    /// # Errors
    /// It may tell people, so it is not repeated once it may have left; [`Error::delivery`] says what became of it.
    pub fn handover(&self, thread_id: &str, seconds_to_pause: Option<u64>) -> Call<Receipt> {
        self.acknowledged(&HANDOVER, handover_request(thread_id, seconds_to_pause))
    }

    /// Resolves a conversation: a handover ends, and the bot is resumed. It cannot be undone. Doing it twice changes
    /// nothing, so it is retried.
    pub fn resolve(&self, thread_id: &str) -> Call<Receipt> {
        self.acknowledged(&RESOLVE, Request::of_thread(&RESOLVE, "resolve", thread_id))
    }

    /// Takes a conversation over from the bot.
    #[deprecated = "the service replaced it by handover"]
    pub fn takeover(&self, thread_id: &str) -> Call<Receipt> {
        let request = Request::of_thread(&TAKEOVER, "takeover", thread_id);
        self.acknowledged(
            &TAKEOVER,
            request.and_then(|request| request.with_json(&json!({}))),
        )
    }
}

fn handover_request(thread_id: &str, seconds_to_pause: Option<u64>) -> Result<Request> {
    let body = match seconds_to_pause {
        Some(0) => return Err(Error::argument("seconds_to_pause", "must be more than zero")),
        Some(seconds) => json!({"secondsToPause": seconds}),
        None => json!({}),
    };
    Request::of_thread(&HANDOVER, "handover", thread_id)?.with_json(&body)
}
