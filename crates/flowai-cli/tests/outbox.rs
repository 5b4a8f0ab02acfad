//! `send --outbox` and `flowai outbox`: messages wait in a file until they can be sent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::fs;

use flowai_sandbox::{Failure, Sandbox};
use serde_json::{Value, json};
use support::{Finished, Folder, KEY, Running, Signal, command, flowai, sandbox, to, with_input};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:1/rest/v1/";

struct Letters {
    folder: Folder,
    file: String,
}

impl Letters {
    fn new() -> Letters {
        let folder = Folder::new();
        let file = folder.0.join("outbox.db").to_str().unwrap().to_owned();
        Letters { folder, file }
    }

    fn put(&self, thread: &str, text: &str) -> Finished {
        flowai(&["send", "text", thread, text, "--outbox", &self.file]).done()
    }

    fn run(&self, command: &str, more: &[&str]) -> Finished {
        flowai(&[&["outbox", command, &self.file][..], more].concat())
    }

    fn flush(&self, sandbox: &Sandbox, more: &[&str]) -> Finished {
        self.run("flush", &to(sandbox, more))
    }

    /// Tries without a network, so that everything is in the file.
    fn settle(&self) -> Finished {
        self.run(
            "flush",
            &["--for", "0.3", "--base-url", NOWHERE, "--api-key", KEY],
        )
    }

    fn stats(&self) -> Value {
        self.run("stats", &["--json"]).done().document()
    }
}

/// What was said to the sandbox, in the order in which it came.
fn said(sandbox: &Sandbox) -> Vec<String> {
    let text = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).ok()?;
        Some(body["payload"]["speech"].as_str()?.to_owned())
    };
    sandbox
        .requests()
        .iter()
        .filter(|request| request.status == Some(200))
        .filter_map(|request| text(&request.body))
        .collect()
}

#[test]
fn messages_wait_without_a_key_and_are_sent_in_their_order() {
    let letters = Letters::new();
    let queued = letters.put("t", "one").stdout;
    assert!(
        queued.starts_with("message ") && queued.ends_with(" for t waits\n"),
        "{queued}"
    );
    let args = [
        "send",
        "text",
        "t",
        "two",
        "--outbox",
        &letters.file,
        "--json",
        "--trace-id",
        "42",
    ];
    let document = flowai(&args).done().document();
    assert_eq!(
        (
            &document["outcome"],
            &document["trace_id"],
            &document["thread_id"]
        ),
        (&json!("queued"), &json!(42), &json!("t"))
    );
    let listed = letters.run("list", &[]).done();
    assert!(
        listed.stderr.contains("2 more were put here"),
        "{}",
        listed.stderr
    );
    assert_eq!(letters.stats()["arriving"], 2);
    let sandbox = sandbox();
    let flushed = letters.flush(&sandbox, &["--json"]).done().documents();
    assert_eq!(said(&sandbox), ["one", "two"]);
    assert_eq!(flushed.len(), 2);
    assert_eq!(
        (&flushed[1]["id"], &flushed[1]["outcome"], &flushed[1]["attempts"]),
        (&document["id"], &json!("sent"), &json!(1))
    );
    let stats = letters.stats();
    assert_eq!((&stats["waiting"], &stats["reports"]), (&json!(0), &json!(0)));
    assert_eq!(letters.flush(&sandbox, &[]).done().stdout, "", "reported once");
}

