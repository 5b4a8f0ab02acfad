//! Events beyond the shared vectors: batches, identity, what is kept, what is never shown, hostile sizes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::HashSet;
use std::time::Instant;

use flowai::{Document, ErrorKind, Event, EventKind, ReplyMessage, parse_event, parse_events};
use serde_json::json;

fn event(value: serde_json::Value) -> Event {
    parse_event(value.to_string()).unwrap()
}

#[test]
fn a_batch_gives_every_event_its_own_bytes() {
    let body =
        " [ {\"type\":\"paused\", \"threadId\":\"a\"} ,\n{\"type\":\"resumed\",\"x\":[1,{\"y\":\"\\n\"}]}] ";
    let events = parse_events(body).unwrap();
    let raw: Vec<_> = events
        .iter()
        .map(|e| std::str::from_utf8(e.raw()).unwrap())
        .collect();
    assert_eq!(
        raw,
        [
            r#"{"type":"paused", "threadId":"a"}"#,
            r#"{"type":"resumed","x":[1,{"y":"\n"}]}"#
        ]
    );
    assert_eq!(events[0].thread_id(), "a");
    assert_eq!(events[1].kind(), EventKind::Resumed);
    assert_eq!(events[1].get("x"), Some(json!([1, {"y": "\n"}])));
    assert_eq!(events[1], parse_event(raw[1].to_owned()).unwrap());
    assert_eq!(parse_events("[]").unwrap(), []);
    let single = parse_events(" {} ").unwrap();
    assert_eq!(single.len(), 1);
    assert_eq!(&single[0].raw()[..], b" {} ");
}

#[test]
fn one_bad_item_refuses_a_batch_and_says_where() {
    for (body, at) in [
        ("[{},1]", 4),
        ("[{},[]]", 4),
        ("[null]", 1),
        (r#"[{}, {"a":1,"a":2}]"#, 12),
        ("[{}", 3),
        (" 1", 1),
    ] {
        let error = parse_events(body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WebhookParse);
        assert!(
            error.message().ends_with(&format!("at byte {at}")),
            "{body}: {error}"
        );
    }
}

#[test]
fn keys_of_the_envelope_come_once() {
    for body in [
        r#"{"type":"a","type":"b"}"#,
        r#"{"unknown":1,"unknown":1}"#,
        r#"{"type":"message","payload":{"threadId":"a","threadId":"b"}}"#,
        r#"{"result":{"page":1,"page":2}}"#,
        r#"{"payload":{"result":{"page":1,"page":2}}}"#,
    ] {
        assert!(parse_event(body).is_err(), "{body}");
    }
    for body in [
        r#"{"messages":[],"payload":{"a":1,"a":2}}"#,
        r#"{"history":[],"result":{"a":1,"a":2}}"#,
        r#"{"payload":[{"a":1,"a":2}]}"#,
        r#"{"messages":[{"a":1,"a":2}]}"#,
    ] {
        assert!(parse_event(body).is_ok(), "{body}");
    }
}

#[test]
fn data_is_found_in_every_envelope() {
    let messages = json!([{"fallback": "hi", "responses": []}]);
    for body in [
        json!({"type": "message", "threadId": "t", "messages": messages}),
        json!({"type": "message", "payload": {"threadId": "t", "messages": messages}}),
        json!({"type": "message", "threadId": "t", "payload": {"messages": messages}}),
        json!({"status": "ok", "result": {"threadId": "t", "messages": messages}}),
        json!({"event": "message", "payload": {"threadId": "t", "result": {"messages": messages}}}),
        json!({"type": null, "eventName": "message", "threadId": "t", "messages": messages, "payload": {"messages": []}}),
    ] {
        let event = event(body.clone());
        assert_eq!(
            (event.kind(), event.text().as_str()),
            (EventKind::Reply, "hi"),
            "{body}"
        );
        assert_eq!(event.thread_id(), "t", "{body}");
    }
}

#[test]
fn a_message_says_its_texts_or_its_fallback() {
    let two = json!({"fallback": "f", "responses": [
        {"type": "text", "payload": {"text": "a"}}, {"type": "card", "payload": {"title": "t", "text": "no"}},
        {"type": "whatsapp_text", "payload": {"text": "b"}}, {"type": "text", "payload": {"text": ""}},
        {"type": "text", "payload": "c"}, {"payload": {"text": "no"}}, 7]});
    let card = json!({"fallback": "a card", "responses": [{"type": "card", "payload": {"title": "t"}}]});
    let nothing = json!({"responses": null});
    let event = event(json!({"messages": [two, nothing, 1, card]}));
    assert_eq!(event.text(), "a\nb\na card");
    let texts: Vec<_> = event.messages().iter().map(ReplyMessage::text).collect();
    assert_eq!(texts, ["a\nb", "", "a card"]);
    let template = |name: &str| {
        flowai::Template::from_value(json!({"type": name}))
            .unwrap()
            .is_text()
    };
    assert!(template("text") && template("agent_text") && !template("card") && !template("context"));
}

#[test]
fn a_number_without_a_float_does_not_cost_a_message() {
    let body = r#"{"messages":[{"fallback":"kept","params":{"n":1e999}}],"page":1e999,"traceId":12345678901234567890123}"#;
    let event = parse_event(body).unwrap();
    assert_eq!(event.messages().len(), 1);
    assert_eq!(event.text(), "kept");
    assert_eq!((event.page(), event.trace_id()), (None, None));
    assert_eq!(event.trace_id_text().as_deref(), Some("12345678901234567890123"));
}

#[test]
fn what_identifies_an_event_is_not_ambiguous() {
    let id = |id: &str| json!({"meta": {"msgId": id}});
    let bodies = [
        json!({"type": "message", "threadId": "t", "messages": [id("a"), id("b")]}),
        json!({"type": "message", "threadId": "t", "messages": [id("ab")]}),
        json!({"type": "message", "threadId": "t", "messages": [id("b"), id("a")]}),
        json!({"type": "message", "threadId": "ta", "messages": [id("b")]}),
        json!({"type": "message", "threadId": "t", "messages": [id("a")], "activityId": "b"}),
        json!({"type": "message", "threadId": "t", "activityId": "a"}),
        json!({"type": "message", "threadId": "t", "activityId": "b"}),
        json!({"type": "inbound", "threadId": "t", "activityId": "a"}),
        json!({"type": "new.event", "threadId": "t", "activityId": "a"}),
        json!({"type": "other.event", "threadId": "t", "activityId": "a"}),
        json!({"type": "unknown", "threadId": "t", "activityId": "a"}),
        json!({"type": "message.delivered", "threadId": "t", "traceId": 1}),
        json!({"type": "message.delivered", "threadId": "t", "traceId": 1, "activityId": "a"}),
        json!({"type": "message.delivered", "threadId": "t", "activityId": "1"}),
        json!({"type": "message.delivered", "threadId": "u", "traceId": 1}),
    ];
    let keys: HashSet<_> = bodies
        .iter()
        .map(|body| event(body.clone()).dedupe_key().unwrap())
        .collect();
    assert_eq!(keys.len(), bodies.len());
    for key in &keys {
        assert!(key.len() == 67 && key.starts_with("v1:"), "{key}");
        assert!(
            key[3..]
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)),
            "{key}"
        );
    }
    let key = |body: serde_json::Value| event(body).dedupe_key();
    assert_eq!(
        key(json!({"type": "message", "activityId": "a"})),
        key(json!({"activityId": "a", "type": "message.reply", "x": 1}))
    );
    let delivered = |trace: serde_json::Value| key(json!({"type": "message.delivered", "traceId": trace}));
    assert_eq!(delivered(json!(7)), delivered(json!("7")));
    for body in [
        json!({"type": "paused", "threadId": "t", "traceId": 1}),
        json!({"type": "message", "threadId": "t", "traceId": 1, "messages": [{"meta": null}, {"meta": {"msgId": ""}}]}),
        json!({"type": "message", "activityId": null}),
        json!({"type": "message", "activityId": ["a"]}),
    ] {
        assert_eq!(key(body.clone()), None, "{body}");
    }
}

