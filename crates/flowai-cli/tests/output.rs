//! Output that cannot be written: what was done stays done.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Folder, command, sandbox, to};

/// What a command ends with whose output goes to a full disk: the exit code and standard error.
fn full(command: &mut Command) -> (i32, String) {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command.stdout(full).output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_message_that_was_taken_is_not_reported_as_lost() {
    let (sandbox, folder) = (sandbox(), Folder::new());
    let photo = folder.file("photo.png", [7; 100]);
    for args in [
        &["send", "text", "t", "Hello"][..],
        &["upload-media", "t", &photo],
    ] {
        let before = sandbox.requests().len();
        let (code, stderr) = full(&mut command(&to(&sandbox, args)));
        assert_eq!(code, 0, "{stderr}");
        assert!(
            stderr.starts_with("flowai: sent to t (trace id ")
                && stderr.contains("but the output cannot be written")
                && !stderr.contains("not sent"),
            "{stderr}"
        );
        let (code, stderr) = full(&mut command(&to(&sandbox, &[args, &["--json"]].concat())));
        let error: Value = serde_json::from_str(&stderr).unwrap();
        assert_eq!(
            (code, &error["delivery"], &error["kind"]),
            (0, &Value::Null, &json!("storage"))
        );
        assert!(error["message"].as_str().unwrap().starts_with("sent to t"));
        assert_eq!(sandbox.requests().len(), before + 2);
    }
    let (code, stderr) = full(&mut command(&to(&sandbox, &["pause", "t"])));
    assert!(code == 0 && stderr.contains("is paused, but"), "{code} {stderr}");
}

#[test]
fn a_closed_output_does_not_make_a_message_unsent() {
    let sandbox = sandbox();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec \"$0\" \"$@\" >&-", env!("CARGO_BIN_EXE_flowai")])
        .args(to(&sandbox, &["send", "text", "t", "Hello"]))
        .stdin(Stdio::null());
    let output = shell.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stderr.contains("not sent"), "{stderr}");
    assert_eq!(sandbox.requests().len(), 1);
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let sandbox = sandbox();
    let (code, stderr) = full(&mut command(&to(&sandbox, &["hours", "--json"])));
    let error: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!((code, &error["delivery"]), (1, &Value::Null));
}
