//! What is typed: texts that look like options, options that mean nothing, and what is said about mistakes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use serde_json::json;
use support::{Folder, KEY, command, finish, flowai, last_payload, sandbox, sandbox_with, to};

#[test]
fn a_text_that_begins_with_a_hyphen_is_sent() {
    let sandbox = sandbox();
    for text in [
        "-hello",
        "-help",
        "-h is the help flag",
        "-5 degrees",
        "-Vfoo",
        "-V",
        "--unknown",
        "--help me",
        "-- really",
    ] {
        flowai(&to(&sandbox, &["send", "text", "t", text, "--name", "X"])).done();
        let payload = last_payload(&sandbox);
        assert_eq!(
            (&payload["speech"], &payload["originator"]["name"]),
            (&json!(text), &json!("X"))
        );
    }
    flowai(&to(&sandbox, &["send", "event", "t", "-EVENT"])).done();
    assert_eq!(last_payload(&sandbox)["eventName"], "-EVENT");
    let sent = sandbox.requests().len();
    let misspelt = flowai(&to(&sandbox, &["send", "text", "t", "Hello", "--nmae", "X"]));
    assert_eq!((misspelt.code, sandbox.requests().len()), (2, sent));
}

#[test]
fn a_text_that_is_an_option_is_never_lost_silently() {
    let sandbox = sandbox();
    let connection = to(&sandbox, &[]);
    for text in ["-h", "--help", "--json", "--name", "--no-trace-id"] {
        let finished = flowai(&to(&sandbox, &["send", "text", "t", text]));
        assert_eq!(finished.code, 2, "{text}: {}", finished.stdout);
        assert!(finished.stdout.is_empty() && !finished.stderr.is_empty());
        flowai(&[&["send", "text"][..], &connection, &["--", "t", text]].concat()).done();
        assert_eq!(last_payload(&sandbox)["speech"], text);
    }
    assert!(
        flowai(&["send", "text", "t", "-h"])
            .stderr
            .contains("nothing was sent")
    );
    let error = flowai(&["send", "text", "t", "-h", "--json"]).error();
    assert!(error["message"].as_str().unwrap().contains("nothing was sent"));
    for args in [
        &["send", "text", "-h"][..],
        &["send", "-h"],
        &["send", "--json", "text", "--help"],
    ] {
        assert!(flowai(args).done().stdout.contains("Usage: flowai send"));
    }
}

#[test]
fn a_file_may_begin_with_a_hyphen() {
    let (sandbox, folder) = (sandbox(), Folder::new());
    folder.file("-photo.png", [7; 10]);
    let args = to(&sandbox, &["upload-media", "t", "-photo.png"]);
    finish(command(&args).current_dir(&folder.0)).done();
}

#[test]
fn connection_options_are_refused_where_nothing_is_connected_to() {
    for name in ["listen", "sandbox", "demo"] {
        let help = flowai(&[name, "--help"]).done().stdout;
        for option in ["--base-url", "--timeout", "--proxy", "--no-trace-id"] {
            assert!(!help.contains(option), "{name}: {help}");
        }
        assert_eq!(help.contains("--api-key-file"), name == "sandbox", "{help}");
        for args in [
            &[name, "--base-url", "http://127.0.0.1:1/", "--json"][..],
            &["--base-url", "http://127.0.0.1:1/", "--json", name],
        ] {
            let refused = flowai(args);
            let error = refused.error();
            assert_eq!((refused.code, &error["argument"]), (2, &json!("base_url")));
            assert!(error["message"].as_str().unwrap().contains(name), "{error}");
        }
        assert_eq!(flowai(&[name, "--no-trace-id"]).code, 2);
    }
    assert_eq!(flowai(&["demo", "--api-key", KEY]).code, 2);
    assert_eq!(flowai(&["listen", "--no-verify", "--api-key", KEY]).code, 2);
    let help = flowai(&["send", "text", "--help"]).done().stdout;
    assert!(help.contains("--base-url") && help.contains("--proxy"), "{help}");
}

#[test]
fn connection_options_may_stand_before_the_command() {
    let sandbox = sandbox();
    let args = [to(&sandbox, &[]), vec!["send", "text", "t", "Hello"]].concat();
    flowai(&args).done();
    assert_eq!(sandbox.requests().len(), 1);
}

#[test]
fn a_key_may_begin_with_a_hyphen_as_random_ones_do() {
    let sandbox = sandbox_with(|builder| builder.api_key("-abc"));
    flowai(&to(&sandbox, &["status", "t"])).done();
}

#[test]
fn a_missing_key_is_told_with_the_ways_to_give_it() {
    for finished in [
        flowai(&["history", "t"]),
        finish(command(&["send", "text", "t", "Hello"]).env("FLOWAI_API_KEY", " ")),
    ] {
        assert_eq!(finished.code, 2);
        assert!(
            finished.stderr.contains("--api-key-file") && finished.stderr.contains("FLOWAI_API_KEY"),
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn suggestions_come_as_json_too() {
    for (args, suggestion) in [
        (&["hstory", "t", "--json"][..], "'history'"),
        (&["history", "t", "--pgae", "2", "--json"], "'--page'"),
        (&["send", "text", "t", "--json"], "<TEXT>"),
    ] {
        let error = flowai(args).error();
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(suggestion) && !message.contains("Usage"),
            "{message}"
        );
        assert!(!message.starts_with("error"), "{message}");
    }
}
