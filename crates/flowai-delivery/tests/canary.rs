//! No secret is ever logged or shown. Alone in its file: a process has one logger.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::sync::Mutex;

use flowai::webhook::Verifier;
use flowai_delivery::Receiver;
use log::{LevelFilter, Log, Metadata, Record};
use support::*;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collector;

impl Log for Collector {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LINES
            .lock()
            .unwrap()
            .push(format!("{} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

#[test]
fn secrets_stay_secret() {
    const CANARY: &str = "canary-in-a-secret-of-32-bytes-and-more";
    log::set_logger(&Collector).unwrap();
    log::set_max_level(LevelFilter::Trace);

    let verifiers = [
        Verifier::jwt(CANARY),
        Verifier::header("x-key", CANARY),
        Verifier::body_key(CANARY),
    ]
    .map(Result::unwrap);
    let mut shown = Vec::new();
    for verifier in verifiers {
        let builder = Receiver::builder().verifier(verifier).path("/hook");
        shown.push(format!("{builder:?}"));
        let receiver = builder.start().unwrap();
        let good = token(r#"{"alg":"HS256"}"#, r#"{"a":"canary"}"#, CANARY);
        let bad = token(r#"{"alg":"none"}"#, r#"{"a":"canary"}"#, CANARY);
        let body = format!(r#"{{"type":"message.reply","threadId":"canary","verifyKey":"{CANARY}"}}"#);
        let mut statuses = Vec::new();
        for body in [&body, &body[1..], "canary"] {
            for token in [&good, &bad, "canary"] {
                for key in [CANARY, "canary"] {
                    let headers = format!("Authorization: Bearer {token}\r\nX-Key: {key}\r\n");
                    let answer = ask(&receiver, post(body, &headers));
                    statuses.push(answer.status);
                    shown.push(answer.head + &answer.body);
                }
            }
        }
        for broken in [
            "GET /hook HTTP/1.1\r\nHost: canary@a\r\n\r\n",
            "GET /hook?canary HTTP/1.1\r\nHost: a\r\ncanary: \0\r\n\r\n",
            "GET /canary HTTP/1.1\r\nHost: a\r\n\r\n",
            "CANARY /hook HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            statuses.push(ask(&receiver, broken).status);
        }
        assert!(
            [200, 401, 400, 404, 405]
                .iter()
                .all(|status| statuses.contains(status)),
            "{statuses:?}"
        );
        shown.push(format!("{receiver:?} {:?}", receiver.stats().unwrap()));
    }
    let lines = LINES.lock().unwrap();
    assert!(
        lines.iter().any(|line| line.contains("not verified")),
        "nothing was logged"
    );
    for text in lines.iter().chain(&shown) {
        assert!(!text.to_ascii_lowercase().contains("canary"), "{text}");
        assert!(!text.contains("eyJ"), "{text}");
    }
}
