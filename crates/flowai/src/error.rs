//! One error for everything: what kind, whether the message may have left, whether trying again can help.

use std::{error, fmt, time::Duration};

/// The result of every fallible operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal;)*) => {
        /// What went wrong. The numbers are those of the C library and never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind { $($(#[$doc])* $variant = $code,)* }

        impl ErrorKind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$variant,)*];

            /// The name of the kind in snake case, the same in every language.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorKind::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    /// An argument was refused before anything was sent.
    InvalidArgument = 1, "invalid_argument";
    /// No connection, or a connection that failed.
    Connection = 2, "connection";
    /// The deadline passed.
    Timeout = 3, "timeout";
    /// The caller gave up.
    Cancelled = 4, "cancelled";
    /// The service refused the request: 400, 422 and other 4xx.
    BadRequest = 10, "bad_request";
    /// The API key was refused: 401, 402, 403.
    Authentication = 11, "authentication";
    /// 404.
    NotFound = 12, "not_found";
    /// 413.
    PayloadTooLarge = 13, "payload_too_large";
    /// 429.
    RateLimited = 14, "rate_limited";
    /// 5xx.
    Server = 15, "server";
    /// 3xx: redirects are never followed, since that would carry the key and the message elsewhere.
    Redirect = 16, "redirect";
    /// An answer that makes no sense.
    Response = 17, "response";
    /// A webhook body that is not an event.
    WebhookParse = 20, "webhook_parse";
    /// A webhook call that does not prove where it comes from.
    WebhookVerification = 21, "webhook_verification";
    /// A file or database failed.
    Storage = 30, "storage";
    /// A bounded queue is full.
    QueueFull = 31, "queue_full";
    /// The object was closed.
    Closed = 40, "closed";
    /// The object belongs to the process that this one was forked from.
    Forked = 41, "forked";
    /// A handle of the C library that names nothing.
    BadHandle = 42, "bad_handle";
    /// A defect of this library.
    Internal = 99, "internal";
}

