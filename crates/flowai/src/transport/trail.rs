//! What the log says of an attempt. It has no thread id, text, header or address below the base URL, and no words of the
//! service: they may be personal, and the message is known by its trace id.

use std::{borrow::Cow, fmt, time::Duration};

use tokio::time::Instant;

use super::Response;
use crate::{error::Error, operation::Request};

/// How much of a request id is written.
const MAX_REQUEST_ID: usize = 200;

pub(super) struct Trail<'a> {
    request: &'a Request,
    attempt: u32,
    began: Instant,
}

impl Trail<'_> {
    /// An attempt begins; `retry` counts from 0.
    pub(super) fn begin(request: &Request, retry: u32, now: Instant) -> Trail<'_> {
        Trail {
            request,
            attempt: retry.saturating_add(1),
            began: now,
        }
    }

    pub(super) fn answered(&self, response: &Response) {
        if !log::log_enabled!(log::Level::Debug) {
            return;
        }
        let (operation, duration) = (self.request.operation.name, self.began.elapsed().as_secs_f64());
        let status = response.status.as_u16();
        let facts = self.facts(response.request_id());
        log::debug!(
            operation, status, duration, attempt = self.attempt,
            request_id = facts.request_id, trace_id = facts.trace_id;
            "{operation}: answered {status} in {:.1} ms ({facts})",
            duration * 1000.0
        );
    }

    /// It failed, and so does the call.
    pub(super) fn failed(&self, error: &Error) {
        let (operation, duration) = (self.request.operation.name, self.began.elapsed().as_secs_f64());
        let (facts, delivery) = (self.facts(error.request_id()), error.delivery());
        let (reason, outcome) = (reason(error), Outcome(error));
        log::debug!(
            operation, status = error.status(), duration, attempt = self.attempt,
            request_id = facts.request_id, trace_id = facts.trace_id, delivery = delivery.map(|known| known.name());
            "{operation}: failed in {:.1} ms: {reason}{outcome} ({facts})",
            duration * 1000.0
        );
    }

    /// It failed, and another one follows.
    pub(super) fn again(&self, error: &Error, pause: Duration) {
        let (operation, duration) = (self.request.operation.name, self.began.elapsed().as_secs_f64());
        let (facts, pause) = (self.facts(error.request_id()), pause.as_secs_f64());
        let reason = reason(error);
        // That the service has enough of this client is for whoever runs it to know.
        let level = match error.response().and_then(|response| response.retry_after) {
            Some(_) => log::Level::Warn,
            None => log::Level::Info,
        };
        log::log!(
            level,
            operation, status = error.status(), duration, attempt = self.attempt,
            request_id = facts.request_id, trace_id = facts.trace_id, pause;
            "{operation}: failed in {:.1} ms, again in {pause:.2} s: {reason} ({facts})",
            duration * 1000.0
        );
    }

    fn facts<'a>(&self, request_id: Option<&'a str>) -> Facts<'a> {
        Facts {
            attempt: self.attempt,
            trace_id: self.request.trace_id,
            request_id: request_id.map(|id| id.get(..MAX_REQUEST_ID).unwrap_or(id)),
        }
    }
}

/// What went wrong, without what the service said about it.
fn reason(error: &Error) -> Cow<'_, str> {
    match error.status() {
        Some(status) => format!("the service answered {status}").into(),
        None => error.message().into(),
    }
}

struct Facts<'a> {
    attempt: u32,
    trace_id: Option<u64>,
    request_id: Option<&'a str>,
}

impl fmt::Display for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {}", self.attempt)?;
        if let Some(id) = self.trace_id {
            write!(f, ", trace id {id}")?;
        }
        match self.request_id {
            Some(id) => write!(f, ", request id {id}"),
            None => Ok(()),
        }
    }
}

/// What became of the message, if it was one.
struct Outcome<'a>(&'a Error);

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.delivery() {
            Some(delivery) => write!(f, ", {delivery}"),
            None => Ok(()),
        }
    }
}
