//! The answer to a webhook call: "Responding to a call" of the API document.

use http::StatusCode;
use serde_json::json;

/// After how many seconds a caller should try again what cannot be taken now.
const RETRY_AFTER_SECONDS: &str = "5";

const JSON: (&str, &str) = ("content-type", "application/json");

/// What a webhook call is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The status: 200, or why not.
    pub status: u16,
    /// Names, in lower case, and values. Length and connection are for the server to say.
    pub headers: Vec<(&'static str, &'static str)>,
    /// A JSON document.
    pub body: String,
}

impl Answer {
    pub(crate) fn ok() -> Answer {
        Answer {
            status: StatusCode::OK.as_u16(),
            headers: vec![JSON],
            body: r#"{"status":"ok"}"#.to_owned(),
        }
    }

    pub(crate) fn with_body(status: StatusCode, body: &serde_json::Value) -> Answer {
        Answer {
            status: status.as_u16(),
            headers: vec![JSON],
            body: body.to_string(),
        }
    }
}

/// What goes wrong with a call beside what is decided here: for [`Intake::refuse`](super::Intake::refuse).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The body is larger than allowed: 413.
    TooLarge,
    /// The body is malformed, or ended early: 400.
    Incomplete,
    /// The body took too long: 408.
    Slow,
    /// There is a body, and the server cannot tell where it ends: 411.
    Endless,
    /// Whoever handles events failed: 500, so that the call comes again.
    NotHandled,
}

/// Why a call is not served.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) reason: String,
    /// The methods that are, where that is the reason.
    allowed: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: impl Into<String>) -> Refusal {
        Refusal {
            status,
            reason: reason.into(),
            allowed: None,
        }
    }

    pub(crate) fn unavailable(reason: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason)
    }

    pub(crate) fn method(reason: &str, allowed: &'static str) -> Refusal {
        Refusal {
            allowed: Some(allowed),
            ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, reason)
        }
    }

    pub(crate) fn is_for_now(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    pub(crate) fn answer(self) -> Answer {
        let Refusal { status, reason, .. } = self;
        let mut answer = Answer::with_body(status, &json!({"status": "error", "message": reason}));
        let hint = match status {
            StatusCode::SERVICE_UNAVAILABLE => Some(("retry-after", RETRY_AFTER_SECONDS)),
            StatusCode::UNAUTHORIZED => Some(("www-authenticate", "Bearer")),
            _ => self.allowed.map(|methods| ("allow", methods)),
        };
        answer.headers.extend(hint);
        answer
    }
}
