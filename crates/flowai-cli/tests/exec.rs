//! `listen --inbox`: events are safe before they are acknowledged, printed or handed to a command, and nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{fs, path::Path, time::Instant};

use serde_json::{Value, json};
use support::{
    Folder, LIMIT, Pid, Running, Signal, flowai,
    listening::{SECRET, call, get, listen, until},
    sandbox,
};

fn event(thread: &str, number: u64) -> String {
    json!({"type": "message.reply", "threadId": thread, "number": number,
        "messages": [{"meta": {"msgId": format!("{thread}-{number}")}}]})
    .to_string()
}

/// A folder with an inbox, and a command in it.
struct Handler {
    folder: Folder,
    inbox: String,
    command: String,
}

impl Handler {
    /// `script` runs in the folder.
    fn new(script: &str) -> Handler {
        let folder = Folder::new();
        let inbox = folder.0.join("inbox.db").to_str().unwrap().to_owned();
        let command = format!("cd '{}'; {script}", folder.0.display());
        Handler {
            folder,
            inbox,
            command,
        }
    }

    fn listen(&self, more: &[&str]) -> (Running, String) {
        let start = ["--no-verify", "--inbox", &self.inbox, "--exec", &self.command];
        listen(&[&start[..], more].concat())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.0.join(name)).unwrap_or_default()
    }

    fn list(&self, more: &[&str]) -> Vec<Value> {
        let args = ["inbox", "list", &self.inbox, "--all", "--json"];
        flowai(&[&args[..], more].concat()).done().documents()
    }

    fn all_are(&self, count: usize, state: &str) {
        let mut found = Vec::new();
        until(&format!("{count} events are {state}"), || {
            found = self.list(&[]);
            found.len() == count && found.iter().all(|entry| entry["state"] == state)
        });
    }
}

fn end(running: Running) -> support::Finished {
    running.interrupt();
    running.end().done()
}

#[test]
fn events_are_printed_once_and_kept() {
    let folder = Folder::new();
    let inbox = folder.0.join("inbox.db").to_str().unwrap().to_owned();
    let args = ["--secret", SECRET, "--inbox", &inbox, "--count", "2"];
    let (running, url) = listen(&args);
    let sandbox = sandbox();
    sandbox.set_webhook(&url, Some(SECRET)).unwrap();
    sandbox.client_says("thread-1", "Hello");
    let finished = running.end().done();
    assert_eq!(
        finished.stdout,
        "thread-1  message.delivered  Hello\nthread-1  message.reply  Hello\n"
    );
    let list = flowai(&["inbox", "list", &inbox]).done().stdout;
    assert_eq!(list.lines().count(), 2);
    assert!(list.lines().all(|line| line.contains("handled  1  ")), "{list}");
    // What was printed is not printed again.
    let again = ["--no-verify", "--inbox", &inbox, "--for", "0.2"];
    assert_eq!(listen(&again).0.end().done().stdout, "");
}

trait Says {
    fn client_says(&self, thread: &str, text: &str);
}

impl Says for flowai_sandbox::Sandbox {
    fn client_says(&self, thread: &str, text: &str) {
        flowai(&support::to(self, &["send", "text", thread, text])).done();
    }
}

