//! The outbox: messages that are sent sooner or later. What can be put into it is in `outbox_sends`.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use flowai::{ErrorKind, Result};
use flowai_delivery::{OnAmbiguous, OutboxEntry as Entry, OutboxFilter, OutboxOptions, Report};
use nix::sys::signal::SigSet;
use pyo3::{PyClassInitializer, prelude::*};

use crate::{
    aio,
    client::{Calls, Given},
    convert::{count, optional, seconds, seconds_or_zero, small_count, text},
    errors::{Failure, Outcome},
    event::Event,
    face::{self, Answer, Face, Name, all, made},
    logging::Watched,
    outbox_records::{OutboxEntry, OutboxReport, OutboxStats},
    outbox_reports::reports,
    wait::Tick,
};

/// How long the program is held up by an outbox that goes without having been closed.
const LEAVE_TIME: Duration = Duration::from_secs(1);

/// Messages that are sent sooner or later, from a file.
///
/// - What was put in survives crashes and power loss once the method has returned.
/// - The messages of a thread leave one at a time, in their order; different threads in parallel, on a thread in the
///   background. A message that cannot be sent now is tried again, later and later; its thread waits, the others go on.
/// - That a message leaves is written down before its first byte does. So after a crash it is known which messages may
///   have been taken: they are not sent again unless ``on_ambiguous="repeat"`` says so.
/// - What became of each message is an OutboxReport, kept until it is acknowledged.
///
/// Made by Outbox.open. All methods can be called by several threads at the same time. A file has one owner, which
/// sends; other processes use Outbox.attach. In a forked child messages can be put in, which the owner sends, and
/// everything else raises ForkedError. All methods raise StorageError, an OSError, when the storage fails, and
/// ClosedError when the outbox is closed.
///
/// >>> with flowai.Client() as client, flowai.Outbox.open("outbox.db", client) as outbox:
/// ...     outbox.send_text("thread-1", "Hello")
/// ...     outbox.flush(timeout=30)
#[pyclass(module = "flowai", frozen, extends = Outgoing)]
pub struct Outbox;

/// Messages that are sent sooner or later, from a file: Outbox for an event loop of asyncio.
///
/// Its methods are those of Outbox, awaited; AsyncOutbox.open and AsyncOutbox.attach, which take a Client or an
/// AsyncClient, can be awaited, or used in ``async with``; reports are for ``async for``. What waits for the disk does so in
/// other threads. Cancelling a task that waits for a report loses none; a message that was to be put in may be in.
///
/// >>> async with flowai.AsyncClient() as client, flowai.AsyncOutbox.open("outbox.db", client) as outbox:
/// ...     await outbox.send_text("thread-1", "Hello")
/// ...     await outbox.flush(timeout=30)
#[pyclass(module = "flowai", frozen, extends = Outgoing)]
pub struct AsyncOutbox;

/// What Outbox and AsyncOutbox have in common.
#[pyclass(module = "flowai", name = "_Outbox", frozen, subclass)]
pub struct Outgoing {
    pub held: Arc<Held>,
    pub face: Face,
    _watched: Watched,
}

/// An outbox that is closed when nothing in Python needs it any more.
pub struct Held {
    /// `None` only while it is dropped.
    outbox: Option<flowai_delivery::Outbox>,
}

impl Held {
    pub fn get(&self) -> Result<&flowai_delivery::Outbox> {
        let gone = || flowai::Error::new(ErrorKind::Closed, "the outbox is closed");
        self.outbox.as_ref().ok_or_else(gone)
    }
}

pub fn name(method: &'static str) -> Name {
    Name::new("AsyncOutbox", method)
}