impl ErrorKind {
    /// The number of the kind in the C library.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The kind of an HTTP status outside 2xx.
    pub const fn of_status(status: u16) -> ErrorKind {
        match status {
            300..=399 => ErrorKind::Redirect,
            401..=403 => ErrorKind::Authentication,
            404 => ErrorKind::NotFound,
            413 => ErrorKind::PayloadTooLarge,
            429 => ErrorKind::RateLimited,
            400..=499 => ErrorKind::BadRequest,
            500..=599 => ErrorKind::Server,
            _ => ErrorKind::Response,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What became of a message whose send failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It certainly did not reach the service.
    NotSent,
    /// The service answered that it did not take it.
    Rejected,
    /// It left, and nobody knows what became of it. It is never repeated unasked.
    MaybeSent,
    /// The service took it; what failed came after that, such as the wait for a reply.
    Sent,
}

impl Delivery {
    /// `not_sent`, `rejected`, `maybe_sent` or `sent`.
    pub const fn name(self) -> &'static str {
        match self {
            Delivery::NotSent => "not_sent",
            Delivery::Rejected => "rejected",
            Delivery::MaybeSent => "maybe_sent",
            Delivery::Sent => "sent",
        }
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The error of every operation. It never contains the API key, a header or a URL query.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    delivery: Option<Delivery>,
    retryable: bool,
    operation: Option<&'static str>,
    argument: Option<String>,
    trace_id: Option<u64>,
    response: Option<ErrorResponse>,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

/// What the service answered, kept with the error.
#[derive(Clone, Debug, Default)]
pub struct ErrorResponse {
    /// The HTTP status.
    pub status: u16,
    /// The headers of the answer, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The start of the body, at most 4 KiB.
    pub body: String,
    /// What the body says went wrong, if it says so.
    pub server_message: Option<String>,
    /// How long the service asked to wait (`Retry-After`).
    pub retry_after: Option<Duration>,
}

impl ErrorResponse {
    /// The value of the first header with this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }
}

impl Error {
    /// An error of `kind`. The message says what happened in words for a person, without secrets.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            delivery: None,
            retryable: false,
            operation: None,
            argument: None,
            trace_id: None,
            response: None,
            source: None,
        }))
    }

    /// A refused argument, by name.
    pub fn argument(name: impl Into<String>, problem: impl fmt::Display) -> Error {
        let name = name.into();
        let mut error = Error::new(ErrorKind::InvalidArgument, format!("{name}: {problem}"));
        error.0.argument = Some(name);
        error
    }

    /// Adds what caused this error. Causes must not print URLs or headers.
    pub fn with_source(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Error {
        self.0.source = Some(source.into());
        self
    }

    /// Names the operation that failed.
    pub fn with_operation(mut self, operation: &'static str) -> Error {
        self.0.operation = Some(operation);
        self
    }

    /// Says what became of the message; `None` when the call was not a send.
    pub fn with_delivery(mut self, delivery: Option<Delivery>) -> Error {
        self.0.delivery = delivery;
        self
    }

    pub(crate) fn with_trace_id(mut self, trace_id: Option<u64>) -> Error {
        self.0.trace_id = trace_id;
        self
    }

    pub(crate) fn with_retryable(mut self, retryable: bool) -> Error {
        self.0.retryable = retryable;
        self
    }

    pub(crate) fn with_response(mut self, response: ErrorResponse) -> Error {
        self.0.response = Some(response);
        self
    }

    /// The same error with every text of the service changed, to take out what must not be shown.
    pub(crate) fn with_redacted(mut self, redact: impl Fn(&str) -> String) -> Error {
        self.0.message = redact(&self.0.message);
        if let Some(response) = &mut self.0.response {
            response.body = redact(&response.body);
            response.server_message = response.server_message.as_deref().map(&redact);
            for (_, value) in &mut response.headers {
                *value = redact(value);
            }
        }
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What became of the message; `None` when the call was not a send.
    pub fn delivery(&self) -> Option<Delivery> {
        self.0.delivery
    }

    /// The trace id of the message that failed: by it a delivery event tells later that the message arrived after all.
    pub fn trace_id(&self) -> Option<u64> {
        self.0.trace_id
    }

    /// Whether the same call may be made again without doing anything twice, and may then succeed.
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// The operation that failed, such as `send_text`.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The argument that was refused.
    pub fn argument_name(&self) -> Option<&str> {
        self.0.argument.as_deref()
    }

    /// The message alone, without the operation and the delivery.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What the service answered, if it did.
    pub fn response(&self) -> Option<&ErrorResponse> {
        self.0.response.as_ref()
    }

    /// The HTTP status, if the service answered.
    pub fn status(&self) -> Option<u16> {
        self.response().map(|r| r.status)
    }

    /// The request id that the service gave (header `x-request-id`).
    pub fn request_id(&self) -> Option<&str> {
        self.response().and_then(|r| r.header("x-request-id"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.0.operation {
            write!(f, "{operation}: ")?;
        }
        f.write_str(&self.0.message)?;
        if let Some(delivery) = self.0.delivery {
            write!(f, " ({delivery})")?;
        }
        Ok(())
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|s| s.as_ref() as &(dyn error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_never_change() {
        let table: Vec<_> = ErrorKind::ALL.iter().map(|k| (k.code(), k.name())).collect();
        assert_eq!(
            table,
            [
                (1, "invalid_argument"),
                (2, "connection"),
                (3, "timeout"),
                (4, "cancelled"),
                (10, "bad_request"),
                (11, "authentication"),
                (12, "not_found"),
                (13, "payload_too_large"),
                (14, "rate_limited"),
                (15, "server"),
                (16, "redirect"),
                (17, "response"),
                (20, "webhook_parse"),
                (21, "webhook_verification"),
                (30, "storage"),
                (31, "queue_full"),
                (40, "closed"),
                (41, "forked"),
                (42, "bad_handle"),
                (99, "internal"),
            ]
        );
    }

    #[test]
    fn statuses_have_kinds() {
        let kinds = [302, 400, 402, 404, 413, 418, 422, 429, 503].map(|s| ErrorKind::of_status(s).name());
        assert_eq!(
            kinds,
            [
                "redirect",
                "bad_request",
                "authentication",
                "not_found",
                "payload_too_large",
                "bad_request",
                "bad_request",
                "rate_limited",
                "server"
            ]
        );
    }

    #[test]
    fn an_error_is_one_readable_line() {
        let error = Error::argument("text", "is empty")
            .with_operation("send_text")
            .with_delivery(Some(Delivery::NotSent));
        assert_eq!(error.to_string(), "send_text: text: is empty (not_sent)");
    }
}
