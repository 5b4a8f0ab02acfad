//! What becomes of a webhook call, whichever server took it: [`Receiver`](crate::Receiver), or one that has its own HTTP
//! and asks an [`Intake`].
//!
//! `answer` is what the caller is told; `outage` raises the alarm when calls cannot be acknowledged.

mod answer;
mod outage;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use flowai::{
    Error, Result,
    webhook::{self, Event, Verifier},
};
use http::StatusCode;

pub use self::answer::{Answer, Fault};
pub(crate) use self::{answer::Refusal, outage::Outage};
use crate::inbox::{Inbox, StoredEvent};

/// The size of a body that is taken, in bytes, if nothing else is said.
pub(crate) const DEFAULT_MAX_BODY: usize = 1 << 20;

/// Decides about webhook calls that a web server of yours takes, as [`Receiver`](crate::Receiver) does about its own:
/// which are genuine, what is stored, and what is answered.
///
/// Give each call's method and Content-Length to [`begin`](Self::begin), read the body as it says, then give it to
/// [`store`](Self::store), or to [`events`](Self::events) and handle those before you answer.
///
/// ```
/// use flowai::Verifier;
/// use flowai_delivery::{Intake, Next};
///
/// # fn main() -> flowai::Result<()> {
/// let intake = Intake::new(Verifier::header("x-secret", "a secret of ours")?);
/// assert!(matches!(intake.begin("GET", None), Next::Answer(answer) if answer.status == 200));
/// assert!(matches!(intake.begin("POST", Some(b"30")), Next::Read(Some(30))));
/// let body = r#"{"type": "paused", "threadId": "t"}"#;
/// let events = intake.events(&[("x-secret", b"a secret of ours")], body);
/// assert_eq!(events.map(|events| events.len()), Ok(1));
/// assert_eq!(intake.events(&[("x-secret", b"a guess")], body).map_err(|answer| answer.status), Err(401));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Intake {
    verifier: Option<Verifier>,
    max_body: usize,
    outage: Outage,
}

/// How a call goes on after its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is answered; its body is of no interest.
    Answer(Answer),
    /// Read the body, to its end and no further than [`max_body`](Intake::max_body), and compare its length where it was
    /// announced.
    Read(Option<usize>),
}

/// What proves where a call comes from is in its headers, by name and value.
pub(crate) type Headers<'a> = [(&'a str, &'a [u8])];

impl Intake {
    /// Takes calls that the verifier accepts; with `None`, from everybody.
    #[must_use]
    pub fn new(verifier: impl Into<Option<Verifier>>) -> Intake {
        Intake {
            verifier: verifier.into(),
            max_body: DEFAULT_MAX_BODY,
            outage: Outage::default(),
        }
    }

    /// The same, for bodies of at most this size in bytes. Default: 1 MiB.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`](flowai::ErrorKind::InvalidArgument) naming `max_body` when it is zero.
    pub fn with_max_body(mut self, bytes: usize) -> Result<Intake> {
        if bytes == 0 {
            return Err(Error::argument("max_body", "is zero"));
        }
        self.max_body = bytes;
        Ok(self)
    }

    /// The size of a body that is taken, in bytes.
    pub fn max_body(&self) -> usize {
        self.max_body
    }

    /// For how long calls have not been acknowledged, by [`store`](Self::store) and the like.
    pub(crate) fn outage(&self) -> &Outage {
        &self.outage
    }

    /// What to do about a call, by its method and the value of its Content-Length.
    pub fn begin(&self, method: &str, content_length: Option<&[u8]>) -> Next {
        let announced = match method {
            "GET" | "HEAD" => return Next::Answer(Answer::ok()),
            "POST" => self.announced(content_length),
            _ => Err(method_not_allowed()),
        };
        match announced {
            Ok(length) => Next::Read(length),
            Err(refusal) => Next::Answer(tell(refusal)),
        }
    }