/// The key is stored for days: a change of the encoding would deliver everything twice. The digest was made with
/// `printf` and `sha256sum` of the fields `k reply`, `t t`, `m a`, each with its length in eight bytes.
#[test]
fn the_key_never_changes() {
    let event = event(json!({"type": "message", "threadId": "t", "messages": [{"meta": {"msgId": "a"}}]}));
    assert_eq!(
        event.dedupe_key().as_deref(),
        Some("v1:6e061f3a5e90b3d08fc65f32252fa0e4c7151acabeab8edd543a8a7d74ca5d44")
    );
}

#[test]
fn an_event_is_shared_and_shows_nothing() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let event = event(json!({"type": "message", "threadId": "canary", "messages": [{"fallback": "canary"}]}));
    shared(&event);
    assert_eq!(event.raw().as_ptr(), event.clone().raw().as_ptr());
    let debug = format!("{event:?}");
    assert!(debug.len() < 60 && !debug.contains("canary"), "{debug}");
    for bad in [
        r#"{"canary":"#,
        r#"canary"#,
        r#"{"canary":1,"canary":2}"#,
        r#"{"a":"\ud800canary"}"#,
    ] {
        let error = parse_event(bad).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}

#[test]
fn big_hostile_bodies_are_read_in_linear_time() {
    let started = Instant::now();
    let members: Vec<_> = (0..300_000).map(|i| format!("\"\\u006b{i}\":[]")).collect();
    let many = format!("{{{},\"threadId\":\"t\"}}", members.join(","));
    let event = parse_event(many.clone()).unwrap();
    assert_eq!(event.thread_id(), "t");
    assert!(parse_event(many.replace("threadId", "k7")).is_err());
    let items = format!("[{}{{}}]", "{},".repeat(300_000));
    assert_eq!(parse_events(items).unwrap().len(), 300_001);
    let messages = format!(
        "{{\"messages\":[{}0]}}",
        r#"{"meta":{"msgId":"x"},"fallback":"y"},"#.repeat(50_000)
    );
    let event = parse_event(messages).unwrap();
    assert_eq!(event.messages().len(), 50_000);
    assert_eq!(event.text().len(), 99_999);
    assert!(event.dedupe_key().is_some());
    let escapes = format!("{{\"speech\":\"{}\"}}", "\\ud83d\\ude00".repeat(300_000));
    assert_eq!(parse_event(escapes).unwrap().text().chars().count(), 300_000);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}
