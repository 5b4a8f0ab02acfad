//! The answer to one request: "Receiving calls" and "Responding to a call" of the API document.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING},
    request::Parts,
};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};

use super::{
    health::Health,
    limits::Limits,
    progress::Progress,
    queue::{Queue, Refused},
    stats::Counters,
};
use crate::{
    inbox::Inbox,
    intake::{self, Answer, Fault, Intake, Refusal},
};

pub(crate) struct Service {
    pub(crate) path: String,
    pub(crate) health_path: Option<String>,
    pub(crate) health: Health,
    pub(crate) intake: Intake,
    /// Where events go; without one they go to the queue.
    pub(crate) inbox: Option<Inbox>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) counters: Arc<Counters>,
    /// The bytes of all bodies that are being read or stored.
    pub(crate) unread: AtomicUsize,
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
        self.tell(&parts, &result, began.elapsed());
        let answer = result.unwrap_or_else(|refusal| {
            self.counters.reject(refusal.status.as_u16());
            refusal.answer()
        });
        let mut response = response(answer);
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

    /// Logs a call, unless it asked for the health.
    fn tell(&self, parts: &Parts, result: &Result<Answer, Refusal>, took: Duration) {
        let (method, duration) = (parts.method.as_str(), took.as_secs_f64());
        match result {
            Ok(_) if !self.is_webhook(parts) => {}
            Ok(_) => log::debug!(
                method, status = 200, duration;
                "webhook call ({method}) answered 200 in {:.1} ms",
                duration * 1000.0
            ),
            Err(refusal) => log::debug!(
                status = refusal.status.as_u16(), duration;
                "webhook call refused with {} in {:.1} ms: {}",
                refusal.status.as_u16(),
                duration * 1000.0,
                refusal.reason
            ),
        }
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
            .map_err(|fault| Refusal::new(StatusCode::BAD_REQUEST, fault))?;
        let is_health = self.health_path.as_deref() == Some(parts.uri.path());
        if !self.is_webhook(parts) && !is_health {
            return Err(Refusal::new(
                StatusCode::NOT_FOUND,
                "there is nothing at this path",
            ));
        }
        match parts.method {
            Method::GET | Method::HEAD if self.is_webhook(parts) => Ok(Answer::ok()),
            Method::GET | Method::HEAD => {
                let (inbox, queued) = (self.inbox.as_ref(), self.queue.len());
                let report = self.health.report(inbox, queued, self.intake.outage()).await;
                let status = match report.good {
                    true => StatusCode::OK,
                    false => StatusCode::SERVICE_UNAVAILABLE,
                };
                Ok(Answer::with_body(status, &report.body))
            }
            Method::POST if self.is_webhook(parts) => {
                let mut share = Share {
                    total: &self.unread,
                    bytes: 0,
                };
                let body = self.read(parts, body, &mut share).await?;
                self.take(parts, body).await?;
                Ok(Answer::ok())
            }
            _ if self.is_webhook(parts) => Err(intake::method_not_allowed()),
            _ => Err(Refusal::method("only GET is allowed", "GET, HEAD")),
        }
    }

    async fn read(
        &self,
        parts: &Parts,
        body: &mut Incoming,
        share: &mut Share<'_>,
    ) -> Result<Bytes, Refusal> {
        let announced = parts.headers.get(CONTENT_LENGTH).map(HeaderValue::as_bytes);
        self.intake.announced(announced)?;
        let max = self.limits.body_bytes;
        let collect = async {
            let mut collected = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_| self.intake.refusal(Fault::Incomplete))?;
                let Ok(data) = frame.into_data() else { continue };
                if collected.len() + data.len() > max {
                    return Err(self.intake.refusal(Fault::TooLarge));
                }
                if !share.grow(data.len(), self.limits.unread_bytes) {
                    return Err(Refusal::unavailable("too many bodies are being received"));
                }
                collected.extend_from_slice(&data);
            }
            Ok(collected.freeze())
        };
        match tokio::time::timeout(self.limits.body_time, collect).await {
            Ok(result) => result,
            Err(_) => Err(self.intake.refusal(Fault::Slow)),
        }
    }

    async fn take(&self, parts: &Parts, body: Bytes) -> Result<(), Refusal> {
        let headers: Vec<_> = parts
            .headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_bytes()))
            .collect();
        let Some(inbox) = &self.inbox else {
            let kept = self.enqueue(&headers, body);
            match &kept {
                Ok(()) => self.intake.outage().end(),
                Err(refusal) if refusal.is_for_now() => self.intake.outage().fail(&refusal.reason),
                Err(_) => {}
            }
            return kept;
        };
        self.intake.verify(&headers, &body)?;
        // Returns once the events are safe.
        let stored = self.intake.put(inbox, body).await?;
        let new = stored.iter().filter(|event| !event.duplicate).count();
        self.counters.accept(new);
        self.counters.repeat(stored.len() - new);
        Ok(())
    }

    fn enqueue(&self, headers: &intake::Headers<'_>, body: Bytes) -> Result<(), Refusal> {
        let length = body.len();
        let events = self.intake.open(headers, body)?;
        let count = events.len();
        match self.queue.push(events, length) {
            Ok(()) => {
                self.counters.accept(count);
                Ok(())
            }
            Err(Refused::Full) => Err(Refusal::unavailable("the queue is full")),
            Err(Refused::Closed) => Err(Refusal::unavailable("the receiver is stopping")),
            Err(Refused::TooMany) => Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body has more events than the queue holds",
            )),
        }
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    for (name, value) in answer.headers {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
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