#[test]
fn every_kind_of_message_can_wait() {
    let letters = Letters::new();
    for args in [
        &["event", "t", "MY_EVENT"][..],
        &["location", "t", "1.5", "-2"],
        &["media", "t", "https://example.com/a.png", "--type", "image"],
        &["message", "t", r#"{"type": "text", "speech": "Hello"}"#],
    ] {
        flowai(&[&["send"], args, &["--outbox", &letters.file]].concat()).done();
    }
    let sandbox = sandbox();
    letters.flush(&sandbox, &[]).done();
    let types: Vec<Value> = sandbox
        .requests()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap()["payload"]["type"].take())
        .collect();
    assert_eq!(types, ["event", "location", "media", "text"]);
    let refused = flowai(&["send", "text", "t", "", "--outbox", &letters.file, "--json"]);
    assert_eq!((refused.code, &refused.error()["argument"]), (2, &json!("text")));
    for wrong in [
        &["--wait", "1"][..],
        &["--expires-in", "1"],
        &["--write-concern", "--outbox", &letters.file],
    ] {
        assert_eq!(
            flowai(&[&["send", "text", "t", "x"], wrong].concat()).code,
            2,
            "{wrong:?}"
        );
    }
}

#[test]
fn whoever_waits_is_told_what_became_of_the_message() {
    let (letters, sandbox) = (Letters::new(), sandbox());
    let send = |text: &str| {
        let args = [
            "send",
            "text",
            "t",
            text,
            "--outbox",
            &letters.file,
            "--wait",
            "30",
        ];
        flowai(&to(&sandbox, &args))
    };
    letters.put("t", "before");
    let sent = send("now").done().stdout;
    assert!(
        sent.starts_with("message ") && sent.ends_with(" for t: sent\n"),
        "{sent}"
    );
    assert_eq!(said(&sandbox), ["before", "now"]);
    assert_eq!(
        letters.stats()["reports"],
        1,
        "the report of the other message stays"
    );

    sandbox.fail_next(Failure::status(400)).unwrap();
    let refused = send("refused");
    assert_eq!(refused.code, 3);
    assert!(refused.stdout.contains(" for t: failed: "), "{}", refused.stdout);

    let args = [
        "send",
        "text",
        "t",
        "later",
        "--outbox",
        &letters.file,
        "--wait",
        "0.3",
    ];
    let nowhere = ["--base-url", NOWHERE, "--api-key", KEY];
    let waits = flowai(&[&args[..], &nowhere].concat()).done().stdout;
    assert!(waits.ends_with(" for t waits\n"), "{waits}");
    assert_eq!(letters.stats()["waiting"], 1);
    letters.flush(&sandbox, &[]).done();
    assert_eq!(said(&sandbox).last().unwrap(), "later");
}

#[test]
fn what_waits_is_shown_and_removed() {
    let letters = Letters::new();
    letters.put("t", "one");
    letters.put("u", "two");
    let left = letters.settle();
    assert_eq!((left.code, left.stdout.as_str()), (1, ""));
    assert!(left.stderr.contains("2 still waiting: "), "{}", left.stderr);
    let listed = letters.run("list", &[]).done().stdout;
    assert_eq!(listed.lines().count(), 2);
    assert!(listed.contains("  queued  "), "{listed}");
    let entries = letters
        .run("list", &["--thread", "u", "--json"])
        .done()
        .documents();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["message"]["speech"], "two");
    let id = entries[0]["id"].to_string();
    let shown = letters.run("show", &[&id]).done().stdout;
    assert!(
        shown.contains("last error  ") && shown.contains(r#""speech":"two""#),
        "{shown}"
    );
    assert_eq!(
        letters.run("show", &[&id, "--json"]).done().document()["state"],
        "queued"
    );
    let stats = letters.run("stats", &[]).done().stdout;
    assert!(stats.starts_with("waiting         2\n"), "{stats}");
    assert_eq!(
        letters.run("drop", &[&id]).done().stdout,
        format!("message {id} removed\n")
    );
    assert_eq!(letters.run("drop", &[&id]).code, 2);
    assert_eq!(letters.run("show", &[&id]).code, 2);
    let sandbox = sandbox();
    letters.flush(&sandbox, &[]).done();
    assert_eq!(said(&sandbox), ["one"]);
}

