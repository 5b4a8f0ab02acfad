//! What a browser needs to be allowed to call the API from any page, as "Example" of the API document does.

use http::{HeaderMap, HeaderValue, header};

/// Added to every answer, errors too: without it a page cannot read even the status.
pub(crate) fn allow_reading(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Allow, Retry-After"),
    );
}

/// Added to the answer to a preflight. The headers are named because `*` does not cover `Authorization`.
pub(crate) fn allow_calling(headers: &mut HeaderMap) {
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, DELETE, OPTIONS"),
    );
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Authorization, Content-Type"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
}
