//! The inbox: events that were received and must be handled.

use std::{path::PathBuf, time::Duration};

use flowai::ErrorKind;
use flowai_delivery::{EventState, Filter, InboxOptions};
use pyo3::{prelude::*, types::PyBytes};

use crate::{
    client::Given,
    convert::{body, count, optional, seconds, seconds_or_zero, small_count, text},
    delivery::Delivery,
    errors::{Failure, Outcome},
    inbox_handle::Handling,
    inbox_records::{InboxEntry, InboxStats, StoredEvent},
    logging::Watched,
    wait::{self, released},
};

/// Events that were received and are to be handled, at least once each, in a file.
///
/// - What a Receiver has acknowledged, or ``put`` has taken, survives crashes and power loss.
/// - An event that comes again is stored once, if it carries an identity (Event.dedupe_key). One without is always
///   stored, and marked ``maybe_duplicate`` if the same bytes came within 24 hours.
/// - The events of a thread are handed out one at a time, in the order in which they were stored; different threads in
///   parallel.
/// - An event that is not acknowledged is handed out again, later and later, and becomes a dead letter in the end; then
///   its thread goes on. After a crash events are handed out that had been handled and not yet acknowledged.
///
/// Made by Inbox.open. All methods can be called by several threads at the same time. A file has one owner. In a forked
/// child every method raises ForkedError; all of them raise StorageError, an OSError, when the storage fails, and
/// ClosedError when the inbox is closed.
///
/// >>> with flowai.Inbox.open("flowai.db") as inbox, flowai.Receiver(inbox, verifier=verifier) as receiver:
/// ...     for delivery in inbox:
/// ...         with delivery:
/// ...             print(delivery.event.thread_id, delivery.event.text)
#[pyclass(module = "flowai", frozen)]
pub struct Inbox {
    pub inbox: flowai_delivery::Inbox,
    _watched: Watched,
}

impl Inbox {
    fn new(py: Python<'_>, inbox: flowai_delivery::Inbox) -> Inbox {
        let _watched = Watched::new(py);
        Inbox { inbox, _watched }
    }
}

