//! From a request to its answer: which endpoint, who may, what is asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::answer::{self, Answer, Refusal, json_answer};
use crate::body::{Intake, Seen};
use crate::bot;
use crate::clock;
use crate::cors;
use crate::failures::FailureKind;
use crate::journal::{RecordedRequest, redacted};
use crate::messages::Message;
use crate::multipart;
use crate::shared::{Shared, lock};
use crate::webhooks::Webhooks;

/// The path of the API ("Endpoint" of the API document).
pub(crate) const BASE_PATH: &str = "/rest/v1/";

/// The request is to get no answer; the connection ends.
#[derive(Debug)]
pub(crate) struct NoAnswer;

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("left without an answer on request")
    }
}

impl std::error::Error for NoAnswer {}

/// Serves one request and writes it down. `reset` tells the connection to end with RST.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    reset: Arc<AtomicBool>,
) -> Result<Answer, NoAnswer> {
    let (head, body) = request.into_parts();
    let intake = Intake::new(body, shared.options.idle_timeout);
    let seen = intake.seen();
    let mut record = Record {
        shared: &shared,
        head: &head,
        seen: &seen,
        written: false,
    };

    let answer = if head.method == Method::OPTIONS {
        Some(preflight(intake).await)
    } else if let Some(failure) = shared.failures.take() {
        if failure.processed {
            answer_api(&shared, &head, intake).await;
        } else {
            discard(&head, intake).await;
        }
        if matches!(failure.kind, FailureKind::Stall) {
            record.write(None);
            // Ends when the client or the sandbox does.
            std::future::pending::<()>().await;
        }
        reset.store(matches!(failure.kind, FailureKind::Reset), Ordering::Relaxed);
        failure.kind.answer()
    } else {
        Some(answer_api(&shared, &head, intake).await)
    };

    record.write(answer.as_ref().map(Response::status));
    let mut answer = answer.ok_or(NoAnswer)?;
    cors::allow_reading(answer.headers_mut());
    if !lock(&seen).complete {
        answer
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer)
}

/// The journal's entry of one request, written when its answer is decided; or when the client leaves before
/// that, which drops the request wherever it is.
struct Record<'a> {
    shared: &'a Shared,
    head: &'a Parts,
    seen: &'a Mutex<Seen>,
    written: bool,
}

impl Record<'_> {
    fn write(&mut self, status: Option<StatusCode>) {
        self.written = true;
        let (head, seen) = (self.head, lock(self.seen));
        lock(&self.shared.journal).record(RecordedRequest {
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            headers: redacted(&head.headers),
            body: seen.beginning.clone(),
            body_length: seen.length,
            file: seen.file.clone(),
            status: status.map(|status| status.as_u16()),
            time_ms: clock::now_ms(),
        });
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.written {
            self.write(None);
        }
    }
}

async fn preflight(mut intake: Intake) -> Answer {
    intake.drain().await;
    let mut answer = Response::default();
    *answer.status_mut() = StatusCode::NO_CONTENT;
    cors::allow_calling(answer.headers_mut());
    answer
}

/// Reads a body that nobody wants, unless the client waits to be told that it is wanted.
async fn discard(head: &Parts, mut intake: Intake) {
    if !head.headers.contains_key(header::EXPECT) {
        intake.drain().await;
    }
}

async fn answer_api(shared: &Arc<Shared>, head: &Parts, intake: Intake) -> Answer {
    let call = shared
        .key
        .check(&head.headers)
        .and_then(|()| find(&head.method, head.uri.path()));
    let outcome = match call {
        Err(refusal) => {
            discard(head, intake).await;
            Err(refusal)
        }
        Ok(Call::Send { thread_id }) => send(shared, head, intake, &thread_id).await,
        Ok(call) => {
            discard(head, intake).await;
            let query = Query::read(head.uri.query().unwrap_or_default());
            query.and_then(|query| simple(shared, call, &query))
        }
    };
    match outcome {
        Ok(body) => json_answer(StatusCode::OK, &body),
        Err(refusal) => refusal.into_answer(),
    }
}

/// What can be called.
enum Call {
    Send { thread_id: String },
    History { thread_id: String },
    BusinessHours,
    SetPaused { thread_id: String, paused: bool },
    BotStatus { thread_id: String },
}

