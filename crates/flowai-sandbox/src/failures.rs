//! Failures on request: what [`Sandbox::fail_next`](crate::Sandbox::fail_next) was told.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use http::StatusCode;

use crate::answer::{Answer, error_body, raw_answer};
use crate::error::SandboxError;
use crate::shared::lock;

/// How the next API requests fail. Preflights (`OPTIONS`) are not API requests.
///
/// The request is read first and appears in the journal. Unless [`Failure::processed`] says otherwise it
/// has no other effect: the key is not checked, nothing is said to the bot.
#[derive(Clone, Debug)]
pub struct Failure {
    pub(crate) kind: FailureKind,
    pub(crate) processed: bool,
    times: u32,
}

#[derive(Clone, Debug)]
pub(crate) enum FailureKind {
    Status {
        status: u16,
        retry_after: Option<String>,
        body: Option<Bytes>,
    },
    Close,
    Reset,
    Stall,
}

impl Failure {
    fn new(kind: FailureKind) -> Self {
        Self {
            kind,
            processed: false,
            times: 1,
        }
    }

    /// The request is answered with `status` (200 to 599) and an error body of the API's form.
    pub fn status(status: u16) -> Self {
        Self::new(FailureKind::Status {
            status,
            retry_after: None,
            body: None,
        })
    }

    /// The connection is closed instead of an answer.
    pub fn close() -> Self {
        Self::new(FailureKind::Close)
    }

    /// The connection is reset (RST) instead of an answer.
    pub fn reset() -> Self {
        Self::new(FailureKind::Reset)
    }

    /// No answer comes until the client gives up.
    pub fn stall() -> Self {
        Self::new(FailureKind::Stall)
    }

    /// How many requests fail this way, one unless told. Zero is refused by
    /// [`Sandbox::fail_next`](crate::Sandbox::fail_next).
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Adds a `Retry-After` header: seconds, or an HTTP date. Only for [`Failure::status`].
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        if let FailureKind::Status { retry_after, .. } = &mut self.kind {
            *retry_after = Some(value.into());
        }
        self
    }

    /// Answers with these bytes, whatever they are, instead of the error body. Only for [`Failure::status`].
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        if let FailureKind::Status { body, .. } = &mut self.kind {
            *body = Some(bytes.into());
        }
        self
    }

    /// With `true` the request takes effect like any other, and only its answer is lost: what a client
    /// sees when the network fails between the two.
    pub fn processed(mut self, processed: bool) -> Self {
        self.processed = processed;
        self
    }

    fn check(&self) -> Result<(), SandboxError> {
        if self.times == 0 {
            return Err(SandboxError::invalid("times", "must be at least 1"));
        }
        if let FailureKind::Status {
            status, retry_after, ..
        } = &self.kind
        {
            if !(200..=599).contains(status) {
                return Err(SandboxError::invalid("status", "must be between 200 and 599"));
            }
            if let Some(value) = retry_after
                && http::HeaderValue::from_str(value).is_err()
            {
                return Err(SandboxError::invalid("retry_after", "cannot be sent in a header"));
            }
        }
        Ok(())
    }
}

impl FailureKind {
    /// The answer to give, or none when the failure is to give none.
    pub(crate) fn answer(&self) -> Option<Answer> {
        let Self::Status {
            status,
            retry_after,
            body,
        } = self
        else {
            return None;
        };
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let body = match body {
            _ if bodiless => Bytes::new(),
            Some(bytes) => bytes.clone(),
            None => {
                Bytes::from(error_body(status.canonical_reason().unwrap_or("Failed on request")).to_string())
            }
        };
        let mut answer = raw_answer(status, "application/json", body);
        if let Some(value) = retry_after
            .as_deref()
            .and_then(|value| http::HeaderValue::from_str(value).ok())
        {
            answer.headers_mut().insert(http::header::RETRY_AFTER, value);
        }
        Some(answer)
    }
}

/// The failures still to happen, in the order they were asked for.
#[derive(Default)]
pub(crate) struct Failures(Mutex<VecDeque<Failure>>);

impl Failures {
    pub(crate) fn push(&self, failure: Failure) -> Result<(), SandboxError> {
        failure.check()?;
        lock(&self.0).push_back(failure);
        Ok(())
    }

    /// The failure of the request that has just come, if it is to fail.
    pub(crate) fn take(&self) -> Option<Failure> {
        let mut queue = lock(&self.0);
        let first = queue.front_mut()?;
        let failure = first.clone();
        first.times = first.times.saturating_sub(1);
        if first.times == 0 {
            queue.pop_front();
        }
        Some(failure)
    }
}
