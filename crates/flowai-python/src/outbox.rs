//! The outbox: messages that are sent sooner or later. What can be put into it is in `outbox_sends`.

use std::{path::PathBuf, sync::mpsc, thread, time::Duration};

use flowai::ErrorKind;
use flowai_delivery::{OnAmbiguous, OutboxFilter, OutboxOptions};
use nix::sys::signal::SigSet;
use pyo3::prelude::*;

use crate::{
    client::{Client, Given},
    convert::{count, optional, seconds, seconds_or_zero, small_count, text},
    errors::{Failure, Outcome},
    event::Event,
    logging::Watched,
    outbox_records::{OutboxEntry, OutboxReport, OutboxStats},
    outbox_reports::ReportIterator,
    wait::{self, released},
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
#[pyclass(module = "flowai", frozen)]
pub struct Outbox {
    /// `None` only while it is dropped.
    outbox: Option<flowai_delivery::Outbox>,
    _watched: Watched,
}

impl Outbox {
    fn new(py: Python<'_>, outbox: flowai_delivery::Outbox) -> Outbox {
        let (outbox, _watched) = (Some(outbox), Watched::new(py));
        Outbox { outbox, _watched }
    }

    pub fn get(&self) -> Outcome<&flowai_delivery::Outbox> {
        let gone = || flowai::Error::new(ErrorKind::Closed, "the outbox is closed").into();
        self.outbox.as_ref().ok_or_else(gone)
    }
}

#[pymethods]
#[allow(clippy::too_many_arguments, reason = "keyword arguments, as Python has them")]
impl Outbox {
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
        client: PyRef<'_, Client>,
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
    ) -> Outcome<Outbox> {
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
        let client = client.as_super().client.clone();
        let open = move || flowai_delivery::Outbox::open_with(path, client, options);
        Ok(Outbox::new(py, wait::in_thread(py, open)?))
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
        client: PyRef<'_, Client>,
        max_messages: Given<'_, '_>,
        max_bytes: Given<'_, '_>,
        lock_time: Given<'_, '_>,
    ) -> Outcome<Outbox> {
        let options = limited(max_messages, max_bytes, lock_time)?;
        let client = client.as_super().client.clone();
        let open = move || flowai_delivery::Outbox::attach_with(path, client, options);
        Ok(Outbox::new(py, wait::in_thread(py, open)?))
    }

    /// pathlib.Path: The file, without symbolic links.
    #[getter]
    fn path(&self) -> Outcome<PathBuf> {
        Ok(self.get()?.path().to_owned())
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
    fn reports(&self, timeout: Given<'_, '_>) -> Outcome<ReportIterator> {
        let timeout = optional(timeout, "timeout", seconds_or_zero)?;
        Ok(ReportIterator::new(self.get()?.reports(timeout)))
    }

    /// The next report that nobody has acknowledged and that was not given since the outbox was opened, or None when
    /// there is none within the time. Acknowledge it when it is handled.
    ///
    /// timeout: seconds to wait, 0 not to wait; for ever if not given.
    ///
    /// >>> report = outbox.next_report(timeout=5.0)
    #[pyo3(signature = (timeout=None))]
    fn next_report(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Outcome<Option<OutboxReport>> {
        let timeout = optional(timeout, "timeout", seconds_or_zero)?;
        let outbox = self.get()?;
        wait::warn_inside_event_loop(py)?;
        let report = wait::ticking(py, |_| Ok(()), |tick| outbox.next_report_with(timeout, tick))?;
        Ok(report.map(OutboxReport::from))
    }

    /// Removes a report; False when there is none with this number. One of ``maybe_sent`` can still be settled by a
    /// delivery event for 24 hours, which makes a new report.
    ///
    /// number: int, OutboxReport.number.
    ///
    /// >>> outbox.acknowledge(report.number)
    fn acknowledge(&self, py: Python<'_>, number: i64) -> Outcome<bool> {
        let outbox = self.get()?;
        released(py, || outbox.acknowledge(number))
    }

    /// Takes note of a delivery event, whoever has received it: give it every event. A message that was reported as
    /// ``maybe_sent`` is reported as ``sent`` then; one that would be repeated is not. False when the event is about
    /// none of this outbox.
    ///
    /// >>> for delivery in inbox:
    /// ...     with delivery:
    /// ...         outbox.confirm(delivery.event)
    fn confirm(&self, py: Python<'_>, event: PyRef<'_, Event>) -> Outcome<bool> {
        let (outbox, event) = (self.get()?, &event.0);
        released(py, || outbox.confirm(event))
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
    fn list(
        &self,
        py: Python<'_>,
        thread_id: Given<'_, '_>,
        after: i64,
        limit: u32,
    ) -> Outcome<Vec<OutboxEntry>> {
        let mut filter = OutboxFilter::default();
        filter.thread_id = optional(thread_id, "thread_id", text)?;
        filter.after = after;
        filter.limit = limit;
        let outbox = self.get()?;
        let entries = released(py, || outbox.list(&filter))?;
        Ok(entries.into_iter().map(OutboxEntry::from).collect())
    }

    /// One message that waits, by its number; None when it does not.
    ///
    /// >>> outbox.show(receipt.id)
    fn show(&self, py: Python<'_>, id: i64) -> Outcome<Option<OutboxEntry>> {
        let outbox = self.get()?;
        Ok(released(py, || outbox.show(id))?.map(OutboxEntry::from))
    }

    /// Removes a message for good, without a report; False when none with this number waits.
    ///
    /// Raises InvalidArgumentError when it is leaving.
    ///
    /// >>> outbox.discard(receipt.id)
    fn discard(&self, py: Python<'_>, id: i64) -> Outcome<bool> {
        let outbox = self.get()?;
        released(py, || outbox.discard(id))
    }

    /// How the outbox is doing.
    ///
    /// >>> outbox.stats().waiting
    fn stats(&self, py: Python<'_>) -> Outcome<OutboxStats> {
        let outbox = self.get()?;
        Ok(released(py, || outbox.stats())?.into())
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
    fn flush(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Outcome<u64> {
        let timeout = optional(timeout, "timeout", seconds_or_zero)?;
        let outbox = self.get()?;
        wait::warn_inside_event_loop(py)?;
        wait::ticking(py, |_| Ok(()), |tick| outbox.flush_with(timeout, tick))
    }

    /// Closes the outbox: whoever waits for a report stops, and another process can open the file. What is leaving may
    /// take ``close_time`` to be answered; what waits stays in the file. Closing again changes nothing.
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        let outbox = self.get()?.clone();
        wait::in_thread(py, move || outbox.close())
    }

    fn __enter__(slf: Bound<'_, Outbox>) -> Bound<'_, Outbox> {
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

    fn __repr__(&self) -> Outcome<String> {
        Ok(format!("<flowai.Outbox path={:?}>", self.get()?.path()))
    }
}

impl Drop for Outbox {
    /// Closing takes as long as what is leaving; the program, which may be ending, does not wait for all of that.
    fn drop(&mut self) {
        let Some(outbox) = self.outbox.take() else { return };
        let (closed, wait) = mpsc::sync_channel(1);
        let close = move || {
            let _ = SigSet::all().thread_block();
            drop(outbox);
            let _ = closed.send(());
        };
        if thread::Builder::new()
            .name("flowai-closing".into())
            .spawn(close)
            .is_ok()
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
