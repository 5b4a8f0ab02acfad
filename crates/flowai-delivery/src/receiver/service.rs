//! The answer to one request: "Receiving calls" and "Responding to a call" of the API document.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use flowai::webhook::{self, Verifier};
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING, WWW_AUTHENTICATE,
    },
    request::Parts,
};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};

use super::{
    health::{Health, Report},
    limits::Limits,
    outage::Outage,
    progress::Progress,
    queue::{Queue, Refused},
    stats::Counters,
};
use crate::inbox::Inbox;

/// After how many seconds a caller should try again when there is no room.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

pub(crate) struct Service {
    pub(crate) path: String,
    pub(crate) health_path: Option<String>,
    pub(crate) health: Health,
    pub(crate) outage: Outage,
    /// Where events go; without one they go to the queue.
    pub(crate) inbox: Option<Inbox>,
    pub(crate) verifier: Option<Verifier>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) counters: Arc<Counters>,
    /// The bytes of all bodies that are being read or stored.
    pub(crate) unread: AtomicUsize,
}

/// What a request that is served gets.
enum Answer {
    Done,
    Health(Report),
}

/// Why a request is not served.
struct Refusal {
    status: StatusCode,
    reason: String,
}

fn refuse(status: StatusCode, reason: impl Into<String>) -> Refusal {
    Refusal {
        status,
        reason: reason.into(),
    }
}

