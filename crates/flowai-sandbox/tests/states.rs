//! What a thread is in: open, in handover, resolved; and who may speak in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::time::{Duration, Instant};

use flowai_sandbox::{Sandbox, Seed, ThreadState};
use serde_json::{Value, json};
use support::*;

fn does(sandbox: &Sandbox, method: &str, path: &str, body: &str) {
    let answer = call(sandbox, method, path, body).api();
    assert_eq!(answer, (200, json!({"status": "ok"})), "{path}");
}

fn is_paused(sandbox: &Sandbox, thread: &str) -> bool {
    call(sandbox, "GET", &format!("pause/{thread}?sync=true"), "").json()["isPaued"] == true
}

fn names(sandbox: &Sandbox) -> Vec<String> {
    event_names(&sandbox.deliveries())
}

#[track_caller]
fn soon(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LONG, "it never happened");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_handover_lasts_until_the_bot_is_resumed() {
    let sandbox = builder().start().unwrap();
    assert_eq!(sandbox.thread_state("t"), ThreadState::Open);
    does(&sandbox, "POST", "handover/t", "");
    assert_eq!(sandbox.thread_state("t"), ThreadState::Handover);
    assert!(is_paused(&sandbox, "t"));
    say(&sandbox, "t", &text("anyone there?"));
    // A second one is told, but the bot is paused already.
    does(&sandbox, "POST", "handover/t", "{}");
    does(&sandbox, "DELETE", "pause/t", "{}");
    assert_eq!(sandbox.thread_state("t"), ThreadState::Open);
    assert_eq!(
        names(&sandbox),
        [
            "control.handover",
            "control.pause",
            "message.delivered",
            "control.handover",
            "control.resume"
        ]
    );
    assert_eq!(
        sandbox.deliveries()[0].event,
        json!({"type": "control.handover", "threadId": "t"})
    );
    // Pausing alone is no handover.
    does(&sandbox, "POST", "pause/t", "{}");
    assert_eq!(sandbox.thread_state("t"), ThreadState::Open);
}

