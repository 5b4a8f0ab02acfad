//! Holds requests against the vectors and answers as they say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::matching::exact_mismatches;
use crate::multipart;
use crate::vector::{Exchange, Vector, content, fill_in};
use crate::wire::{Answer, Head};

/// How a run of a vector went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What was wrong; empty if nothing was.
    pub problems: Vec<String>,
    /// How many requests came.
    pub requests: usize,
}

impl Verdict {
    pub(crate) fn to_json(&self) -> Value {
        json!({"ok": self.problems.is_empty(), "problems": self.problems, "requests": self.requests})
    }
}

/// How far a run of a vector has come.
#[derive(Clone, Default)]
struct Run {
    verdict: Verdict,
    /// Which exchange the last request belonged to, and how many requests have.
    at: usize,
    times: usize,
    /// When the first request came.
    began: Option<OffsetDateTime>,
}

impl Run {
    /// The exchange that the next request belongs to: the first that may come and has this method and target. One
    /// that must come takes whatever comes, so that what is wrong with it is named.
    fn next<'a>(&mut self, exchanges: &'a [Exchange], target: &str, head: &Head) -> Option<&'a Exchange> {
        for (index, exchange) in exchanges.iter().enumerate().skip(self.at) {
            let times = if index == self.at { self.times } else { 0 };
            let fits = address_problems(&exchange.request, target, head).is_empty();
            if times < exchange.min || (times < exchange.max && fits) {
                (self.at, self.times) = (index, times + 1);
                return Some(exchange);
            }
        }
        None
    }

    /// The first exchange that has not come as often as it must.
    fn missing(&self, exchanges: &[Exchange]) -> Option<usize> {
        let mut rest = exchanges.iter().enumerate().skip(self.at);
        rest.find(|(index, exchange)| {
            let times = if *index == self.at { self.times } else { 0 };
            times < exchange.min
        })
        .map(|(index, _)| index)
    }
}

/// All vectors, and how far each run of each has come.
pub(crate) struct Checker {
    vectors: HashMap<String, Vec<Exchange>>,
    runs: Mutex<HashMap<(String, String), Run>>,
}

impl Checker {
    pub(crate) fn new(vectors: &[Vector]) -> Arc<Checker> {
        Arc::new(Checker {
            vectors: vectors.iter().map(|v| (v.id.clone(), v.exchanges())).collect(),
            runs: Mutex::default(),
        })
    }

    /// Notes what is wrong with the request; answers what the vector says in any case.
    pub(crate) async fn answer(
        &self,
        id: &str,
        run: &str,
        target: &str,
        head: &Head,
        body: Vec<u8>,
    ) -> Answer {
        let Some(exchanges) = self.vectors.get(id) else {
            return refusal(&format!("no vector is named {id}"));
        };
        let (exchange, number, began) = self.note(id, run, |run| {
            run.verdict.requests += 1;
            let began = *run.began.get_or_insert_with(OffsetDateTime::now_utc);
            (run.next(exchanges, target, head), run.verdict.requests, began)
        });
        let Some(exchange) = exchange else {
            let problem = format!("request {number} was not expected: {} {target}", head.method);
            self.note(id, run, |run| run.verdict.problems.push(problem.clone()));
            return refusal(&problem);
        };
        let problems = request_problems(&exchange.request, target, head, body).await;
        self.note(id, run, |run| {
            let problems = problems.into_iter();
            run.verdict
                .problems
                .extend(problems.map(|problem| format!("request {number}: {problem}")));
        });
        response(&fill_in(&exchange.response, &|name| moment(name, began)))
    }

    /// What is known about the run now.
    pub(crate) fn verdict(&self, id: &str, run: &str) -> Verdict {
        let Some(exchanges) = self.vectors.get(id) else {
            return Verdict {
                problems: vec![format!("no vector is named {id}")],
                requests: 0,
            };
        };
        let came = self.note(id, run, |run| run.clone());
        let mut verdict = came.verdict.clone();
        if let Some(missing) = came.missing(exchanges) {
            verdict.problems.push(format!(
                "{} requests came, exchange {} of {} did not come as often as it must",
                verdict.requests,
                missing + 1,
                exchanges.len()
            ));
        }
        verdict
    }

    fn note<T>(&self, id: &str, run: &str, change: impl FnOnce(&mut Run) -> T) -> T {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        change(runs.entry((id.to_owned(), run.to_owned())).or_default())
    }
}

/// What is wrong with method and target.
fn address_problems(expected: &Value, target: &str, head: &Head) -> Vec<String> {
    let mut problems = Vec::new();
    for (member, found) in [("method", head.method.as_str()), ("target", target)] {
        if let Some(wanted) = expected.get(member) {
            let list = exact_mismatches(wanted, Some(&json!(found)));
            problems.extend(list.into_iter().map(|p| format!("{member}: {p}")));
        }
    }
    problems
}

async fn request_problems(expected: &Value, target: &str, head: &Head, body: Vec<u8>) -> Vec<String> {
    let mut problems = address_problems(expected, target, head);
    for (name, wanted) in expected
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let found = head.header(name).map(Value::String);
        let list = exact_mismatches(wanted, found.as_ref());
        problems.extend(list.into_iter().map(|p| format!("header {name}: {p}")));
    }
    if let Some(parts) = expected.get("multipart").and_then(Value::as_array) {
        let content_type = head.header("content-type").unwrap_or_default();
        problems.extend(multipart::problems(parts, &content_type, body).await);
    } else if let Some(wanted) = expected.get("json") {
        problems.extend(json_problems(wanted, &body));
    }
    problems
}

fn json_problems(wanted: &Value, body: &[u8]) -> Vec<String> {
    if wanted.is_null() {
        return match body.len() {
            0 => Vec::new(),
            length => vec![format!("there should be no body, but {length} bytes came")],
        };
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(found) => exact_mismatches(wanted, Some(&found)),
        Err(error) => vec![format!("the body is not JSON: {error}")],
    }
}

fn response(document: &Value) -> Answer {
    let status = document.get("status").and_then(Value::as_u64).unwrap_or(200);
    let mut answer = Answer {
        status: u16::try_from(status).unwrap_or(200),
        headers: Vec::new(),
        body: content(document, "body").unwrap_or_default(),
    };
    if let Some(body) = document.get("json") {
        answer = Answer::json(answer.status, body);
    }
    for (name, value) in document
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        answer = answer.with(name, value.as_str().unwrap_or_default());
    }
    answer
}

/// `now+SECONDS` or `now-SECONDS`, as the service writes times.
fn moment(name: &str, now: OffsetDateTime) -> Option<String> {
    let seconds: i64 = name.strip_prefix("now")?.parse().ok()?;
    let at = now.checked_add(Duration::seconds(seconds))?;
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, milli) = at.to_hms_milli();
    Some(format!(
        "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z",
        u8::from(month)
    ))
}

/// A status that no vector has, so that a client cannot take it for what it waits for.
fn refusal(message: &str) -> Answer {
    Answer::json(598, &json!({"status": "error", "payload": {"message": message}}))
}
