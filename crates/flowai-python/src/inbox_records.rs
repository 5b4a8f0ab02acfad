//! What an inbox tells about its events.

use flowai_delivery::{Entry, StoredEvent as Stored};
use pyo3::prelude::*;

record_class! {
    /// What Inbox.put did with an event.
    ///
    /// >>> [stored.duplicate for stored in inbox.put(b'{"type": "message.reply", "threadId": "t"}')]
    /// [False]
    StoredEvent(Stored);
    /// int: The number of the event, or of the one that it repeats.
    id: i64 = |stored| stored.id;
    /// bool: Whether it had been stored before and was not stored again.
    duplicate: bool = |stored| stored.duplicate;
    /// bool: Whether it cannot be read and was stored as a dead letter.
    dead: bool = |stored| stored.dead;
}

record_class! {
    /// An event in an inbox, without its body.
    ///
    /// >>> stored = inbox.put(b'{"type": "message.reply", "threadId": "t"}')
    /// >>> [entry.state for entry in inbox.list(state="waiting")]
    /// ['waiting']
    InboxEntry(Entry);
    /// int: The number of the event; later events have larger ones, and none is ever used twice.
    id: i64 = |entry| entry.id;
    /// str: The conversation; empty when the event has none or cannot be read.
    thread_id: String = |entry| entry.thread_id.clone();
    /// str: ``waiting``, ``handled`` or ``dead``.
    state: String = |entry| entry.state.name().to_owned();
    /// int: When it was stored, in milliseconds since 1970 UTC.
    received_at_ms: i64 = |entry| entry.received_at_ms;
    /// int: How often it was handed out.
    attempts: u32 = |entry| entry.attempts;
    /// str or None: What went wrong last; of a function in Python, the end of its traceback.
    error: Option<String> = |entry| entry.error.clone();
    /// bool: Whether an event with the same bytes came within the 24 hours before it, and nothing tells whether it is
    ///     the
    /// same.
    maybe_duplicate: bool = |entry| entry.maybe_duplicate;
    /// int or None: The event that this one is a replay of.
    replay_of: Option<i64> = |entry| entry.replay_of;
    /// int: The size of the body in bytes.
    size: u64 = |entry| entry.size;
}

record_class! {
    /// How an inbox is doing.
    ///
    /// >>> inbox.stats().waiting
    /// 0
    InboxStats(flowai_delivery::InboxStats);
    /// int: Events that are not handled yet: waiting, being handled, or waiting to be tried again.
    waiting: u64 = |stats| stats.waiting;
    /// int: Of them, those that are being handled now by this process.
    leased: u64 = |stats| stats.leased;
    /// float or None: How many seconds ago the oldest of them was received.
    oldest_waiting: Option<f64> = |stats| stats.oldest_waiting.map(|age| age.as_secs_f64());
    /// int: Dead letters.
    dead: u64 = |stats| stats.dead;
    /// int: The size of the database in bytes, without its log and the room that is free in it.
    bytes: u64 = |stats| stats.bytes;
}
