//! One event in the hands of its handler.

use std::sync::Arc;

use flowai::Result;
use pyo3::{PyClassInitializer, prelude::*};

use crate::{
    aio,
    convert::{optional, seconds_or_zero, text},
    errors::Outcome,
    event::Event,
    face::{Answer, Face, Name, made},
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
#[pyclass(module = "flowai", frozen, extends = Handled)]
pub struct Delivery;

/// An event of an AsyncInbox to handle, from ``async for delivery in inbox``, AsyncInbox.next, or in the function of
/// AsyncInbox.handle.
///
/// It is a Delivery whose methods are awaited. An ``async with`` block acknowledges it at its end, and has it tried again
/// if an exception leaves it; at once if that is the cancellation of the task.
///
/// >>> async for delivery in inbox:
/// ...     async with delivery:
/// ...         print(delivery.event.thread_id, delivery.event.text)
#[pyclass(module = "flowai", frozen, extends = Handled)]
pub struct AsyncDelivery;

/// What Delivery and AsyncDelivery have in common.
#[pyclass(module = "flowai", name = "_Delivery", frozen, subclass)]
pub struct Handled {
    delivery: Arc<flowai_delivery::Delivery>,
    face: Face,
}

impl Handled {
    /// An event in the hands of Python.
    pub fn hand_out(py: Python<'_>, delivery: Arc<flowai_delivery::Delivery>, face: Face) -> Answer {
        let handled = PyClassInitializer::from(Handled { delivery, face });
        Ok(match face {
            Face::Blocking => Py::new(py, handled.add_subclass(Delivery))?.into_any(),
            Face::Awaitable => Py::new(py, handled.add_subclass(AsyncDelivery))?.into_any(),
        })
    }

    /// Says what became of the event.
    fn settle<P: Send + 'static, F: Future<Output = Result<()>> + Send>(
        &self,
        py: Python<'_>,
        method: &'static str,
        prepared: Outcome<P>,
        settle: impl FnOnce(&flowai_delivery::Delivery, P) -> Result<()> + Send,
        awaited: impl FnOnce(Arc<flowai_delivery::Delivery>, P) -> F + Send + 'static,
    ) -> Answer {
        let delivery = Arc::clone(&self.delivery);
        self.face.either(
            py,
            Name::new("AsyncDelivery", method),
            prepared,
            |py, prepared| released(py, || settle(&self.delivery, prepared)),
            move |prepared| awaited(delivery, prepared),
            made(|()| ()),
        )
    }

    fn class_name(&self) -> &'static str {
        match self.face {
            Face::Blocking => "Delivery",
            Face::Awaitable => "AsyncDelivery",
        }
    }
}

#[pymethods]
impl Handled {
    /// Event: The event.
    #[getter]
    fn event(&self) -> Event {
        Event(self.delivery.event().clone())
    }

    /// int: The number of the event in its inbox, the same in every attempt.
    #[getter]
    fn id(&self) -> i64 {
        self.delivery.id()
    }

    /// int: Which attempt this is, counted from 1.
    #[getter]
    fn attempt(&self) -> u32 {
        self.delivery.attempt()
    }

    /// int: When the event was stored, in milliseconds since 1970 UTC.
    #[getter]
    fn received_at_ms(&self) -> i64 {
        self.delivery.received_at_ms()
    }

    /// bool: Whether the event is a copy that Inbox.replay made.
    #[getter]
    fn replayed(&self) -> bool {
        self.delivery.replayed()
    }

    /// bool: Whether an event with the same bytes came within the 24 hours before it. Nothing in the body tells whether
    ///     it is
    /// the same one again, or another that looks like it: to pause, resume and pause are three events with equal
    ///     bodies.
    #[getter]
    fn maybe_duplicate(&self) -> bool {
        self.delivery.maybe_duplicate()
    }

    /// bool: Whether it was said what became of the event.
    #[getter]
    fn is_settled(&self) -> bool {
        self.delivery.is_settled()
    }

