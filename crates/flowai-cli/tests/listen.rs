//! `listen`, `sandbox` and `demo`: events arrive end to end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_sandbox::Sandbox;
use serde_json::{Value, json};
use support::{
    Folder, KEY, Running, command, finish, flowai,
    listening::{SECRET, listen, post},
    sandbox, sandbox_with, to,
};

#[test]
fn events_of_the_sandbox_are_printed() {
    let (running, url) = listen(&["--secret", SECRET, "--path", "/hook", "--count", "4"]);
    let sandbox = sandbox();
    sandbox.set_webhook(&url, Some(SECRET)).unwrap();
    flowai(&to(&sandbox, &["send", "text", "thread-1", "one\ntwo"])).done();
    flowai(&to(&sandbox, &["send", "event", "thread-1", "HANDOVER"])).done();
    let finished = running.end().done();
    assert_eq!(
        finished.stdout.lines().collect::<Vec<_>>(),
        [
            "thread-1  message.delivered  one / two",
            "thread-1  message.reply  one / two",
            "thread-1  message.delivered",
            "thread-1  control.handover",
        ]
    );
}

#[test]
fn what_is_no_text_is_shown_below_the_line_of_its_event() {
    let (mut running, url) = listen(&["--no-verify", "--count", "5"]);
    let sandbox = sandbox();
    sandbox.set_webhook(&url, None).unwrap();
    let card = json!({"type": "card", "payload": {"title": "Parcel", "buttons": [{"label": "Track", "value": "https://t"}]}});
    let text =
        json!({"type": "text", "payload": {"text": "one\ntwo", "quickReplies": [{"label": "Thanks"}]}});
    let entry = json!({"originator": {"name": "Jane"}, "messages": [{"responses": [text, card]}]});
    for (event, lines) in [
        (
            json!({"type": "message.reply", "messages": [{"fallback": "three", "responses": [text, card]}]}),
            &[
                "t  message.reply  one / two",
                "    [Thanks]",
                "    [card] Parcel",
                "      [Track] -> https://t",
            ][..],
        ),
        (
            json!({"type": "history", "history": [entry]}),
            &[
                "t  history",
                "    Jane: one",
                "        two",
                "          [Thanks]",
                "        [card] Parcel",
                "          [Track] -> https://t",
            ],
        ),
        (
            json!({"type": "threads", "threads": ["a|1", "b"]}),
            &["t  threads", "    a|1", "    b"],
        ),
        (
            json!({"type": "trigger.events", "items": ["ORDER_SHIPPED"]}),
            &["t  trigger.events", "    ORDER_SHIPPED"],
        ),
        (
            json!({"type": "businessHours", "businessHours": [{"label": "Support", "weekdays": [
                {"weekday": "Monday", "content": [{"from": "8:30", "to": "12:00"}]}]}]}),
            &["t  businessHours", "    Support", "      Monday   8:30 - 12:00"],
        ),
    ] {
        let mut event = event;
        event["threadId"] = json!("t");
        sandbox.push(event);
        for line in lines {
            assert_eq!(running.line(), *line);
        }
    }
    running.end().done();
}

#[test]
fn an_event_is_written_at_once_and_ctrl_c_ends_gracefully() {
    let (mut running, url) = listen(&["--no-verify", "--json"]);
    let sandbox = sandbox();
    sandbox.set_webhook(&url, None).unwrap();
    let pushed = json!({"type": "message.reply", "threadId": "t", "text": "\u{1b}[31m"});
    sandbox.push(pushed.clone());
    assert_eq!(serde_json::from_str::<Value>(&running.line()).unwrap(), pushed);
    running.interrupt();
    assert_eq!(running.end().done().stdout, "");
}

#[test]
fn no_more_events_are_printed_than_were_asked_for() {
    let (running, url) = listen(&["--no-verify", "--count", "3"]);
    let sandbox = sandbox();
    sandbox.set_webhook(&url, None).unwrap();
    for number in 0..20 {
        sandbox.push(json!({"type": "message.reply", "threadId": format!("thread-{number}")}));
    }
    assert_eq!(running.end().done().stdout.lines().count(), 3);
}

