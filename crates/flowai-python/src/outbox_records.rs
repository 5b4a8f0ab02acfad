//! What an outbox tells about its messages.

use flowai_delivery::{OutboxEntry as Entry, OutboxReceipt as Receipt, OutboxStats as Stats, Report};
use pyo3::prelude::*;

use crate::delivery_record::Content;

record_class! {
    /// What is known of a message once it is durable.
    ///
    /// >>> receipt = outbox.send_text("thread-1", "Hello")
    /// >>> entry = outbox.show(receipt.id)
    OutboxReceipt(Receipt);
    /// int: The number of the message in its outbox, in no order; its report carries it too.
    id: i64 = |receipt| receipt.id;
    /// str: The thread that it is for.
    thread_id: String = |receipt| receipt.thread_id.clone();
    /// int or None: The trace id that goes along; delivery events carry it too.
    trace_id: Option<u64> = |receipt| receipt.trace_id;
}

record_class! {
    /// A message that waits in an outbox.
    ///
    /// >>> for entry in outbox.list():
    /// ...     print(entry.thread_id, entry.attempts)
    OutboxEntry(Entry);
    /// int: Its place: messages that were taken in later have larger ones.
    position: i64 = |entry| entry.position;
    /// int: Its number, as in the receipt.
    id: i64 = |entry| entry.id;
    /// str: The thread that it is for.
    thread_id: String = |entry| entry.thread_id.clone();
    /// int or None: The trace id that goes along.
    trace_id: Option<u64> = |entry| entry.trace_id;
    /// TextMessage, EventMessage, LocationMessage or MediaMessage: What it says.
    message: Content = |entry| Content(entry.message.clone());
    /// str or None: The name of the file that is uploaded with it.
    filename: Option<String> = |entry| entry.filename.clone();
    /// str: ``queued``, or ``sending`` when it is leaving.
    state: String = |entry| entry.state.name().to_owned();
    /// int: How often it was tried, attempts without a connection included.
    attempts: u32 = |entry| entry.attempts;
    /// int: Of them, those of which nobody knows whether it was taken.
    ambiguous_attempts: u32 = |entry| entry.ambiguous_attempts;
    /// int: When it was put here, in milliseconds since 1970 UTC; so are all times.
    enqueued_at_ms: i64 = |entry| entry.enqueued_at_ms;
    /// int or None: When it expires.
    expires_at_ms: Option<i64> = |entry| entry.expires_at_ms;
    /// int or None: When it is tried next, as far as that depends on it alone; None behind another message of its
    /// thread.
    next_attempt_at_ms: Option<i64> = |entry| entry.next_attempt_at_ms;
    /// str or None: What went wrong last.
    error: Option<String> = |entry| entry.error.clone();
    /// int: Bytes that it has, a copied file included.
    size: u64 = |entry| entry.size;
}

record_class! {
    /// What became of a message of an outbox, and how.
    ///
    /// >>> receipt = outbox.send_text("thread-1", "Hello")
    /// >>> outbox.next_report(timeout=20).outcome
    /// 'sent'
    OutboxReport(Report);
    /// int: The number of the report, for Outbox.acknowledge: later ones are larger.
    number: i64 = |report| report.number;
    /// int: The number of the message, as in the receipt.
    id: i64 = |report| report.id;
    /// str: The thread that it was for.
    thread_id: String = |report| report.thread_id.clone();
    /// int or None: The trace id that went along.
    trace_id: Option<u64> = |report| report.trace_id;
    /// str: ``sent``: the service took it. ``maybe_sent``: it left, and nobody knows whether the service took it.
    /// ``failed``: the service did not take it, and it is not tried again.
    outcome: String = |report| report.outcome.name().to_owned();
    /// TextMessage, EventMessage, LocationMessage or MediaMessage: What it said. To send it again, give it to a client
    /// or an outbox.
    message: Content = |report| Content(report.message.clone());
    /// str or None: What went wrong last, in words; also when it was sent in the end.
    error: Option<String> = |report| report.error.clone();
    /// str or None: The kind of that error, as FlowAIError.kind has it, or ``expired``.
    error_kind: Option<String> = |report| report.error_kind.clone();
    /// int or None: The HTTP status of the answer that settled it.
    status: Option<u16> = |report| report.status;
    /// str or None: The request id that the service gave (header x-request-id).
    request_id: Option<String> = |report| report.request_id.clone();
    /// int: How often it was tried, attempts without a connection included.
    attempts: u32 = |report| report.attempts;
    /// int: Of them, those of which nobody knows whether it was taken: as often, and once more, it may have arrived.
    ambiguous_attempts: u32 = |report| report.ambiguous_attempts;
    /// int: When it was put into the outbox, in milliseconds since 1970 UTC; so are all times.
    enqueued_at_ms: i64 = |report| report.enqueued_at_ms;
    /// int or None: When it was last tried.
    attempted_at_ms: Option<i64> = |report| report.attempted_at_ms;
    /// int: When this was known.
    settled_at_ms: i64 = |report| report.settled_at_ms;
    /// int or None: When a delivery event said that it had arrived.
    confirmed_at_ms: Option<i64> = |report| report.confirmed_at_ms;
}

record_class! {
    /// How an outbox is doing.
    ///
    /// >>> outbox.stats().waiting
    /// 0
    OutboxStats(Stats);
    /// int: Messages that wait, those that are leaving included.
    waiting: u64 = |stats| stats.waiting;
    /// int: Of them, those that are leaving.
    sending: u64 = |stats| stats.sending;
    /// int: Messages that other processes have put here and that the owner has not taken in yet; not among the waiting
    ///     ones.
    arriving: u64 = |stats| stats.arriving;
    /// int: Bytes of the waiting messages, copied files included.
    bytes: u64 = |stats| stats.bytes;
    /// float or None: How many seconds ago the oldest of the waiting ones was put here.
    oldest: Option<f64> = |stats| stats.oldest.map(|age| age.as_secs_f64());
    /// int or None: When the next one is tried, in milliseconds since 1970 UTC; None when none waits.
    next_attempt_at_ms: Option<i64> = |stats| stats.next_attempt_at_ms;
    /// str or None: What went wrong last with one that still waits.
    error: Option<String> = |stats| stats.error.clone();
    /// str or None: The kind of that error: ``authentication`` when the service refuses the key.
    error_kind: Option<String> = |stats| stats.error_kind.clone();
    /// int: Messages of which nobody knows whether they were taken: reported as ``maybe_sent``, not read or not
    ///     confirmed in
    /// the last 24 hours, or to be repeated.
    ambiguous: u64 = |stats| stats.ambiguous;
    /// int: Reports that wait to be read.
    reports: u64 = |stats| stats.reports;
}
