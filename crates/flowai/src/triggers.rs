//! Events that may be triggered by hand: which there are, and to trigger one in a thread (later versions of the API).

use serde_json::json;

use crate::{
    call::Call,
    client::{Client, Receipt},
    error::{Error, Result},
    model::strings,
    operation::{Operation, Request},
};

static TRIGGER_EVENTS: Operation = Operation::get("trigger_events");
static REQUEST_TRIGGER_EVENTS: Operation = Operation::get("request_trigger_events");
static TRIGGER_EVENT: Operation = Operation::send("trigger_event");

impl Client {
    /// Reads the names of the events that may be triggered: those with "enable manual trigger" in the dashboard.
    ///
    /// # Errors
    /// Every error of a request. It is retried, since reading does no harm.
    pub fn trigger_events(&self) -> Call<Vec<String>> {
        let request = Request::new(&TRIGGER_EVENTS, "trigger/event").with_query("sync", true);
        Call::new(self, &TRIGGER_EVENTS, Ok(request), |_, response| {
            Ok(strings(response.result_with_list("items")?.get("items")))
        })
    }

    /// Asks for the names, which then arrive as a webhook event of the kind `TriggerEvents`.
    pub fn request_trigger_events(&self) -> Call<Receipt> {
        let request = Request::new(&REQUEST_TRIGGER_EVENTS, "trigger/event");
        self.acknowledged(&REQUEST_TRIGGER_EVENTS, Ok(request))
    }

    /// Triggers an event in a thread.
    ///
    /// # Errors
    /// Every failed call says what became of the event: [`Error::delivery`].
    pub fn trigger_event(&self, thread_id: &str, event_name: &str) -> Call<Receipt> {
        self.acknowledged(&TRIGGER_EVENT, trigger_request(thread_id, event_name))
    }
}

fn trigger_request(thread_id: &str, event_name: &str) -> Result<Request> {
    let request = Request::of_thread(&TRIGGER_EVENT, "trigger/event", thread_id)?;
    if event_name.is_empty() {
        return Err(Error::argument("event_name", "is empty"));
    }
    request.with_query("eventName", event_name).with_json(&json!({}))
}