#[test]
fn a_call_with_the_wrong_secret_is_refused_and_told() {
    let (mut running, url) = listen(&["--secret", SECRET]);
    let sandbox = sandbox();
    sandbox
        .set_webhook(&url, Some("another secret of more than 32 bytes"))
        .unwrap();
    sandbox.push(json!({"type": "message.reply", "threadId": "t"}));
    let line = running.error_line();
    assert!(
        line.contains("refused a call with 401") && line.contains("is the secret right?"),
        "{line}"
    );
    running.interrupt();
    assert_eq!(running.end().done().stdout, "");
}

#[test]
fn a_header_can_hold_the_secret_and_the_environment_too() {
    let (running, url) = listen(&["--header", "X-Flow-Key=s3cret", "--count", "1"]);
    let body = r#"{"type": "message.reply", "threadId": "t"}"#;
    assert_eq!(post(&url, "x-flow-key: wrong", body), 401);
    assert_eq!(post(&url, "x-flow-key: s3cret", body), 200);
    assert_eq!(running.end().done().stdout, "t  message.reply\n");

    let args = ["listen", "--listen", "127.0.0.1:0", "--count", "1"];
    let mut running = Running::start(command(&args).env("FLOWAI_WEBHOOK_SECRET", SECRET));
    let url = running.error_line().rsplit(' ').next().unwrap().to_owned();
    let sandbox = sandbox();
    sandbox.set_webhook(&url, Some(SECRET)).unwrap();
    sandbox.push(json!({"type": "message.reply", "threadId": "t"}));
    assert_eq!(running.end().done().stdout, "t  message.reply\n");
}

#[test]
fn events_come_over_https_too() {
    let folder = Folder::new();
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let certificate = folder.file("certificate.pem", made.cert.pem());
    let key = folder.file("key.pem", made.signing_key.serialize_pem());
    let (running, url) = listen(&[
        "--secret",
        SECRET,
        "--count",
        "1",
        "--tls-cert",
        &certificate,
        "--tls-key",
        &key,
    ]);
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let sandbox = sandbox_with(|builder| {
        builder
            .webhook_ca_file(&certificate)
            .webhook_url(url.as_str())
            .webhook_secret(SECRET)
    });
    sandbox.push(json!({"type": "message.reply", "threadId": "t"}));
    assert_eq!(running.end().done().stdout, "t  message.reply\n");
}

#[test]
fn listening_ends_after_the_time_that_was_given() {
    let (running, _) = listen(&["--no-verify", "--for", "0.2"]);
    assert_eq!(running.end().done().stdout, "");
    let taken = Sandbox::builder().start().unwrap();
    let address = taken.base_url().split('/').nth(2).unwrap();
    let finished = flowai(&["listen", "--no-verify", "--listen", address, "--json"]);
    assert_eq!(
        (finished.code, &finished.error()["kind"]),
        (1, &json!("connection"))
    );
}

#[test]
fn the_sandbox_shows_its_key_and_what_happens() {
    let (listening, webhook) = listen(&["--secret", SECRET, "--count", "2"]);
    let args = [
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--webhook-url",
        &webhook,
        "--webhook-secret",
        SECRET,
        "--json",
    ];
    let mut running = Running::start(&mut command(&args));
    let first: Value = serde_json::from_str(&running.line()).unwrap();
    let (url, key) = (
        first["base_url"].as_str().unwrap(),
        first["api_key"].as_str().unwrap(),
    );
    assert_eq!(first["webhook_secret"], SECRET);
    flowai(&[
        "send",
        "text",
        "thread-1",
        "Hello",
        "--base-url",
        url,
        "--api-key",
        key,
    ])
    .done();
    let shown: Vec<Value> = (0..3)
        .map(|_| serde_json::from_str(&running.line()).unwrap())
        .collect();
    let requests: Vec<&Value> = shown.iter().filter_map(|line| line.get("request")).collect();
    assert_eq!(
        requests,
        [&json!({"method": "POST", "target": "/rest/v1/messages/thread-1", "status": 200})]
    );
    listening.end().done();
    running.interrupt();
    let finished = running.end().done();
    let rest = shown.into_iter().chain(finished.documents());
    let mut delivered: Vec<String> = rest
        .filter_map(|line| Some(line.get("delivery")?["type"].as_str()?.to_owned()))
        .collect();
    delivered.dedup();
    assert_eq!(delivered, ["message.delivered", "message.reply"]);
}

