//! The rules of a seed: what the bot says to what, when, and what becomes of the thread.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_sandbox::{Bot, Sandbox, Seed, ThreadState};
use serde_json::{Value, json};
use support::*;

fn with(rules: Value) -> Sandbox {
    let seed = Seed::from_value(&json!({"rules": rules})).unwrap();
    builder().seed(seed).start().unwrap()
}

fn replies(text: &str) -> Value {
    json!([{"type": "text", "payload": {"text": text}}])
}

/// What the bot said last, as the webhook would have it.
fn last_reply(sandbox: &Sandbox) -> Value {
    assert!(sandbox.wait_delivered(LONG));
    let mut events = sandbox.deliveries().into_iter().map(|delivery| delivery.event);
    let reply = events.rfind(|event| event["type"] == "message.reply");
    reply.unwrap()["messages"].clone()
}

fn answered(sandbox: &Sandbox, said: &str) -> Value {
    say(sandbox, "t", said);
    last_reply(sandbox)[0]["responses"][0]["payload"]["text"].clone()
}

#[test]
fn the_first_rule_that_fits_answers() {
    let sandbox = with(json!([
        {"text": "Grüße ", "replies": replies("exactly")},
        {"pattern": "GRÜSS", "replies": replies("the pattern")},
        {"event": "MY_EVENT", "replies": replies("the event")},
        {"pattern": "^hello$", "replies": replies("anchored")},
        {"any": true, "replies": replies("anything")},
        {"text": "never", "replies": replies("too late")},
    ]));
    let location = json!({"payload": {"type": "location", "lat": "1", "long": "2",
        "originator": {"name": "John Doe", "role": "external"}}});
    for (said, expected) in [
        (text("  gRÜßE"), "exactly"),
        (text("viele Grüsse"), "the pattern"),
        (event("MY_EVENT"), "the event"),
        (text("MY_EVENT"), "anything"),
        (event("my_event"), "anything"),
        (text("HELLO"), "anchored"),
        (text("hello you"), "anything"),
        (text("never"), "anything"),
        (location.to_string(), "anything"),
    ] {
        assert_eq!(answered(&sandbox, &said), expected, "{said}");
    }
    // What no rule is for goes to the bot of the options.
    let rules = json!([{"text": "hello", "replies": replies("a rule")}]);
    assert_eq!(answered(&with(rules.clone()), &text("other")), "other");
    let seed = Seed::from_value(&json!({"rules": rules})).unwrap();
    let silent = builder().seed(seed).bot(Bot::None).start().unwrap();
    say(&silent, "t", &text("other"));
    assert_eq!(event_names(&silent.deliveries()), ["message.delivered"]);
    assert_eq!(answered(&silent, &text("hello")), "a rule");
}

#[test]
fn what_a_pattern_found_can_be_said() {
    let sandbox = with(json!([{
        "pattern": r"order (?<number>\d+) of (\w+)",
        "replies": [
            {"type": "text", "payload": {"text": "$number, ${2}s, $$5, $0"}, "fallback": "about $number"},
            {"type": "card", "payload": {"title": "$2", "buttons": [{"type": "url", "label": "Track", "value": "https://x/$1"}]}},
        ],
        "pushEvents": [{"type": "tracked", "order": {"number": "$1"}}],
    }]));
    say(&sandbox, "t", &text("Where is my Order 99812 of Zoë?"));
    let message = &last_reply(&sandbox)[0];
    assert_eq!(
        message["responses"],
        json!([
            {"type": "text", "payload": {"text": "99812, Zoës, $5, Order 99812 of Zoë"}, "fallback": "about 99812"},
            {"type": "card", "payload": {"title": "Zoë", "buttons": [{"type": "url", "label": "Track", "value": "https://x/99812"}]}},
        ])
    );
    assert_eq!(message["fallback"], "about 99812\nZoë");
    assert_eq!(
        message["params"],
        json!({"number": [{"value": "99812", "match": "99812"}]})
    );
    let pushed = sandbox.deliveries().pop().unwrap().event;
    assert_eq!(
        pushed,
        json!({"type": "tracked", "order": {"number": "99812"}, "threadId": "t"})
    );
    // Only patterns find anything: a price stays a price.
    let sandbox = with(json!([{"text": "price", "replies": replies("$1 or $0.50")}]));
    assert_eq!(answered(&sandbox, &text("price")), "$1 or $0.50");
}

