//! The table of outcomes, in Rust: what is said of a message when the server misbehaves, and what is tried again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use common::{builder, calls::perform, error_problems, filled, vectors_dir};
use flowai_testkit::{TestServer, Vector, load_file};
use serde_json::Value;

fn run_case(server: &TestServer, vector: &Vector, run: &str) -> Vec<String> {
    let options = filled(server, vector, "client", run, 0);
    let client = builder(server, &options, &vector.id, run)
        .unwrap()
        .build()
        .unwrap();
    let times = vector.get("times").as_u64().unwrap_or(1) as usize;
    let began = Instant::now();
    let mut problems = Vec::new();
    for n in 0..times {
        if n > 0 {
            thread::sleep(Duration::from_millis(
                vector.get("pause_ms").as_u64().unwrap_or(0),
            ));
        }
        let call = filled(server, vector, "call", run, n);
        let expected = if n + 1 == times {
            &vector.get("expect")["error"]
        } else {
            &Value::Null
        };
        match perform(&client, &call) {
            Ok(result) => {
                if !expected.is_null() {
                    problems.push(format!("expected {expected}, got {result}"));
                }
                let seen = result.get("request_id").and_then(Value::as_str);
                let ours = result
                    .get("trace_id")
                    .and_then(Value::as_u64)
                    .map(|id| id.to_string());
                if let (Some(seen), Some(ours)) = (seen, ours)
                    && seen != ours
                    && vector.op() != "upload_media"
                {
                    problems.push(format!("call {n} took the answer of another: {seen} for {ours}"));
                }
            }
            Err(error) if expected.is_null() => problems.push(format!("call {n}: {error:?}")),
            Err(error) => problems.extend(error_problems(expected, &error)),
        }
    }
    let took = began.elapsed().as_secs_f64();
    let counts = server.counts(run);
    let member = |name: &str| vector.get(name).as_u64();
    for (name, expected, found) in [
        ("requests", member("requests"), counts.requests_read),
        ("distinct", member("distinct"), counts.distinct as u64),
    ] {
        if expected.is_some_and(|expected| expected != found) {
            problems.push(format!("{name}: expected {expected:?}, got {found}"));
        }
    }
    if member("connections").is_some_and(|most| counts.connections as u64 > most) {
        problems.push(format!("{} connections", counts.connections));
    }
    if vector
        .get("at_least_seconds")
        .as_f64()
        .is_some_and(|least| took < least)
    {
        problems.push(format!("took only {took} s"));
    }
    if vector
        .get("at_most_seconds")
        .as_f64()
        .is_some_and(|most| took > most)
    {
        problems.push(format!("took {took} s"));
    }
    problems
}

#[test]
fn every_outcome_is_as_the_table_says() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let cases = load_file(vectors_dir().join("outcomes.json")).unwrap();
    assert!(cases.len() > 150, "{}", cases.len());
    let next = Mutex::new(cases.iter());
    let problems = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for worker in 0..8 {
            let (next, problems, server) = (&next, &problems, &server);
            scope.spawn(move || {
                loop {
                    let Some(vector) = next.lock().unwrap().next() else {
                        return;
                    };
                    let run = format!("rust{worker}x{}", vector.id.replace('-', ""));
                    for problem in run_case(server, vector, &run) {
                        problems.lock().unwrap().push(format!("{}: {problem}", vector.id));
                    }
                }
            });
        }
    });
    let problems = problems.into_inner().unwrap();
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}
