//! What an endpoint is: a name, a method, and what may be done when it fails. And one request to it.

use std::borrow::Cow;

use bytes::Bytes;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// The longest thread id that is accepted, in bytes.
pub const MAX_THREAD_ID_LENGTH: usize = 1024;

/// The largest file that the service takes: 250 MB ("Media message" of the API document).
pub const MAX_UPLOAD_SIZE: u64 = 250 * 1024 * 1024;

/// The description of an endpoint, written once, beside the method that calls it.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The name of the method in every language.
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) nature: Nature,
}

/// What repeating a request would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Nothing that matters.
    Idempotent,
    /// It would say the same thing twice.
    Send,
}

impl Operation {
    pub(crate) const fn get(name: &'static str) -> Operation {
        Operation {
            name,
            method: Method::GET,
            nature: Nature::Idempotent,
        }
    }

    pub(crate) const fn idempotent(name: &'static str, method: Method) -> Operation {
        Operation {
            name,
            method,
            nature: Nature::Idempotent,
        }
    }

    pub(crate) const fn send(name: &'static str) -> Operation {
        Operation::once(name, Method::POST)
    }

    pub(crate) const fn once(name: &'static str, method: Method) -> Operation {
        Operation {
            name,
            method,
            nature: Nature::Send,
        }
    }

    pub(crate) fn is_send(&self) -> bool {
        self.nature == Nature::Send
    }
}

/// A request that passed every check and can go out.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) operation: &'static Operation,
    /// Path and query below the base URL, without a leading slash.
    pub(crate) target: String,
    pub(crate) body: Body,
    pub(crate) thread_id: String,
    pub(crate) trace_id: Option<u64>,
}

#[derive(Debug)]
pub(crate) enum Body {
    None,
    Json(Bytes),
    #[cfg(feature = "upload")]
    Upload(Box<crate::media::Upload>),
}

impl Body {
    /// Whether the same bytes can be sent again. What a caller feeds piece by piece is gone.
    pub(crate) fn is_repeatable(&self) -> bool {
        match self {
            Body::None | Body::Json(_) => true,
            #[cfg(feature = "upload")]
            Body::Upload(upload) => upload.attention().is_none(),
        }
    }
}

impl Request {
    pub(crate) fn new(operation: &'static Operation, target: impl Into<String>) -> Request {
        Request {
            operation,
            target: target.into(),
            body: Body::None,
            thread_id: String::new(),
            trace_id: None,
        }
    }

    /// A request about one thread: `resource/<thread id as one path segment>`.
    pub(crate) fn of_thread(
        operation: &'static Operation,
        resource: &str,
        thread_id: &str,
    ) -> Result<Request> {
        let segment = thread_segment(thread_id)?;
        let mut request = Request::new(operation, [resource, "/", &segment].concat());
        request.thread_id = thread_id.to_owned();
        Ok(request)
    }

    /// What wakes a caller that feeds the body.
    pub(crate) fn attention(&self) -> Option<std::sync::Arc<tokio::sync::Notify>> {
        match &self.body {
            #[cfg(feature = "upload")]
            Body::Upload(upload) => upload.attention(),
            _ => None,
        }
    }

    pub(crate) fn with_json(mut self, value: &Value) -> Result<Request> {
        self.body = Body::Json(to_bytes(value)?);
        Ok(self)
    }

    /// Adds a parameter; name and value are encoded.
    pub(crate) fn with_query(mut self, name: &str, value: impl std::fmt::Display) -> Request {
        let separator = if self.target.contains('?') { '&' } else { '?' };
        let value = value.to_string();
        let (name, value) = (encoded(name), encoded(&value));
        self.target.push_str(&format!("{separator}{name}={value}"));
        self
    }

    pub(crate) fn with_page(self, page: Option<u64>) -> Result<Request> {
        match page {
            Some(0) => Err(Error::argument("page", "must be at least 1: pages count from 1")),
            Some(page) => Ok(self.with_query("page", page)),
            None => Ok(self),
        }
    }
}

/// The thread that an answer is about: as the service names it, else as it was asked for.
pub(crate) fn thread_named_by(answer: &Value, asked: &str) -> String {
    let named = answer.get("threadId").and_then(Value::as_str);
    named.unwrap_or(asked).to_owned()
}

pub(crate) fn to_bytes(value: &impl serde::Serialize) -> Result<Bytes> {
    // Most messages fit into this.
    let mut bytes = Vec::with_capacity(512);
    serde_json::to_writer(&mut bytes, value)
        .map(|()| Bytes::from(bytes))
        .map_err(|error| Error::new(ErrorKind::Internal, "cannot write JSON").with_source(error))
}

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, UNRESERVED)
}

/// A thread id as exactly one path segment.
///
/// `.` and `..` cannot be made safe by encoding, since every URL library resolves `%2E%2E` too. Control and
/// direction characters are stripped by some of them, which would address another thread.
fn thread_segment(thread_id: &str) -> Result<Cow<'_, str>> {
    let refuse = |problem: String| Err(Error::argument("thread_id", problem));
    if thread_id.is_empty() {
        return refuse("is empty".into());
    }
    if matches!(thread_id, "." | "..") {
        return refuse("must not be . or ..".into());
    }
    if thread_id.len() > MAX_THREAD_ID_LENGTH {
        return refuse(format!("is longer than {MAX_THREAD_ID_LENGTH} bytes"));
    }
    let plain = thread_id.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain && thread_id.chars().any(is_control_or_direction) {
        return refuse("contains control or direction characters".into());
    }
    Ok(Cow::from(encoded(thread_id)))
}

fn is_control_or_direction(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_thread_id_is_one_encoded_segment() {
        assert_eq!(thread_segment("a|b_c-d.e~f").unwrap(), "a%7Cb_c-d.e~f");
        assert_eq!(thread_segment("../x?y#z %").unwrap(), "..%2Fx%3Fy%23z%20%25");
        assert_eq!(thread_segment("é").unwrap(), "%C3%A9");
    }

    #[test]
    fn dangerous_thread_ids_are_refused() {
        let long = "x".repeat(MAX_THREAD_ID_LENGTH + 1);
        for id in [
            "",
            ".",
            "..",
            "a\r\nb",
            "a\0",
            "\u{7f}",
            "\u{85}",
            "a\u{202e}b",
            "\u{2066}",
            long.as_str(),
        ] {
            let error = thread_segment(id).unwrap_err();
            assert_eq!(error.argument_name(), Some("thread_id"), "{id:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn no_thread_id_changes_host_or_path(id in "\\PC{0,64}|[./%\\\\@:?#| \\r\\n\\x00a]{1,16}|.{0,32}") {
            let Ok(segment) = thread_segment(&id) else { return Ok(()) };
            let url = format!("https://api.flow.ai/rest/v1/messages/{segment}");
            let parsed = reqwest::Url::parse(&url).unwrap();
            prop_assert_eq!(parsed.as_str(), url.as_str());
            prop_assert_eq!(parsed.host_str(), Some("api.flow.ai"));
            let segments: Vec<_> = parsed.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 4);
            let decoded = percent_encoding::percent_decode_str(segments[3]).decode_utf8().unwrap();
            prop_assert_eq!(decoded.as_ref(), id.as_str());
            let uri: http::Uri = url.parse().unwrap();
            prop_assert_eq!(uri.path(), parsed.path());
        }
    }
}
