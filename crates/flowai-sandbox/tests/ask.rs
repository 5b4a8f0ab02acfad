//! `ask` against a service that only acknowledges: every reply belongs to its own message.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::time::Duration;

use flowai::{Client, Delivery, ErrorKind, Message};
use flowai_sandbox::{Failure, Sandbox};

fn slow_service() -> (Sandbox, Client) {
    let sandbox = Sandbox::builder().sync_replies(false).start().unwrap();
    let builder = Client::builder().base_url(sandbox.base_url());
    let client = builder.api_key(sandbox.api_key()).build().unwrap();
    (sandbox, client)
}

#[test]
fn a_reply_is_never_that_to_an_earlier_message() {
    let (_sandbox, client) = slow_service();
    let ask = |message: Message| client.ask("t", message).wait().unwrap();
    assert_eq!(ask("Where is my order?".into()).text(), "Where is my order?");
    assert_eq!(ask(Message::location("52.1", "4.9")).templates().len(), 1);
    assert_eq!(ask(Message::event("A")).text(), "A");
    assert_eq!(ask(Message::event("A")).messages().len(), 1);
    assert_eq!(ask(Message::location("52.1", "4.9")).messages().len(), 1);
    let url = "https://files.example.org/a.png";
    assert_eq!(ask(Message::media(url, "image")).messages().len(), 1);
    assert_eq!(ask("Where is my order?".into()).messages().len(), 1);
    assert_eq!(ask("Where is my order?".into()).text(), "Where is my order?");
}

#[test]
fn what_was_never_heard_is_never_answered_by_what_was_said_before() {
    let (sandbox, client) = slow_service();
    assert_eq!(client.ask("t", "status?").wait().unwrap().text(), "status?");
    // Acknowledged, and lost.
    let lost = Failure::status(200).body(r#"{"status":"ok"}"#);
    sandbox.fail_next(lost).unwrap();
    let error = client
        .ask("t", "status?")
        .timeout(Duration::from_secs(4))
        .wait()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.delivery(), Some(Delivery::Sent));
    assert!(error.trace_id().is_some());
}
