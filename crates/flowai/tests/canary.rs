//! The API key appears nowhere: not in logs of any library at TRACE, not in errors, not in Debug.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::{
    fmt::Write,
    sync::{Mutex, PoisonError},
};

use common::{builder, calls::perform, filled, vectors_dir};
use flowai_testkit::{TestServer, load_dir};
use log::{LevelFilter, Log, Metadata, Record};

const KEY: &str = "canary-5f1d8c0e7b";

static SEEN: Mutex<String> = Mutex::new(String::new());

struct Keep;

impl Log for Keep {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn log(&self, record: &Record<'_>) {
        note(&format_args!("{} {}", record.target(), record.args()));
    }
    fn flush(&self) {}
}

fn note(text: &dyn std::fmt::Display) {
    writeln!(SEEN.lock().unwrap_or_else(PoisonError::into_inner), "{text}").unwrap();
}

#[test]
fn the_key_appears_nowhere() {
    log::set_logger(&Keep).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let server = TestServer::start(vectors_dir()).unwrap();
    let mut calls = 0;
    for vector in load_dir(vectors_dir()).unwrap() {
        // Cases that are repeated or wait say nothing new here.
        let quick = vector.get("times").is_null() && vector.get("at_least_seconds").is_null();
        if vector.get("call").is_null() || !quick {
            continue;
        }
        let options = filled(&server, &vector, "client", "canary", 0);
        let Ok(builder) = builder(&server, &options, &vector.id, "canary") else {
            continue;
        };
        let builder = builder
            .api_key(KEY)
            .timeout(std::time::Duration::from_millis(500))
            .connect_timeout(std::time::Duration::from_millis(400))
            .max_retries(0);
        note(&format_args!("{builder:?}"));
        let Ok(client) = builder.build() else { continue };
        note(&format_args!("{client:?}"));
        if let Err(error) = perform(&client, &filled(&server, &vector, "call", "canary", 0)) {
            note(&format_args!("{error} {error:?} {:?}", error.response()));
        }
        calls += 1;
    }
    for typed in [
        &format!("{KEY}\u{7f}"),
        &format!("{KEY} x"),
        &format!("Bearer  {KEY}\n\nx"),
    ] {
        let error = flowai::Client::builder().api_key(typed).build().unwrap_err();
        note(&format_args!("{error} {error:?}"));
    }
    assert!(calls > 300, "{calls}");
    let seen = SEEN.lock().unwrap();
    assert!(
        seen.len() > 100_000,
        "the log is not being kept: {} bytes",
        seen.len()
    );
    let found: Vec<_> = seen.lines().filter(|line| line.contains(KEY)).collect();
    assert!(found.is_empty(), "{found:#?}");
}
