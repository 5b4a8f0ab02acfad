//! What an outbox tells about its messages.

use std::time::Duration;

use flowai::Message;

/// What is known of a message once it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct OutboxReceipt {
    /// The number of the message in this outbox, from 1 to 2^53 - 1, in no order; its report carries it too.
    pub id: i64,
    /// The thread that it is for.
    pub thread_id: String,
    /// The trace id that goes along; delivery events carry it too. `None` when the client gives none.
    pub trace_id: Option<u64>,
}

/// What a message that is not settled is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutboxState {
    /// It waits: for its turn, for the network, for its next attempt.
    Queued,
    /// It is leaving. If the process ends now, nobody knows whether it was taken.
    Sending,
}

impl OutboxState {
    /// `queued` or `sending`.
    pub const fn name(self) -> &'static str {
        match self {
            OutboxState::Queued => "queued",
            OutboxState::Sending => "sending",
        }
    }
}

/// A message that waits in an outbox.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutboxEntry {
    /// Its place: messages that were taken in later have larger ones.
    pub position: i64,
    /// Its number, as in the receipt.
    pub id: i64,
    /// The thread that it is for.
    pub thread_id: String,
    /// The trace id that goes along.
    pub trace_id: Option<u64>,
    /// What it says.
    pub message: Message,
    /// The name of the file that is uploaded with it.
    pub filename: Option<String>,
    /// What it is doing.
    pub state: OutboxState,
    /// How often it was tried, attempts without a connection included.
    pub attempts: u32,
    /// Of them, those of which nobody knows whether it was taken.
    pub ambiguous_attempts: u32,
    /// When it was put here, in milliseconds since 1970 UTC; so are all times.
    pub enqueued_at_ms: i64,
    /// When it expires.
    pub expires_at_ms: Option<i64>,
    /// When it is tried next, as far as that depends on it alone; `None` behind another message of its thread.
    pub next_attempt_at_ms: Option<i64>,
    /// What went wrong last.
    pub error: Option<String>,
    /// Bytes that it has, a copied file included.
    pub size: u64,
}

/// Which messages to list.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutboxFilter {
    /// Only those for this thread.
    pub thread_id: Option<String>,
    /// Only those behind this position: the last one of the page before. Default: 0.
    pub after: i64,
    /// How many at most. Default: 100.
    pub limit: u32,
}

impl Default for OutboxFilter {
    fn default() -> OutboxFilter {
        OutboxFilter {
            thread_id: None,
            after: 0,
            limit: 100,
        }
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The service took it.
    Sent,
    /// It left, and nobody knows whether the service took it.
    MaybeSent,
    /// The service did not take it, and it is not tried again.
    Failed,
}

impl Outcome {
    pub(crate) const ALL: [Outcome; 3] = [Outcome::Sent, Outcome::MaybeSent, Outcome::Failed];

    /// `sent`, `maybe_sent` or `failed`.
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Sent => "sent",
            Outcome::MaybeSent => "maybe_sent",
            Outcome::Failed => "failed",
        }
    }
}

/// What became of a message, and how.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The number of the report: later ones are larger. For [`Outbox::acknowledge`](crate::Outbox::acknowledge).
    pub number: i64,
    /// The number of the message, as in the receipt.
    pub id: i64,
    /// The thread that it was for.
    pub thread_id: String,
    /// The trace id that went along.
    pub trace_id: Option<u64>,
    /// What became of it.
    pub outcome: Outcome,
    /// What it said. To send a message again, give it to a client or an outbox.
    pub message: Message,
    /// What went wrong last, in words; also when it was sent in the end.
    pub error: Option<String>,
    /// The kind of that error, by [name](flowai::ErrorKind::name), or `expired`.
    pub error_kind: Option<String>,
    /// The HTTP status of the answer that settled it.
    pub status: Option<u16>,
    /// The request id that the service gave (header `x-request-id`).
    pub request_id: Option<String>,
    /// How often it was tried, attempts without a connection included.
    pub attempts: u32,
    /// Of them, those of which nobody knows whether it was taken: as often, and once more, it may have arrived.
    pub ambiguous_attempts: u32,
    /// When it was put into the outbox, in milliseconds since 1970 UTC; so are all times.
    pub enqueued_at_ms: i64,
    /// When it was last tried.
    pub attempted_at_ms: Option<i64>,
    /// When this was known.
    pub settled_at_ms: i64,
    /// When a delivery event said that it had arrived.
    pub confirmed_at_ms: Option<i64>,
}

/// How an outbox is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxStats {
    /// Messages that wait, those that are leaving included.
    pub waiting: u64,
    /// Of them, those that are leaving.
    pub sending: u64,
    /// Messages that other processes have put here and that the owner has not taken in yet; not among the waiting ones.
    pub arriving: u64,
    /// Bytes of the waiting messages, copied files included.
    pub bytes: u64,
    /// How long ago the oldest of the waiting ones was put here.
    pub oldest: Option<Duration>,
    /// When the next one is tried, in milliseconds since 1970 UTC. `None` when none waits.
    pub next_attempt_at_ms: Option<i64>,
    /// What went wrong last with one that still waits.
    pub error: Option<String>,
    /// The kind of that error, by [name](flowai::ErrorKind::name): `authentication` when the service refuses the key.
    pub error_kind: Option<String>,
    /// Messages of which nobody knows whether they were taken: reported as `maybe_sent`, not read or not confirmed in the
    /// last 24 hours, or to be repeated.
    pub ambiguous: u64,
    /// Reports that wait to be read.
    pub reports: u64,
}
