//! The table of outcomes on the command line: the exit code tells what became of the message.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{collections::BTreeSet, sync::Mutex, thread, time::Instant};

use flowai_testkit::{TestServer, Vector, load_file};
use serde_json::Value;
use support::vectors::{Case, error_problems, folder};

/// What the server does to a connection between several calls of one client. A command makes one call.
const SKIPPED: [&str; 11] = [
    "connection-close",
    "idle-408",
    "idle-408-close-notify",
    "idle-close-notify",
    "idle-close-notify-open",
    "idle-fin",
    "idle-garbage",
    "idle-reset",
    "ok",
    "second-unread",
    "stale-answer",
];

fn problems_of(server: &TestServer, vector: &Vector) -> Vec<String> {
    let run = format!("command{}", vector.id.replace('-', ""));
    let case = Case::new(server, vector, &run).unwrap();
    let began = Instant::now();
    let finished = case.perform();
    let took = began.elapsed().as_secs_f64();
    let mut problems = match &vector.get("expect")["error"] {
        Value::Null if finished.code == 0 => Vec::new(),
        Value::Null => vec![format!("exit code {}: {}", finished.code, finished.stderr)],
        expected if finished.code == 0 => vec![format!("expected {expected}, got {}", finished.stdout)],
        expected => error_problems(expected, &finished),
    };
    let counts = server.counts(&run);
    for (name, found) in [
        ("requests", counts.requests_read),
        ("distinct", counts.distinct as u64),
    ] {
        if vector
            .get(name)
            .as_u64()
            .is_some_and(|expected| expected != found)
        {
            problems.push(format!("{name}: expected {}, got {found}", vector.get(name)));
        }
    }
    if vector
        .get("at_least_seconds")
        .as_f64()
        .is_some_and(|least| took < least)
    {
        problems.push(format!("took only {took} s"));
    }
    if format!("{}{}", finished.stdout, finished.stderr).contains(&case.key) {
        problems.push("the key was printed".to_owned());
    }
    problems
}

#[test]
fn every_outcome_has_its_exit_code() {
    let server = TestServer::start(folder()).unwrap();
    let all = load_file(folder().join("outcomes.json")).unwrap();
    let (repeated, cases): (Vec<_>, Vec<_>) = all
        .iter()
        .partition(|vector| vector.get("times").as_u64().unwrap_or(1) > 1);
    let skipped: BTreeSet<_> = repeated
        .iter()
        .filter_map(|vector| vector.get("behaviour").as_str())
        .collect();
    assert_eq!(skipped, BTreeSet::from(SKIPPED));
    assert!(cases.len() > 200, "{}", cases.len());
    let (next, problems) = (Mutex::new(cases.into_iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let Some(vector) = next.lock().unwrap().next() else {
                        return;
                    };
                    for problem in problems_of(&server, vector) {
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
