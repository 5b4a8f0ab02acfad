//! The shared vectors of calls, on the command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_testkit::{TestServer, compare, load_dir};
use serde_json::Value;
use support::vectors::{Case, error_problems, folder};

/// What the arguments of a program cannot say.
const SKIPPED: &[(&str, &str)] = &[
    ("refuse-thread-id-nul", "no argument of a program holds a NUL"),
    (
        "refuse-ask-originator-without-name",
        "the name of the sender has a default",
    ),
    (
        "refuse-options-originator-without-role",
        "the role of the sender has a default",
    ),
    (
        "broadcast-unknown-fields",
        "a channel is typed by its name and id",
    ),
];

#[test]
fn every_call_makes_its_request_and_prints_its_answer() {
    let server = TestServer::start(folder()).unwrap();
    let (mut problems, mut skipped, mut cases) = (Vec::new(), Vec::new(), 0);
    for vector in load_dir(folder()).unwrap() {
        if vector.op().is_empty() || vector.area == "outcomes" {
            continue;
        }
        let Some(case) = Case::new(&server, &vector, "command") else {
            skipped.push(vector.id);
            continue;
        };
        cases += 1;
        let finished = case.perform();
        let mut report = |problem: String| problems.push(format!("{}: {problem}", vector.id));
        match vector.get("error") {
            Value::Null if finished.code == 0 => {
                compare(vector.get("result"), &case.result(&finished))
                    .into_iter()
                    .for_each(&mut report);
            }
            Value::Null => report(format!("exit code {}: {}", finished.code, finished.stderr)),
            expected if finished.code == 0 => report(format!("expected {expected}, got {}", finished.stdout)),
            expected => error_problems(expected, &finished)
                .into_iter()
                .for_each(&mut report),
        }
        if case.key.len() > 2 && format!("{}{}", finished.stdout, finished.stderr).contains(&case.key) {
            report(format!(
                "the key was printed: {}{}",
                finished.stdout, finished.stderr
            ));
        }
        server
            .verdict(&vector.id, "command")
            .problems
            .into_iter()
            .for_each(report);
    }
    assert!(
        problems.is_empty(),
        "{} problems in {cases} cases:\n{}",
        problems.len(),
        problems.join("\n")
    );
    let allowed: Vec<&str> = SKIPPED.iter().map(|(id, _)| *id).collect();
    assert_eq!(skipped, allowed);
    assert!(cases > 300, "{cases}");
}
