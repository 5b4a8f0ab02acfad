//! Any request below the base URL, for endpoints that this library does not know.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::{
    call::Call,
    client::Client,
    error::{Error, ErrorKind, Result},
    operation::{Operation, Request},
};

static GET: Operation = Operation::idempotent("request", Method::GET);
static HEAD: Operation = Operation::idempotent("request", Method::HEAD);
static PUT: Operation = Operation::idempotent("request", Method::PUT);
static DELETE: Operation = Operation::idempotent("request", Method::DELETE);
static POST: Operation = Operation::once("request", Method::POST);
static PATCH: Operation = Operation::once("request", Method::PATCH);

/// What the service answered to [`Client::request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status, 200 to 299.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Bytes,
}

impl Response {
    /// The body as JSON.
    ///
    /// # Errors
    /// `Response` when it is not JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::new(ErrorKind::Response, "the answer is not JSON").with_source(error))
    }

    /// The value of the first header with this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn operation_of(method: &str) -> Option<&'static Operation> {
    [&GET, &HEAD, &PUT, &DELETE, &PATCH, &POST]
        .into_iter()
        .find(|operation| operation.method.as_str() == method)
}

/// Whether [`Client::request`] treats a request with this method as a message, whose errors tell the delivery. No
/// unknown method is one.
pub fn is_send_method(method: &str) -> bool {
    operation_of(method).is_some_and(Operation::is_send)
}

impl Client {
    /// Makes any request below the base URL, with the key, the deadline, the retries and the errors of every other
    /// call: for endpoints that this library does not know.
    ///
    /// `path` is relative to the base URL and encoded already (`threads`, `pause/thread%7C1`). GET, HEAD, PUT and
    /// DELETE are repeated when that can help; POST and PATCH are treated as messages: never repeated once they may have
    /// left, and their errors tell the delivery.
    ///
    /// ```no_run
    /// # let client = flowai::Client::builder().build()?;
    /// let answer = client.request("GET", "threads", &[("sync", "true")], None).wait()?;
    /// println!("{} {}", answer.status, answer.json()?);
    /// # Ok::<_, flowai::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidArgument` for a method or path that is not allowed; every error of a request, so an answer outside
    /// 2xx is an error.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        json: Option<&Value>,
    ) -> Call<Response> {
        let Some(operation) = operation_of(method) else {
            let problem = "must be GET, HEAD, POST, PUT, PATCH or DELETE";
            return Call::new(self, &GET, Err(Error::argument("method", problem)), read);
        };
        let request = checked_path(path).and_then(|path| {
            let mut request = Request::new(operation, path);
            for (name, value) in query {
                if name.is_empty() {
                    return Err(Error::argument("query", "has an empty name"));
                }
                request = request.with_query(name, value);
            }
            match json {
                Some(json) => request.with_json(json),
                None => Ok(request),
            }
        });
        Call::new(self, operation, request, read)
    }
}

fn read(_: &Request, response: crate::transport::Response) -> Result<Response> {
    Ok(Response {
        status: response.status.as_u16(),
        headers: response.header_pairs(),
        body: response.body,
    })
}

/// A path that means the same to every URL library.
fn checked_path(path: &str) -> Result<&str> {
    let refuse = |problem: &str| Err(Error::argument("path", problem));
    let relative = path.strip_prefix('/').unwrap_or(path);
    if relative.is_empty() {
        return refuse("is empty");
    }
    let strange = |byte: u8| !byte.is_ascii_graphic() || b"?#\\\"<>^`{|}".contains(&byte);
    if relative.bytes().any(strange) {
        return refuse("must be encoded, without query and fragment");
    }
    let encoding = relative.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes();
        let two = [digits.next(), digits.next()];
        two.iter()
            .flatten()
            .filter(|byte| byte.is_ascii_hexdigit())
            .count()
            == 2
    });
    if !encoding {
        return refuse("has a % that is not followed by two hexadecimal digits");
    }
    for segment in relative.split('/') {
        if segment.is_empty() || segment.contains("://") {
            return refuse("must be relative to the base URL, without empty segments");
        }
        if matches!(
            segment.to_ascii_lowercase().replace("%2e", ".").as_str(),
            "." | ".."
        ) {
            return refuse("must not have . or .. as a segment");
        }
    }
    if relative
        .split('/')
        .next()
        .is_some_and(|first| first.contains(':'))
    {
        return refuse("must be relative to the base URL");
    }
    Ok(relative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_base_url() {
        for path in [
            "threads",
            "/threads",
            "pause/a%7Cb",
            "a/b/c-d_e~f",
            "x/y:z",
            "x/a@b",
        ] {
            assert!(checked_path(path).is_ok(), "{path}");
        }
        for path in [
            "",
            "/",
            "//evil.example/x",
            "https://evil.example/x",
            "..",
            "a/../b",
            "a/%2e%2E/b",
            "a/.%2e",
            "%2e",
            "a//b",
            "a/",
            "a?b",
            "a#b",
            "a\\b",
            "a b",
            "a\nb",
            "é",
            "a%",
            "a%2",
            "a%zz",
            "a%%20",
            "evil:80/x",
        ] {
            let error = checked_path(path).unwrap_err();
            assert_eq!(error.argument_name(), Some("path"), "{path:?}");
        }
    }
}
