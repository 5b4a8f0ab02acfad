//! What every connection, the webhook queue and the facade have in common.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::auth::ApiKey;
use crate::bot::Bot;
use crate::clock::Pace;
use crate::failures::Failures;
use crate::ids::Ids;
use crate::journal::{RecordedRequest, Ring};
use crate::seed::{Rule, Seed};
use crate::threads::Threads;
use crate::webhooks::Webhooks;

/// What the builder was told about the API.
pub(crate) struct Options {
    pub(crate) bot: Bot,
    pub(crate) business_hours: Value,
    /// Largest file of an upload in bytes.
    pub(crate) max_upload: u64,
    /// Longest text message in code points.
    pub(crate) max_text: usize,
    /// How long a client may be silent.
    pub(crate) idle_timeout: Duration,
    /// The name of the flag in the synchronous bot status.
    pub(crate) is_paused_name: &'static str,
    /// Whether a message that is sent with `sync=true` is answered with the reply.
    pub(crate) sync_replies: bool,
    /// How fast waits pass.
    pub(crate) pace: Pace,
}

/// The state of one sandbox.
pub(crate) struct Shared {
    pub(crate) key: ApiKey,
    pub(crate) options: Options,
    pub(crate) seed: Seed,
    /// What the bot answers by: the rules of the seed, and those that were put before them.
    pub(crate) rules: Mutex<Vec<Rule>>,
    pub(crate) threads: Mutex<Threads>,
    pub(crate) failures: Failures,
    pub(crate) journal: Mutex<Ring<RecordedRequest>>,
    pub(crate) webhooks: Arc<Webhooks>,
    pub(crate) ids: Ids,
}

/// Locks, whatever happened to another holder: every critical section leaves consistent data behind.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