#[test]
fn many_may_make_the_outbox_at_the_same_time() {
    let letters = Letters::new();
    let numbers: Vec<String> = (0..12).map(|number: u32| number.to_string()).collect();
    std::thread::scope(|scope| {
        for number in &numbers {
            scope.spawn(|| letters.put(number, number));
        }
    });
    let sandbox = sandbox();
    letters.flush(&sandbox, &[]).done();
    let mut arrived = said(&sandbox);
    arrived.sort_unstable_by_key(|text| text.parse::<u32>().unwrap());
    assert_eq!(arrived, numbers);
}

#[test]
fn a_message_that_expired_is_reported() {
    let letters = Letters::new();
    flowai(&[
        "send",
        "text",
        "t",
        "news",
        "--outbox",
        &letters.file,
        "--expires-in",
        "0.05",
    ])
    .done();
    std::thread::sleep(std::time::Duration::from_millis(100));
    let sandbox = sandbox();
    let flushed = letters.flush(&sandbox, &["--json"]);
    assert_eq!(
        (flushed.code, &flushed.document()["error_kind"]),
        (1, &json!("expired"))
    );
    assert!(said(&sandbox).is_empty());
}

#[test]
fn files_wait_as_a_copy_or_where_they_are() {
    let (letters, sandbox) = (Letters::new(), sandbox());
    let photo = letters.folder.file("photo.png", "before");
    let put = |more: &[&str]| {
        let args = ["upload-media", "t", &photo, "--outbox", &letters.file];
        flowai(&[&args[..], more].concat()).done();
    };
    put(&[]);
    fs::write(&photo, "after it was put there").unwrap();
    letters.flush(&sandbox, &[]).done();
    let sent =
        |sandbox: &Sandbox| String::from_utf8_lossy(&sandbox.requests().last().unwrap().body).into_owned();
    assert!(sent(&sandbox).contains("before"));
    put(&["--by-reference"]);
    letters.flush(&sandbox, &[]).done();
    assert!(sent(&sandbox).contains("after it was put there"));
    put(&["--by-reference"]);
    fs::write(&photo, "changed again").unwrap();
    let flushed = letters.flush(&sandbox, &[]);
    assert_eq!(flushed.code, 1);
    assert!(flushed.stdout.contains("has changed"), "{}", flushed.stdout);
}

fn run_until_stopped(letters: &Letters, sandbox: &Sandbox, more: &[&str]) -> Running {
    let args = [&["outbox", "run", &letters.file], more].concat();
    let mut running = Running::start(&mut command(&to(sandbox, &args)));
    let line = running.error_line();
    assert!(line.starts_with("flowai: sending from "), "{line}");
    running
}

#[test]
fn a_program_sends_what_others_put_there() {
    let (letters, sandbox) = (Letters::new(), sandbox());
    let mut running = run_until_stopped(&letters, &sandbox, &[]);
    for text in ["one", "two"] {
        let queued = letters.put("t", text).stdout;
        let id = queued.split(' ').nth(1).unwrap().to_owned();
        assert_eq!(running.line(), format!("message {id} for t: sent"));
    }
    // It has an owner, so nothing more than putting it there can be done.
    let args = [
        "send",
        "text",
        "t",
        "three",
        "--outbox",
        &letters.file,
        "--wait",
        "30",
    ];
    let queued = flowai(&to(&sandbox, &args)).done().stdout;
    assert!(queued.ends_with(" waits\n"), "{queued}");
    assert!(running.line().ends_with(" for t: sent"));
    let refused = letters.flush(&sandbox, &["--json"]);
    assert_eq!((refused.code, &refused.error()["kind"]), (1, &json!("storage")));
    assert_eq!(said(&sandbox), ["one", "two", "three"]);
    running.interrupt();
    assert_eq!(running.end().done().stdout, "");
}