#[test]
fn a_command_gets_the_event_and_what_is_known_of_it() {
    let handler = Handler::new(
        r#"printf '%s|' "$FLOWAI_EVENT_ID" "$FLOWAI_EVENT_TYPE" "$FLOWAI_THREAD_ID" "$FLOWAI_ATTEMPT" \
            "$FLOWAI_REPLAYED" "$FLOWAI_MAYBE_DUPLICATE" >> told; cat >> told; echo >> told; echo handled"#,
    );
    let (mut running, url) = handler.listen(&["--workers", "1"]);
    let body = event("thread '\"$(touch x) \u{e9}|1", 7);
    assert_eq!(call(&url, &body), 200);
    assert_eq!(call(&url, &body), 200, "stored once");
    assert_eq!(running.line(), "handled");
    let pause = r#"{"type": "control.pause",  "threadId": "t"}"#;
    for _ in 0..2 {
        assert_eq!(call(&url, pause), 200);
        assert_eq!(running.line(), "handled");
    }
    // Nothing of these can be in an environment.
    let odd = json!({"type": "a\0b", "threadId": "x".repeat(200_000)}).to_string();
    assert_eq!(call(&url, &odd), 200);
    assert_eq!(running.line(), "handled");
    handler.all_are(4, "handled");
    flowai(&["inbox", "replay", &handler.inbox, "1"]).done();
    assert_eq!(running.line(), "handled");
    assert_eq!(end(running).stderr, "");
    assert_eq!(
        handler.read("told").lines().collect::<Vec<_>>(),
        [
            format!("1|message.reply|thread '\"$(touch x) \u{e9}|1|1|0|0|{body}"),
            format!("2|control.pause|t|1|0|0|{pause}"),
            format!("3|control.pause|t|1|0|1|{pause}"),
            format!("4|||1|0|0|{odd}"),
            format!("5|message.reply|thread '\"$(touch x) \u{e9}|1|1|1|0|{body}"),
        ]
    );
    assert!(!handler.folder.0.join("x").exists());
}

#[test]
fn a_failure_is_tried_again_in_its_turn_and_given_up_in_the_end() {
    let handler = Handler::new(
        r#"echo "$FLOWAI_EVENT_ID:$FLOWAI_ATTEMPT" >> order
        case "$FLOWAI_EVENT_ID" in 1) test "$FLOWAI_ATTEMPT" = 3;; 2) exit 7;; esac"#,
    );
    let fast = [
        "--retry-min",
        "0.01",
        "--retry-max",
        "0.02",
        "--max-attempts",
        "3",
    ];
    let (mut running, url) = handler.listen(&fast);
    for number in 1..=3 {
        assert_eq!(call(&url, &event("t", number)), 200);
    }
    for (id, attempt, end) in [
        (1, 1, "it comes again"),
        (1, 2, "it comes again"),
        (2, 1, "it comes again"),
        (2, 2, "it comes again"),
        (2, 3, "it is a dead letter now"),
    ] {
        let code = if id == 1 { 1 } else { 7 };
        assert_eq!(
            running.error_line(),
            format!(
                "flowai: event {id}, attempt {attempt}: the command ended with exit status: {code}; {end}"
            )
        );
    }
    until("the third is handled", || {
        handler.list(&["--state", "handled"]).len() == 2
    });
    assert_eq!(
        handler.read("order").split_whitespace().collect::<Vec<_>>(),
        ["1:1", "1:2", "1:3", "2:1", "2:2", "2:3", "3:1"]
    );
    let dead = handler.list(&["--state", "dead"]);
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (&dead[0]["id"], &dead[0]["error"]),
        (
            &json!(2),
            &json!("the command ended with exit status: 7 (attempt 3, the last)")
        )
    );
    // While it runs: the dead letter is handled as a new event.
    let retried = flowai(&["inbox", "retry", &handler.inbox, "--dead"]).done();
    assert_eq!(retried.stdout, "event 2 is handled again as 4\n");
    handler.all_are(4, "handled");
    end(running);
}

#[test]
fn running_commands_finish_or_are_ended_with_all_they_started() {
    let handler = Handler::new(
        r#"echo $$ >> pids; if test "$FLOWAI_ATTEMPT" = 1; then trap '' TERM; sleep 1000 & echo $! >> pids; wait; wait; fi"#,
    );
    let (running, url) = handler.listen(&["--grace", "0.1"]);
    assert_eq!(call(&url, &event("t", 1)), 200);
    until("the command runs", || handler.read("pids").lines().count() == 2);
    let began = Instant::now();
    running.signal(Signal::SIGTERM);
    let finished = running.end().done();
    assert!(began.elapsed() < LIMIT / 2);
    assert_eq!(finished.stderr, "", "that it was ended is not its failure");
    for pid in handler.read("pids").lines() {
        until("it has ended", || is_gone(pid));
    }
    // It comes again at once, and as the same event.
    let (running, _) = handler.listen(&["--retry-min", "1000"]);
    handler.all_are(1, "handled");
    end(running);
    assert_eq!(handler.list(&[])[0]["attempts"], 2);

    // One that needs a moment is given it.
    let handler = Handler::new("touch began; sleep 0.5; touch done");
    let (running, url) = handler.listen(&[]);
    assert_eq!(call(&url, &event("t", 1)), 200);
    until("the command runs", || handler.folder.0.join("began").exists());
    end(running);
    assert!(handler.folder.0.join("done").exists());
    handler.all_are(1, "handled");
}