#[test]
fn a_sandbox_without_a_bot_or_webhook_says_so() {
    let args = ["sandbox", "--listen", "127.0.0.1:0", "--api-key", KEY, "--no-bot"];
    let mut running = Running::start(&mut command(&args));
    let url = running
        .line()
        .strip_prefix("base URL        ")
        .unwrap()
        .to_owned();
    assert_eq!(running.line(), format!("API key         {KEY}"));
    assert!(running.line().starts_with("webhook secret  "));
    assert_eq!(
        running.line(),
        format!("try             flowai send text thread-1 Hello --base-url {url} --api-key {KEY}")
    );
    assert!(running.line().starts_with("see events      flowai listen"));
    assert!(running.line().starts_with("  then again    flowai sandbox"));
    flowai(&["send", "text", "t", "Hello", "--base-url", &url, "--api-key", KEY]).done();
    assert_eq!(running.line(), "request   POST /rest/v1/messages/t  200");
    assert_eq!(
        running.line(),
        "delivery  message.delivered  t  not delivered: no webhook is registered"
    );
    running.interrupt();
    assert_eq!(running.end().done().stdout, "");
    for (wrong, code, argument) in [
        (["--speed", "0"], 2, json!("speed")),
        (["--webhook-url", "ftp://127.0.0.1/"], 2, json!("webhook_url")),
        (["--webhook-url", "http://127.0.0.1:1/"], 1, Value::Null),
    ] {
        let refused = flowai(&[&["sandbox", "--listen", "127.0.0.1:0", "--json"][..], &wrong].concat());
        assert_eq!(
            (refused.code, &refused.error()["argument"]),
            (code, &argument),
            "{wrong:?}"
        );
    }
}

#[test]
fn the_demo_shows_replies_that_came_by_webhook() {
    let finished = flowai(&["demo"]).done();
    let said: Vec<&str> = finished
        .stdout
        .lines()
        .filter(|line| line.starts_with("  bot") || line.starts_with("  you"))
        .collect();
    assert_eq!(said.len(), 9, "{}", finished.stdout);
    assert_eq!(
        said[..4],
        [
            "  you  Hello",
            "  bot  Hello",
            "  you  [event] ORDER_SHIPPED",
            "  bot  ORDER_SHIPPED"
        ]
    );
    assert_eq!(
        said[6..],
        ["  you  Is anybody there?", "  you  And now?", "  bot  And now?"]
    );
    // Nothing around it matters: it is a world of its own.
    let mut elsewhere = command(&["demo", "--json"]);
    elsewhere
        .env("FLOWAI_BASE_URL", "ftp://nowhere")
        .env("FLOWAI_API_KEY", "no key")
        .env("HTTP_PROXY", "http://127.0.0.1:1");
    let documents = finish(&mut elsewhere).done().documents();
    let replies = documents
        .iter()
        .filter(|line| line["event"]["type"] == "message.reply")
        .count();
    assert_eq!(replies, 4);
}

#[test]
fn fewer_events_than_were_asked_for_are_a_failure() {
    let (mut running, url) = listen(&["--no-verify", "--count", "3"]);
    let sandbox = sandbox();
    sandbox.set_webhook(&url, None).unwrap();
    sandbox.push(json!({"type": "message.reply", "threadId": "t"}));
    assert_eq!(running.line(), "t  message.reply");
    running.interrupt();
    let finished = running.end();
    assert_eq!((finished.code, finished.stdout.as_str()), (1, ""));
    assert!(
        finished.stderr.contains("only 1 of 3 events came"),
        "{}",
        finished.stderr
    );

    let (running, _) = listen(&["--no-verify", "--count", "1", "--for", "0.1", "--json"]);
    let finished = running.end();
    assert_eq!((finished.code, &finished.error()["kind"]), (1, &json!("timeout")));
}

