//! The inbox: events that were received and must be handled.

use std::{path::PathBuf, time::Duration};

use flowai::{ErrorKind, Result};
use flowai_delivery::{EventState, Filter, InboxOptions};
use pyo3::{IntoPyObjectExt, PyClassInitializer, prelude::*, types::PyBytes};

use crate::{
    aio,
    client::Given,
    convert::{body, count, optional, seconds, seconds_or_zero, small_count, text},
    delivery::Handled,
    errors::{Failure, Outcome},
    face::{self, Answer, Face, Name, all, made},
    inbox_handle::Handling,
    inbox_records::{InboxEntry, InboxStats, StoredEvent},
    logging::Watched,
    wait::{self, Tick, released},
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
#[pyclass(module = "flowai", frozen, extends = Mailbox)]
pub struct Inbox;

/// Events that were received and are to be handled, in a file: Inbox for an event loop of asyncio.
///
/// Its methods are those of Inbox, awaited; AsyncInbox.open and AsyncInbox.attach can be awaited, or used in ``async
/// with``. What waits for the disk does so in other threads. It hands out AsyncDelivery. Cancelling a task that waits for an
/// event loses none, and no attempt counts; what was to be written down may have been.
///
/// >>> async with flowai.AsyncInbox.open("flowai.db") as inbox:
/// ...     async with flowai.AsyncReceiver(inbox, verifier=verifier):
/// ...         async for delivery in inbox:
/// ...             async with delivery:
/// ...                 print(delivery.event.thread_id, delivery.event.text)
#[pyclass(module = "flowai", frozen, extends = Mailbox)]
pub struct AsyncInbox;

/// What Inbox and AsyncInbox have in common.
#[pyclass(module = "flowai", name = "_Inbox", frozen, subclass)]
pub struct Mailbox {
    pub inbox: flowai_delivery::Inbox,
    face: Face,
    _watched: Watched,
}

fn name(method: &'static str) -> Name {
    Name::new("AsyncInbox", method)
}

/// Opens an inbox as an instance of the class that has this face.
fn open(
    py: Python<'_>,
    face: Face,
    method: &'static str,
    open: Outcome<impl FnOnce() -> Result<flowai_delivery::Inbox> + Send + 'static>,
) -> Answer {
    face.open(py, name(method), open, move |py, opened| {
        let inbox = PyClassInitializer::from(Mailbox {
            inbox: opened?,
            face,
            _watched: Watched::new(py),
        });
        Ok(match face {
            Face::Blocking => Py::new(py, inbox.add_subclass(Inbox))?.into_any(),
            Face::Awaitable => Py::new(py, inbox.add_subclass(AsyncInbox))?.into_any(),
        })
    })
}

macro_rules! opening {
    ($class:ident, $face:ident) => {
#[pymethods]
impl $class {
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
    ) -> Answer {
            let options = || {
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
                Ok(options)
            };
            let work = options().map(|options| move || flowai_delivery::Inbox::open_with(path, options));
            self::open(py, Face::$face, "open", work)
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
    fn attach(py: Python<'_>, path: PathBuf) -> Answer {
        self::open(py, Face::$face, "attach", Ok(move || flowai_delivery::Inbox::attach(path)))
    }
        }
    };
}

opening!(Inbox, Blocking);
opening!(AsyncInbox, Awaitable);

#[pymethods]
impl Mailbox {
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
    fn next(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Answer {
        let timeout = optional(timeout, "timeout", seconds_or_zero);
        let face = self.face;
        self.take(py, "next", timeout, move |py, taken| match taken? {
            Some(delivery) => Handled::hand_out(py, delivery.into(), face),
            None => Ok(py.None()),
        })
    }

    /// What flowai._handling, where ``handle`` is, needs.
    #[pyo3(signature = (workers))]
    fn _handling(&self, py: Python<'_>, workers: &Bound<'_, PyAny>) -> Answer {
        let workers = small_count(workers, "workers")?;
        match self.face {
            Face::Blocking => {
                wait::warn_inside_event_loop(py)?;
                Ok(Handling::new(&self.inbox, workers).into_py_any(py)?)
            }
            Face::Awaitable => Ok(aio::AsyncHandling::new(&self.inbox, workers).into_py_any(py)?),
        }
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
    fn put(&self, py: Python<'_>, body: &Bound<'_, PyAny>) -> Answer {
        let (inbox, face) = (self.inbox.clone(), self.face);
        let blocking = |py: Python<'_>, body| released(py, || self.inbox.put(body));
        let awaited = move |body| async move { inbox.put_async(body).await };
        face.either(
            py,
            name("put"),
            self::body(body),
            blocking,
            awaited,
            all::<_, StoredEvent>,
        )
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
    ) -> Answer {
        let filter = || {
            let mut filter = Filter::default();
            filter.state = optional(state, "state", state_by_name)?;
            filter.thread_id = optional(thread_id, "thread_id", text)?;
            filter.after = after;
            filter.limit = limit;
            Ok(filter)
        };
        self.brief(
            py,
            "list",
            filter(),
            |inbox, filter| inbox.list(&filter),
            all::<_, InboxEntry>,
        )
    }

    /// One event, as an InboxEntry and its body, byte for byte as it came; None when there is none with this number.
    ///
    /// >>> entry, body = inbox.show(1)
    fn show(&self, py: Python<'_>, id: i64) -> Answer {
        self.brief(
            py,
            "show",
            Ok(id),
            |inbox, id| inbox.show(id),
            |py, shown| {
                let shown = shown?.map(|(entry, body)| (InboxEntry::from(entry), PyBytes::new(py, &body)));
                Ok(shown.into_py_any(py)?)
            },
        )
    }

    /// Stores a copy of an event, with the same bytes, to be handled after everything that waits now; its handler sees
    /// that it is ``replayed``. A dead letter is handled then. Gives the numbers of the copies: one, or several when a
    /// dead letter that could not be read turns out to be an array; none when there is no event with this number.
    ///
    /// Raises WebhookParseError when the event still cannot be read.
    ///
    /// >>> for entry in inbox.list(state="dead", thread_id="thread-1"):
    /// ...     print(inbox.replay(entry.id))
    fn replay(&self, py: Python<'_>, id: i64) -> Answer {
        self.brief(
            py,
            "replay",
            Ok(id),
            |inbox, id| inbox.replay(id),
            made(|ids| ids),
        )
    }

    /// Removes an event for good; False when there is none with this number.
    ///
    /// Raises InvalidArgumentError when the event is being handled.
    ///
    /// >>> inbox.discard(1)
    fn discard(&self, py: Python<'_>, id: i64) -> Answer {
        self.brief(
            py,
            "discard",
            Ok(id),
            |inbox, id| inbox.discard(id),
            made(|found| found),
        )
    }

    /// Removes all events of a conversation for good, handled or not, and overwrites them in the file; tells how many
    /// there were. Bodies that could not be read belong to no conversation.
    ///
    /// thread_id: str; without a channel (``|``) it means the conversation in every channel.
    ///
    /// Raises InvalidArgumentError when thread_id is empty.
    ///
    /// >>> inbox.forget("thread-1")
    fn forget(&self, py: Python<'_>, thread_id: &Bound<'_, PyAny>) -> Answer {
        let thread_id = text(thread_id, "thread_id");
        self.brief(
            py,
            "forget",
            thread_id,
            |inbox, id| inbox.forget(&id),
            made(|count| count),
        )
    }

    /// How the inbox is doing.
    ///
    /// >>> inbox.stats().waiting
    fn stats(&self, py: Python<'_>) -> Answer {
        self.brief(
            py,
            "stats",
            Ok(()),
            |inbox, ()| inbox.stats(),
            made(InboxStats::from),
        )
    }

    /// Closes the inbox: whoever waits for an event stops, and another process can open the file. Events that are being
    /// handled will be handed out again. Closing again changes nothing.
    ///
    /// >>> inbox.close()
    fn close(&self, py: Python<'_>) -> Answer {
        self.brief(py, "close", Ok(()), |inbox, ()| inbox.close(), made(|()| ()))
    }

    fn __repr__(&self) -> String {
        let class = match self.face {
            Face::Blocking => "Inbox",
            Face::Awaitable => "AsyncInbox",
        };
        format!("<flowai.{class} path={:?}>", self.inbox.path())
    }
}

impl Mailbox {
    fn brief<P: Send + 'static, T: Send + 'static>(
        &self,
        py: Python<'_>,
        method: &'static str,
        prepared: Outcome<P>,
        work: impl FnOnce(flowai_delivery::Inbox, P) -> Result<T> + Send + 'static,
        then: impl FnOnce(Python<'_>, Outcome<T>) -> Answer + Send + 'static,
    ) -> Answer {
        let inbox = self.inbox.clone();
        let work = prepared.map(|prepared| move || work(inbox, prepared));
        self.face.brief(py, name(method), work, then)
    }

    fn take(
        &self,
        py: Python<'_>,
        method: &'static str,
        timeout: Outcome<Option<Duration>>,
        then: impl FnOnce(Python<'_>, Outcome<Option<flowai_delivery::Delivery>>) -> Answer + Send + 'static,
    ) -> Answer {
        let inbox = self.inbox.clone();
        let blocking = |timeout, tick: Tick<'_>| self.inbox.next_with(timeout, tick);
        let awaited = move |timeout| inbox.next_async(timeout);
        self.face.wait(py, name(method), timeout, blocking, awaited, then)
    }

    /// The next event of an iteration, which ends when the inbox is closed.
    fn step(&self, py: Python<'_>) -> Answer {
        let face = self.face;
        self.take(py, "__anext__", Ok(None), move |py, taken| match taken {
            Err(Failure::Core(error)) if error.kind() == ErrorKind::Closed => Err(face.stop()),
            taken => match taken? {
                Some(delivery) => Handled::hand_out(py, delivery.into(), face),
                None => Err(face.stop()),
            },
        })
    }

    fn leave(&self, py: Python<'_>) -> Answer {
        self.brief(py, "__aexit__", Ok(()), |inbox, ()| inbox.close(), face::left)
    }
}

#[pymethods]
impl Inbox {
    fn __enter__(slf: Bound<'_, Inbox>) -> Bound<'_, Inbox> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Inbox>, _exception: &Bound<'_, PyAny>) -> Answer {
        slf.as_super().get().leave(slf.py())
    }

    fn __iter__(slf: Bound<'_, Inbox>) -> Bound<'_, Inbox> {
        slf
    }

    fn __next__(slf: &Bound<'_, Inbox>) -> Answer {
        slf.as_super().get().step(slf.py())
    }
}

#[pymethods]
impl AsyncInbox {
    fn __aenter__(slf: Bound<'_, AsyncInbox>) -> aio::Awaitable {
        aio::entered(name("__aenter__"), slf.into_any())
    }

    #[pyo3(signature = (*_exception))]
    fn __aexit__(slf: &Bound<'_, AsyncInbox>, _exception: &Bound<'_, PyAny>) -> Answer {
        slf.as_super().get().leave(slf.py())
    }

    fn __aiter__(slf: Bound<'_, AsyncInbox>) -> Bound<'_, AsyncInbox> {
        slf
    }

    fn __anext__(slf: &Bound<'_, AsyncInbox>) -> Answer {
        slf.as_super().get().step(slf.py())
    }
}

fn state_by_name(value: &Bound<'_, PyAny>, name: &str) -> Outcome<EventState> {
    EventState::by_name(&text(value, name)?)
        .ok_or_else(|| Failure::argument(name, "must be waiting, handled or dead"))
}