#[test]
fn no_message_is_lost_when_the_sender_is_killed() {
    let (letters, sandbox) = (Letters::new(), sandbox());
    let repeat = ["--on-ambiguous", "repeat"];
    let mut number = 0;
    for _ in 0..4 {
        let running = run_until_stopped(&letters, &sandbox, &repeat);
        for _ in 0..4 {
            number += 1;
            letters.put("t", &number.to_string());
        }
        running.signal(Signal::SIGKILL);
        running.end();
    }
    letters.flush(&sandbox, &repeat).done();
    // One that was leaving when the process died may arrive twice.
    let mut arrived = said(&sandbox);
    arrived.dedup();
    let expected: Vec<String> = (1..=number).map(|n: u32| n.to_string()).collect();
    assert_eq!(arrived, expected);
}

#[test]
fn a_delivery_event_settles_what_was_not_known() {
    let (letters, sandbox) = (Letters::new(), sandbox());
    let send = [
        "send",
        "text",
        "t",
        "Hello",
        "--outbox",
        &letters.file,
        "--trace-id",
        "42",
    ];
    flowai(&send).done();
    sandbox.fail_next(Failure::status(500)).unwrap();
    let flushed = letters.flush(&sandbox, &[]);
    assert_eq!(flushed.code, 4, "{}{}", flushed.stdout, flushed.stderr);
    assert!(flushed.stdout.contains("maybe sent"), "{}", flushed.stdout);
    let confirm = |event: &Value| {
        let args = ["outbox", "confirm", &letters.file];
        with_input(&args, event.to_string().as_bytes()).done().stdout
    };
    assert_eq!(
        confirm(&json!({"type": "message.reply", "threadId": "t", "traceId": 42})),
        ""
    );
    assert_eq!(
        confirm(&json!({"type": "message.delivered", "threadId": "t", "traceId": 43})),
        ""
    );
    let delivered = json!({"type": "message.delivered", "threadId": "t", "traceId": 42});
    assert_eq!(confirm(&delivered), "a message of the outbox was delivered\n");
    let flushed = letters.flush(&sandbox, &[]).done().stdout;
    assert!(flushed.ends_with(" for t: delivered\n"), "{flushed}");
}

#[test]
fn no_key_is_kept() {
    let (letters, sandbox) = (Letters::new(), sandbox());
    let args = [
        "send",
        "text",
        "t",
        "Hello",
        "--outbox",
        &letters.file,
        "--wait",
        "30",
    ];
    flowai(&to(&sandbox, &args)).done();
    letters.put("t", "another");
    let mut looked = 0;
    let mut folders = vec![letters.folder.0.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            looked += 1;
            let content = fs::read(&path).unwrap();
            let found = content.windows(KEY.len()).any(|part| part == KEY.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
    assert!(looked >= 2);
}

#[test]
fn an_outbox_that_is_none_is_refused() {
    let letters = Letters::new();
    for command in ["list", "stats", "show", "drop", "confirm"] {
        let more: &[&str] = if ["show", "drop"].contains(&command) {
            &["1"]
        } else {
            &[]
        };
        let refused = letters.run(command, more);
        assert_eq!(refused.code, 1, "{command}: {}", refused.stderr);
    }
    assert!(fs::read_dir(&letters.folder.0).unwrap().next().is_none());
    let refused = letters.run("flush", &["--json"]);
    assert_eq!(
        (refused.code, &refused.error()["argument"]),
        (2, &json!("api_key"))
    );
    let refused = flowai(&[
        "send",
        "text",
        "t",
        "x",
        "--outbox",
        "/nowhere/outbox.db",
        "--json",
    ]);
    assert_eq!(
        (
            refused.code,
            &refused.error()["kind"],
            &refused.error()["delivery"]
        ),
        (1, &json!("storage"), &json!("not_sent"))
    );
    let text = letters.folder.file(
        "text.db",
        "this is no database at all, but long enough to look at it",
    );
    let refused = flowai(&["send", "text", "t", "x", "--outbox", &text, "--json"]);
    assert_eq!((refused.code, &refused.error()["kind"]), (1, &json!("storage")));
    assert_eq!(fs::read_to_string(&text).unwrap().len(), 57);
}
