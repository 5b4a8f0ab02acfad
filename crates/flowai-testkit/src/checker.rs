//! Holds requests against the vectors and answers as they say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::matching::exact_mismatches;
use crate::multipart;
use crate::vector::{Exchange, Vector, content};
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

/// All vectors, and how far each run of each has come.
pub(crate) struct Checker {
    vectors: HashMap<String, Vec<Exchange>>,
    runs: Mutex<HashMap<(String, String), Verdict>>,
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
        let index = self.note(id, run, |verdict| {
            verdict.requests += 1;
            verdict.requests - 1
        });
        let Some(exchange) = exchanges.get(index) else {
            let problem = format!("request {} was not expected: {} {target}", index + 1, head.method);
            self.note(id, run, |verdict| verdict.problems.push(problem.clone()));
            return refusal(&problem);
        };
        let problems = request_problems(&exchange.request, target, head, body).await;
        self.note(id, run, |verdict| {
            verdict.problems.extend(
                problems
                    .into_iter()
                    .map(|problem| format!("request {}: {problem}", index + 1)),
            );
        });
        response(&exchange.response)
    }

    /// What is known about the run now.
    pub(crate) fn verdict(&self, id: &str, run: &str) -> Verdict {
        let Some(exchanges) = self.vectors.get(id) else {
            return Verdict {
                problems: vec![format!("no vector is named {id}")],
                requests: 0,
            };
        };
        let mut verdict = self.note(id, run, |verdict| verdict.clone());
        if verdict.requests < exchanges.len() {
            verdict.problems.push(format!(
                "{} requests came instead of {}",
                verdict.requests,
                exchanges.len()
            ));
        }
        verdict
    }

    fn note<T>(&self, id: &str, run: &str, change: impl FnOnce(&mut Verdict) -> T) -> T {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        change(runs.entry((id.to_owned(), run.to_owned())).or_default())
    }
}

async fn request_problems(expected: &Value, target: &str, head: &Head, body: Vec<u8>) -> Vec<String> {
    let mut problems = Vec::new();
    for (member, found) in [("method", head.method.as_str()), ("target", target)] {
        if let Some(wanted) = expected.get(member) {
            let list = exact_mismatches(wanted, Some(&json!(found)));
            problems.extend(list.into_iter().map(|p| format!("{member}: {p}")));
        }
    }
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

/// A status that no vector has, so that a client cannot take it for what it waits for.
fn refusal(message: &str) -> Answer {
    Answer::json(598, &json!({"status": "error", "payload": {"message": message}}))
}