#[test]
fn the_sandbox_takes_key_and_secret_of_the_environment_and_does_not_show_them() {
    let start = ["sandbox", "--listen", "127.0.0.1:0"];
    for (extra, typed) in [(&[][..], None), (&["--api-key", "TYPED_KEY"], Some("TYPED_KEY"))] {
        let mut sandbox = command(&[&start[..], extra].concat());
        sandbox
            .env("FLOWAI_API_KEY", KEY)
            .env("FLOWAI_WEBHOOK_SECRET", SECRET);
        let mut running = Running::start(&mut sandbox);
        let lines: Vec<String> = (0..6).map(|_| running.line()).collect();
        let url = lines[0].rsplit(' ').next().unwrap();
        assert_eq!(
            lines[1],
            format!("API key         {}", typed.unwrap_or("the one that was given"))
        );
        let all = lines.join("\n");
        assert!(!all.contains(KEY) && !all.contains(SECRET), "{all}");
        let key = typed.unwrap_or(KEY);
        flowai(&["status", "t", "--base-url", url, "--api-key", key]).done();
        let wrong = flowai(&["status", "t", "--base-url", url, "--api-key", "WRONG"]);
        assert_eq!(wrong.code, 3);
        running.interrupt();
        running.end().done();
    }
}

/// The words of a command that the sandbox suggests.
fn suggested(line: &str) -> Vec<&str> {
    let (_, arguments) = line.split_once("flowai ").unwrap();
    arguments.split(' ').collect()
}

#[test]
fn the_commands_that_the_sandbox_suggests_make_the_loop() {
    let webhook = format!("http://127.0.0.1:{}/", free_port());
    let args = [
        "sandbox",
        "--listen",
        "127.0.0.1:0",
        "--webhook-url",
        &webhook,
        "--no-webhook-check",
    ];
    let mut running = Running::start(&mut command(&args));
    let lines: Vec<String> = (0..5).map(|_| running.line()).collect();
    let listen = [suggested(&lines[4]), vec!["--count", "2"]].concat();
    let mut listening = Running::start(&mut command(&listen));
    assert_eq!(listening.error_line(), format!("flowai: listening on {webhook}"));
    flowai(&suggested(&lines[3])).done();
    let finished = listening.end().done();
    assert_eq!(
        finished.stdout,
        "thread-1  message.delivered  Hello\nthread-1  message.reply  Hello\n"
    );
    running.interrupt();
    running.end().done();

    // Without a webhook it says how to begin again with one, and the same key and secret.
    let mut running = Running::start(&mut command(&["sandbox", "--listen", "127.0.0.1:0"]));
    let lines: Vec<String> = (0..6).map(|_| running.line()).collect();
    let value = |line: &str| line.rsplit(' ').next().unwrap().to_owned();
    let (key, secret) = (value(&lines[1]), value(&lines[2]));
    assert_eq!(
        suggested(&lines[4]),
        ["listen", "--listen", "127.0.0.1:9000", "--secret", &secret]
    );
    assert_eq!(
        suggested(&lines[5])[1..],
        [
            "--webhook-url",
            "http://127.0.0.1:9000/",
            "--webhook-secret",
            &secret,
            "--api-key",
            &key
        ]
    );
    running.interrupt();
    running.end().done();
}

fn free_port() -> u16 {
    let probe = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    probe.local_addr().unwrap().port()
}

#[test]
fn a_sandbox_that_cannot_start_says_what_helps() {
    let taken = Sandbox::builder().start().unwrap();
    let address = taken.base_url().split('/').nth(2).unwrap();
    let start = ["sandbox", "--listen", "127.0.0.1:0"];
    for (args, code, words) in [
        (vec!["sandbox", "--listen", address], 1, vec![address, "--listen"]),
        (vec!["sandbox", "--listen", "8080"], 2, vec!["8080", "HOST:PORT"]),
        (
            [&start[..], &["--webhook-url", "http://127.0.0.1:1/"]].concat(),
            1,
            vec!["--no-webhook-check"],
        ),
        (
            [&start[..], &["--webhook-secret", "too short"]].concat(),
            2,
            vec!["webhook_secret", "32 bytes"],
        ),
    ] {
        let refused = flowai(&args);
        assert_eq!(refused.code, code, "{args:?}: {}", refused.stderr);
        for word in words {
            assert!(refused.stderr.contains(word), "{args:?}: {}", refused.stderr);
        }
    }
}
