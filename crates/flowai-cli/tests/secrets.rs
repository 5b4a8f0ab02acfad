//! Keys and secrets are never printed, whatever is logged and whatever goes wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_sandbox::{Failure, Sandbox};
use support::{Folder, command, finish, sandbox_with};

const CANARY: &str = "canary-4f1c9e77d2b34a08b6a1-with-enough-bytes";

/// Runs the command in every way in which it can learn the key, and wants the canary in no output.
fn quiet(sandbox: &Sandbox, folder: &Folder, args: &[&str], as_expected: impl Fn(i32) -> bool) {
    let file = folder.file("key", format!("  {CANARY}\n"));
    let ways = [
        (vec!["--api-key", CANARY], None),
        (vec!["--api-key-file", &file], None),
        (vec![], Some(CANARY)),
    ];
    // These connect to nothing, and take what everybody may have in the environment only.
    let unconnected = ["listen", "demo"].contains(args.first().unwrap());
    let ways = ways
        .into_iter()
        .filter(|(typed, _)| typed.is_empty() || !unconnected);
    for (way, environment) in ways {
        let mut command = command(&[args, &way].concat());
        command
            .env("FLOWAI_BASE_URL", sandbox.base_url())
            .env("FLOWAI_LOG", "trace")
            .env("FLOWAI_WEBHOOK_SECRET", CANARY);
        if let Some(key) = environment {
            command.env("FLOWAI_API_KEY", key);
        }
        let finished = finish(&mut command);
        assert!(
            as_expected(finished.code),
            "{args:?}: {} {}",
            finished.code,
            finished.stderr
        );
        for output in [&finished.stdout, &finished.stderr] {
            assert!(!output.contains(CANARY), "{args:?} printed the key: {output}");
        }
    }
}

#[test]
fn no_output_of_any_command_has_the_key() {
    let (sandbox, folder) = (sandbox_with(|builder| builder.api_key(CANARY)), Folder::new());
    let photo = folder.file("photo.png", [7; 1000]);
    for args in [
        &["send", "text", "t", "Hello"][..],
        &["send", "text", "t", "Hello", "--json"],
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
        &["upload-media", "t", &photo],
        &["ask", "t", "Hello"],
        &["history", "t", "--all"],
        &["threads", "--all"],
        &["create-thread"],
        &["handover", "t"],
        &["resolve", "t"],
        &["takeover", "t"],
        &["triggers"],
        &["trigger", "t", "E"],
        &["segments", "--json"],
        &[
            "broadcast",
            "--channel",
            "whatsapp",
            "--external-id",
            "1",
            "--to",
            "A=a",
            "--text",
            "Hello",
        ],
        &["request", "GET", "threads", "--query", "sync=true", "--json"],
        &["hours", "--json"],
        &["pause", "t"],
        &["resume", "t"],
        &["status", "t"],
        &["listen", "--listen", "127.0.0.1:0", "--for", "0.1"],
        &[
            "listen",
            "--listen",
            "127.0.0.1:0",
            "--for",
            "0.1",
            "--secret",
            CANARY,
        ],
        &[
            "listen",
            "--listen",
            "127.0.0.1:0",
            "--for",
            "0.1",
            "--header",
            concat!("X-Key=", "canary-4f1c9e77d2b34a08b6a1-with-enough-bytes"),
        ],
        &["demo"],
        &["--help"],
        &["listen", "--help"],
    ] {
        quiet(&sandbox, &folder, args, |code| code == 0);
    }
    for args in [
        &["send", "text", "t", ""][..],
        &["send", "text", "t", "Hello", "--timezone", "x"],
        &["status", "t", "--proxy", "http://127.0.0.1:1", "--timeout", "x"],
        &["listen", "--listen", "nowhere"],
        &["listen", "--listen", "127.0.0.1:0", "--header", CANARY],
        &["request", "GET", "../threads"],
        &["request", "POST", "threads", "--data", "{"],
        &["sandbox", "--seed", "/does/not/exist"],
        &["no-such-command"],
    ] {
        quiet(&sandbox, &folder, args, |code| code == 2);
    }
    for status in [401, 404, 500, 503] {
        for _ in 0..3 {
            sandbox.fail_next(Failure::status(status)).unwrap();
        }
        quiet(&sandbox, &folder, &["send", "text", "t", "Hello"], |code| {
            code == 3 || code == 4
        });
    }
}

#[test]
fn the_log_is_written_when_it_is_asked_for() {
    let sandbox = sandbox_with(|builder| builder);
    let args = ["listen", "--listen", "127.0.0.1:0", "--no-verify", "--for", "0"];
    assert_eq!(
        finish(command(&args).env("FLOWAI_LOG", "off"))
            .done()
            .stderr
            .lines()
            .count(),
        1
    );
    let args = [
        "status",
        "t",
        "--base-url",
        sandbox.base_url(),
        "--api-key",
        sandbox.api_key(),
    ];
    sandbox.fail_next(Failure::status(503)).unwrap();
    let finished = finish(command(&args).env("FLOWAI_LOG", "flowai=debug")).done();
    assert!(
        finished.stderr.contains("DEBUG flowai"),
        "the repeated request was not logged: {}",
        finished.stderr
    );
}
