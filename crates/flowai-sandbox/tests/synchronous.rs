//! Messages sent with `sync=true`, which are answered with the reply.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_sandbox::{Bot, Sandbox, Seed};
use serde_json::{Value, json};
use support::*;

fn ask(sandbox: &Sandbox, body: &str) -> Value {
    let (status, answer) = call(sandbox, "POST", "messages/t?sync=true", body).api();
    assert_eq!((status, &answer["status"]), (200, &json!("ok")));
    answer
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_answer_has_the_documented_members_and_the_webhook_gets_no_reply() {
    let hook = Hook::start([]);
    let sandbox = builder().webhook_url(&hook.url).start().unwrap();
    let body = json!({"payload": {"type": "text", "speech": "Hello", "traceId": 7, "params": {"a": [{"value": "1"}]},
        "originator": {"name": "John Doe", "role": "external", "profile": {"gender": "F"}}}});
    let answer = ask(&sandbox, &body.to_string());
    assert_eq!(
        keys(&answer),
        [
            "accuracy",
            "activityId",
            "agentId",
            "channelId",
            "channelName",
            "connectionKey",
            "createdAt",
            "messages",
            "metadata",
            "originator",
            "replyTo",
            "sentiment",
            "status",
            "threadId",
            "traceId",
            "user"
        ]
    );
    assert_eq!(answer["threadId"], "t");
    assert_eq!(answer["channelName"], "gateway");
    assert_eq!(answer["replyTo"], "Hello");
    assert_eq!(answer["user"], body["payload"]["originator"]);
    assert_eq!(answer["metadata"], json!({"params": {"a": [{"value": "1"}]}}));
    // The id of the platform's tracing, which is not the one that was sent.
    let trace: Vec<&str> = answer["traceId"].as_str().unwrap().split(':').collect();
    assert_eq!((trace.len(), trace[0].len(), trace[3]), (4, 16, "1"));
    assert_eq!(trace[0], trace[2]);

    let messages = answer["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1);
    let message = &messages[0];
    for member in [
        "fallback",
        "silent",
        "replyTo",
        "originator",
        "actions",
        "responses",
        "intents",
        "entities",
        "flow",
        "step",
        "slot",
        "params",
        "contexts",
        "meta",
    ] {
        assert!(!message[member].is_null(), "{member}");
    }
    assert_eq!(
        message["responses"],
        json!([{"type": "text", "payload": {"text": "Hello"}}])
    );
    assert_eq!(keys(&message["flow"]), ["flowId", "group", "metadata", "title"]);
    assert_eq!(keys(&message["step"]), ["stepId", "title", "type"]);
    assert_eq!(message["step"]["type"], "INTENT");
    assert_eq!(
        keys(&message["meta"]),
        [
            "childMsgId",
            "createdAt",
            "keepTyping",
            "msgId",
            "prevChildMsgId",
            "prevMsgId"
        ]
    );
    assert!(message["meta"]["createdAt"].as_u64().unwrap() > 1_600_000_000_000);

    assert!(sandbox.wait_delivered(LONG));
    assert_eq!(event_names(&sandbox.deliveries()), ["message.delivered"]);
    let entries = history(&sandbox, "t")["history"].clone();
    assert_eq!(
        entries[1]["messages"][0]["meta"]["msgId"],
        message["meta"]["msgId"]
    );
    assert_eq!(entries[1]["messages"][0]["replyTo"], "Hello");
}

#[test]
fn a_bot_that_says_nothing_acknowledges() {
    let ok = json!({"status": "ok"});
    let silent = builder().bot(Bot::None).start().unwrap();
    assert_eq!(ask(&silent, &text("Hello")), ok);
    let sandbox = builder().start().unwrap();
    call(&sandbox, "POST", "pause/t", "{}");
    assert_eq!(ask(&sandbox, &text("Hello")), ok);
    call(&sandbox, "DELETE", "pause/t", "{}");
    assert_eq!(ask(&sandbox, &text("Hello").replace("external", "moderator")), ok);
    let sandbox = builder().start().unwrap();
    assert_eq!(ask(&sandbox, &event("HANDOVER")), ok);
    assert_eq!(call(&sandbox, "POST", "messages/t?sync=true", "{}").api().0, 400);
}

#[test]
fn what_is_delayed_is_left_out() {
    let seed = json!({"rules": [
        {"text": "later", "messages": [{"delay": 1, "replies": [{"type": "text", "payload": {"text": "too late"}}]}]},
        {"any": true, "messages": [
            {"replies": [{"type": "text", "payload": {"text": "1"}}]},
            {"replies": [{"type": "text", "payload": {"text": "2"}, "delay": 500}]},
            {"delay": 1, "replies": [{"type": "text", "payload": {"text": "too late"}}]},
            {"replies": [{"type": "text", "payload": {"text": "too late"}}]},
        ], "resolve": true},
    ]});
    let sandbox = builder().seed(Seed::from_value(&seed).unwrap()).start().unwrap();
    assert_eq!(ask(&sandbox, &text("later")), json!({"status": "ok"}));
    let answer = ask(&sandbox, &text("Hello"));
    let said: Vec<&Value> = answer["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| &message["fallback"])
        .collect();
    assert_eq!(said, ["1", "2"]);
    // The delay of a template is for whoever shows it.
    assert_eq!(answer["messages"][1]["responses"][0]["delay"], 500);
    assert!(sandbox.wait_delivered(LONG));
    assert_eq!(
        event_names(&sandbox.deliveries()),
        ["message.delivered", "message.delivered"]
    );
    assert!(!history(&sandbox, "t").to_string().contains("too late"));
    assert_eq!(sandbox.thread_state("t").as_str(), "resolved");
}

#[test]
fn it_can_be_a_service_that_does_not_answer_at_once() {
    let hook = Hook::start([]);
    let sandbox = builder()
        .sync_replies(false)
        .webhook_url(&hook.url)
        .start()
        .unwrap();
    assert_eq!(ask(&sandbox, &text("Hello")), json!({"status": "ok"}));
    assert_eq!(hook.next_event()["type"], "message.delivered");
    assert_eq!(hook.next_event()["type"], "message.reply");
    // What a client needs to find the reply that answers its message.
    let entries = history(&sandbox, "t")["history"].clone();
    let (said, reply) = (&entries[0]["messages"][0], &entries[1]["messages"][0]);
    assert_eq!(
        (&said["replyTo"], &reply["replyTo"]),
        (&Value::Null, &json!("Hello"))
    );
    assert_eq!(entries[1]["originator"]["role"], "bot");
    assert!(reply["createdAt"].as_str().unwrap() >= said["createdAt"].as_str().unwrap());
    assert_ne!(said["meta"]["msgId"], reply["meta"]["msgId"]);
    // Queries are answered all the same.
    let (_, hours) = call(&sandbox, "GET", "businesshours?sync=true", "").api();
    assert!(hours["businessHours"].is_array());
}