#[test]
fn quick_replies_stand_under_the_last_template() {
    let quick = json!(["Yes", {"label": "No", "value": "no", "tags": {"a": []}}, {"type": "user_email"}]);
    let written = json!([
        {"label": "Yes", "value": "Yes", "type": "text", "params": {}, "tags": {}},
        {"label": "No", "value": "no", "type": "text", "params": {}, "tags": {"a": []}},
        {"type": "user_email", "params": {}, "tags": {}},
    ]);
    let two = json!([{"type": "text", "payload": {"text": "1"}}, {"type": "text", "payload": {"text": "2"}}]);
    for rule in [
        json!({"any": true, "replies": two, "quickReplies": quick}),
        json!({"any": true, "messages": [{"replies": two}], "quickReplies": quick}),
        json!({"any": true, "messages": [{"replies": two, "quickReplies": quick}]}),
    ] {
        let sandbox = with(json!([rule]));
        say(&sandbox, "t", &text("x"));
        let responses = last_reply(&sandbox)[0]["responses"].clone();
        assert_eq!(responses[0]["payload"], json!({"text": "1"}));
        assert_eq!(responses[1]["payload"]["quickReplies"], written);
    }
}

#[test]
fn messages_come_together_or_after_their_delay() {
    let sandbox = with(json!([{"any": true, "messages": [
        {"replies": replies("one")},
        {"replies": replies("two"), "fallback": "2"},
        {"replies": replies("three"), "delay": 60_000},
        {"replies": replies("four")},
        {"replies": replies("five"), "delay": 1},
    ], "pushEvents": [{"type": "done"}], "pause": true}]));
    say(&sandbox, "t", &text("x"));
    assert!(sandbox.wait_delivered(LONG));
    let said: Vec<Vec<Value>> = sandbox
        .deliveries()
        .into_iter()
        .filter(|delivery| delivery.event["type"] == "message.reply")
        .map(|delivery| {
            let messages = delivery.event["messages"].as_array().unwrap().clone();
            messages
                .into_iter()
                .map(|message| message["fallback"].clone())
                .collect()
        })
        .collect();
    assert_eq!(said, [vec!["one", "2"], vec!["three", "four"], vec!["five"]]);
    // What is to happen when everything is said happens last.
    let names = event_names(&sandbox.deliveries());
    assert_eq!(names[names.len() - 2..], ["done", "control.pause"]);
    let entries = history(&sandbox, "t")["history"].clone();
    let sizes: Vec<usize> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["messages"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [1, 2, 2, 1]);
    let ids: Vec<&Value> = entries
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["interactionId"])
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[test]
fn a_pause_silences_what_was_still_to_be_said() {
    let rules = json!({"rules": [
        {"text": "go", "messages": [{"replies": replies("now")}, {"delay": 600_000, "replies": replies("later")}]}
    ]});
    let sandbox = builder()
        .seed(Seed::from_value(&rules).unwrap())
        .speed(600.0)
        .start()
        .unwrap();
    say(&sandbox, "t", &text("go"));
    assert_eq!(call(&sandbox, "POST", "pause/t", "{}").status(), 200);
    assert!(sandbox.wait_delivered(LONG));
    assert_eq!(
        event_names(&sandbox.deliveries()),
        ["message.delivered", "message.reply", "control.pause"]
    );
}

#[test]
fn a_stopped_sandbox_says_nothing_more() {
    let rules =
        json!({"rules": [{"any": true, "messages": [{"delay": 80_000_000, "replies": replies("later")}]}]});
    let sandbox = builder()
        .seed(Seed::from_value(&rules).unwrap())
        .speed(1.0)
        .start()
        .unwrap();
    say(&sandbox, "t", &text("go"));
    assert!(!sandbox.wait_delivered(std::time::Duration::from_millis(50)));
    sandbox.stop();
    assert_eq!(event_names(&sandbox.deliveries()), ["message.delivered"]);
}

#[test]
fn rules_change_the_thread() {
    let sandbox = with(json!([
        {"text": "human", "replies": replies("One moment"), "handover": true},
        {"text": "bye", "replies": replies("Bye"), "resolve": true},
        {"text": "quiet", "pause": true},
        {"event": "HANDOVER", "replies": replies("not yet")},
        {"any": true, "replies": replies("anything")},
    ]));
    say(&sandbox, "a", &text("human"));
    assert_eq!(sandbox.thread_state("a"), ThreadState::Handover);
    say(&sandbox, "b", &text("bye"));
    assert_eq!(sandbox.thread_state("b"), ThreadState::Resolved);
    say(&sandbox, "c", &text("quiet"));
    say(&sandbox, "c", &text("hello?"));
    say(&sandbox, "d", &event("HANDOVER"));
    assert_eq!(sandbox.thread_state("d"), ThreadState::Open);
    assert_eq!(
        event_names(&sandbox.deliveries()),
        [
            "message.delivered",
            "message.reply",
            "control.handover",
            "control.pause",
            "message.delivered",
            "message.reply",
            "message.delivered",
            "control.pause",
            "message.delivered",
            "message.delivered",
            "message.reply",
        ]
    );
    // A rule for anything does not take the event away that hands over.
    let sandbox = with(json!([{"any": true, "replies": replies("anything")}]));
    say(&sandbox, "t", &event("HANDOVER"));
    assert_eq!(sandbox.thread_state("t"), ThreadState::Handover);
    assert_eq!(
        event_names(&sandbox.deliveries()),
        ["message.delivered", "control.handover", "control.pause"]
    );
}
