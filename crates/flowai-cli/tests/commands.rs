//! The commands against the sandbox: what they print, what a script is told, and what is done with input and output.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::process::Stdio;

use flowai_sandbox::Failure;
use serde_json::json;
use support::{
    Folder, KEY, Running, command, finish, flowai, in_a_terminal, last_payload, sandbox, to, with_input,
};

#[test]
fn a_text_goes_out_with_everything_that_belongs_to_it() {
    let sandbox = sandbox();
    let args = [
        "send",
        "text",
        "thread-1",
        "Hallo",
        "--name",
        "John Doe",
        "--role",
        "external",
        "--profile",
        r#"{"fullName": "John Doe", "timezone": 0}"#,
        "--metadata",
        r#"{"clientNumber": "1"}"#,
        "--trace-id",
        "42",
        "--lang",
        "nl",
        "--timezone",
        "-5",
        "--params",
        r#"{"a": [{"value": "b"}]}"#,
    ];
    let finished = flowai(&to(&sandbox, &args)).done();
    assert_eq!(finished.stdout, "sent to thread-1 (trace id 42)\n");
    assert_eq!(finished.stderr, "");
    assert_eq!(
        last_payload(&sandbox),
        json!({"type": "text", "speech": "Hallo", "traceId": 42, "lang": "nl", "timezone": -5,
            "params": {"a": [{"value": "b"}]}, "originator": {"name": "John Doe", "role": "external",
            "profile": {"fullName": "John Doe", "timezone": 0}, "metadata": {"clientNumber": "1"}}})
    );
}

#[test]
fn a_text_can_be_read_from_standard_input() {
    let sandbox = sandbox();
    for (input, expected) in [
        ("Hello\n", "Hello"),
        ("a\n\nb\r\n", "a\n\nb"),
        ("no line end", "no line end"),
    ] {
        with_input(&to(&sandbox, &["send", "text", "t", "-"]), input.as_bytes()).done();
        assert_eq!(last_payload(&sandbox)["speech"], expected);
    }
    for input in [&b""[..], b"\n", b"\xff\xfe", &[b'x'; 2 << 20]] {
        let finished = with_input(&to(&sandbox, &["send", "text", "t", "-", "--json"]), input);
        assert_eq!(finished.code, 2, "{}", finished.stderr);
        assert_eq!(finished.error()["argument"], "text");
    }
    let message = br#"{"type": "event", "eventName": "E"}"#;
    with_input(&to(&sandbox, &["send", "message", "t", "-"]), message).done();
    assert_eq!(last_payload(&sandbox)["eventName"], "E");
}

#[test]
fn negative_numbers_are_no_options() {
    let sandbox = sandbox();
    flowai(&to(
        &sandbox,
        &[
            "send", "location", "-100123", "-33.8", "-151.2", "--title", "Sydney",
        ],
    ))
    .done();
    let payload = last_payload(&sandbox);
    assert_eq!(
        (&payload["lat"], &payload["long"]),
        (&json!("-33.8"), &json!("-151.2"))
    );
    assert!(sandbox.requests()[0].path.ends_with("/messages/-100123"));
}

#[test]
fn a_history_reads_like_a_conversation() {
    let sandbox = sandbox();
    for text in ["Hello", "one\ntwo", "\u{1b}[2Jgone"] {
        flowai(&to(
            &sandbox,
            &["send", "text", "thread-1", text, "--name", "John Doe"],
        ))
        .done();
    }
    let finished = flowai(&to(&sandbox, &["history", "thread-1"])).done();
    // The times differ: what follows the two words of each.
    let said: Vec<String> = finished
        .stdout
        .lines()
        .map(|line| {
            if line.starts_with(' ') {
                line.to_owned()
            } else {
                line[21..].to_owned()
            }
        })
        .collect();
    assert_eq!(said[..2], ["John Doe (user): Hello", "system (bot): Hello"]);
    assert_eq!(said[2..4], ["John Doe (user): one", "    two"]);
    assert_eq!(said[6], "John Doe (user): \\u{1b}[2Jgone");
    assert_eq!(said.len(), 8);
}

