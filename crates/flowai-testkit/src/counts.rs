//! What a run sent: the proof of how often a message was sent.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest;
use serde_json::{Value, json};

/// Bodies up to this many bytes are kept as text.
const SMALL: usize = 4096;
/// So many bodies of a run are kept; all are counted.
const KEPT: usize = 10_000;

/// The requests of a run that were read whole.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Connections that carried at least one request of the run.
    pub connections: usize,
    /// Requests read whole.
    pub requests_read: u64,
    /// Distinct bodies among them.
    pub distinct: usize,
    /// The first 10,000 bodies, in the order in which they came.
    pub bodies: Vec<SeenBody>,
}

/// One body of a request.
#[derive(Clone, Debug)]
pub struct SeenBody {
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// The body itself if it is small and UTF-8.
    pub text: Option<String>,
}

impl Counts {
    pub(crate) fn to_json(&self) -> Value {
        let bodies: Vec<Value> = self
            .bodies
            .iter()
            .map(|body| json!({"sha256": body.sha256, "size": body.size, "text": body.text}))
            .collect();
        json!({
            "connections": self.connections,
            "requests_read": self.requests_read,
            "distinct": self.distinct,
            "bodies": bodies,
        })
    }
}

/// Takes a body piece by piece at constant memory.
pub(crate) struct BodyReader {
    context: digest::Context,
    size: u64,
    start: Vec<u8>,
}

impl BodyReader {
    pub(crate) fn new() -> BodyReader {
        BodyReader {
            context: digest::Context::new(&digest::SHA256),
            size: 0,
            start: Vec::new(),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.size += bytes.len() as u64;
        let room = SMALL.saturating_sub(self.start.len());
        self.start.extend(bytes.iter().take(room));
    }

    pub(crate) fn finish(self) -> SeenBody {
        let digest = self.context.finish();
        SeenBody {
            sha256: digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            size: self.size,
            text: (self.size <= SMALL as u64)
                .then(|| String::from_utf8(self.start).ok())
                .flatten(),
        }
    }
}

#[derive(Default)]
struct Run {
    connections: HashSet<u64>,
    read: u64,
    bodies: Vec<SeenBody>,
    distinct: HashSet<String>,
    /// Requests that a behaviour was asked for, for behaviours that end after some.
    served: u64,
    /// Idle connections that the server gave up.
    given_up: u64,
}

/// The counts of all runs.
#[derive(Default)]
pub(crate) struct Counter {
    runs: Mutex<HashMap<String, Run>>,
}

impl Counter {
    pub(crate) fn new() -> Arc<Counter> {
        Arc::default()
    }

    /// A connection carries a request of the run; how many the run had before.
    pub(crate) fn begin(&self, run: &str, connection: u64) -> u64 {
        self.with(run, |run| {
            run.connections.insert(connection);
            run.served += 1;
            run.served - 1
        })
    }

    /// A request of the run was read whole.
    pub(crate) fn read(&self, run: &str, body: SeenBody) {
        self.with(run, |run| {
            run.read += 1;
            run.distinct.insert(body.sha256.clone());
            if run.bodies.len() < KEPT {
                run.bodies.push(body);
            }
        });
    }

    /// The server was tired of an idle connection of the run.
    pub(crate) fn gave_up(&self, run: &str) {
        self.with(run, |run| run.given_up += 1);
    }

    pub(crate) fn given_up(&self, run: &str) -> u64 {
        self.with(run, |run| run.given_up)
    }

    pub(crate) fn counts(&self, run: &str) -> Counts {
        self.with(run, |run| Counts {
            connections: run.connections.len(),
            requests_read: run.read,
            distinct: run.distinct.len(),
            bodies: run.bodies.clone(),
        })
    }

    fn with<T>(&self, run: &str, change: impl FnOnce(&mut Run) -> T) -> T {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        change(runs.entry(run.to_owned()).or_default())
    }
}
