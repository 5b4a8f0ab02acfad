//! A place for an outbox, a service to send to, and what arrived there.
#![allow(dead_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use flowai::Client;
use flowai_delivery::{Outbox, OutboxOptions, Outcome, Report};
use flowai_sandbox::Sandbox;

/// No test waits longer than this; it is only there to end a test that hangs.
pub const LONG: Duration = Duration::from_secs(60);

/// A directory that is removed at the end.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Directory {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("flowai-outbox-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("outbox.db")
    }

    /// The files in the directory with this suffix beside the database.
    pub fn beside(&self, suffix: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.0.join(format!("outbox.db{suffix}"))).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn client(base_url: &str, key: &str) -> Client {
    let builder = Client::builder()
        .api_key(key)
        .base_url(base_url)
        .timeout(Duration::from_secs(10));
    builder.build().unwrap()
}

pub fn client_of(sandbox: &Sandbox) -> Client {
    client(sandbox.base_url(), sandbox.api_key())
}

/// Impatient: tests do not wait for long.
pub fn quick() -> OutboxOptions {
    let mut options = OutboxOptions::default();
    options.retry_min = Duration::from_millis(20);
    options.retry_max = Duration::from_millis(100);
    options
}

pub fn open(directory: &Directory, client: Client) -> Outbox {
    Outbox::open_with(directory.file(), client, quick()).unwrap()
}

/// The thread and the text of every message that arrived, in order.
pub fn arrived(sandbox: &Sandbox) -> Vec<(String, String)> {
    let requests = sandbox.requests().into_iter();
    let messages = requests.filter(|request| request.method == "POST");
    let said = messages.map(|request| {
        let thread = request.path.rsplit('/').next().unwrap().to_owned();
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let text = body["payload"]["speech"].as_str().unwrap_or_default().to_owned();
        (thread, text)
    });
    said.collect()
}

/// Takes and acknowledges so many reports.
pub fn reports(outbox: &Outbox, count: usize) -> Vec<Report> {
    let reports: Vec<Report> = outbox
        .reports(Some(LONG))
        .take(count)
        .map(Result::unwrap)
        .collect();
    assert_eq!(reports.len(), count);
    outbox.acknowledge(reports[count - 1].number).unwrap();
    reports
}

pub fn report(outbox: &Outbox) -> Report {
    reports(outbox, 1).remove(0)
}

pub fn outcomes(reports: &[Report]) -> Vec<Outcome> {
    reports.iter().map(|report| report.outcome).collect()
}

/// Waits for what becomes true after a while.
pub fn eventually(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < LONG, "it never became true");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}
