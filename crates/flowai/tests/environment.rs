//! What the environment sets, each case in a process of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::{env, process::Command};

use common::vectors_dir;
use flowai::Client;
use flowai_testkit::TestServer;

/// The body of a child process; does nothing in an ordinary test run.
#[test]
fn child() {
    if env::var("ENVIRONMENT_CHILD").is_err() {
        return;
    }
    let outcome = Client::builder()
        .build()
        .and_then(|client| client.send_text("t", "from the environment").wait());
    match outcome {
        Ok(_) => println!("outcome: sent"),
        Err(error) => println!("outcome: {error}"),
    }
}

fn run(variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]);
    for name in [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    ] {
        command.env_remove(name);
    }
    let output = command
        .env("ENVIRONMENT_CHILD", "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let outcome = text.lines().find_map(|line| line.split_once("outcome: "));
    outcome
        .unwrap_or_else(|| panic!("no outcome: {text}"))
        .1
        .to_owned()
}

#[test]
fn the_environment_sets_key_url_authorities_and_proxy() {
    let server = TestServer::start(vectors_dir()).unwrap();
    let plain = format!("{}/fault/ok/environment/rest/v1/", server.http());
    let named = "https://api.flow.test/fault/ok/environment/rest/v1/";
    let key = ("FLOWAI_API_KEY", "MY_MESSAGING_API_KEY");

    assert!(run(&[("FLOWAI_BASE_URL", &plain), ("FLOWAI_API_KEY", "")]).contains("api_key"));
    assert_eq!(run(&[("FLOWAI_BASE_URL", &plain), key]), "sent");

    let proxied = server.proxied();
    let through = [
        ("FLOWAI_BASE_URL", named),
        key,
        ("SSL_CERT_FILE", server.ca_file()),
        ("HTTPS_PROXY", server.proxy("ok")),
    ];
    assert_eq!(run(&through), "sent");
    assert_eq!(server.proxied(), proxied + 1);

    // What is on this machine is reached directly, and an empty value is none.
    let local = [
        ("FLOWAI_BASE_URL", plain.as_str()),
        key,
        ("ALL_PROXY", server.proxy("hang_up")),
    ];
    assert_eq!(run(&local), "sent");
    assert_eq!(
        run(&[("FLOWAI_BASE_URL", &plain), key, ("HTTP_PROXY", "")]),
        "sent"
    );
    assert_eq!(server.counts("environment").requests_read, 4);
}