    /// The event is handled. Once this returns it is not handed out again.
    ///
    /// Raises StorageError, after which the event will be handed out again; ClosedError when the lease has ended, so
    /// that another handler may have the event, or the inbox is closed; InvalidArgumentError when the outcome was said
    /// before; ForkedError. So do ``retry``, ``fail`` and ``dead``.
    ///
    /// >>> delivery.ack()
    fn ack(&self, py: Python<'_>) -> Answer {
        let awaited =
            |delivery: Arc<flowai_delivery::Delivery>, ()| async move { delivery.ack_async().await };
        self.settle(py, "ack", Ok(()), |delivery, ()| delivery.ack(), awaited)
    }

    /// The event is to be handled later. Until then its thread waits. At the last attempt it becomes a dead letter.
    ///
    /// after: seconds; if not given, a time that grows with each attempt.
    ///
    /// >>> delivery.retry(after=60)
    #[pyo3(signature = (*, after=None))]
    fn retry(&self, py: Python<'_>, after: Option<&Bound<'_, PyAny>>) -> Answer {
        let after = optional(after, "after", seconds_or_zero);
        let awaited = |delivery: Arc<flowai_delivery::Delivery>, after| async move {
            delivery.retry_async(after).await
        };
        self.settle(
            py,
            "retry",
            after,
            |delivery, after| delivery.retry(after),
            awaited,
        )
    }

    /// The event was not handled, and is to be handled again as by ``retry``.
    ///
    /// reason: str that is kept with the event.
    ///
    /// >>> delivery.fail("the database does not answer")
    fn fail(&self, py: Python<'_>, reason: &Bound<'_, PyAny>) -> Answer {
        let reason = text(reason, "reason");
        let awaited = |delivery: Arc<flowai_delivery::Delivery>, reason: String| async move {
            delivery.fail_async(&reason).await
        };
        self.settle(
            py,
            "fail",
            reason,
            |delivery, reason| delivery.fail(&reason),
            awaited,
        )
    }

    /// The event is not to be handled again: it becomes a dead letter, and its thread goes on.
    ///
    /// reason: str that is kept with the event.
    ///
    /// >>> delivery.dead("there is no such customer")
    fn dead(&self, py: Python<'_>, reason: &Bound<'_, PyAny>) -> Answer {
        let reason = text(reason, "reason");
        let awaited = |delivery: Arc<flowai_delivery::Delivery>, reason: String| async move {
            delivery.dead_async(&reason).await
        };
        self.settle(
            py,
            "dead",
            reason,
            |delivery, reason| delivery.dead(&reason),
            awaited,
        )
    }

    /// The event is still being handled: its lease lasts the whole lease time from now on. Inbox.handle does this
    /// itself.
    ///
    /// Raises ClosedError when the lease has ended, and what ``ack`` raises.
    ///
    /// >>> delivery.heartbeat()
    fn heartbeat(&self, py: Python<'_>) -> Answer {
        let awaited = |delivery: Arc<flowai_delivery::Delivery>, ()| async move { delivery.heartbeat() };
        self.settle(
            py,
            "heartbeat",
            Ok(()),
            |delivery, ()| delivery.heartbeat(),
            awaited,
        )
    }

    /// Without what people wrote, which has no place in a log.
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut repr = Repr::new(self.class_name());
        repr.field("id", self.id().into_pyobject(py)?.as_any())?;
        repr.field("attempt", self.attempt().into_pyobject(py)?.as_any())?;
        repr.field("event", self.event().into_pyobject(py)?.as_any())?;
        Ok(repr.finish())
    }
}

// __exit__ and __aexit__ are in flowai._handling.
#[pymethods]
impl Delivery {
    fn __enter__(slf: Bound<'_, Delivery>) -> Bound<'_, Delivery> {
        slf
    }
}

#[pymethods]
impl AsyncDelivery {
    fn __aenter__(slf: Bound<'_, AsyncDelivery>) -> aio::Awaitable {
        aio::entered(Name::new("AsyncDelivery", "__aenter__"), slf.into_any())
    }
}
