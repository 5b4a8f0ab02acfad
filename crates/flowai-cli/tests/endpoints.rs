//! Threads, handovers, triggers, any request, and opening hours, against the sandbox.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_sandbox::{Sandbox, ThreadState};
use serde_json::{Value, json};
use support::{
    Folder, Running, command, example, flowai, in_a_terminal, last_body, sandbox, seeded, to, with_input,
};

fn last_target(sandbox: &Sandbox) -> String {
    let request = sandbox.requests().pop().unwrap();
    let query = request.query.map(|query| format!("?{query}")).unwrap_or_default();
    request.path.trim_start_matches("/rest/v1/").to_owned() + &query
}

#[test]
fn threads_are_listed_page_by_page_or_all() {
    let sandbox = sandbox();
    for number in 0..25 {
        flowai(&to(&sandbox, &["send", "text", &format!("t{number}"), "Hello"])).done();
    }
    let page = flowai(&to(&sandbox, &["threads"])).done();
    assert_eq!(page.stdout.lines().count(), 20, "nothing but ids, for scripts");
    assert_eq!(
        page.stderr,
        "flowai: page 1 of 2; --page 2 has the next, --all has all\n"
    );
    let page = flowai(&to(&sandbox, &["threads", "--page", "2", "--json"])).done();
    assert_eq!(page.stderr, "");
    let page = page.document();
    assert_eq!(
        (&page["page"], &page["pages"], &page["threads"]),
        (&json!(2), &json!(2), &json!(["t20", "t21", "t22", "t23", "t24"]))
    );
    let all = flowai(&to(&sandbox, &["threads", "--all"])).done();
    assert_eq!(
        (all.stdout.lines().count(), all.stdout.lines().last()),
        (25, Some("t24"))
    );
    let limited = flowai(&to(&sandbox, &["threads", "--limit", "21", "--json"])).done();
    assert_eq!(limited.documents().last(), Some(&json!("t20")));
    let asked = flowai(&to(&sandbox, &["threads", "--async", "--page", "2"])).done();
    assert!(asked.stdout.contains("to the webhook"), "{}", asked.stdout);
    assert_eq!(last_target(&sandbox), "threads?page=2");
    assert_eq!(flowai(&["threads", "--page", "1", "--all"]).code, 2);
}

#[test]
fn a_thread_can_be_made() {
    let sandbox = sandbox();
    let thread = flowai(&to(&sandbox, &["create-thread"])).done().stdout;
    flowai(&to(&sandbox, &["send", "text", thread.trim(), "Hello"])).done();
    let document = flowai(&to(&sandbox, &["create-thread", "--json"]))
        .done()
        .document();
    assert!(
        document["thread_id"]
            .as_str()
            .is_some_and(|id| !id.is_empty() && id != thread.trim())
    );
}

#[test]
fn a_thread_is_handed_over_and_resolved() {
    let sandbox = sandbox();
    let state = || sandbox.thread_state("t");
    let over = flowai(&to(&sandbox, &["handover", "t", "--seconds", "600"])).done();
    assert_eq!(
        over.stdout,
        "t is handed over, and its bot pauses for 600 seconds\n"
    );
    assert_eq!(last_body(&sandbox), json!({"secondsToPause": 600}));
    assert!(matches!(state(), ThreadState::Handover));
    let resolved = flowai(&to(&sandbox, &["resolve", "t", "--write-concern"])).done();
    assert_eq!(resolved.stdout, "t is resolved\n");
    assert_eq!(last_target(&sandbox), "resolve/t?writeConcern=true");
    assert!(matches!(state(), ThreadState::Resolved));
    let taken = flowai(&to(&sandbox, &["takeover", "other", "--json"]))
        .done()
        .document();
    assert_eq!(
        (&taken["thread_id"], &taken["status"]),
        (&json!("other"), &json!("ok"))
    );
    for seconds in ["0", "-5", "1.5", "soon"] {
        let option = format!("--seconds-to-pause={seconds}");
        let refused = flowai(&to(&sandbox, &["handover", "t", &option, "--json"]));
        let error = refused.error();
        assert_eq!(
            (refused.code, &error["argument"], &error["delivery"]),
            (2, &json!("seconds_to_pause"), &json!("not_sent"))
        );
    }
}