fn find(method: &Method, path: &str) -> Result<Call, Refusal> {
    let mut segments = path
        .strip_prefix(BASE_PATH)
        .ok_or_else(Refusal::not_found)?
        .split('/');
    match (segments.next(), segments.next(), segments.next()) {
        (Some("businesshours"), None, None) => match *method {
            Method::GET => Ok(Call::BusinessHours),
            _ => Err(Refusal::method_not_allowed("GET")),
        },
        (Some("messages"), Some(segment), None) => {
            let thread_id = thread_id(segment)?;
            match *method {
                Method::POST => Ok(Call::Send { thread_id }),
                Method::GET => Ok(Call::History { thread_id }),
                _ => Err(Refusal::method_not_allowed("GET, POST")),
            }
        }
        (Some("pause"), Some(segment), None) => {
            let thread_id = thread_id(segment)?;
            match *method {
                Method::POST => Ok(Call::SetPaused {
                    thread_id,
                    paused: true,
                }),
                Method::DELETE => Ok(Call::SetPaused {
                    thread_id,
                    paused: false,
                }),
                Method::GET => Ok(Call::BotStatus { thread_id }),
                _ => Err(Refusal::method_not_allowed("DELETE, GET, POST")),
            }
        }
        _ => Err(Refusal::not_found()),
    }
}

/// A thread id is exactly one segment, whatever it decodes to; dots would name another path.
fn thread_id(segment: &str) -> Result<String, Refusal> {
    let decoded = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| Refusal::bad_request("The thread id is not UTF-8"))?;
    match decoded.as_ref() {
        "" | "." | ".." => Err(Refusal::not_found()),
        id => Ok(id.to_owned()),
    }
}

/// The query parameters of the API. Others are ignored.
struct Query {
    sync: bool,
    page: usize,
}

impl Query {
    fn read(query: &str) -> Result<Self, Refusal> {
        let mut read = Self { sync: false, page: 1 };
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                // Nothing but the literal turns it on.
                "sync" => read.sync = value == "true",
                "page" => {
                    read.page = value.parse().ok().filter(|page| *page > 0).ok_or_else(|| {
                        Refusal::bad_request("page must be a whole number, and pages count from 1")
                    })?;
                }
                _ => {}
            }
        }
        Ok(read)
    }
}

async fn send(
    shared: &Arc<Shared>,
    head: &Parts,
    mut intake: Intake,
    thread_id: &str,
) -> Result<Value, Refusal> {
    let content_type = head
        .headers
        .get(header::CONTENT_TYPE)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    let message = if is_multipart(content_type) {
        let boundary = std::str::from_utf8(content_type)
            .ok()
            .and_then(|value| multer::parse_boundary(value).ok())
            .filter(|boundary| !boundary.is_empty() && boundary.len() <= 70)
            .ok_or_else(|| Refusal::bad_request("The Content-Type has no usable boundary"))?;
        let form = multipart::read(&mut intake, boundary, shared.options.max_upload).await?;
        Message::read(&form.json, form.file, shared.options.max_text)?
    } else {
        // Whatever it is called: a sample of the document has no Content-Type at all.
        let body = intake.read_json().await.map_err(|error| Refusal::from(&error))?;
        Message::read(&body, None, shared.options.max_text)?
    };
    bot::hear(shared, thread_id, &message);
    Ok(answer::ok())
}

fn is_multipart(content_type: &[u8]) -> bool {
    let essence = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(b"multipart/form-data")
}

fn simple(shared: &Arc<Shared>, call: Call, query: &Query) -> Result<Value, Refusal> {
    let webhooks = &shared.webhooks;
    match call {
        Call::Send { .. } => Err(Refusal::not_found()),
        Call::SetPaused { thread_id, paused } => {
            bot::control(shared, &thread_id, paused);
            Ok(answer::ok())
        }
        Call::History { thread_id } => {
            let page = lock(&shared.threads).page(&thread_id, query.page);
            if query.sync {
                return Ok(json!({"status": "ok", "result": page}));
            }
            later(webhooks, "history", page)
        }
        Call::BusinessHours => {
            let hours = json!({"businessHours": shared.options.business_hours});
            if query.sync {
                Ok(with("status", json!("ok"), hours))
            } else {
                later(webhooks, "businessHours", hours)
            }
        }
        Call::BotStatus { thread_id } => {
            let paused = lock(&shared.threads).is_paused(&thread_id);
            if query.sync {
                let mut status = json!({"status": "ok", "threadId": thread_id});
                status = with(shared.options.is_paused_name, json!(paused), status);
                return Ok(status);
            }
            later(
                webhooks,
                "isPaused",
                json!({"threadId": thread_id, "isPaused": paused}),
            )
        }
    }
}

/// Acknowledges now, and tells the result as a webhook event: a flat object with its name under `type`.
fn later(webhooks: &Arc<Webhooks>, name: &str, result: Value) -> Result<Value, Refusal> {
    webhooks.send(with("type", json!(name), result));
    Ok(answer::ok())
}

fn with(name: &str, value: Value, mut object: Value) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.insert(name.to_owned(), value);
    }
    object
}