/// Dead, or a zombie that nobody has buried yet.
fn is_gone(pid: &str) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit(") ").next().unwrap().starts_with('Z'),
        Err(_) => true,
    }
}

#[test]
fn a_command_that_takes_too_long_is_ended_and_the_others_go_on() {
    let handler =
        Handler::new(r#"case "$FLOWAI_THREAD_ID" in slow) sleep 1000;; *) echo "$FLOWAI_THREAD_ID";; esac"#);
    let more = ["--exec-timeout", "0.3", "--max-attempts", "1"];
    let (mut running, url) = handler.listen(&more);
    assert_eq!(call(&url, &event("slow", 1)), 200);
    assert_eq!(call(&url, &event("fast", 1)), 200);
    assert_eq!(running.line(), "fast");
    assert_eq!(
        running.error_line(),
        "flowai: event 1, attempt 1: the command was ended after 0.3 seconds; it is a dead letter now"
    );
    end(running);
}

#[test]
fn a_command_need_not_read_and_may_read_slowly() {
    let handler = Handler::new(
        r#"case "$FLOWAI_THREAD_ID" in
            deaf) sleep 0.1; exit 0;;
            left) sleep 1000 > /dev/null 2>&1 & echo $! > left; exit 0;;
            *) sleep 0.2; wc -c > size;;
        esac"#,
    );
    let (running, url) = handler.listen(&["--grace", "0"]);
    let large = |thread: &str| json!({"threadId": thread, "text": "x".repeat(1_000_000)}).to_string();
    for thread in ["deaf", "left", "slow"] {
        assert_eq!(call(&url, &large(thread)), 200);
    }
    handler.all_are(3, "handled");
    assert_eq!(handler.read("size").trim(), large("slow").len().to_string());
    end(running);
    // What a command that was done has left running is none of our business.
    let left = handler.read("left");
    assert!(!is_gone(left.trim()));
    nix::sys::signal::kill(Pid::from_raw(left.trim().parse().unwrap()), Signal::SIGKILL).unwrap();
}

#[test]
fn health_is_told_where_it_was_asked_for() {
    let handler = Handler::new("exit 1");
    let (running, url) = handler.listen(&["--health", "/up", "--max-attempts", "1"]);
    let (status, body) = get(&url, "/up");
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &health["status"], &health["dead"]),
        (200, &json!("ok"), &json!(0))
    );
    assert_eq!(get(&url, "/health").0, 404);
    end(running);
    let (running, url) = handler.listen(&["--health", ""]);
    assert_eq!(get(&url, "/health").0, 404);
    end(running);
}

#[test]
fn an_inbox_has_one_owner_and_options_that_mean_something() {
    let handler = Handler::new("true");
    let (running, url) = handler.listen(&[]);
    let second = ["listen", "--no-verify", "--listen", "127.0.0.1:0", "--json"];
    let refused = flowai(&[&second[..], &["--inbox", &handler.inbox]].concat());
    assert_eq!((refused.code, &refused.error()["kind"]), (1, &json!("storage")));
    let message = refused.error()["message"].to_string();
    assert!(message.contains("belongs to one process at a time"), "{message}");
    assert_eq!(call(&url, &event("t", 1)), 200);
    end(running);
    for wrong in [
        &["--exec", "true"][..],
        &["--max-attempts", "3"],
        &["--inbox", &handler.inbox, "--workers", "2"],
        &["--inbox", &handler.inbox, "--exec", "true", "--count", "1"],
        &["--inbox", &handler.inbox, "--exec", "true", "--workers", "0"],
        &["--inbox", &handler.inbox, "--max-attempts", "0"],
    ] {
        let refused = flowai(&[&second[..], wrong].concat());
        assert_eq!(refused.code, 2, "{wrong:?}: {}", refused.stderr);
    }
    let nowhere = handler.folder.0.join("nowhere/inbox.db");
    let refused = flowai(&[&second[..], &["--inbox", nowhere.to_str().unwrap()]].concat());
    assert_eq!((refused.code, &refused.error()["kind"]), (1, &json!("storage")));
}

