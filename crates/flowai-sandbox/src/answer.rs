//! The answers of the API: JSON, errors too.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};

/// What every request is answered with.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Why a request is not served.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    allow: Option<String>,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            allow: None,
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    pub(crate) fn not_found() -> Self {
        Self::unknown("No such endpoint")
    }

    /// Something that the request names does not exist.
    pub(crate) fn unknown(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// `allow` are the methods of the endpoint, as a header names them.
    pub(crate) fn method_not_allowed(allow: String) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            message: format!("Use {allow}"),
            allow: Some(allow),
        }
    }

    pub(crate) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "The request body stopped arriving")
    }

    pub(crate) fn too_large(what: &str, limit: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("{what} is larger than {limit} bytes"),
        )
    }

    pub(crate) fn into_answer(self) -> Answer {
        let mut answer = json_answer(self.status, &error_body(&self.message));
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            answer.headers_mut().insert(header::ALLOW, allow);
        }
        answer
    }
}

/// The acknowledgement that every call of the asynchronous API gets.
pub(crate) fn ok() -> Value {
    json!({"status": "ok"})
}

/// The body of an error.
pub(crate) fn error_body(message: &str) -> Value {
    json!({"status": "error", "payload": {"message": message}})
}

pub(crate) fn json_answer(status: StatusCode, body: &Value) -> Answer {
    raw_answer(status, "application/json", Bytes::from(body.to_string()))
}

pub(crate) fn raw_answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