#[pymethods]
impl Inbox {
    /// Opens the inbox in a file, which is created when it is missing. It must be on a disk of this machine.
    ///
    /// path: str or os.PathLike.
    /// lease_time: seconds for which an event may be held without an outcome or a heartbeat before it is handed out
    ///     again.
    /// max_attempts: how often an event is handed out before it becomes a dead letter.
    /// retry_min: seconds that an event waits after its first failure; each further wait is three times as long.
    /// retry_max: seconds of the longest wait between two attempts.
    /// keep_handled: seconds for which handled events are kept, for replay.
    /// keep_dead: seconds for which dead letters are kept; None: until they are replayed or discarded.
    /// deduplication: seconds for which an event that comes again is recognised, at least 24 hours.
    /// max_bytes: how many bytes of the file may be in use. Beyond that handled events are removed before their time,
    ///     and when that is not enough calls are answered 503. None: as long as there is room on the disk.
    /// lock_time: seconds to wait for another process that has locked the database.
    ///
    /// Raises StorageError, saying why: another process has the inbox open, the file is damaged, belongs to another
    /// application or to a newer version of this package, or cannot be made to survive power failures.
    /// InvalidArgumentError when an option makes no sense.
    ///
    /// >>> inbox = flowai.Inbox.open("flowai.db", max_attempts=5)
    #[staticmethod]
    #[pyo3(
        signature = (path, *, lease_time=None, max_attempts=None, retry_min=None, retry_max=None, keep_handled=None,
                     keep_dead=None, deduplication=None, max_bytes=None, lock_time=None),
        text_signature = "(path, *, lease_time=300.0, max_attempts=10, retry_min=1.0, retry_max=900.0, \
                          keep_handled=604800.0, keep_dead=None, deduplication=604800.0, max_bytes=None, lock_time=2.0)"
    )]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments, as Python has them")]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        lease_time: Given<'_, '_>,
        max_attempts: Given<'_, '_>,
        retry_min: Given<'_, '_>,
        retry_max: Given<'_, '_>,
        keep_handled: Given<'_, '_>,
        keep_dead: Given<'_, '_>,
        deduplication: Given<'_, '_>,
        max_bytes: Given<'_, '_>,
        lock_time: Given<'_, '_>,
    ) -> Outcome<Inbox> {
        let mut options = InboxOptions::default();
        let set = |option: &mut Duration, given: Given<'_, '_>, name| {
            *option = optional(given, name, seconds_or_zero)?.unwrap_or(*option);
            Outcome::Ok(())
        };
        options.lease_time = optional(lease_time, "lease_time", seconds)?.unwrap_or(options.lease_time);
        options.max_attempts =
            optional(max_attempts, "max_attempts", small_count)?.unwrap_or(options.max_attempts);
        set(&mut options.retry_min, retry_min, "retry_min")?;
        set(&mut options.retry_max, retry_max, "retry_max")?;
        set(&mut options.keep_handled, keep_handled, "keep_handled")?;
        options.keep_dead = optional(keep_dead, "keep_dead", seconds_or_zero)?;
        set(&mut options.deduplication, deduplication, "deduplication")?;
        options.max_bytes = optional(max_bytes, "max_bytes", count)?;
        set(&mut options.lock_time, lock_time, "lock_time")?;
        let inbox = wait::in_thread(py, move || flowai_delivery::Inbox::open_with(path, options))?;
        Ok(Inbox::new(py, inbox))
    }

    /// Opens an inbox that another process may own, to look at it and to mend it: events are listed, shown, replayed,
    /// discarded, forgotten and put, and not handed out. The owner notices within a second.
    ///
    /// path: str or os.PathLike, of an inbox that is there.
    ///
    /// Raises StorageError as ``open`` does; also when there is no such file, or one of an older version.
    ///
    /// >>> flowai.Inbox.attach("flowai.db").stats()
    #[staticmethod]
    #[pyo3(signature = (path))]
    fn attach(py: Python<'_>, path: PathBuf) -> Outcome<Inbox> {
        let inbox = wait::in_thread(py, move || flowai_delivery::Inbox::attach(path))?;
        Ok(Inbox::new(py, inbox))
    }

    /// pathlib.Path: The file, as it was given.
    #[getter]
    fn path(&self) -> PathBuf {
        self.inbox.path().to_owned()
    }

    /// The next event to handle, or None when there is none within the time.
    ///
    /// timeout: seconds to wait, 0 not to wait; for ever if not given.
    ///
    /// Raises StorageError, after which the event is handed out later; InvalidArgumentError when the inbox was only
    /// attached to.
    ///
    /// >>> delivery = inbox.next(timeout=5.0)
    #[pyo3(signature = (timeout=None))]
    fn next(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Outcome<Option<Delivery>> {
        wait::warn_inside_event_loop(py)?;
        let timeout = optional(timeout, "timeout", seconds_or_zero)?;
        let taken = wait::ticking(py, |_| Ok(()), |tick| self.inbox.next_with(timeout, tick))?;
        Ok(taken.map(|delivery| Delivery(delivery.into())))
    }

    /// What flowai._handling, where ``handle`` is, needs.
    #[pyo3(signature = (workers))]
    fn _handling(&self, py: Python<'_>, workers: &Bound<'_, PyAny>) -> Outcome<Handling> {
        wait::warn_inside_event_loop(py)?;
        Ok(Handling::new(&self.inbox, small_count(workers, "workers")?))
    }

    /// Stores the event or the array of events that a webhook call carries, all or none, and returns once they are
    /// safe: for web frameworks. Check it with Verifier.verify first. A body that cannot be read is stored as a dead
    ///     letter.
    ///
    /// body: bytes, bytearray, memoryview or str, as it came.
    ///
    /// Raises StorageError: answer the call with 503 then, and it will come again.
    ///
    /// >>> inbox.put(b'{"type": "message.reply", "threadId": "t"}')
    #[pyo3(signature = (body, /))]
    fn put(&self, py: Python<'_>, body: &Bound<'_, PyAny>) -> Outcome<Vec<StoredEvent>> {
        let body = self::body(body)?;
        let stored = released(py, || self.inbox.put(body))?;
        Ok(stored.into_iter().map(StoredEvent::from).collect())
    }

    /// Events by number, oldest first, whatever has become of them.
    ///
    /// state: only those that are ``waiting``, ``handled`` or ``dead``.
    /// thread_id: only those of this conversation, by its whole id.
    /// after: only those with a larger number: the last one of the page before.
    /// limit: how many at most.
    ///
    /// >>> for entry in inbox.list(state="dead"):
    /// ...     print(entry.id, entry.error)
    #[pyo3(signature = (*, state=None, thread_id=None, after=0, limit=100))]
    fn list(
        &self,
        py: Python<'_>,
        state: Given<'_, '_>,
        thread_id: Given<'_, '_>,
        after: i64,
        limit: u32,
    ) -> Outcome<Vec<InboxEntry>> {
        let mut filter = Filter::default();
        filter.state = optional(state, "state", state_by_name)?;
        filter.thread_id = optional(thread_id, "thread_id", text)?;
        filter.after = after;
        filter.limit = limit;
        let entries = released(py, || self.inbox.list(&filter))?;
        Ok(entries.into_iter().map(InboxEntry::from).collect())
    }

    /// One event, as an InboxEntry and its body, byte for byte as it came; None when there is none with this number.
    ///
    /// >>> entry, body = inbox.show(1)
    fn show<'py>(&self, py: Python<'py>, id: i64) -> Outcome<Option<(InboxEntry, Bound<'py, PyBytes>)>> {
        let shown = released(py, || self.inbox.show(id))?;
        Ok(shown.map(|(entry, body)| (entry.into(), PyBytes::new(py, &body))))
    }

    /// Stores a copy of an event, with the same bytes, to be handled after everything that waits now; its handler sees
    /// that it is ``replayed``. A dead letter is handled then. Gives the numbers of the copies: one, or several when a
    /// dead letter that could not be read turns out to be an array; none when there is no event with this number.
    ///
    /// Raises WebhookParseError when the event still cannot be read.
    ///
    /// >>> for entry in inbox.list(state="dead"):
    /// ...     inbox.replay(entry.id)
    fn replay(&self, py: Python<'_>, id: i64) -> Outcome<Vec<i64>> {
        released(py, || self.inbox.replay(id))
    }

    /// Removes an event for good; False when there is none with this number.
    ///
    /// Raises InvalidArgumentError when the event is being handled.
    ///
    /// >>> inbox.discard(1)
    fn discard(&self, py: Python<'_>, id: i64) -> Outcome<bool> {
        released(py, || self.inbox.discard(id))
    }

    /// Removes all events of a conversation for good, handled or not, and overwrites them in the file; tells how many
    /// there were. Bodies that could not be read belong to no conversation.
    ///
    /// thread_id: str; without a channel (``|``) it means the conversation in every channel.
    ///
    /// Raises InvalidArgumentError when thread_id is empty.
    ///
    /// >>> inbox.forget("thread-1")
    fn forget(&self, py: Python<'_>, thread_id: &Bound<'_, PyAny>) -> Outcome<u64> {
        let thread_id = text(thread_id, "thread_id")?;
        released(py, || self.inbox.forget(&thread_id))
    }

    /// How the inbox is doing.
    ///
    /// >>> inbox.stats().waiting
    fn stats(&self, py: Python<'_>) -> Outcome<InboxStats> {
        Ok(released(py, || self.inbox.stats())?.into())
    }

    /// Closes the inbox: whoever waits for an event stops, and another process can open the file. Events that are being
    /// handled will be handed out again. Closing again changes nothing.
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        released(py, || self.inbox.close())
    }

    fn __enter__(slf: Bound<'_, Inbox>) -> Bound<'_, Inbox> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> Outcome<()> {
        match self.close(py) {
            // A child that leaves the block has nothing to close, and its own way out should not be hidden.
            Err(Failure::Core(error)) if error.kind() == ErrorKind::Forked => Ok(()),
            other => other,
        }
    }

    fn __iter__(slf: Bound<'_, Inbox>) -> Bound<'_, Inbox> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Outcome<Option<Delivery>> {
        match self.next(py, None) {
            Err(Failure::Core(error)) if error.kind() == ErrorKind::Closed => Ok(None),
            other => other,
        }
    }

    fn __repr__(&self) -> String {
        format!("<flowai.Inbox path={:?}>", self.inbox.path())
    }
}

fn state_by_name(value: &Bound<'_, PyAny>, name: &str) -> Outcome<EventState> {
    EventState::by_name(&text(value, name)?)
        .ok_or_else(|| Failure::argument(name, "must be waiting, handled or dead"))
}