/// How often the process is killed; more in long runs.
fn rounds() -> u64 {
    let rounds = std::env::var("FLOWAI_KILL_ROUNDS").ok();
    rounds.map_or(6, |rounds| rounds.parse().unwrap())
}

#[test]
fn nothing_that_was_acknowledged_is_lost_when_the_process_is_killed() {
    let handler = Handler::new(r#"sleep 0.02; n=$(cat); echo "$n" >> "handled-$FLOWAI_THREAD_ID""#);
    let mut acknowledged: Vec<(String, u64)> = Vec::new();
    let mut next = 0;
    for round in 0..rounds() {
        let (running, url) = handler.listen(&["--workers", "3"]);
        // Not before there is something to interrupt, and each time at another moment.
        let last = next + 5 + round % 7;
        while next < last {
            next += 1;
            let thread = format!("t{}", next % 3);
            if call(&url, &event(&thread, next)) == 200 {
                acknowledged.push((thread, next));
            }
        }
        running.signal(Signal::SIGKILL);
        running.end();
    }
    assert_eq!(acknowledged.len() as u64, next);
    let (running, _) = handler.listen(&[]);
    handler.all_are(acknowledged.len(), "handled");
    end(running);
    let again = |entry: &Value| entry["attempts"].as_u64() > Some(1);
    assert!(handler.list(&[]).iter().any(again), "no kill hit a handler");
    for thread in ["t0", "t1", "t2"] {
        let expected: Vec<u64> = acknowledged
            .iter()
            .filter(|(of, _)| of == thread)
            .map(|(_, number)| *number)
            .collect();
        assert_eq!(handled_at_least_once(&handler, thread), expected, "{thread}");
    }
}

/// The numbers of the events of a thread, by when each was handled first.
fn handled_at_least_once(handler: &Handler, thread: &str) -> Vec<u64> {
    let mut numbers = Vec::new();
    for line in handler.read(&format!("handled-{thread}")).lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let number = event["number"].as_u64().unwrap();
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}

#[test]
fn certificates_are_loaded_again_on_request() {
    let folder = Folder::new();
    let certificate = folder.0.join("certificate.pem");
    let key = folder.0.join("key.pem");
    let renew = || {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        replace(&certificate, &made.cert.pem());
        replace(&key, &made.signing_key.serialize_pem());
    };
    renew();
    let files = [
        "--tls-cert",
        certificate.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ];
    let (mut running, url) = listen(&[&["--no-verify", "--count", "2"], &files[..]].concat());
    let deliver = |number: u64| {
        let sandbox =
            support::sandbox_with(|builder| builder.webhook_ca_file(&certificate).webhook_url(url.as_str()));
        sandbox.push(json!({"type": "message.reply", "threadId": number.to_string()}));
        sandbox
    };
    let first = deliver(1);
    assert_eq!(running.line(), "1  message.reply");
    first.stop();
    fs::write(&key, "no key").unwrap();
    running.signal(Signal::SIGHUP);
    let line = running.error_line();
    assert!(
        line.starts_with("flowai: the certificate stays as it was: "),
        "{line}"
    );
    renew();
    running.signal(Signal::SIGHUP);
    assert_eq!(running.error_line(), "flowai: the certificate was loaded again");
    // The sandbox trusts the new certificate alone.
    let _second = deliver(2);
    assert_eq!(running.end().done().stdout, "2  message.reply\n");
}

fn replace(path: &Path, content: &str) {
    let new = path.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(&new, path).unwrap();
}
