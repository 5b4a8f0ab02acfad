//! What the service answered, and what that means.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::headers::Headers;
use crate::error::{Error, ErrorKind, ErrorResponse, Result};

const MAX_EXCERPT: usize = 4096;

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: Headers,
    /// Of an error perhaps only the start.
    pub(crate) body: Bytes,
    pub(crate) complete: bool,
}

impl Response {
    #[cfg(feature = "upload")]
    pub(super) fn new(head: &http::response::Parts, body: super::body::Collected) -> Response {
        Response {
            status: head.status,
            headers: Headers::from(&head.headers),
            body: body.bytes,
            complete: body.complete,
        }
    }

    pub(crate) fn request_id(&self) -> Option<&str> {
        self.headers.text("x-request-id")
    }

    /// The headers as text, names in lower case.
    pub(crate) fn header_pairs(&self) -> Vec<(String, String)> {
        self.headers.pairs()
    }

    /// When the service answered, by its own clock, to the second.
    pub(crate) fn date(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.headers.text("date")?).ok()
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// A 2xx acknowledges unless its body is an object whose `status` is something else than `ok`.
    pub(crate) fn acknowledgement(&self) -> Result<()> {
        if self.body.as_ref() == br#"{"status":"ok"}"# {
            return Ok(());
        }
        match self.json() {
            Some(Value::Object(object)) => match object.get("status") {
                None | Some(Value::Null) => Ok(()),
                Some(Value::String(status)) if status.eq_ignore_ascii_case("ok") => Ok(()),
                Some(_) => Err(self.refusal("the service did not answer ok")),
            },
            _ => Ok(()),
        }
    }

    /// What a query answers: the object under `result`, else the whole body.
    pub(crate) fn result(&self) -> Result<Value> {
        match self.json() {
            Some(Value::Object(mut root)) => Ok(match root.get("result") {
                Some(Value::Object(_)) => root.remove("result").unwrap_or_default(),
                _ => Value::Object(root),
            }),
            _ => Err(self.refusal("the answer is not a JSON object")),
        }
    }

    /// Like [`result`](Response::result), which must have an array with this name.
    pub(crate) fn result_with_list(&self, name: &str) -> Result<Value> {
        let result = self.result()?;
        match result.get(name) {
            Some(Value::Array(_)) => Ok(result),
            _ => Err(self.refusal(&format!("the answer has no {name}"))),
        }
    }

    /// The error of this answer: that of its status, or, for a 2xx, that it makes no sense.
    pub(crate) fn refusal(&self, problem: &str) -> Error {
        let kind = ErrorKind::of_status(self.status.as_u16());
        let server_message = self.server_message();
        let message = match &server_message {
            Some(said) => format!("{problem}: {said}"),
            None => problem.to_owned(),
        };
        Error::new(kind, message).with_response(ErrorResponse {
            status: self.status.as_u16(),
            headers: self.header_pairs(),
            body: excerpt(&self.body),
            server_message,
            retry_after: self.retry_after(),
        })
    }

    /// How long the service asks to wait: seconds, or a date. Anything else is ignored.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.text("retry-after")?.trim();
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Duration::from_secs);
        }
        let date = httpdate::parse_http_date(text).ok()?;
        Some(date.duration_since(SystemTime::now()).unwrap_or_default())
    }

    /// Where services of this family put their words ("Errors" are not specified further by the API document).
    fn server_message(&self) -> Option<String> {
        let json = self.json();
        let said = json.as_ref().and_then(|json| {
            [
                json.pointer("/payload/message"),
                json.pointer("/message"),
                json.pointer("/error/message"),
                json.pointer("/error"),
                json.pointer("/errors/0/message"),
            ]
            .into_iter()
            .flatten()
            .find_map(Value::as_str)
            .map(str::to_owned)
        });
        let text = match (said, json) {
            (Some(said), _) => said,
            (None, Some(_)) => return None,
            (None, None) => String::from_utf8_lossy(&self.body).trim().to_owned(),
        };
        let line: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        (!line.is_empty()).then_some(line)
    }
}

fn excerpt(body: &Bytes) -> String {
    let start = body.get(..MAX_EXCERPT).unwrap_or(body);
    String::from_utf8_lossy(start).into_owned()
}