#[test]
fn a_handover_of_seconds_ends_by_itself() {
    let sandbox = builder().speed(10_000.0).start().unwrap();
    does(&sandbox, "POST", "handover/t", r#"{"secondsToPause": 600}"#);
    soon(|| !is_paused(&sandbox, "t"));
    assert_eq!(sandbox.thread_state("t"), ThreadState::Open);
    assert_eq!(
        names(&sandbox),
        ["control.handover", "control.pause", "control.resume"]
    );
    say(&sandbox, "t", &text("Hello"));
    assert_eq!(names(&sandbox)[3..], ["message.delivered", "message.reply"]);
}

#[test]
fn a_seed_says_how_long_handovers_last() {
    let seed = Seed::from_json(r#"{"handoverSeconds": 600}"#).unwrap();
    let sandbox = builder().seed(seed).speed(10_000.0).start().unwrap();
    does(&sandbox, "POST", "handover/t", "{}");
    say(&sandbox, "u", &event("HANDOVER"));
    does(&sandbox, "POST", "takeover/v", "{}");
    soon(|| ["t", "u", "v"].iter().all(|thread| !is_paused(&sandbox, thread)));
}

#[test]
fn a_later_pause_outlives_the_end_of_a_handover() {
    let sandbox = builder().speed(2000.0).start().unwrap();
    does(&sandbox, "POST", "handover/t", r#"{"secondsToPause": 60}"#);
    does(&sandbox, "POST", "pause/t", "{}");
    does(&sandbox, "POST", "handover/u", r#"{"secondsToPause": 60}"#);
    does(&sandbox, "POST", "handover/u", r#"{"secondsToPause": 31536000}"#);
    // As long as the one that went before them, which was begun earlier.
    does(&sandbox, "POST", "handover/v", r#"{"secondsToPause": 60}"#);
    soon(|| !is_paused(&sandbox, "v"));
    assert!(is_paused(&sandbox, "t") && is_paused(&sandbox, "u"));
    assert_eq!(sandbox.thread_state("t"), ThreadState::Handover);
}

#[test]
fn seconds_must_be_a_number_that_makes_sense() {
    let sandbox = builder().start().unwrap();
    for body in [
        r#"{"secondsToPause": 0}"#,
        r#"{"secondsToPause": -1}"#,
        r#"{"secondsToPause": "600"}"#,
        r#"{"secondsToPause": 1.5}"#,
        "[]",
        "{",
    ] {
        let (status, answer) = call(&sandbox, "POST", "handover/t", body).api();
        assert_eq!((status, &answer["status"]), (400, &json!("error")), "{body}");
    }
    assert_eq!(sandbox.thread_state("t"), ThreadState::Open);
    does(&sandbox, "POST", "handover/t", r#"{"secondsToPause": null}"#);
    does(
        &sandbox,
        "POST",
        "handover/t",
        &json!({"secondsToPause": u64::MAX}).to_string(),
    );
    assert!(is_paused(&sandbox, "t"));
}

#[test]
fn a_takeover_is_a_handover_of_another_name() {
    let sandbox = builder().start().unwrap();
    does(&sandbox, "POST", "takeover/a%7Cb", "{}");
    assert_eq!(sandbox.thread_state("a|b"), ThreadState::Handover);
    assert_eq!(names(&sandbox), ["takeover", "control.pause"]);
    assert_eq!(
        sandbox.deliveries()[0].event,
        json!({"type": "takeover", "threadId": "a|b"})
    );
}

#[test]
fn a_resolved_thread_stays_resolved() {
    let sandbox = builder().start().unwrap();
    does(&sandbox, "POST", "handover/t", "{}");
    does(&sandbox, "POST", "resolve/t", "");
    assert_eq!(sandbox.thread_state("t"), ThreadState::Resolved);
    assert!(!is_paused(&sandbox, "t"));
    // Nothing told the bot to be silent, so it answers.
    say(&sandbox, "t", &text("one more thing"));
    does(&sandbox, "POST", "resolve/t?writeConcern=true", "");
    assert_eq!(
        names(&sandbox),
        [
            "control.handover",
            "control.pause",
            "control.resume",
            "message.delivered",
            "message.reply"
        ]
    );
    // Whatever comes afterwards can pause the bot, and does not undo it.
    for (method, path) in [
        ("POST", "handover/t"),
        ("DELETE", "pause/t"),
        ("POST", "takeover/t"),
        ("POST", "pause/t"),
        ("DELETE", "pause/t"),
    ] {
        does(&sandbox, method, path, "{}");
        assert_eq!(is_paused(&sandbox, "t"), method == "POST", "{path}");
        assert_eq!(sandbox.thread_state("t"), ThreadState::Resolved, "{path}");
    }
}

#[test]
fn names_of_states_are_those_of_seeds() {
    for state in [ThreadState::Open, ThreadState::Handover, ThreadState::Resolved] {
        let seed = json!({"threads": [{"threadId": "t", "state": state.as_str()}]});
        let sandbox = builder().seed(Seed::from_value(&seed).unwrap()).start().unwrap();
        assert_eq!(sandbox.thread_state("t"), state);
        assert_eq!(is_paused(&sandbox, "t"), state == ThreadState::Handover);
    }
}

#[test]
fn threads_are_listed_in_the_order_of_their_first_use() {
    let hook = Hook::start([]);
    let sandbox = builder().webhook_url(&hook.url).start().unwrap();
    let pages = |page: usize| {
        let path = format!("threads?sync=true&page={page}");
        let (_, body) = call(&sandbox, "GET", &path, "").api();
        body["result"].clone()
    };
    assert_eq!(
        call(&sandbox, "GET", "threads?sync=true", "").json(),
        json!({"status": "ok", "result": {"threads": [], "page": "1", "pages": 1}})
    );
    let (_, created) = call(&sandbox, "POST", "messages", "").api();
    assert_eq!(pages(1)["threads"], json!([]), "nobody has used it yet");
    let created = created["threadId"].as_str().unwrap().to_owned();
    let (uuid, channel) = created.split_once('|').unwrap();
    assert_eq!((uuid.len(), channel.len()), (36, 38));
    assert!(channel.starts_with("w_"));

    let mut ids = vec![created];
    ids.extend((1..45).map(|n| format!("t{n}")));
    for id in &ids {
        does(
            &sandbox,
            "POST",
            &format!("pause/{}", id.replace('|', "%7C")),
            "{}",
        );
    }
    does(&sandbox, "POST", "pause/t7", "{}");
    let mut seen = Vec::new();
    for (page, size) in [(1, 20), (2, 20), (3, 5), (4, 0)] {
        let result = pages(page);
        assert_eq!(
            (&result["page"], &result["pages"]),
            (&json!(page.to_string()), &json!(3))
        );
        let threads = result["threads"].as_array().unwrap().clone();
        assert_eq!(threads.len(), size);
        seen.extend(threads);
    }
    assert_eq!(seen, ids);
    assert_eq!(call(&sandbox, "GET", "threads?page=0", "").api().0, 400);

    does(&sandbox, "GET", "threads?page=3", "");
    assert!(sandbox.wait_delivered(LONG));
    let told = sandbox.deliveries().pop().unwrap().event;
    let mut expected = pages(3);
    expected["type"] = json!("threads");
    assert_eq!(told, expected);
}

#[test]
fn events_are_triggered_by_name() {
    let seed = json!({
        "triggerEvents": ["ORDER SHIPPED", "a&b+c"],
        "rules": [{"event": "ORDER SHIPPED", "replies": [{"type": "text", "payload": {"text": "On its way"}}]}],
    });
    let sandbox = builder().seed(Seed::from_value(&seed).unwrap()).start().unwrap();
    let (_, items) = call(&sandbox, "GET", "trigger/event?sync=true", "").api();
    assert_eq!(
        items,
        json!({"status": "ok", "result": {"items": ["ORDER SHIPPED", "a&b+c"]}})
    );
    does(&sandbox, "GET", "trigger/event", "");
    assert_eq!(
        sandbox.deliveries()[0].event,
        json!({"type": "trigger.events", "items": ["ORDER SHIPPED", "a&b+c"]})
    );
    does(
        &sandbox,
        "POST",
        "trigger/event/t?eventName=ORDER%20SHIPPED",
        "{}",
    );
    does(&sandbox, "POST", "trigger/event/t?eventName=ORDER+SHIPPED", "");
    does(&sandbox, "POST", "trigger/event/t?eventName=a%26b%2Bc", "{}");
    assert_eq!(
        names(&sandbox)[1..],
        ["message.reply", "message.reply", "message.reply"]
    );
    let reply = &sandbox.deliveries()[1].event;
    assert_eq!(reply["messages"][0]["fallback"], "On its way");
    assert_eq!(reply["messages"][0]["step"]["type"], "EVENT");
    let entry = &history(&sandbox, "t")["history"][0];
    assert_eq!(
        (&entry["originator"]["name"], &entry["originator"]["profile"]),
        (&json!("Anonymous"), &json!({"fullName": "Anonymous"}))
    );
    for (query, status) in [
        ("", 400),
        ("?eventName=", 400),
        ("?eventName=%FF", 400),
        ("?eventName=UNKNOWN", 404),
        ("?eventName=order%20shipped", 404),
    ] {
        let path = format!("trigger/event/t{query}");
        assert_eq!(call(&sandbox, "POST", &path, "{}").api().0, status, "{query}");
    }
    // Without a list of them, any event will do.
    let sandbox = builder().start().unwrap();
    does(&sandbox, "POST", "trigger/event/t?eventName=ANY", "{}");
    assert_eq!(names(&sandbox), ["message.reply"]);
    let (_, items) = call(&sandbox, "GET", "trigger/event?sync=true", "").api();
    assert_eq!(items["result"]["items"], json!([]));
}

#[test]
fn triggered_events_are_in_the_history_on_request() {
    let sandbox = builder().start().unwrap();
    say(&sandbox, "t", &text("Hello"));
    say(&sandbox, "t", &event("MY_EVENT"));
    let shown = |query: &str| -> Vec<Value> {
        let (_, body) = call(&sandbox, "GET", &format!("messages/t?sync=true{query}"), "").api();
        let entries = body["result"]["history"].as_array().unwrap().clone();
        let responses = |entry: Value| entry["messages"][0]["responses"][0].clone();
        entries.into_iter().map(responses).collect()
    };
    let event = json!({"type": "event",
        "payload": {"lat": null, "long": null, "name": "MY_EVENT", "title": null, "url": null}});
    for query in ["&events=true", "&event=true"] {
        let responses = shown(query);
        assert_eq!(responses.len(), 4);
        assert_eq!(responses[2], event);
    }
    for query in ["", "&events=false", "&events=1"] {
        let responses = shown(query);
        assert_eq!(responses.len(), 3, "{query}");
        assert!(!responses.contains(&event));
    }
}