#[test]
fn a_long_history_comes_page_by_page_or_whole() {
    let sandbox = sandbox();
    for number in 0..15 {
        flowai(&to(
            &sandbox,
            &["send", "text", "t", &format!("message {number}")],
        ))
        .done();
    }
    let page = flowai(&to(&sandbox, &["history", "t", "--page", "2", "--json"]))
        .done()
        .document();
    assert_eq!((&page["page"], &page["pages"]), (&json!(2), &json!(2)));
    assert_eq!(page["entries"].as_array().unwrap().len(), 10);
    assert_eq!(
        flowai(&to(&sandbox, &["history", "t", "--all", "--json"]))
            .done()
            .documents()
            .len(),
        30
    );
    assert_eq!(
        flowai(&to(&sandbox, &["history", "t", "--limit", "25", "--json"]))
            .done()
            .documents()
            .len(),
        25
    );
    let first = flowai(&to(&sandbox, &["history", "t"])).done();
    assert!(
        first
            .stdout
            .ends_with("page 1 of 2; --page 2 has the next, --all has all\n"),
        "{}",
        first.stdout
    );
}

#[test]
fn the_bot_is_paused_and_resumed() {
    let sandbox = sandbox();
    let status = || {
        flowai(&to(&sandbox, &["status", "t", "--json"]))
            .done()
            .document()["is_paused"]
            .clone()
    };
    assert_eq!(status(), false);
    assert_eq!(
        flowai(&to(&sandbox, &["pause", "t"])).done().stdout,
        "the bot of t is paused\n"
    );
    assert_eq!(status(), true);
    assert_eq!(
        flowai(&to(&sandbox, &["bot-status", "t"])).done().stdout,
        "the bot of t is paused\n"
    );
    assert_eq!(
        flowai(&to(&sandbox, &["resume", "t"])).done().stdout,
        "the bot of t is resumed\n"
    );
    assert_eq!(status(), false);
}

#[test]
fn business_hours_are_a_table() {
    let sandbox = sandbox();
    let table = flowai(&to(&sandbox, &["hours"])).done().stdout;
    assert!(
        table
            .lines()
            .any(|line| line.trim_start().starts_with("Monday") && line.contains(" - ")),
        "{table}"
    );
    let documents = flowai(&to(&sandbox, &["business-hours", "--json"]))
        .done()
        .document();
    assert!(
        documents
            .as_array()
            .is_some_and(|sets| sets[0]["weekdays"].is_array()),
        "{documents}"
    );
}

#[test]
fn a_file_is_uploaded_without_a_bar_in_a_pipe() {
    let (sandbox, folder) = (sandbox(), Folder::new());
    let file = folder.file("photo.png", [7; 300_000]);
    for words in [["upload-media"].as_slice(), &["send", "file"]] {
        let args = [words, &["t", &file, "--title", "A photo"]].concat();
        let finished = flowai(&to(&sandbox, &args)).done();
        assert!(
            finished.stdout.starts_with("sent to t (trace id "),
            "{}",
            finished.stdout
        );
        assert_eq!(finished.stderr, "");
        let sent = sandbox.requests().last().unwrap().file.clone().unwrap();
        assert_eq!((sent.length, sent.name.as_deref()), (300_000, Some("photo.png")));
        assert_eq!(sent.content_type.as_deref(), Some("image/png"));
    }
    let finished = flowai(&to(&sandbox, &["upload-media", "t", "/does/not/exist", "--json"]));
    assert_eq!(
        (finished.code, &finished.error()["argument"]),
        (2, &json!("file"))
    );
    assert_eq!(finished.error()["delivery"], "not_sent");
}