#[test]
fn events_are_listed_and_triggered() {
    let sandbox = seeded();
    for name in ["trigger-events", "triggers"] {
        assert_eq!(
            flowai(&to(&sandbox, &[name])).done().stdout,
            "ORDER_SHIPPED\nORDER_LOST\n"
        );
    }
    assert_eq!(
        flowai(&to(&sandbox, &["triggers", "--json"])).done().document(),
        json!(["ORDER_SHIPPED", "ORDER_LOST"])
    );
    let triggered = flowai(&to(&sandbox, &["trigger", "t", "ORDER_SHIPPED"])).done();
    assert_eq!(triggered.stdout, "ORDER_SHIPPED is triggered in t\n");
    assert_eq!(last_target(&sandbox), "trigger/event/t?eventName=ORDER_SHIPPED");
    let with = flowai(&to(&sandbox, &["history", "t", "--events"])).done().stdout;
    assert!(with.contains("[event] ORDER_SHIPPED"), "{with}");
    assert!(last_target(&sandbox).ends_with("?sync=true&events=true"));
    let without = flowai(&to(&sandbox, &["history", "t", "--all"])).done().stdout;
    assert!(!without.contains("[event]"), "{without}");
    let asked = flowai(&to(&sandbox, &["trigger-events", "--async"])).done();
    assert!(asked.stdout.contains("to the webhook"));
    assert_eq!(flowai(&to(&sandbox, &["trigger", "t", ""])).code, 2);
    assert_eq!(flowai(&to(&sandbox, &["trigger-event", "t", "--help"])).code, 2);
    assert_eq!(flowai(&to(&sandbox, &["trigger", "t", "NO_SUCH_EVENT"])).code, 3);
}

#[test]
fn any_request_can_be_made() {
    let (sandbox, folder) = (seeded(), Folder::new());
    let get = [
        "request",
        "GET",
        "threads",
        "--query",
        "sync=true",
        "--query",
        "page=1",
    ];
    let finished = flowai(&to(&sandbox, &get)).done();
    let body: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(
        (&body["status"], &body["result"]["page"]),
        (&json!("ok"), &json!("1"))
    );
    assert_eq!(last_target(&sandbox), "threads?sync=true&page=1");
    let document = flowai(&to(&sandbox, &[&get[..], &["--json"]].concat()))
        .done()
        .document();
    assert_eq!((&document["status"], &document["json"]), (&json!(200), &body));
    assert!(
        document["headers"]
            .as_array()
            .unwrap()
            .iter()
            .any(|header| header[0] == "content-type")
    );

    let data = r#"{"secondsToPause": 60}"#;
    let file = format!("@{}", folder.file("data.json", data));
    for (typed, input) in [(data, ""), (file.as_str(), ""), ("-", data)] {
        let post = ["request", "POST", "handover/t%7C1", "--data", typed];
        with_input(&to(&sandbox, &post), input.as_bytes()).done();
        assert_eq!(last_body(&sandbox), json!({"secondsToPause": 60}));
        assert_eq!(last_target(&sandbox), "handover/t%7C1");
    }
    let sent = sandbox.requests().len();
    for (args, argument, delivery) in [
        (&["request", "GET", "../secret"][..], "path", Value::Null),
        (&["request", "get", "threads"], "method", Value::Null),
        (
            &["request", "GET", "threads", "--query", "sync"],
            "query",
            Value::Null,
        ),
        (
            &["request", "POST", "threads", "--data", "{"],
            "data",
            json!("not_sent"),
        ),
        (
            &["request", "POST", "threads", "--data", "@/does/not/exist"],
            "data",
            json!("not_sent"),
        ),
    ] {
        let refused = flowai(&to(&sandbox, &[args, &["--json"]].concat()));
        let error = refused.error();
        assert_eq!(
            (refused.code, &error["argument"]),
            (2, &json!(argument)),
            "{error}"
        );
        assert_eq!(error["delivery"], delivery, "{error}");
    }
    assert_eq!(sandbox.requests().len(), sent);
    let missing = flowai(&to(&sandbox, &["request", "GET", "no/such/thing"]));
    assert_eq!((missing.code, missing.stdout.as_str()), (3, ""));
}

#[test]
fn an_answer_is_laid_out_in_a_terminal_which_obeys_nothing_of_it() {
    let sandbox = sandbox();
    flowai(&to(&sandbox, &["send", "text", "t", "a\u{9b}31mb"])).done();
    let get = ["request", "GET", "messages/t", "--query", "sync=true"];
    let raw = flowai(&to(&sandbox, &get)).done().stdout;
    assert!(raw.contains('\u{9b}') && raw.lines().count() == 1, "{raw}");
    let (output, shown) = in_a_terminal(command(&to(&sandbox, &get)), |get, terminal| get.stdout(terminal));
    assert!(output.status.success());
    assert!(
        shown.contains("\\u{9b}31mb") && !shown.contains('\u{9b}'),
        "{shown}"
    );
    assert!(
        shown.lines().count() > 10 && shown.contains("\n  \"result\": {"),
        "{shown}"
    );
}

