//! From a request to its answer: who may, which call it is, what is written down of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;

use crate::answer::{Answer, json_answer};
use crate::body::{Intake, Seen};
use crate::calls;
use crate::clock;
use crate::cors;
use crate::endpoints::find;
use crate::failures::FailureKind;
use crate::journal::{RecordedRequest, redacted};
use crate::query::Query;
use crate::shared::{Shared, lock};

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
pub(crate) async fn discard(head: &Parts, mut intake: Intake) {
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
        Ok(call) => calls::answer(shared, call, head, intake, &Query::new(head.uri.query())).await,
    };
    match outcome {
        Ok(body) => json_answer(StatusCode::OK, &body),
        Err(refusal) => refusal.into_answer(),
    }
}
