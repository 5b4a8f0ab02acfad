//! What follows from what is said: replies, handover, pause and resume, in history and events alike.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_sandbox::{Bot, Sandbox};
use serde_json::{Value, json};
use support::*;

fn names(sandbox: &Sandbox) -> Vec<String> {
    event_names(&sandbox.deliveries())
}

fn is_paused(sandbox: &Sandbox, thread: &str) -> Value {
    call(sandbox, "GET", &format!("pause/{thread}?sync=true"), "").json()["isPaued"].take()
}

#[test]
fn the_echo_says_what_was_said() {
    let sandbox = builder().start().unwrap();
    let originator = json!({"name": "John Doe", "role": "external", "profile": {"fullName": "John Doe"}});
    for (payload, response, fallback) in [
        (
            json!({"type": "text", "speech": "Grüße"}),
            json!({"type": "text", "payload": {"text": "Grüße"}}),
            "Grüße",
        ),
        (
            json!({"type": "event", "eventName": "MY_EVENT"}),
            json!({"type": "text", "payload": {"text": "MY_EVENT"}}),
            "MY_EVENT",
        ),
        (
            json!({"type": "location", "lat": "12.3", "long": 3.21}),
            json!({"type": "location", "payload": {"title": "12.3, 3.21", "lat": "12.3", "long": "3.21"}}),
            "12.3, 3.21",
        ),
        (
            json!({"type": "media", "mediaType": "video", "url": "https://x/y", "title": "A film"}),
            json!({"type": "video", "payload": {"title": "A film", "url": "https://x/y"}}),
            "A film",
        ),
    ] {
        let mut body = json!({"payload": payload});
        body["payload"]["originator"] = originator.clone();
        let thread = body["payload"]["type"].as_str().unwrap().to_owned();
        say(&sandbox, &thread, &body.to_string());
        let entries = history(&sandbox, &thread)["history"].clone();
        assert_eq!(entries.as_array().unwrap().len(), 2);
        assert_eq!(
            entries[0]["originator"],
            json!({"name": "John Doe", "role": "user", "profile": {"fullName": "John Doe"}})
        );
        assert_eq!(
            entries[1]["originator"],
            json!({"name": "system", "role": "bot", "profile": {}})
        );
        let said = &entries[1]["messages"][0];
        assert_eq!(said["responses"], json!([response]));
        assert_eq!(
            (&said["fallback"], &said["replyTo"]),
            (&json!(fallback), &json!(fallback))
        );

        let reply = sandbox.deliveries().pop().unwrap().event;
        assert_eq!(reply["messages"][0]["responses"], json!([response]));
        assert_eq!(reply["messages"][0]["fallback"], fallback);
        assert_eq!(reply["user"], originator);
    }
}

#[test]
fn replies_can_be_told_apart() {
    let sandbox = builder().start().unwrap();
    for _ in 0..2 {
        say(&sandbox, "t", &text("same"));
    }
    let deliveries = sandbox.deliveries();
    let id = |n: usize| {
        deliveries[n].event["messages"][0]["meta"]["msgId"]
            .as_str()
            .unwrap()
    };
    assert_ne!(id(1), id(3));
    assert_ne!(
        deliveries[1].event["activityId"],
        deliveries[3].event["activityId"]
    );
}

#[test]
fn no_bot_says_nothing() {
    let sandbox = builder().bot(Bot::None).start().unwrap();
    say(&sandbox, "t", &text("Hello"));
    assert_eq!(names(&sandbox), ["message.delivered"]);
    assert_eq!(history(&sandbox, "t")["history"].as_array().unwrap().len(), 1);
}

#[test]
fn a_paused_bot_is_silent_in_its_thread_only() {
    let sandbox = builder().start().unwrap();
    assert_eq!(
        call(&sandbox, "POST", "pause/t", "{}").api(),
        (200, json!({"status": "ok"}))
    );
    assert_eq!(
        (is_paused(&sandbox, "t"), is_paused(&sandbox, "u")),
        (json!(true), json!(false))
    );
    say(&sandbox, "t", &text("anyone there?"));
    say(&sandbox, "u", &text("Hello"));
    assert_eq!(
        call(&sandbox, "DELETE", "pause/t", "{}").api(),
        (200, json!({"status": "ok"}))
    );
    assert_eq!(is_paused(&sandbox, "t"), false);
    say(&sandbox, "t", &text("Hello"));
    assert_eq!(
        names(&sandbox),
        [
            "control.pause",
            "message.delivered",
            "message.delivered",
            "message.reply",
            "control.resume",
            "message.delivered",
            "message.reply"
        ]
    );
    let events = sandbox.deliveries();
    assert_eq!(events[0].event, json!({"type": "control.pause", "threadId": "t"}));
    assert_eq!(
        events[4].event,
        json!({"type": "control.resume", "threadId": "t"})
    );
    let said: Vec<Value> = history(&sandbox, "t")["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["originator"]["role"].clone())
        .collect();
    assert_eq!(said, ["user", "user", "bot"]);
}

#[test]
fn a_handover_is_told_and_pauses() {
    let sandbox = builder().start().unwrap();
    say(&sandbox, "t", &event("HANDOVER"));
    say(&sandbox, "t", &text("Hello"));
    assert_eq!(
        names(&sandbox),
        [
            "message.delivered",
            "control.handover",
            "control.pause",
            "message.delivered"
        ]
    );
    assert_eq!(
        sandbox.deliveries()[1].event,
        json!({"type": "control.handover", "threadId": "t"})
    );
    assert_eq!(is_paused(&sandbox, "t"), true);
    // A text of that wording is only a text.
    say(&sandbox, "u", &text("HANDOVER"));
    assert_eq!(is_paused(&sandbox, "u"), false);
}

#[test]
fn a_moderator_pauses_the_bot_once() {
    let sandbox = builder().start().unwrap();
    let body = text("I will take this").replace("external", "moderator");
    say(&sandbox, "t", &body);
    say(&sandbox, "t", &body);
    assert_eq!(
        names(&sandbox),
        ["message.delivered", "control.pause", "message.delivered"]
    );
    assert_eq!(is_paused(&sandbox, "t"), true);
    assert_eq!(
        history(&sandbox, "t")["history"][0]["originator"]["role"],
        "moderator"
    );
}
