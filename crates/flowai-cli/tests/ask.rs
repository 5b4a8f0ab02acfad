//! Asking: a message and its reply in one command, and how replies are shown.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{env, fs, process::Command};

use flowai_sandbox::Failure;
use serde_json::{Value, json};
use support::{Running, command, example, finish, flowai, last_payload, seeded, to, with_input};

#[test]
fn the_reply_is_printed_and_nothing_else() {
    let sandbox = seeded();
    let asked = flowai(&to(&sandbox, &["ask", "t", "Where is order 7?"])).done();
    assert_eq!(
        (asked.stdout.as_str(), asked.stderr.as_str()),
        ("Order 7 is on its way.\n[card] Order 7\n  DHL Express\n", "")
    );
    let event = flowai(&to(&sandbox, &["ask", "t", "--event", "ORDER_SHIPPED"])).done();
    assert_eq!(event.stdout, "Your order is on its way.\n");
    let input = with_input(&to(&sandbox, &["ask", "t", "-"]), b"Where is order 8?\n").done();
    assert_eq!(
        input.stdout,
        "Order 8 is on its way.\n[card] Order 8\n  DHL Express\n"
    );
    let message = r#"{"type": "event", "eventName": "ORDER_SHIPPED"}"#;
    let document = flowai(&to(
        &sandbox,
        &["ask", "t", "--message", message, "--name", "Jane"],
    ))
    .done();
    assert_eq!(document.stdout, "Your order is on its way.\n");
    assert_eq!(last_payload(&sandbox)["originator"]["name"], "Jane");
}

#[test]
fn the_whole_reply_is_a_document() {
    let sandbox = seeded();
    let args = ["ask", "thread-1", "Hello", "--json", "--trace-id", "42"];
    let reply = flowai(&to(&sandbox, &args)).done().document();
    assert_eq!(
        (&reply["thread_id"], &reply["trace_id"], &reply["text"]),
        (&json!("thread-1"), &json!(42), &json!("Hello! How can I help?"))
    );
    assert_eq!(reply["quick_replies"][0]["label"], "Where is my order?");
    assert_eq!(reply["messages"][0]["responses"][0]["type"], "text");
}

#[test]
fn replies_read_well_in_a_terminal() {
    let sandbox = seeded();
    for (said, shown) in [
        (
            "hello",
            "Hello! How can I help?\n  [Where is my order?]\n  [Goodbye] -> bye\n",
        ),
        (
            "show card",
            "[card] Parcel\n  DHL Express\n  https://files.example.org/box.png\n  [Track] -> https://track.example.org/\n",
        ),
        (
            "show image",
            "[image] A box\n  https://files.example.org/box.png\n  -> https://shop.example.org/\n",
        ),
        ("show location", "[location] The shop\n  52.3731, 4.8922\n"),
        (
            "show carousel",
            "[carousel]\n  - First\n  - Second\n    [Take it] -> second\n",
        ),
        (
            "show list",
            "[list]\n  - First\n  - Second\n    cheaper\n  [More] -> more\n",
        ),
        (
            "show buttons",
            "[buttons] What next?\n  [Order] -> order\n  [Call] -> +31201234567\n",
        ),
        (
            "show webview",
            "[webview] The form\n  https://shop.example.org/form\n",
        ),
        ("show note", "[note] Seen by agents alone.\n"),
        ("show custom", "[custom] {\"anything\":{\"goes\":[1,2,3]}}\n"),
        ("show phone_say", "[phone_say] Welcome.\n"),
        (
            "show phone_dial",
            "[phone_dial] {\"phoneNumber\":\"+31201234567\"}\n",
        ),
        ("show phone_hangup", "[phone_hangup]\n"),
        (
            "show gbm_card",
            "[gbm_card] Parcel\n  On its way\n  https://files.example.org/box.png\n",
        ),
    ] {
        assert_eq!(
            flowai(&to(&sandbox, &["ask", "t", said])).done().stdout,
            shown,
            "{said}"
        );
    }
}

#[test]
fn every_template_of_the_seed_shows_something() {
    let sandbox = seeded();
    let seed: Value =
        serde_json::from_str(&fs::read_to_string(example("sandbox-seed.json")).unwrap()).unwrap();
    let mut shown = 0;
    for rule in seed["rules"].as_array().unwrap() {
        let Some(said) = rule["text"].as_str().filter(|text| text.starts_with("show ")) else {
            continue;
        };
        let kind = rule["replies"][0]["type"].as_str().unwrap();
        let printed = flowai(&to(&sandbox, &["ask", "t", said])).done().stdout;
        assert!(
            if kind == "text" {
                printed == "This is a text.\n"
            } else {
                printed.starts_with(&format!("[{kind}]"))
            },
            "{kind}: {printed}"
        );
        shown += 1;
    }
    assert!(shown > 30, "{shown}");
}

#[test]
fn no_reply_has_an_exit_code_of_its_own() {
    let sandbox = seeded();
    flowai(&to(&sandbox, &["pause", "t"])).done();
    let args = ["ask", "t", "Hello", "--timeout", "1"];
    let asked = flowai(&to(&sandbox, &args));
    assert_eq!((asked.code, asked.stdout.as_str()), (5, ""));
    assert!(
        asked.stderr.contains("no reply came") && asked.stderr.contains("the message was sent"),
        "{}",
        asked.stderr
    );
    let asked = flowai(&to(&sandbox, &[&args[..], &["--json"]].concat()));
    let error = asked.error();
    assert_eq!(
        (asked.code, &error["kind"], &error["delivery"]),
        (5, &json!("timeout"), &json!("sent"))
    );
    let posts = sandbox
        .requests()
        .iter()
        .filter(|request| request.method == "POST" && request.path.contains("/messages/"))
        .count();
    assert_eq!(posts, 2);
}