impl Service {
    /// Answers the request with this number on its connection.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        number: u64,
        progress: &Progress,
    ) -> Response<Full<Bytes>> {
        let began = Instant::now();
        let (parts, mut body) = request.into_parts();
        let result = self.serve(&parts, &mut body, number, progress).await;
        let mut response = Response::new(Full::default());
        let text = match result {
            Ok(Answer::Done) => {
                let (method, duration) = (parts.method.as_str(), began.elapsed().as_secs_f64());
                log::debug!(
                    method, status = 200, duration;
                    "webhook call ({method}) answered 200 in {:.1} ms",
                    duration * 1000.0
                );
                serde_json::json!({"status": "ok"})
            }
            Ok(Answer::Health(report)) => {
                if !report.good {
                    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                }
                report.body
            }
            Err(refusal) => {
                let (status, duration) = (refusal.status.as_u16(), began.elapsed().as_secs_f64());
                log::debug!(
                    status, duration;
                    "webhook call refused with {status} in {:.1} ms: {}",
                    duration * 1000.0,
                    refusal.reason
                );
                self.counters.reject(refusal.status.as_u16());
                *response.status_mut() = refusal.status;
                let allowed = if self.is_webhook(&parts) {
                    "GET, HEAD, POST"
                } else {
                    "GET, HEAD"
                };
                add_hints(response.headers_mut(), refusal.status, allowed);
                serde_json::json!({"status": "error", "message": refusal.reason})
            }
        };
        *response.body_mut() = Full::from(text.to_string());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let unread = !body.is_end_stream();
        if unread {
            progress.leave_unread();
        }
        // What follows an unread or a chunked body is not looked at, so it must not be taken for a request.
        if unread
            || parts.headers.contains_key(TRANSFER_ENCODING)
            || response.status() == StatusCode::BAD_REQUEST
        {
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn is_webhook(&self, parts: &Parts) -> bool {
        parts.uri.path() == self.path
    }

    async fn serve(
        &self,
        parts: &Parts,
        body: &mut Incoming,
        number: u64,
        progress: &Progress,
    ) -> Result<Answer, Refusal> {
        progress
            .check_head(number)
            .map_err(|fault| refuse(StatusCode::BAD_REQUEST, fault))?;
        let is_health = self.health_path.as_deref() == Some(parts.uri.path());
        if !self.is_webhook(parts) && !is_health {
            return Err(refuse(StatusCode::NOT_FOUND, "there is nothing at this path"));
        }
        match parts.method {
            Method::GET | Method::HEAD if self.is_webhook(parts) => Ok(Answer::Done),
            Method::GET | Method::HEAD => {
                let (inbox, queued) = (self.inbox.as_ref(), self.queue.len());
                let report = self.health.report(inbox, queued, &self.outage).await;
                Ok(Answer::Health(report))
            }
            Method::POST if self.is_webhook(parts) => {
                let mut share = Share {
                    total: &self.unread,
                    bytes: 0,
                };
                let body = self.read(parts, body, &mut share).await?;
                self.take(parts, body).await?;
                Ok(Answer::Done)
            }
            _ => Err(refuse(
                StatusCode::METHOD_NOT_ALLOWED,
                if self.is_webhook(parts) {
                    "only GET and POST are allowed"
                } else {
                    "only GET is allowed"
                },
            )),
        }
    }

    async fn read(
        &self,
        parts: &Parts,
        body: &mut Incoming,
        share: &mut Share<'_>,
    ) -> Result<Bytes, Refusal> {
        let max = self.limits.body_bytes;
        let too_large = || {
            refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than {max} bytes"),
            )
        };
        let announced = parts
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > max) {
            return Err(too_large());
        }
        let collect = async {
            let mut collected = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let frame = frame
                    .map_err(|_| refuse(StatusCode::BAD_REQUEST, "the body is malformed or incomplete"))?;
                let Ok(data) = frame.into_data() else { continue };
                if collected.len() + data.len() > max {
                    return Err(too_large());
                }
                if !share.grow(data.len(), self.limits.unread_bytes) {
                    return Err(refuse(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "too many bodies are being received",
                    ));
                }
                collected.extend_from_slice(&data);
            }
            Ok(collected.freeze())
        };
        match tokio::time::timeout(self.limits.body_time, collect).await {
            Ok(result) => result,
            Err(_) => Err(refuse(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not arrive in time",
            )),
        }
    }

    async fn take(&self, parts: &Parts, body: Bytes) -> Result<(), Refusal> {
        self.verify(parts, &body)?;
        let kept = match &self.inbox {
            Some(inbox) => self.store(inbox, body).await,
            None => self.enqueue(body),
        };
        match &kept {
            Ok(()) => self.outage.end(),
            Err(refusal) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => {
                self.outage.fail(&refusal.reason);
            }
            Err(_) => {}
        }
        kept
    }

    fn verify(&self, parts: &Parts, body: &Bytes) -> Result<(), Refusal> {
        if let Some(verifier) = &self.verifier {
            let headers: Vec<_> = parts
                .headers
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_bytes()))
                .collect();
            verifier.verify(body, &headers).map_err(|error| {
                // Why is for whoever set the receiver up, not for whoever tries to guess.
                log::debug!("webhook call not verified: {}", error.message());
                refuse(
                    StatusCode::UNAUTHORIZED,
                    "the call does not prove that it comes from Flow.ai",
                )
            })?;
        }
        Ok(())
    }

    /// Returns once the events are safe.
    async fn store(&self, inbox: &Inbox, body: Bytes) -> Result<(), Refusal> {
        match inbox.put_async(body).await {
            Ok(stored) => {
                let new = stored.iter().filter(|event| !event.duplicate).count();
                self.counters.accept(new);
                self.counters.repeat(stored.len() - new);
                Ok(())
            }
            Err(error) => {
                log::debug!("a webhook call was not stored: {error}");
                // Where the inbox is concerns only whoever set it up.
                Err(refuse(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "the events cannot be stored now",
                ))
            }
        }
    }

    fn enqueue(&self, body: Bytes) -> Result<(), Refusal> {
        let length = body.len();
        let events =
            webhook::parse_events(body).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.message()))?;
        let count = events.len();
        match self.queue.push(events, length) {
            Ok(()) => {
                self.counters.accept(count);
                Ok(())
            }
            Err(Refused::Full) => Err(refuse(StatusCode::SERVICE_UNAVAILABLE, "the queue is full")),
            Err(Refused::Closed) => Err(refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "the receiver is stopping",
            )),
            Err(Refused::TooMany) => Err(refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body has more events than the queue holds",
            )),
        }
    }
}

/// What the status alone does not say.
fn add_hints(headers: &mut HeaderMap, status: StatusCode, allowed: &'static str) {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => headers.insert(ALLOW, HeaderValue::from_static(allowed)),
        StatusCode::SERVICE_UNAVAILABLE => headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS),
        StatusCode::UNAUTHORIZED => headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
        _ => None,
    };
}

/// What one body takes of the memory for all bodies.
struct Share<'a> {
    total: &'a AtomicUsize,
    bytes: usize,
}

impl Share<'_> {
    fn grow(&mut self, bytes: usize, max: usize) -> bool {
        self.bytes += bytes;
        let before = self.total.fetch_add(bytes, Ordering::Relaxed);
        // A body that is alone may always grow up to its own limit.
        before + bytes <= max || before + bytes == self.bytes
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