    /// The length of the body as far as the call says it.
    pub(crate) fn announced(&self, content_length: Option<&[u8]>) -> Result<Option<usize>, Refusal> {
        let Some(length) = content_length.map(<[u8]>::trim_ascii) else {
            return Ok(None);
        };
        if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
            return Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "the Content-Length header is malformed",
            ));
        }
        // What does not fit into a number is larger than any body.
        let length = str::from_utf8(length).ok().and_then(|length| length.parse().ok());
        match length {
            Some(length) if length <= self.max_body => Ok(Some(length)),
            _ => Err(self.refusal(Fault::TooLarge)),
        }
    }

    /// The answer to a call that went wrong in this way.
    pub fn refuse(&self, fault: Fault) -> Answer {
        tell(self.refusal(fault))
    }

    pub(crate) fn refusal(&self, fault: Fault) -> Refusal {
        let (status, reason) = match fault {
            Fault::TooLarge => {
                let reason = format!("the body is larger than {} bytes", self.max_body);
                return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason);
            }
            Fault::Incomplete => (StatusCode::BAD_REQUEST, "the body is malformed or incomplete"),
            Fault::Slow => (StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
            Fault::Endless => (StatusCode::LENGTH_REQUIRED, "the body has no Content-Length"),
            Fault::NotHandled => (StatusCode::INTERNAL_SERVER_ERROR, "the events were not handled"),
        };
        Refusal::new(status, reason)
    }

    /// Verifies and reads a call, whose events are to be handled now. Answer it with [`acknowledge`](Self::acknowledge) when
    /// they are, and refuse it with [`Fault::NotHandled`] otherwise: then it comes again, with all its events.
    ///
    /// # Errors
    ///
    /// The answer, where there is nothing to handle.
    pub fn events(&self, headers: &[(&str, &[u8])], body: impl Into<Bytes>) -> Result<Vec<Event>, Answer> {
        let body = body.into();
        self.check_size(&body)
            .and_then(|()| self.open(headers, body))
            .map_err(tell)
    }

    /// The answer to a call whose events are handled.
    pub fn acknowledge(&self) -> Answer {
        Answer::ok()
    }

    /// Verifies a call, stores what it carries, and gives the answer once that is safe: 2xx for everything that was stored,
    /// which includes what was stored before and what cannot be read, 503 when the inbox fails.
    ///
    /// This blocks its thread for as long as a commit takes; see [`store_async`](Self::store_async).
    pub fn store(&self, inbox: &Inbox, headers: &[(&str, &[u8])], body: impl Into<Bytes>) -> Answer {
        let body = body.into();
        let stored = self
            .admit(headers, &body)
            .and_then(|()| self.stored(inbox.put(body)));
        told(stored)
    }

    /// As [`store`](Self::store), awaited in any async runtime. Dropping the future does not undo what it began.
    pub async fn store_async(
        &self,
        inbox: &Inbox,
        headers: &[(&str, &[u8])],
        body: impl Into<Bytes>,
    ) -> Answer {
        let body = body.into();
        told(match self.admit(headers, &body) {
            Ok(()) => self.put(inbox, body).await,
            Err(refusal) => Err(refusal),
        })
    }

    /// The answer to a call that is refused before anything is stored: one that is too large, or not verified.
    pub fn check(&self, headers: &[(&str, &[u8])], body: impl Into<Bytes>) -> Option<Answer> {
        self.admit(headers, &body.into()).err().map(tell)
    }

    /// The answer to a call while there is no inbox to store it in, for this reason, which only the log is told: 503.
    pub fn unavailable(&self, reason: &str) -> Answer {
        tell(self.not_stored(reason))
    }

    fn admit(&self, headers: &Headers<'_>, body: &Bytes) -> Result<(), Refusal> {
        self.check_size(body)?;
        self.verify(headers, body)
    }

    fn check_size(&self, body: &Bytes) -> Result<(), Refusal> {
        match body.len() > self.max_body {
            true => Err(self.refusal(Fault::TooLarge)),
            false => Ok(()),
        }
    }

    pub(crate) fn verify(&self, headers: &Headers<'_>, body: &Bytes) -> Result<(), Refusal> {
        let Some(verifier) = &self.verifier else {
            return Ok(());
        };
        verifier.verify(body, headers).map_err(|error| {
            // Why is for whoever set the receiver up, not for whoever tries to guess.
            log::debug!("webhook call not verified: {}", error.message());
            Refusal::new(
                StatusCode::UNAUTHORIZED,
                "the call does not prove that it comes from Flow.ai",
            )
        })
    }

    /// The events of a call whose size is known to be allowed.
    pub(crate) fn open(&self, headers: &Headers<'_>, body: Bytes) -> Result<Vec<Event>, Refusal> {
        self.verify(headers, &body)?;
        webhook::parse_events(body).map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.message()))
    }

    /// Returns once what a verified call carries is safe.
    pub(crate) async fn put(&self, inbox: &Inbox, body: Bytes) -> Result<Vec<StoredEvent>, Refusal> {
        self.stored(inbox.put_async(body).await)
    }

    fn stored(&self, result: Result<Vec<StoredEvent>>) -> Result<Vec<StoredEvent>, Refusal> {
        match result {
            Ok(stored) => {
                self.outage.end();
                Ok(stored)
            }
            Err(error) => Err(self.not_stored(&error.to_string())),
        }
    }

    fn not_stored(&self, reason: &str) -> Refusal {
        self.outage.fail(reason);
        // Where the inbox is concerns only whoever set it up.
        Refusal::unavailable("the events cannot be stored now")
    }
}

pub(crate) fn method_not_allowed() -> Refusal {
    Refusal::method("only GET and POST are allowed", "GET, HEAD, POST")
}

/// Logs why a call is refused, and gives the answer.
fn tell(refusal: Refusal) -> Answer {
    log::debug!(
        "webhook call refused with {}: {}",
        refusal.status.as_u16(),
        refusal.reason
    );
    refusal.answer()
}

fn told(stored: Result<Vec<StoredEvent>, Refusal>) -> Answer {
    match stored {
        Ok(_) => Answer::ok(),
        Err(refusal) => tell(refusal),
    }
}
