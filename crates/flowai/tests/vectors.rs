//! The shared vectors of calls, in Rust.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use common::{builder, calls::perform, error_problems, filled, vectors_dir};
use flowai_testkit::{TestServer, compare, load_dir};
use serde_json::Value;

/// What the types of Rust cannot say.
const SKIPPED: &[(&str, &str)] = &[("refuse-seconds-to-pause-negative", "a number without a sign")];

#[test]
fn every_call_makes_its_request_and_reads_its_answer() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let mut problems = Vec::new();
    let (mut cases, mut skipped) = (0, Vec::new());
    for vector in load_dir(vectors_dir()).unwrap() {
        if vector.get("call").is_null() || vector.area == "outcomes" {
            continue;
        }
        if SKIPPED.iter().any(|(id, _)| *id == vector.id) {
            skipped.push(vector.id);
            continue;
        }
        cases += 1;
        let options = filled(&server, &vector, "client", "rust", 0);
        let call = filled(&server, &vector, "call", "rust", 0);
        let outcome = builder(&server, &options, &vector.id, "rust")
            .and_then(|builder| builder.build())
            .and_then(|client| perform(&client, &call));
        let mut report = |problem: String| problems.push(format!("{}: {problem}", vector.id));
        match (outcome, vector.get("error")) {
            (Ok(result), Value::Null) => compare(vector.get("result"), &result)
                .into_iter()
                .for_each(&mut report),
            (Ok(result), expected) => report(format!("expected {expected}, got {result}")),
            (Err(error), Value::Null) => report(format!("{error:?}")),
            (Err(error), expected) => error_problems(expected, &error).into_iter().for_each(&mut report),
        }
        let verdict = server.verdict(&vector.id, "rust");
        verdict.problems.into_iter().for_each(report);
    }
    assert!(
        problems.is_empty(),
        "{} problems in {cases} cases:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert_eq!(skipped.len(), SKIPPED.len(), "{skipped:?}");
    assert!(cases > 600, "{cases}");
}