#[test]
fn a_bar_is_shown_on_a_terminal() {
    let (sandbox, folder) = (sandbox(), Folder::new());
    let file = folder.file("big.bin", "");
    let length = 200 << 20;
    let sparse = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    sparse.set_len(length).unwrap();
    let mut upload = command(&to(&sandbox, &["upload-media", "t", &file]));
    upload.env("TERM", "xterm");
    let (output, shown) = in_a_terminal(upload, |upload, terminal| upload.stderr(terminal));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("sent to t"));
    assert!(shown.contains("of 200.00 MiB") && shown.contains('%'), "{shown}");
    assert_eq!(sandbox.requests()[0].file.as_ref().unwrap().length, length);
}

#[test]
fn errors_tell_a_script_what_became_of_the_message() {
    let sandbox = sandbox();
    let text = ["send", "text", "t", "Hello", "--json"];
    for (status, code, delivery) in [(400, 3, "rejected"), (500, 4, "maybe_sent")] {
        sandbox.fail_next(Failure::status(status)).unwrap();
        let finished = flowai(&to(&sandbox, &text));
        let error = finished.error();
        assert_eq!(finished.code, code);
        assert_eq!(
            (&error["delivery"], &error["status"]),
            (&json!(delivery), &json!(status))
        );
        assert_eq!(
            (&error["operation"], finished.stdout.as_str()),
            (&json!("send_text"), "")
        );
    }
    let wrong = flowai(&[
        "pause",
        "t",
        "--json",
        "--base-url",
        sandbox.base_url(),
        "--api-key",
        "WRONG",
    ]);
    assert_eq!(
        (wrong.code, &wrong.error()["kind"]),
        (3, &json!("authentication"))
    );

    let url = sandbox.base_url().to_owned();
    sandbox.stop();
    let finished = flowai(&[
        "send",
        "text",
        "t",
        "Hello",
        "--json",
        "--base-url",
        &url,
        "--api-key",
        KEY,
    ]);
    assert_eq!(
        (finished.code, &finished.error()["delivery"]),
        (1, &json!("not_sent"))
    );
    let finished = flowai(&["send", "text", "t", "Hello", "--base-url", &url, "--api-key", KEY]);
    assert!(
        finished.stderr.starts_with("flowai: ") && finished.stderr.ends_with("(not sent)\n"),
        "{}",
        finished.stderr
    );
}

#[test]
fn wrong_arguments_are_usage() {
    for args in [
        &["send", "text", "t"][..],
        &["no-such-command"],
        &["send", "text", "t", "Hello", "--params", "[1]"],
        &["send", "text", "t", "Hello", "--trace-id", "-1"],
        &["history", "t", "--page", "2", "--all"],
        &["--timeout", "soon", "status", "t"],
        &["send", "text", "..", "Hello", "--api-key", KEY],
        &["send", "text", "t", "Hello"],
        &["listen"],
        &["listen", "--no-verify", "--secret", "s"],
        &["listen", "--secret", "too short"],
        &[],
    ] {
        let finished = flowai(args);
        assert_eq!(finished.code, 2, "{args:?}: {}", finished.stderr);
        assert!(
            !finished.stderr.is_empty() && finished.stdout.is_empty(),
            "{args:?}"
        );
    }
    let error = flowai(&["send", "text", "t", "Hello", "--trace-id", "x", "--json"]).error();
    assert_eq!(
        (&error["kind"], &error["argument"]),
        (&json!("invalid_argument"), &json!("trace_id"))
    );
    let error = flowai(&["send", "text", "t", "Hello", "--json"]).error();
    assert_eq!(
        (&error["argument"], &error["delivery"]),
        (&json!("api_key"), &json!("not_sent"))
    );
}

#[test]
fn help_and_version_are_on_standard_output() {
    for args in [
        &["--help"][..],
        &["-h"],
        &["send", "text", "--help"],
        &["listen", "--help"],
    ] {
        let finished = flowai(args).done();
        assert!(finished.stdout.contains("Usage: flowai"), "{}", finished.stdout);
    }
    for (name, words) in [
        ("ask", "Exit code 5"),
        ("request", "An answer outside 2xx is an error"),
        ("sandbox", "without any it is a random one"),
    ] {
        let help = flowai(&[name, "--help"]).done().stdout;
        let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(words), "{help}");
    }
    assert_eq!(
        flowai(&["--version"]).done().stdout,
        format!("flowai {}\n", flowai::VERSION)
    );
}