#[test]
fn messages_wait_until_they_are_saved_when_asked_to() {
    let (sandbox, folder) = (sandbox(), Folder::new());
    let photo = folder.file("photo.png", [7; 10]);
    for args in [
        &["send", "text", "t", "Hello"][..],
        &["send", "event", "t", "E"],
        &["send", "location", "t", "1", "2"],
        &[
            "send",
            "media",
            "t",
            "https://example.org/a.png",
            "--type",
            "image",
        ],
        &["send", "message", "t", r#"{"type": "text", "speech": "Hello"}"#],
        &["upload-media", "t", &photo],
    ] {
        flowai(&to(&sandbox, args)).done();
        assert_eq!(last_target(&sandbox), "messages/t", "{args:?}");
        flowai(&to(&sandbox, &[args, &["--write-concern"]].concat())).done();
        assert_eq!(last_target(&sandbox), "messages/t?writeConcern=true", "{args:?}");
    }
}

#[test]
fn hours_say_whether_it_is_open() {
    let sandbox = seeded();
    for (at, sentence) in [
        (
            "2026-11-23T10:00:00+01:00",
            "Support: open, closes 2026-11-23T12:00:00+01:00\n",
        ),
        (
            "2026-11-23T12:00:00+01:00",
            "Support: closed, opens 2026-11-23T13:00:00+01:00\n",
        ),
        (
            "2026-11-23T18:00:00+01:00",
            "Support: closed, opens 2026-11-30T08:30:00+01:00\n",
        ),
    ] {
        assert_eq!(
            flowai(&to(&sandbox, &["hours", "--at", at])).done().stdout,
            sentence
        );
    }
    let args = ["business-hours", "--at", "2026-11-23T12:30:00+01:00", "--json"];
    let state = flowai(&to(&sandbox, &args)).done().document()[0].clone();
    assert_eq!(
        (&state["is_open"], &state["next_opening"], &state["label"]),
        (
            &json!(false),
            &json!("2026-11-23T13:00:00+01:00"),
            &json!("Support")
        )
    );
    let now = flowai(&to(&sandbox, &["hours", "--at", "now", "--json"]))
        .done()
        .document();
    assert!(
        now[0]["is_open"].is_boolean() && now[0]["at"].is_string(),
        "{now}"
    );
    for at in ["soon", "2026-11-23T10:00:00", "2026-13-23T10:00:00Z"] {
        let refused = flowai(&to(&sandbox, &["hours", "--at", at, "--json"]));
        assert_eq!(
            (refused.code, &refused.error()["argument"]),
            (2, &json!("at")),
            "{at}"
        );
    }
    assert_eq!(
        flowai(&to(&sandbox, &["hours", "--at", "now", "--async"])).code,
        2
    );
}

#[test]
fn now_is_the_clock_of_this_machine() {
    let sandbox = seeded();
    let offset_in = |zone: &str| {
        let args = to(&sandbox, &["hours", "--at", "now", "--json"]);
        let finished = support::finish(command(&args).env("TZ", zone)).done();
        let at = finished.document()[0]["at"].as_str().unwrap().to_owned();
        at[19..].to_owned()
    };
    assert_eq!(offset_in("UTC0"), "+00:00");
    assert_eq!(offset_in("TEST-05:45"), "+05:45");
}

#[test]
fn a_sandbox_is_seeded_from_a_file() {
    let folder = Folder::new();
    let seed = example("sandbox-seed.json");
    let args = [
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--json",
        "--api-key",
        "k",
        "--seed",
        seed.to_str().unwrap(),
    ];
    let mut running = Running::start(&mut command(&args));
    let introduced: Value = serde_json::from_str(&running.line()).unwrap();
    let url = introduced["base_url"].as_str().unwrap();
    let connection = ["--base-url", url, "--api-key", "k"];
    let asked = flowai(&[&["ask", "t", "show note"][..], &connection].concat()).done();
    assert_eq!(asked.stdout, "[note] Seen by agents alone.\n");
    running.interrupt();
    assert_eq!(running.end().code, 0);

    let rule = r#"{"rules": [{"text": "a", "replies": [{"type": "card", "payload": {}}]}]}"#;
    for (content, problem) in [
        (rule, "rules[0].replies[0].payload.title is missing"),
        ("{", "not valid JSON"),
        (r#"{"rulez": []}"#, "rulez"),
    ] {
        let file = folder.file("seed.json", content);
        let refused = flowai(&["sandbox", "--seed", &file, "--json"]);
        let error = refused.error();
        assert_eq!((refused.code, &error["argument"]), (2, &json!("seed")), "{error}");
        assert!(error["message"].as_str().unwrap().contains(problem), "{error}");
    }
    assert_eq!(flowai(&["sandbox", "--seed", "/does/not/exist"]).code, 2);
}
