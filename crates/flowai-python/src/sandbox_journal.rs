//! What a sandbox recorded.

use flowai_sandbox::DeliveryState;
use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict},
};

use crate::json;

/// One request that the sandbox was asked, and how it answered.
///
/// >>> receipt = client.send_text("thread-1", "Hello")
/// >>> request = sandbox.requests[-1]
/// >>> request.method, request.path, request.status
/// ('POST', '/rest/v1/messages/thread-1', 200)
#[pyclass(module = "flowai", frozen, get_all)]
pub struct RecordedRequest {
    /// str: The method, such as ``POST``.
    method: String,
    /// str: The path as it was on the wire, still percent-encoded.
    path: String,
    /// str or None: The query as it was on the wire, without the question mark.
    query: Option<String>,
    /// dict: The headers, names in lower case; what carries credentials is replaced by ``[redacted]``.
    headers: Py<PyDict>,
    /// bytes: The first 65,536 bytes of the body.
    body: Py<PyBytes>,
    /// int: The length of the whole body in bytes.
    body_length: u64,
    /// UploadedFile or None: The file of a media message.
    file: Option<Py<UploadedFile>>,
    /// int or None: The status of the answer; None if there was none.
    status: Option<u16>,
    /// int: When the answer was decided, in milliseconds since 1970 UTC.
    time_ms: u64,
}

/// The file of a media message. Its bytes were counted and hashed, not kept.
///
/// >>> receipt = client.upload_media("thread-1", b"...", filename="a.png", media_type="image")
/// >>> sandbox.requests[-1].file.length
/// 3
#[pyclass(module = "flowai", frozen, get_all)]
pub struct UploadedFile {
    /// str or None: The name that came with it.
    name: Option<String>,
    /// str or None: The content type that came with it.
    content_type: Option<String>,
    /// int: Its length in bytes.
    length: u64,
    /// str: The SHA-256 of its bytes in hexadecimal.
    sha256: String,
}

/// One event on its way to the webhook.
///
/// >>> sandbox.set_webhook(receiver.url)
/// >>> receipt = client.send_text("thread-1", "Hello")
/// >>> sandbox.wait_delivered(20)
/// True
/// >>> sandbox.deliveries[-1].state
/// 'delivered'
#[pyclass(module = "flowai", frozen, get_all)]
pub struct RecordedDelivery {
    /// dict: The event as it is sent.
    event: Py<PyAny>,
    /// str or None: Where it goes; None if there was no webhook when it happened.
    url: Option<String>,
    /// tuple of DeliveryAttempt: Every attempt so far, in order.
    attempts: Py<PyAny>,
    /// str: ``pending``, ``delivered`` or ``failed``.
    state: &'static str,
    /// int: When it happened, in milliseconds since 1970 UTC.
    time_ms: u64,
}

/// One call of the webhook.
///
/// >>> sandbox.set_webhook(receiver.url)
/// >>> receipt = client.send_text("thread-1", "Hello")
/// >>> sandbox.wait_delivered(20)
/// True
/// >>> sandbox.deliveries[-1].attempts[-1].status
/// 200
#[pyclass(module = "flowai", frozen, get_all)]
pub struct DeliveryAttempt {
    /// int or None: The status of the answer; only 200 to 299 acknowledge.
    status: Option<u16>,
    /// str or None: What went wrong, if there was no answer.
    error: Option<String>,
    /// int: When it ended, in milliseconds since 1970 UTC.
    time_ms: u64,
}

impl RecordedRequest {
    pub fn new(py: Python<'_>, request: flowai_sandbox::RecordedRequest) -> PyResult<RecordedRequest> {
        let headers = PyDict::new(py);
        for (name, value) in &request.headers {
            headers.set_item(name, value)?;
        }
        let file = |file: flowai_sandbox::UploadedFile| {
            Py::new(
                py,
                UploadedFile {
                    name: file.name,
                    content_type: file.content_type,
                    length: file.length,
                    sha256: file.sha256,
                },
            )
        };
        Ok(RecordedRequest {
            headers: headers.unbind(),
            body: PyBytes::new(py, &request.body).unbind(),
            file: request.file.map(file).transpose()?,
            method: request.method,
            path: request.path,
            query: request.query,
            body_length: request.body_length,
            status: request.status,
            time_ms: request.time_ms,
        })
    }
}

#[pymethods]
impl RecordedRequest {
    fn __repr__(&self) -> String {
        let status = self
            .status
            .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        format!("<flowai.RecordedRequest {} {}: {status}>", self.method, self.path)
    }
}

impl RecordedDelivery {
    pub fn new(py: Python<'_>, delivery: flowai_sandbox::Delivery) -> PyResult<RecordedDelivery> {
        let attempts = delivery.attempts.into_iter().map(|attempt| DeliveryAttempt {
            status: attempt.status,
            error: attempt.error,
            time_ms: attempt.time_ms,
        });
        let attempts: Vec<_> = attempts
            .map(|attempt| Py::new(py, attempt))
            .collect::<PyResult<_>>()?;
        Ok(RecordedDelivery {
            event: json::to_python(py, &delivery.event)?.unbind(),
            url: delivery.url,
            attempts: pyo3::types::PyTuple::new(py, attempts)?.into_any().unbind(),
            state: match delivery.state {
                DeliveryState::Delivered => "delivered",
                DeliveryState::Failed => "failed",
                _ => "pending",
            },
            time_ms: delivery.time_ms,
        })
    }
}

#[pymethods]
impl RecordedDelivery {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let kind = self
            .event
            .bind(py)
            .get_item("type")
            .map(|kind| kind.to_string())
            .unwrap_or_default();
        let attempts = self.attempts.bind(py).len()?;
        Ok(format!(
            "<flowai.RecordedDelivery {kind}: {}, {attempts} attempts>",
            self.state
        ))
    }
}