/// Opens an outbox as an instance of the class that has this face.
fn open(
    py: Python<'_>,
    face: Face,
    method: &'static str,
    open: Outcome<impl FnOnce() -> Result<flowai_delivery::Outbox> + Send + 'static>,
) -> Answer {
    face.open(py, name(method), open, move |py, opened| {
        let held = Arc::new(Held {
            outbox: Some(opened?),
        });
        let outbox = PyClassInitializer::from(Outgoing {
            held,
            face,
            _watched: Watched::new(py),
        });
        Ok(match face {
            Face::Blocking => Py::new(py, outbox.add_subclass(Outbox))?.into_any(),
            Face::Awaitable => Py::new(py, outbox.add_subclass(AsyncOutbox))?.into_any(),
        })
    })
}

macro_rules! opening {
    ($class:ident, $face:ident) => {
#[pymethods]
#[allow(clippy::too_many_arguments, reason = "keyword arguments, as Python has them")]
impl $class {
    /// Opens the outbox in a file, which is created when it is missing, and begins to send what waits there. The file
    /// must be on a disk of this machine; two directories beside it, ``FILE.spool`` and ``FILE.files``, belong to it.
    ///
    /// path: str or os.PathLike.
    /// client: the Client that sends; it must stay open for as long as the outbox is.
    /// on_ambiguous: what to do with a message of which nobody knows whether it was taken: ``surface`` reports it as
    ///     ``maybe_sent`` and never sends it again; ``repeat`` sends it again with the same trace id, so that it may
    ///     arrive more than once.
    /// max_repeats: how often a message is repeated at most.
    /// max_age: seconds after which a message that could not be sent fails; None: it waits until it can be sent.
    /// max_messages: how many messages may wait. Unread reports of messages that were not sent count too.
    /// max_bytes: how many bytes the waiting messages may have, copied files included.
    /// retry_min: seconds of the longest wait after the first failure; each further limit is twice as long.
    /// retry_max: seconds of the longest wait between two attempts, unless the service asks for a longer one.
    /// concurrency: how many messages are sent at the same time, each of another thread.
    /// keep_sent: how many unread reports of messages that were sent are kept, the newest ones; 0 makes none.
    /// close_time: seconds for which ``close`` waits for the messages that are on their way.
    /// lock_time: seconds to wait for another process that has locked the database.
    ///
    /// Raises StorageError, saying why: another process has the outbox open, the file is damaged, belongs to another
    /// application or to a newer version of this package, or cannot be made to survive power failures.
    /// InvalidArgumentError when an option makes no sense.
    ///
    /// >>> outbox = flowai.Outbox.open("outbox.db", client, max_age=24 * 60 * 60)
    #[staticmethod]
    #[pyo3(
        signature = (path, client, *, on_ambiguous=None, max_repeats=None, max_age=None, max_messages=None, max_bytes=None,
                     retry_min=None, retry_max=None, concurrency=None, keep_sent=None, close_time=None, lock_time=None),
        text_signature = "(path, client, *, on_ambiguous='surface', max_repeats=10, max_age=None, max_messages=100000, \
                          max_bytes=1073741824, retry_min=0.5, retry_max=300.0, concurrency=8, keep_sent=10000, \
                          close_time=5.0, lock_time=2.0)"
    )]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        client: PyRef<'_, Calls>,
        on_ambiguous: Given<'_, '_>,
        max_repeats: Given<'_, '_>,
        max_age: Given<'_, '_>,
        max_messages: Given<'_, '_>,
        max_bytes: Given<'_, '_>,
        retry_min: Given<'_, '_>,
        retry_max: Given<'_, '_>,
        concurrency: Given<'_, '_>,
        keep_sent: Given<'_, '_>,
        close_time: Given<'_, '_>,
        lock_time: Given<'_, '_>,
    ) -> Answer {
            let options = || {
                let mut options = limited(max_messages, max_bytes, lock_time)?;
                if let Some(policy) = optional(on_ambiguous, "on_ambiguous", policy_by_name)? {
                    options.on_ambiguous = policy;
                }
                if let Some(repeats) = optional(max_repeats, "max_repeats", small_count)? {
                    options.max_repeats = repeats;
                }
                options.max_age = optional(max_age, "max_age", seconds)?;
                if let Some(time) = optional(retry_min, "retry_min", seconds_or_zero)? {
                    options.retry_min = time;
                }
                if let Some(time) = optional(retry_max, "retry_max", seconds_or_zero)? {
                    options.retry_max = time;
                }
                if let Some(messages) = optional(concurrency, "concurrency", small_count)? {
                    options.concurrency = messages;
                }
                if let Some(reports) = optional(keep_sent, "keep_sent", count)? {
                    options.keep_sent = reports;
                }
                if let Some(time) = optional(close_time, "close_time", seconds_or_zero)? {
                    options.close_time = time;
                }
                Ok(options)
            };
            let client = client.client.clone();
            let work = options().map(|options| move || flowai_delivery::Outbox::open_with(path, client, options));
            self::open(py, Face::$face, "open", work)
    }

    /// Opens an outbox that another process owns, to put messages into it and to look at it. They are durable at once,
    /// and sent when the owner runs; it notices within a second.
    ///
    /// path: str or os.PathLike, of an outbox that is there.
    /// client: the Client that checks and completes the messages; it does not send them.
    /// max_messages, max_bytes: how much may wait for the owner to take it in.
    /// lock_time: seconds to wait for another process that has locked the database.
    ///
    /// Raises StorageError as ``open`` does; also when there is no such file, or one of an older version.
    ///
    /// >>> other = flowai.Outbox.attach("outbox.db", client)
    /// >>> other.send_text("thread-1", "Hello")
    #[staticmethod]
    #[pyo3(signature = (path, client, *, max_messages=None, max_bytes=None, lock_time=None),
           text_signature = "(path, client, *, max_messages=100000, max_bytes=1073741824, lock_time=2.0)")]
    fn attach(
        py: Python<'_>,
        path: PathBuf,
        client: PyRef<'_, Calls>,
        max_messages: Given<'_, '_>,
        max_bytes: Given<'_, '_>,
        lock_time: Given<'_, '_>,
    ) -> Answer {
        let options = limited(max_messages, max_bytes, lock_time);
        let client = client.client.clone();
        let work = options.map(|options| move || flowai_delivery::Outbox::attach_with(path, client, options));
        self::open(py, Face::$face, "attach", work)
    }
        }
    };
}

