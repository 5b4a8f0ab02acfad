//! What a test tells a running sandbox: rules, and events that it makes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_sandbox::{Sandbox, Seed};
use serde_json::{Map, Value, json};
use support::*;

fn replies(text: &str) -> Value {
    json!([{"type": "text", "payload": {"text": text}}])
}

/// What the bot answers.
fn answered(sandbox: &Sandbox, said: &str) -> Value {
    say(sandbox, "t", said);
    assert!(sandbox.wait_delivered(LONG));
    let mut events = sandbox.deliveries().into_iter().map(|delivery| delivery.event);
    let reply = events.rfind(|event| event["type"] == "message.reply").unwrap();
    reply["messages"][0]["responses"][0]["payload"]["text"].clone()
}

fn members(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn what_is_said_last_goes_first() {
    let seed = json!({"rules": [{"text": "hello", "replies": replies("of the seed")}]});
    let sandbox = builder().seed(Seed::from_value(&seed).unwrap()).start().unwrap();
    assert_eq!(answered(&sandbox, &text("hello")), "of the seed");
    let rules =
        json!([{"text": "hello", "replies": replies("first")}, {"any": true, "replies": replies("second")}]);
    sandbox.add_rules(&rules).unwrap();
    assert_eq!(answered(&sandbox, &text("hello")), "first");
    assert_eq!(answered(&sandbox, &text("other")), "second");
    sandbox
        .add_rules(&json!([{"pattern": "hel+o", "replies": replies("third")}]))
        .unwrap();
    assert_eq!(answered(&sandbox, &text("hello")), "third");
}

#[test]
fn a_rule_can_be_used_up() {
    let sandbox = builder().start().unwrap();
    let rules = json!([
        {"text": "hello", "replies": replies("twice"), "times": 2},
        {"text": "hello", "replies": replies("once"), "times": 1},
    ]);
    sandbox.add_rules(&rules).unwrap();
    let said: Vec<Value> = (0..4).map(|_| answered(&sandbox, &text("hello"))).collect();
    assert_eq!(said, ["twice", "twice", "once", "hello"]);
}

#[test]
fn a_handover_uses_up_no_other_rule() {
    let sandbox = builder().start().unwrap();
    let rules = json!([
        {"any": true, "replies": replies("anything"), "times": 1},
        {"event": "HANDOVER", "replies": replies("one moment"), "times": 1},
    ]);
    sandbox.add_rules(&rules).unwrap();
    assert_eq!(answered(&sandbox, &event("HANDOVER")), "one moment");
    assert_eq!(answered(&sandbox, &text("hello")), "anything");
}

#[test]
fn rules_that_are_wrong_change_nothing() {
    let sandbox = builder().start().unwrap();
    for (rules, problem) in [
        (json!({}), "rules: rules must be a list"),
        (
            json!([{"text": "a"}, {"text": "b", "times": 0}]),
            "rules: rules[1].times must be a whole number above zero",
        ),
        (
            json!([{"text": "a", "replies": [{"type": "text", "payload": {}}]}]),
            "rules: rules[0].replies[0].payload.text is missing",
        ),
    ] {
        assert_eq!(sandbox.add_rules(&rules).unwrap_err().to_string(), problem);
    }
    assert_eq!(answered(&sandbox, &text("a")), "a");
}

#[test]
fn a_made_reply_is_like_one_that_was_caused() {
    let sandbox = builder().start().unwrap();
    answered(&sandbox, &text("hello"));
    let caused = sandbox.deliveries().pop().unwrap().event;
    let made = sandbox
        .event(
            "message.reply",
            Some("t"),
            members(json!({"replies": replies("hello")})),
        )
        .unwrap();
    let names = |value: &Value| members(value.clone()).keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&caused));
    assert_eq!(names(&made["messages"][0]), names(&caused["messages"][0]));
    assert_eq!(
        made["messages"][0]["responses"],
        caused["messages"][0]["responses"]
    );
    assert_eq!(made["threadId"], "t");
    // It was not sent, and nobody said it.
    assert_eq!(sandbox.deliveries().len(), 2);
}

#[test]
fn events_are_filled_in_and_what_is_given_wins() {
    let sandbox = builder().start().unwrap();
    let event = |name: &str, given: Value| sandbox.event(name, None, members(given)).unwrap();
    assert_eq!(
        event("control.pause", json!({})),
        json!({"type": "control.pause", "threadId": "thread-1"})
    );
    assert_eq!(
        event("something.new", json!({"threadId": "x", "a": 1})),
        json!({"type": "something.new", "threadId": "x", "a": 1})
    );
    assert_eq!(
        event("segments", json!({"segments": []})),
        json!({"type": "segments", "segments": []})
    );
    let heard = event(
        "inbound",
        json!({"replies": replies("At last!"), "channelName": "whatsapp"}),
    );
    assert_eq!(
        (&heard["speech"], &heard["channelName"]),
        (&json!("At last!"), &json!("whatsapp"))
    );
    assert_eq!(heard["originator"]["role"], "external");
    let quick = event(
        "outbound",
        json!({"replies": replies("Well?"), "quickReplies": ["Yes"], "replyTo": "Hm"}),
    );
    assert_eq!(
        quick["messages"][0]["responses"][0]["payload"]["quickReplies"][0]["label"],
        "Yes"
    );
    assert_eq!(
        (&quick["replyTo"], &quick["channelName"]),
        (&json!("Hm"), &json!("whatsapp"))
    );
    assert_eq!(event("message.reply", json!({}))["messages"], json!([]));
    for (name, given, problem) in [
        ("", json!({}), "name: must not be empty"),
        (
            "control.pause",
            json!({"replies": replies("x")}),
            "replies: control.pause says nothing",
        ),
        (
            "message.reply",
            json!({"replies": [{"type": "text"}]}),
            "replies: replies[0].payload is missing",
        ),
        (
            "message.reply",
            json!({"quickReplies": ["Yes"]}),
            "replies: replies is missing",
        ),
        (
            "inbound",
            json!({"replies": [{"type": "image", "payload": {"title": "a", "url": "https://x"}}]}),
            "replies: must be one text",
        ),
    ] {
        assert_eq!(
            sandbox.event(name, None, members(given)).unwrap_err().to_string(),
            problem
        );
    }
}

#[test]
fn a_signature_is_that_of_a_call() {
    let sandbox = builder().start().unwrap();
    let hook = Hook::start([]);
    sandbox.set_webhook(&hook.url, None).unwrap();
    sandbox.push(json!({"type": "something.new"}));
    let call = hook.next();
    let headers = sandbox.sign();
    assert_eq!(headers.len(), 2);
    for (name, value) in headers {
        let sent = call.header(&name).unwrap();
        // The moment of signing may differ, and with it the signature.
        assert_eq!(value.split('.').next(), sent.split('.').next(), "{name}");
        assert_eq!(value.split('.').count(), sent.split('.').count(), "{name}");
    }
}
