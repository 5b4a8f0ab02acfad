//! `flowai inbox`: what is in an inbox is shown and mended, beside its owner.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_delivery::Inbox;
use serde_json::{Value, json};
use support::{Finished, Folder, flowai};

/// An inbox whose owner is this test, and its file.
struct Shelf {
    _folder: Folder,
    owner: Inbox,
    file: String,
}

impl Shelf {
    fn new() -> Shelf {
        let folder = Folder::new();
        let path = folder.0.join("inbox.db");
        Shelf {
            owner: Inbox::open(&path).unwrap(),
            file: path.to_str().unwrap().to_owned(),
            _folder: folder,
        }
    }

    fn put(&self, body: &str) {
        self.owner.put(body.to_owned()).unwrap();
    }

    /// An event of each state: 1 handled, 2 dead, 3 unreadable and dead, 4 waiting.
    fn filled() -> Shelf {
        let shelf = Shelf::new();
        shelf.put(r#"{"type": "message.reply", "threadId": "a|1", "text": "first"}"#);
        shelf.put(r#"{"type": "message.reply", "threadId": "b", "text": "second"}"#);
        shelf.put("no \u{1b} JSON");
        shelf.put(r#"{"type": "message.reply", "threadId": "a|1", "text": "fourth"}"#);
        shelf.owner.try_next().unwrap().unwrap().ack().unwrap();
        let second = loop {
            let next = shelf.owner.try_next().unwrap().unwrap();
            if next.event().thread_id() == "b" {
                break next;
            }
            next.retry(Some(std::time::Duration::ZERO)).unwrap();
        };
        second.dead("it makes no sense").unwrap();
        shelf
    }

    /// The subcommand on the file.
    fn run(&self, command: &str, more: &[&str]) -> Finished {
        flowai(&[&["inbox", command, &self.file][..], more].concat())
    }

    fn states(&self) -> Vec<Value> {
        let listed = self.run("list", &["--all", "--json"]).done().documents();
        let state = |entry: Value| json!([entry["id"], entry["state"]]);
        listed.into_iter().map(state).collect()
    }
}

#[test]
fn events_are_listed_by_state_and_thread() {
    let shelf = Shelf::filled();
    assert_eq!(
        shelf.states(),
        [
            json!([1, "handled"]),
            json!([2, "dead"]),
            json!([3, "dead"]),
            json!([4, "waiting"])
        ]
    );
    let dead = shelf.run("list", &["--state", "dead"]).done().stdout;
    let lines: Vec<&str> = dead.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with("2  dead  1  20") && lines[0].ends_with("  b  it makes no sense"),
        "{dead}"
    );
    assert!(lines[1].contains("  -  "), "{dead}");
    let of_thread = shelf
        .run("list", &["--thread", "a|1", "--json"])
        .done()
        .documents();
    assert_eq!(of_thread.len(), 2);
    let first = shelf.run("list", &["--limit", "3"]).done();
    assert_eq!(first.stdout.lines().count(), 3);
    assert_eq!(
        first.stderr,
        "flowai: there are more: --after 3 has the next, --all has all\n"
    );
    let rest = shelf.run("list", &["--after", "3", "--json"]).done();
    assert_eq!((&rest.document()["id"], rest.stderr.as_str()), (&json!(4), ""));
    assert_eq!(shelf.run("list", &["--limit", "0"]).done().stdout, "");
}

#[test]
fn many_events_are_listed_in_pages() {
    let shelf = Shelf::new();
    let events: Vec<Value> = (0..1200).map(|n| json!({"threadId": "t", "number": n})).collect();
    shelf.put(&Value::from(events).to_string());
    let listed = shelf.run("list", &["--all", "--json"]).done().documents();
    let ids: Vec<i64> = listed.iter().map(|entry| entry["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, (1..=1200).collect::<Vec<_>>());
    assert_eq!(
        shelf
            .run("list", &["--limit", "700"])
            .done()
            .stdout
            .lines()
            .count(),
        700
    );
}

#[test]
fn an_event_is_shown_as_it_came() {
    let shelf = Shelf::filled();
    let shown = shelf.run("show", &["2"]).done().stdout;
    assert!(shown.contains("last error  it makes no sense\n"), "{shown}");
    assert!(
        shown.ends_with("b  message.reply\n") || shown.ends_with("b  message.reply  second\n"),
        "{shown}"
    );
    let document = shelf.run("show", &["4", "--json"]).done().document();
    assert_eq!(
        (&document["state"], &document["event"]["text"], &document["error"]),
        (&json!("waiting"), &json!("fourth"), &Value::Null)
    );
    assert_eq!(
        shelf.run("show", &["3", "--body"]).done().stdout,
        "no \u{1b} JSON"
    );
    assert_eq!(
        shelf.run("show", &["3", "--json"]).done().document()["body"],
        "no \u{1b} JSON"
    );
    assert!(
        shelf
            .run("show", &["3"])
            .done()
            .stdout
            .ends_with("no \\u{1b} JSON\n")
    );
    let missing = shelf.run("show", &["99", "--json"]);
    assert_eq!((missing.code, &missing.error()["argument"]), (2, &json!("id")));
}

#[test]
fn dead_letters_are_handled_again_and_others_are_not() {
    let shelf = Shelf::filled();
    for (id, words) in [("1", "was handled"), ("4", "it waits")] {
        let refused = shelf.run("retry", &[id]);
        assert_eq!(refused.code, 2);
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    let retried = shelf.run("retry", &["--dead"]).done();
    assert_eq!(retried.stdout, "event 2 is handled again as 5\n");
    assert!(
        retried.stderr.starts_with("flowai: event 3: "),
        "{}",
        retried.stderr
    );
    assert_eq!(
        shelf.states(),
        [
            json!([1, "handled"]),
            json!([2, "handled"]),
            json!([3, "dead"]),
            json!([4, "waiting"]),
            json!([5, "waiting"])
        ]
    );
    let refused = shelf.run("retry", &["3", "--json"]);
    assert_eq!(
        (refused.code, &refused.error()["kind"]),
        (1, &json!("webhook_parse"))
    );
    // The owner hands it out.
    let seen: Vec<bool> = (0..2)
        .map(|_| {
            let delivery = shelf.owner.next(Some(support::LIMIT)).unwrap().unwrap();
            delivery.ack().unwrap();
            delivery.replayed()
        })
        .collect();
    assert_eq!(seen, [false, true]);
    let replayed = shelf.run("replay", &["1", "4", "--json"]).done().documents();
    assert_eq!(
        replayed,
        [json!({"id": 1, "copies": [6]}), json!({"id": 4, "copies": [7]})]
    );
    assert_eq!(shelf.run("replay", &["99"]).code, 2);
}

#[test]
fn events_are_removed_unless_they_are_being_handled() {
    let shelf = Shelf::filled();
    let held = shelf.owner.try_next().unwrap().unwrap();
    let refused = shelf.run("drop", &["4"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("being handled"), "{}", refused.stderr);
    assert_eq!(
        shelf.run("drop", &["--dead"]).done().stdout,
        "event 2 removed\nevent 3 removed\n"
    );
    assert_eq!(shelf.run("drop", &["2"]).code, 2, "it is gone");
    held.heartbeat().unwrap();
    // Whoever held it died: it can be opened and nobody handles it.
    std::mem::forget(held);
    shelf.owner.close().unwrap();
    assert_eq!(
        shelf.run("drop", &["4", "--json"]).done().document(),
        json!({"id": 4})
    );
    assert_eq!(shelf.states(), [json!([1, "handled"])]);
}

#[test]
fn a_thread_is_forgotten() {
    let shelf = Shelf::filled();
    assert_eq!(
        shelf.run("forget", &["a"]).done().stdout,
        "2 events of a removed\n"
    );
    assert_eq!(
        shelf.run("forget", &["b", "--json"]).done().document(),
        json!({"thread_id": "b", "removed": 1})
    );
    assert_eq!(shelf.states(), [json!([3, "dead"])]);
    assert_eq!(shelf.run("forget", &[""]).code, 2);
}

#[test]
fn numbers_tell_how_it_is_going() {
    let shelf = Shelf::filled();
    let stats = shelf.run("stats", &["--json"]).done().document();
    assert_eq!((&stats["waiting"], &stats["dead"]), (&json!(1), &json!(2)));
    assert!(
        stats["oldest_waiting_seconds"].is_u64() && stats["bytes"].as_u64() > Some(0),
        "{stats}"
    );
    let shown = shelf.run("stats", &[]).done().stdout;
    assert!(shown.starts_with("waiting         1\n"), "{shown}");
    assert!(
        Shelf::new()
            .run("stats", &[])
            .done()
            .stdout
            .contains("oldest waiting  -\n")
    );
}

#[test]
fn a_file_that_is_none_is_refused_and_not_made() {
    let folder = Folder::new();
    let missing = folder.0.join("missing.db");
    let text = folder.file(
        "text.db",
        "this is no database at all, but long enough to look at it",
    );
    for path in [missing.to_str().unwrap(), &text] {
        let refused = flowai(&["inbox", "list", path, "--json"]);
        assert_eq!(
            (refused.code, &refused.error()["kind"]),
            (1, &json!("storage")),
            "{path}"
        );
    }
    assert!(!missing.exists());
    let refused = flowai(&[
        "inbox",
        "list",
        missing.to_str().unwrap(),
        "--api-key",
        "KEY",
        "--json",
    ]);
    assert_eq!(
        (refused.code, &refused.error()["argument"]),
        (2, &json!("api_key"))
    );
    let help = flowai(&["inbox", "list", "--help"]).done().stdout;
    assert!(!help.contains("--api-key"), "{help}");
}