opening!(Outbox, Blocking);
opening!(AsyncOutbox, Awaitable);

#[pymethods]
impl Outgoing {
    /// pathlib.Path: The file, without symbolic links.
    #[getter]
    fn path(&self) -> Outcome<PathBuf> {
        Ok(self.held.get()?.path().to_owned())
    }

    /// Reports as they come, until none comes within the time. Each is acknowledged when the next one is asked for, so
    /// that what is not handled to the end is reported again after the outbox is opened anew.
    ///
    /// timeout: seconds to wait for the next one, 0 not to wait; for ever if not given.
    ///
    /// Raises InvalidArgumentError when the outbox was only attached to: its owner gets the reports.
    ///
    /// >>> for report in outbox.reports(timeout=0):
    /// ...     print(report.id, report.outcome, report.error)
    #[pyo3(signature = (timeout=None))]
    fn reports(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Answer {
        let timeout = optional(timeout, "timeout", seconds_or_zero)?;
        reports(py, &self.held, self.face, timeout)
    }

    /// The next report that nobody has acknowledged and that was not given since the outbox was opened, or None when
    /// there is none within the time. Acknowledge it when it is handled.
    ///
    /// timeout: seconds to wait, 0 not to wait; for ever if not given.
    ///
    /// >>> report = outbox.next_report(timeout=5.0)
    #[pyo3(signature = (timeout=None))]
    fn next_report(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Answer {
        let timeout = optional(timeout, "timeout", seconds_or_zero);
        let held = Arc::clone(&self.held);
        let blocking = |timeout, tick: Tick<'_>| self.held.get()?.next_report_with(timeout, tick);
        let awaited = move |timeout| async move { held.get()?.next_report_async(timeout).await };
        let then = made(|report: Option<Report>| report.map(OutboxReport::from));
        self.face
            .wait(py, name("next_report"), timeout, blocking, awaited, then)
    }

    /// Removes a report; False when there is none with this number. One of ``maybe_sent`` can still be settled by a
    /// delivery event for 24 hours, which makes a new report.
    ///
    /// number: int, OutboxReport.number.
    ///
    /// >>> outbox.acknowledge(report.number)
    fn acknowledge(&self, py: Python<'_>, number: i64) -> Answer {
        self.brief(
            py,
            "acknowledge",
            Ok(number),
            |outbox, number| outbox.acknowledge(number),
            made(|found| found),
        )
    }

    /// Takes note of a delivery event, whoever has received it: give it every event. A message that was reported as
    /// ``maybe_sent`` is reported as ``sent`` then; one that would be repeated is not. False when the event is about
    /// none of this outbox.
    ///
    /// >>> for delivery in inbox:
    /// ...     with delivery:
    /// ...         outbox.confirm(delivery.event)
    fn confirm(&self, py: Python<'_>, event: PyRef<'_, Event>) -> Answer {
        let event = event.0.clone();
        self.brief(
            py,
            "confirm",
            Ok(event),
            |outbox, event| outbox.confirm(&event),
            made(|known| known),
        )
    }

    /// Messages that wait, in the order in which they were taken in.
    ///
    /// thread_id: only those for this thread.
    /// after: only those behind this position: the last one of the page before.
    /// limit: how many at most.
    ///
    /// >>> for entry in outbox.list():
    /// ...     print(entry.id, entry.message, entry.error)
    #[pyo3(signature = (*, thread_id=None, after=0, limit=100))]
    fn list(&self, py: Python<'_>, thread_id: Given<'_, '_>, after: i64, limit: u32) -> Answer {
        let filter = || {
            let mut filter = OutboxFilter::default();
            filter.thread_id = optional(thread_id, "thread_id", text)?;
            filter.after = after;
            filter.limit = limit;
            Ok(filter)
        };
        self.brief(
            py,
            "list",
            filter(),
            |outbox, filter| outbox.list(&filter),
            all::<_, OutboxEntry>,
        )
    }

    /// One message that waits, by its number; None when it does not.
    ///
    /// >>> outbox.show(receipt.id)
    fn show(&self, py: Python<'_>, id: i64) -> Answer {
        let then = made(|entry: Option<Entry>| entry.map(OutboxEntry::from));
        self.brief(py, "show", Ok(id), |outbox, id| outbox.show(id), then)
    }

    /// Removes a message for good, without a report; False when none with this number waits.
    ///
    /// Raises InvalidArgumentError when it is leaving.
    ///
    /// >>> outbox.discard(receipt.id)
    fn discard(&self, py: Python<'_>, id: i64) -> Answer {
        self.brief(
            py,
            "discard",
            Ok(id),
            |outbox, id| outbox.discard(id),
            made(|found| found),
        )
    }

    /// How the outbox is doing.
    ///
    /// >>> outbox.stats().waiting
    fn stats(&self, py: Python<'_>) -> Answer {
        self.brief(
            py,
            "stats",
            Ok(()),
            |outbox, ()| outbox.stats(),
            made(OutboxStats::from),
        )
    }

    /// Tries everything now, whatever it waits for, and again until nothing is left or the time is over; tells how many
    /// messages are left.
    ///
    /// timeout: seconds; for ever if not given.
    ///
    /// Raises InvalidArgumentError when the outbox was only attached to: its owner sends.
    ///
    /// >>> left = outbox.flush(timeout=30)
    #[pyo3(signature = (timeout=None))]
    fn flush(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Answer {
        let timeout = optional(timeout, "timeout", seconds_or_zero);
        let held = Arc::clone(&self.held);
        let blocking = |timeout, tick: Tick<'_>| self.held.get()?.flush_with(timeout, tick);
        let awaited = move |timeout| async move { held.get()?.flush_async(timeout).await };
        self.face
            .wait(py, name("flush"), timeout, blocking, awaited, made(|left| left))
    }

    /// Closes the outbox: whoever waits for a report stops, and another process can open the file. What is leaving may
    /// take ``close_time`` to be answered; what waits stays in the file. Closing again changes nothing.
    ///
    /// >>> outbox.close()
    fn close(&self, py: Python<'_>) -> Answer {
        self.end(py, "close", made(|()| ()))
    }

    fn __repr__(&self) -> Outcome<String> {
        let class = match self.face {
            Face::Blocking => "Outbox",
            Face::Awaitable => "AsyncOutbox",
        };
        Ok(format!("<flowai.{class} path={:?}>", self.held.get()?.path()))
    }
}

impl Outgoing {
    fn brief<P: Send + 'static, T: Send + 'static>(
        &self,
        py: Python<'_>,
        method: &'static str,
        prepared: Outcome<P>,
        work: impl FnOnce(&flowai_delivery::Outbox, P) -> Result<T> + Send + 'static,
        then: impl FnOnce(Python<'_>, Outcome<T>) -> Answer + Send + 'static,
    ) -> Answer {
        let held = Arc::clone(&self.held);
        let work = prepared.map(|prepared| move || work(held.get()?, prepared));
        self.face.brief(py, name(method), work, then)
    }

    fn end(
        &self,
        py: Python<'_>,
        method: &'static str,
        then: impl FnOnce(Python<'_>, Outcome<()>) -> Answer + Send + 'static,
    ) -> Answer {
        let held = Arc::clone(&self.held);
        self.face
            .long(py, name(method), Ok(move || held.get()?.close()), then)
    }
}

#[pymethods]
impl Outbox {
    fn __enter__(slf: Bound<'_, Outbox>) -> Bound<'_, Outbox> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Outbox>, _exception: &Bound<'_, PyAny>) -> Answer {
        slf.as_super().get().end(slf.py(), "__exit__", face::left)
    }
}

#[pymethods]
impl AsyncOutbox {
    fn __aenter__(slf: Bound<'_, AsyncOutbox>) -> aio::Awaitable {
        aio::entered(name("__aenter__"), slf.into_any())
    }

    #[pyo3(signature = (*_exception))]
    fn __aexit__(slf: &Bound<'_, AsyncOutbox>, _exception: &Bound<'_, PyAny>) -> Answer {
        slf.as_super().get().end(slf.py(), "__aexit__", face::left)
    }
}

impl Drop for Held {
    /// Closing takes as long as what is leaving; the program, which may be ending, does not wait for all of that.
    fn drop(&mut self) {
        let Some(outbox) = self.outbox.take() else { return };
        let (closed, wait) = mpsc::sync_channel(1);
        let close = move || {
            let _ = SigSet::all().thread_block();
            // Somebody who waited for it may hold it for another moment.
            let _ = outbox.close();
            drop(outbox);
            let _ = closed.send(());
        };
        if thread::Builder::new()
            .name("flowai-closing".into())
            .spawn(close)
            .is_ok()
            // Threads of the core never enter the interpreter.
            && tokio::runtime::Handle::try_current().is_err()
        {
            Python::try_attach(|py| py.detach(move || wait.recv_timeout(LEAVE_TIME)));
        }
    }
}

/// What concerns putting messages in.
fn limited(
    max_messages: Given<'_, '_>,
    max_bytes: Given<'_, '_>,
    lock_time: Given<'_, '_>,
) -> Outcome<OutboxOptions> {
    let mut options = OutboxOptions::default();
    if let Some(messages) = optional(max_messages, "max_messages", count)? {
        options.max_messages = messages;
    }
    if let Some(bytes) = optional(max_bytes, "max_bytes", count)? {
        options.max_bytes = bytes;
    }
    if let Some(time) = optional(lock_time, "lock_time", seconds_or_zero)? {
        options.lock_time = time;
    }
    Ok(options)
}

fn policy_by_name(value: &Bound<'_, PyAny>, name: &str) -> Outcome<OnAmbiguous> {
    OnAmbiguous::by_name(&text(value, name)?)
        .ok_or_else(|| Failure::argument(name, "must be surface or repeat"))
}
