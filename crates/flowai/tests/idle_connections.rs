//! Connections that the server closes while they are idle: 200 sends 45 ms apart to a server that waits 20 ms.
//!
//! Nobody may drive the runtime between two sends, so each case runs in a process of its own; and once more while
//! another thread drives it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod common;

use std::{
    env,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use common::vectors_dir;
use flowai::{Call, Client, Receipt};
use flowai_testkit::TestServer;

const SENDS: u64 = 200;

const PLAIN: [&str; 4] = ["idle-fin", "idle-reset", "idle-408", "stale-answer"];
const TLS: [&str; 6] = [
    "idle-fin",
    "idle-reset",
    "idle-408",
    "stale-answer",
    "idle-close-notify",
    "idle-408-close-notify",
];

fn cases() -> Vec<(String, bool)> {
    let plain = PLAIN.iter().map(|behaviour| ((*behaviour).to_owned(), false));
    plain
        .chain(TLS.iter().map(|behaviour| ((*behaviour).to_owned(), true)))
        .collect()
}

fn client(base_url: &str, ca_file: &str) -> Client {
    Client::builder()
        .api_key("MY_MESSAGING_API_KEY")
        .base_url(base_url)
        .ca_file(ca_file)
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap()
}

type Wait = Box<dyn Fn(Call<Receipt>) -> flowai::Result<Receipt>>;

/// How the calls are waited for.
fn wait() -> Wait {
    #[cfg(target_os = "linux")]
    if env::var("IDLE_AWAITED").is_ok() {
        let watcher = flowai::runtime::Watcher::new().unwrap();
        return Box::new(move |call| common::watching::awaited(&watcher, call));
    }
    Box::new(Call::wait)
}

fn send_all(client: &Client) -> Result<(), String> {
    let wait = wait();
    for n in 0..SENDS {
        let receipt = wait(client.send_text("thread-1", format!("message {n}")))
            .map_err(|error| format!("send {n}: {error:?}"))?;
        let seen = receipt.request_id.unwrap_or_default();
        let ours = receipt.trace_id.unwrap().to_string();
        if seen != ours {
            return Err(format!("send {n} took the answer of another: {seen} for {ours}"));
        }
        thread::sleep(Duration::from_millis(45));
        // A busy machine may wake the server so late that it would close the connection under the next message.
        while given_up()? <= n {
            thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

/// How many idle connections the server has given up, asked without the client that is tested.
fn given_up() -> Result<u64, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(env::var("IDLE_SERVER").unwrap()).map_err(failed)?;
    let run = env::var("IDLE_RUN").unwrap();
    write!(stream, "GET /given-up/{run} HTTP/1.1\r\nhost: test\r\n\r\n").map_err(failed)?;
    stream.shutdown(Shutdown::Write).map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    let (_, json) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let json: serde_json::Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
    json["connections"].as_u64().ok_or_else(|| "no number".to_owned())
}

/// The body of a child process; does nothing in an ordinary test run.
#[test]
fn child() {
    let (Ok(base_url), Ok(ca_file)) = (env::var("IDLE_BASE_URL"), env::var("IDLE_CA_FILE")) else {
        return;
    };
    let client = client(&base_url, &ca_file);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        if env::var("IDLE_DRIVEN").is_ok() {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    flowai::runtime::block_on_with(std::future::pending::<()>(), || {
                        if stop.load(Ordering::Relaxed) {
                            return Err(flowai::Error::new(flowai::ErrorKind::Cancelled, "done"));
                        }
                        Ok(())
                    })
                    .unwrap_err();
                }
            });
        }
        let outcome = send_all(&client);
        stop.store(true, Ordering::Relaxed);
        outcome.unwrap();
    });
}

fn start(server: &TestServer, behaviour: &str, tls: bool, how: &str, run: &str) -> Child {
    let host = if tls { server.https() } else { server.http() };
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--nocapture"])
        .env(
            "IDLE_BASE_URL",
            format!("{host}/fault/{behaviour}/{run}/rest/v1/"),
        )
        .env("IDLE_CA_FILE", server.ca_file())
        .env("IDLE_SERVER", server.http().trim_start_matches("http://"))
        .env("IDLE_RUN", run)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command.env(format!("IDLE_{}", how.to_uppercase()), "1");
    command.spawn().unwrap()
}

fn run_all(how: &str) {
    let server = TestServer::start(vectors_dir()).unwrap();
    let name = |behaviour: &str, tls: bool| format!("idle{}{}{tls}", behaviour.replace('-', ""), how);
    let children: Vec<_> = cases()
        .into_iter()
        .map(|(behaviour, tls)| {
            let run = name(&behaviour, tls);
            (start(&server, &behaviour, tls, how, &run), behaviour, tls, run)
        })
        .collect();
    for (child, behaviour, tls, run) in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{behaviour}, TLS {tls}: {text}");
        let counts = server.counts(&run);
        assert_eq!(
            (counts.requests_read, counts.distinct as u64),
            (SENDS, SENDS),
            "{behaviour}, TLS {tls}: each message exactly once"
        );
    }
}

#[test]
fn nobody_drives_the_runtime() {
    run_all("undriven");
}

#[test]
fn another_thread_drives_the_runtime() {
    run_all("driven");
}

#[test]
#[cfg(target_os = "linux")]
fn an_event_loop_awaits_them() {
    run_all("awaited");
}
