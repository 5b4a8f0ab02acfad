//! What a sandbox recorded.

use flowai_sandbox::{Attempt, Delivery, DeliveryState};
use pyo3::{
    IntoPyObjectExt,
    prelude::*,
    types::{PyBytes, PyTuple},
};
use serde_json::Value;

use crate::{errors::Failure, json, repr::short};

record_class! {
    /// One request that the sandbox was asked, and how it answered.
    ///
    /// >>> receipt = client.send_text("thread-1", "Hello")
    /// >>> request = sandbox.requests[-1]
    /// >>> request.method, request.path, request.status
    /// ('POST', '/rest/v1/messages/thread-1', 200)
    RecordedRequest(flowai_sandbox::RecordedRequest), shown by line;
    /// str: The method, such as ``POST``.
    method: String = |request| request.method.clone();
    /// str: The path as it was on the wire, still percent-encoded.
    path: String = |request| request.path.clone();
    /// str or None: The query as it was on the wire, without the question mark.
    query: Option<String> = |request| request.query.clone();
    /// dict: The headers, names in lower case; what carries credentials is replaced by ``[redacted]``.
    headers: Json = |request| Json::headers(&request.headers);
    /// bytes: The first 65,536 bytes of the body.
    body: Bytes = |request| Bytes(request.body.clone().into());
    /// int: The length of the whole body in bytes.
    body_length: u64 = |request| request.body_length;
    /// UploadedFile or None: The file of a media message.
    file: Option<Kept<UploadedFile>> = |request| request.file.clone().map(|file| Kept(file.into()));
    /// int or None: The status of the answer; None if there was none.
    status: Option<u16> = |request| request.status;
    /// int: When the answer was decided, in milliseconds since 1970 UTC.
    time_ms: u64 = |request| request.time_ms;
}

record_class! {
    /// The file of a media message. Its bytes were counted and hashed, not kept.
    ///
    /// >>> receipt = client.upload_media("thread-1", b"...", filename="a.png", media_type="image")
    /// >>> sandbox.requests[-1].file.length
    /// 3
    UploadedFile(flowai_sandbox::UploadedFile);
    /// str or None: The name that came with it.
    name: Option<String> = |file| file.name.clone();
    /// str or None: The content type that came with it.
    content_type: Option<String> = |file| file.content_type.clone();
    /// int: Its length in bytes.
    length: u64 = |file| file.length;
    /// str: The SHA-256 of its bytes in hexadecimal.
    sha256: String = |file| file.sha256.clone();
}

record_class! {
    /// One event on its way to the webhook.
    ///
    /// >>> sandbox.set_webhook(receiver.url)
    /// >>> receipt = client.send_text("thread-1", "Hello")
    /// >>> sandbox.wait_delivered(20)
    /// True
    /// >>> sandbox.deliveries[-1].state
    /// 'delivered'
    RecordedDelivery(Delivery), shown by line;
    /// dict: The event as it is sent.
    event: Json = |delivery| Json(delivery.event.clone());
    /// str or None: Where it goes; None if there was no webhook when it happened.
    url: Option<String> = |delivery| delivery.url.clone();
    /// tuple of DeliveryAttempt: Every attempt so far, in order.
    attempts: Attempts = |delivery| {
        Attempts(delivery.attempts.iter().cloned().map(DeliveryAttempt::from).collect())
    };
    /// str: ``pending``, ``delivered`` or ``failed``.
    state: String = |delivery| match delivery.state {
        DeliveryState::Delivered => "delivered",
        DeliveryState::Failed => "failed",
        _ => "pending",
    }.to_owned();
    /// int: When it happened, in milliseconds since 1970 UTC.
    time_ms: u64 = |delivery| delivery.time_ms;
}

record_class! {
    /// One call of the webhook.
    ///
    /// >>> sandbox.set_webhook(receiver.url)
    /// >>> receipt = client.send_text("thread-1", "Hello")
    /// >>> sandbox.wait_delivered(20)
    /// True
    /// >>> sandbox.deliveries[-1].attempts[-1].status
    /// 200
    DeliveryAttempt(Attempt);
    /// int or None: The status of the answer; only 200 to 299 acknowledge.
    status: Option<u16> = |attempt| attempt.status;
    /// str or None: What went wrong, if there was no answer.
    error: Option<String> = |attempt| attempt.error.clone();
    /// int: When it ended, in milliseconds since 1970 UTC.
    time_ms: u64 = |attempt| attempt.time_ms;
}

impl RecordedRequest {
    fn line(&self, _py: Python<'_>) -> PyResult<String> {
        let status = self
            .status
            .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let path = short(&self.path);
        Ok(format!(
            "<flowai.RecordedRequest {} {path}: {status}>",
            self.method
        ))
    }
}

impl RecordedDelivery {
    fn line(&self, _py: Python<'_>) -> PyResult<String> {
        let kind = self
            .event
            .0
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let (kind, state, attempts) = (short(kind), &self.state, self.attempts.0.len());
        Ok(format!(
            "<flowai.RecordedDelivery {kind}: {state}, {attempts} attempts>"
        ))
    }
}

/// A document, as a dict.
#[derive(Clone)]
struct Json(Value);

impl Json {
    fn headers(headers: &[(String, String)]) -> Json {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()));
        Json(Value::Object(headers.collect()))
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Json) -> bool {
        json::same(&self.0, &other.0)
    }
}

impl<'py> IntoPyObject<'py> for Json {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::to_python(py, &self.0)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Json {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Json> {
        let read: Result<Value, Failure> = json::from_python(&value, "document");
        Ok(Json(read?))
    }
}

/// Bytes, as bytes.
#[derive(Clone, PartialEq)]
struct Bytes(bytes::Bytes);

impl<'py> IntoPyObject<'py> for Bytes {
    type Target = PyBytes;
    type Output = Bound<'py, PyBytes>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.0))
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Bytes {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Bytes> {
        Ok(Bytes(bytes::Bytes::copy_from_slice(
            value.cast::<PyBytes>()?.as_bytes(),
        )))
    }
}

/// Another record.
#[derive(Clone, PartialEq)]
struct Kept<T>(T);

impl<'py> IntoPyObject<'py> for Kept<UploadedFile> {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.into_bound_py_any(py)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Kept<UploadedFile> {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Kept<UploadedFile>> {
        Ok(Kept(value.cast::<UploadedFile>()?.get().clone()))
    }
}

/// Records, as a tuple.
#[derive(Clone, PartialEq)]
struct Attempts(Vec<DeliveryAttempt>);

impl<'py> IntoPyObject<'py> for Attempts {
    type Target = PyTuple;
    type Output = Bound<'py, PyTuple>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Attempts {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Attempts> {
        let attempts = value.cast::<PyTuple>()?.iter();
        let attempts = attempts.map(|attempt| Ok(attempt.cast::<DeliveryAttempt>()?.get().clone()));
        Ok(Attempts(attempts.collect::<PyResult<_>>()?))
    }
}