#[test]
fn key_and_address_come_from_the_environment_or_a_file_and_what_is_typed_wins() {
    let (sandbox, folder) = (sandbox(), Folder::new());
    let file = folder.file("key", format!("{KEY}\r\n"));
    let status = ["status", "t", "--base-url", sandbox.base_url()];
    flowai(&[&status[..], &["--api-key-file", &file]].concat()).done();
    finish(
        command(&status[..2])
            .env("FLOWAI_API_KEY", KEY)
            .env("FLOWAI_BASE_URL", sandbox.base_url()),
    )
    .done();
    finish(command(&[&status[..], &["--api-key-file", &file]].concat()).env("FLOWAI_API_KEY", "WRONG"))
        .done();
    let finished = finish(command(&to(&sandbox, &status[..2])).env("FLOWAI_BASE_URL", "http://127.0.0.1:1/"));
    finished.done();
    let missing = flowai(&[&status[..], &["--api-key-file", "/does/not/exist", "--json"]].concat());
    assert_eq!(
        (missing.code, &missing.error()["argument"]),
        (2, &json!("api_key_file"))
    );
    let endless = flowai(&[&status[..], &["--api-key-file", "/dev/zero", "--json"]].concat());
    assert_eq!(
        (endless.code, &endless.error()["argument"]),
        (2, &json!("api_key_file"))
    );
}

#[test]
fn asynchronous_forms_say_that_the_result_comes_later() {
    let sandbox = sandbox();
    for (args, operation) in [
        (
            &["history", "t", "--async", "--page", "2"][..],
            "/rest/v1/messages/t",
        ),
        (&["hours", "--async"], "/rest/v1/businesshours"),
        (&["status", "t", "--async"], "/rest/v1/pause/t"),
    ] {
        let finished = flowai(&to(&sandbox, args)).done();
        assert!(finished.stdout.contains("to the webhook"), "{}", finished.stdout);
        let request = sandbox.requests().pop().unwrap();
        assert_eq!(request.path, operation);
        assert!(!request.query.unwrap_or_default().contains("sync"));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = sandbox();
    for number in 0..3 {
        flowai(&to(
            &sandbox,
            &["send", "text", "t", &format!("message {number}")],
        ))
        .done();
    }
    for args in [
        &["history", "t", "--all"][..],
        &["history", "t", "--json"],
        &["--help"],
    ] {
        let mut child = command(&to(&sandbox, args))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{args:?}");
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let finished = command(&to(&sandbox, &["history", "t"]))
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(finished.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&finished.stderr).contains("the output cannot be written"));
}

#[test]
fn an_interrupted_send_says_that_it_may_have_been_sent() {
    let sandbox = sandbox();
    sandbox.fail_next(Failure::stall()).unwrap();
    let running = Running::start(&mut command(&to(
        &sandbox,
        &["send", "text", "t", "Hello", "--json"],
    )));
    while sandbox.requests().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    running.interrupt();
    let finished = running.end();
    let error = finished.error();
    assert_eq!(
        (&error["kind"], &error["delivery"]),
        (&json!("cancelled"), &json!("maybe_sent"))
    );
    assert_eq!(finished.code, 4);
}

#[test]
fn ctrl_c_ends_a_command_that_waits_for_standard_input() {
    let sandbox = sandbox();
    let mut send = command(&to(&sandbox, &["send", "text", "t", "-", "--json"]));
    let running = Running::start(send.stdin(Stdio::piped()));
    running.wait_until_interruptible();
    running.interrupt();
    let finished = running.end();
    let error = finished.error();
    assert_eq!(
        (&error["kind"], &error["delivery"]),
        (&json!("cancelled"), &json!("not_sent"))
    );
    assert_eq!(finished.code, 1);
    assert!(sandbox.requests().is_empty());
}