#[test]
fn a_service_that_only_acknowledges_is_asked_for_the_history() {
    let sandbox = support::sandbox_with(|builder| builder.sync_replies(false));
    let asked = flowai(&to(&sandbox, &["ask", "t", "Is anybody there?"])).done();
    assert_eq!(asked.stdout, "Is anybody there?\n");
}

#[test]
fn a_question_that_cannot_be_asked_has_the_codes_of_a_send() {
    let sandbox = seeded();
    for (args, code) in [
        (&["ask", "..", "Hello"][..], 2),
        (&["ask", "t", ""], 2),
        (&["ask", "t"], 2),
        (&["ask", "t", "Hello", "--event", "E"], 2),
        (&["ask", "t", "--message", "{"], 2),
        (&["ask", "t", "--help"], 2),
    ] {
        let asked = flowai(&to(&sandbox, args));
        assert_eq!((asked.code, asked.stdout.is_empty()), (code, true), "{args:?}");
    }
    assert!(sandbox.requests().is_empty());
    for (status, code) in [(400, 3), (500, 4)] {
        sandbox.fail_next(Failure::status(status)).unwrap();
        assert_eq!(flowai(&to(&sandbox, &["ask", "t", "Hello"])).code, code);
    }
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let untold = command(&to(&sandbox, &["ask", "t", "Hello"]))
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(
        untold.status.code(),
        Some(5),
        "a reply that nobody was told is none"
    );
    assert!(String::from_utf8_lossy(&untold.stderr).contains("the reply came, but"));
}

#[test]
fn a_chat_asks_line_by_line() {
    let sandbox = seeded();
    let input = b"Where is order 1?\n\n  \nWhere is order 2?\r\nshow note";
    let chat = with_input(&to(&sandbox, &["chat", "t", "--name", "Jane"]), input).done();
    assert_eq!(
        (chat.stdout.as_str(), chat.stderr.as_str()),
        (
            "Order 1 is on its way.\n[card] Order 1\n  DHL Express\nOrder 2 is on its way.\n[card] Order 2\n  DHL Express\n[note] Seen by agents alone.\n",
            ""
        )
    );
    let documents = with_input(&to(&sandbox, &["chat", "t", "--json"]), b"hello\nhello\n")
        .done()
        .documents();
    assert_eq!(documents.len(), 2);
    // What comes from a script ends with the first failure.
    let long = format!("{}\nhello\n", "x".repeat(300));
    let failed = with_input(&to(&sandbox, &["chat", "t"]), long.as_bytes());
    assert_eq!((failed.code, failed.stdout.as_str()), (2, ""));
    let binary = with_input(&to(&sandbox, &["chat", "t"]), b"hello\n\xff\n");
    assert_eq!(binary.code, 2);
    assert!(binary.stdout.starts_with("Hello!"));
}

#[test]
fn ctrl_c_ends_a_chat() {
    let sandbox = seeded();
    let mut chat = command(&to(&sandbox, &["chat", "t"]));
    let running = Running::start(chat.stdin(std::process::Stdio::piped()));
    running.wait_until_interruptible();
    running.interrupt();
    assert_eq!(running.end().code, 0);
}

#[test]
fn a_conversation_in_a_terminal_goes_on_after_a_line_that_cannot_be_said() {
    use std::io::{Read, Write};
    let sandbox = seeded();
    let terminal = nix::pty::openpty(None, None).unwrap();
    let mut chat = command(&to(&sandbox, &["chat", "t", "--timeout", "10"]));
    chat.stdin(terminal.slave);
    let child = chat.spawn().unwrap();
    drop(chat);
    let mut person = fs::File::from(terminal.master);
    // The end of the input is what Ctrl-D makes of a new line.
    write!(person, "{}\nhello\n\u{4}", "x".repeat(300)).unwrap();
    let output = child.wait_with_output().unwrap();
    let _ = person.read(&mut [0; 1]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(
        stderr.contains("text: has 300 characters") && stderr.contains("> "),
        "{stderr}"
    );
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .starts_with("Hello! How can I help?")
    );
}

#[test]
fn the_example_of_the_shell_runs() {
    let sandbox = seeded();
    let programs = fs::read_dir(example("sh")).unwrap();
    let names: Vec<_> = programs.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["ask.sh"], "each of them is run here");
    let run = |args: &[&str]| {
        let folder = std::path::Path::new(env!("CARGO_BIN_EXE_flowai"))
            .parent()
            .unwrap();
        let path = format!("{}:{}", folder.display(), env::var("PATH").unwrap());
        let mut shell = Command::new("sh");
        // The environment of the tests is taken out by the command of the support.
        shell
            .arg(example("sh/ask.sh"))
            .args(args)
            .env_clear()
            .env("PATH", path);
        shell
            .env("FLOWAI_BASE_URL", sandbox.base_url())
            .env("FLOWAI_API_KEY", sandbox.api_key())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        finish(&mut shell)
    };
    assert_eq!(
        run(&["thread-1", "Where is order 3?"]).done().stdout,
        "The bot says: Order 3 is on its way.\n[card] Order 3\n  DHL Express\n"
    );
    let refused = run(&["thread-1", ""]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(refused.stderr.contains("text: is empty"), "{}", refused.stderr);
    flowai(&to(&sandbox, &["pause", "thread-1"])).done();
    let silent = run(&["thread-1", "Hello", "--timeout", "1"]);
    assert_eq!(silent.code, 0);
    assert!(silent.stdout.starts_with("The bot was asked, and did not reply."));
}
