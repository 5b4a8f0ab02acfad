//! One event in the hands of its handler.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::{
    convert::{optional, seconds_or_zero, text},
    errors::Outcome,
    event::Event,
    repr::Repr,
    wait::released,
};

/// An event of an Inbox to handle, from ``for delivery in inbox``, Inbox.next, or in the function of Inbox.handle.
///
/// Say what became of it with one of ``ack``, ``retry``, ``fail`` and ``dead``, or handle it in a ``with`` block: that
/// acknowledges it at its end, and has it tried again if an exception leaves it. Without an outcome it is handed out
/// again once its lease has ended. One that is thrown away without an outcome has failed.
///
/// >>> for delivery in inbox:
/// ...     with delivery:
/// ...         print(delivery.event.thread_id, delivery.event.text)
#[pyclass(module = "flowai", frozen)]
pub struct Delivery(pub Arc<flowai_delivery::Delivery>);

#[pymethods]
impl Delivery {
    /// Event: The event.
    #[getter]
    fn event(&self) -> Event {
        Event(self.0.event().clone())
    }

    /// int: The number of the event in its inbox, the same in every attempt.
    #[getter]
    fn id(&self) -> i64 {
        self.0.id()
    }

    /// int: Which attempt this is, counted from 1.
    #[getter]
    fn attempt(&self) -> u32 {
        self.0.attempt()
    }

    /// int: When the event was stored, in milliseconds since 1970 UTC.
    #[getter]
    fn received_at_ms(&self) -> i64 {
        self.0.received_at_ms()
    }

    /// bool: Whether the event is a copy that Inbox.replay made.
    #[getter]
    fn replayed(&self) -> bool {
        self.0.replayed()
    }

    /// bool: Whether an event with the same bytes came within the 24 hours before it. Nothing in the body tells whether
    ///     it is
    /// the same one again, or another that looks like it: to pause, resume and pause are three events with equal
    ///     bodies.
    #[getter]
    fn maybe_duplicate(&self) -> bool {
        self.0.maybe_duplicate()
    }

    /// bool: Whether it was said what became of the event.
    #[getter]
    fn is_settled(&self) -> bool {
        self.0.is_settled()
    }

    /// The event is handled. Once this returns it is not handed out again.
    ///
    /// Raises StorageError, after which the event will be handed out again; ClosedError when the lease has ended, so
    /// that another handler may have the event, or the inbox is closed; InvalidArgumentError when the outcome was said
    /// before; ForkedError. So do ``retry``, ``fail`` and ``dead``.
    ///
    /// >>> delivery.ack()
    fn ack(&self, py: Python<'_>) -> Outcome<()> {
        released(py, || self.0.ack())
    }

    /// The event is to be handled later. Until then its thread waits. At the last attempt it becomes a dead letter.
    ///
    /// after: seconds; if not given, a time that grows with each attempt.
    ///
    /// >>> delivery.retry(after=60)
    #[pyo3(signature = (*, after=None))]
    fn retry(&self, py: Python<'_>, after: Option<&Bound<'_, PyAny>>) -> Outcome<()> {
        let after = optional(after, "after", seconds_or_zero)?;
        released(py, || self.0.retry(after))
    }

    /// The event was not handled, and is to be handled again as by ``retry``.
    ///
    /// reason: str that is kept with the event.
    ///
    /// >>> delivery.fail("the database does not answer")
    fn fail(&self, py: Python<'_>, reason: &Bound<'_, PyAny>) -> Outcome<()> {
        let reason = text(reason, "reason")?;
        released(py, || self.0.fail(&reason))
    }

    /// The event is not to be handled again: it becomes a dead letter, and its thread goes on.
    ///
    /// reason: str that is kept with the event.
    ///
    /// >>> delivery.dead("there is no such customer")
    fn dead(&self, py: Python<'_>, reason: &Bound<'_, PyAny>) -> Outcome<()> {
        let reason = text(reason, "reason")?;
        released(py, || self.0.dead(&reason))
    }

    /// The event is still being handled: its lease lasts the whole lease time from now on. Inbox.handle does this
    /// itself.
    ///
    /// Raises ClosedError when the lease has ended, and what ``ack`` raises.
    ///
    /// >>> delivery.heartbeat()
    fn heartbeat(&self, py: Python<'_>) -> Outcome<()> {
        released(py, || self.0.heartbeat())
    }

    // __exit__ is in flowai._handling.
    fn __enter__(slf: Bound<'_, Delivery>) -> Bound<'_, Delivery> {
        slf
    }

    /// Without what people wrote, which has no place in a log.
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut repr = Repr::new("Delivery");
        repr.field("id", self.id().into_pyobject(py)?.as_any())?;
        repr.field("attempt", self.attempt().into_pyobject(py)?.as_any())?;
        repr.field("event", self.event().into_pyobject(py)?.as_any())?;
        Ok(repr.finish())
    }
}
