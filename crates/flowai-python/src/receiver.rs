//! The receiver of webhook calls.

use std::{path::PathBuf, time::Duration};

use flowai::{ErrorKind, EventKind};
use pyo3::prelude::*;

use crate::{
    convert::{optional, seconds_or_zero, text},
    errors::{Failure, Outcome},
    event::{Event, kind_from_python},
    inbox::Inbox,
    logging::Watched,
    verifier::Verifier,
    wait,
};

/// Where the receiver tells how it is doing.
pub enum Health {
    /// Where it does if nothing is said.
    Usual,
    At(String),
    Nowhere,
}

impl FromPyObject<'_, '_> for Health {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Health> {
        if value.is_none() {
            return Ok(Health::Nowhere);
        }
        Ok(Health::At(text(&value, "health")?))
    }
}

/// A server for the webhook calls of Flow.ai, which hands out their events ("Webhooks" of the API document).
///
/// inbox: an Inbox, which stores the events; None to queue them in memory.
/// verifier: a Verifier; a call that it does not accept is answered 401. None takes calls from everybody, and has to be
///     said.
/// listen: ``host:port``; port 0 takes a free one.
/// path: the exact path of the webhook, percent-encoded.
/// tls: paths of two PEM files, the certificate chain and its key, to speak HTTPS; the service calls nothing else. When
///     the files change they are loaded again.
/// health: the exact path where GET tells anybody how the receiver is doing: 200 or 503, and numbers in JSON. None for
///     none.
///
/// With an inbox a call is acknowledged once its events are safe there; take them from the inbox, since the receiver
/// hands out none itself. Without one it is acknowledged once they are queued in memory, 1,024 at most; those that
/// nobody took are gone when the process ends. Each event is handed out once, to any number of threads. In a forked
/// child every method raises ForkedError.
///
/// Raises InvalidArgumentError naming the argument, or APIConnectionError when the address cannot be listened on.
///
/// >>> with flowai.Inbox.open("flowai.db") as inbox, flowai.Receiver(inbox, verifier=verifier) as receiver:
/// ...     for delivery in inbox:
/// ...         with delivery:
/// ...             print(delivery.event.text)
///
/// >>> with flowai.Receiver(verifier=flowai.Verifier.jwt(secret)) as receiver:
/// ...     print("listening on", receiver.url)
/// ...     for event in receiver:
/// ...         print(event.kind, event.text)
#[pyclass(module = "flowai", frozen)]
pub struct Receiver {
    receiver: flowai_delivery::Receiver,
    _watched: Watched,
}

#[pymethods]
impl Receiver {
    #[new]
    #[pyo3(
        signature = (inbox=None, *, verifier, listen=None, path=None, tls=None, health=Health::Usual),
        text_signature = "(inbox=None, *, verifier, listen='127.0.0.1:0', path='/', tls=None, health='/health')"
    )]
    fn new(
        py: Python<'_>,
        inbox: Option<PyRef<'_, Inbox>>,
        verifier: Option<PyRef<'_, Verifier>>,
        listen: Option<&Bound<'_, PyAny>>,
        path: Option<&Bound<'_, PyAny>>,
        tls: Option<(PathBuf, PathBuf)>,
        health: Health,
    ) -> Outcome<Receiver> {
        let mut builder = flowai_delivery::Receiver::builder()
            .verifier(verifier.map(|verifier| verifier.verifier.clone()))
            .inbox(inbox.map(|inbox| inbox.inbox.clone()));
        builder = match health {
            Health::Usual => builder,
            Health::At(path) => builder.health(path),
            Health::Nowhere => builder.without_health(),
        };
        if let Some(address) = optional(listen, "listen", text)? {
            builder = builder.listen(address);
        }
        if let Some(path) = optional(path, "path", text)? {
            builder = builder.path(path);
        }
        if let Some((certificate, key)) = tls {
            builder = builder.tls(certificate, key);
        }
        let receiver = wait::released(py, || builder.start())?;
        let _watched = Watched::new(py);
        Ok(Receiver { receiver, _watched })
    }

    /// str: The URL of the webhook on this machine. Under which address the service reaches it only you know.
    #[getter]
    fn url(&self) -> &str {
        self.receiver.url()
    }

    /// int: The port that it listens on, which it may have got from the system.
    #[getter]
    fn port(&self) -> u16 {
        self.receiver.local_addr().port()
    }

    /// The next event, or None when there is none within the time.
    ///
    /// timeout: seconds to wait, 0 not to wait; for ever if not given.
    ///
    /// Raises ClosedError when the receiver was closed and all its events were taken, InvalidArgumentError when it
    /// stores them in an inbox.
    ///
    /// >>> event = receiver.next(timeout=5.0)
    #[pyo3(signature = (timeout=None))]
    fn next(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> Outcome<Option<Event>> {
        let timeout = optional(timeout, "timeout", seconds_or_zero)?;
        self.take(py, None, None, timeout)
    }

    /// The next event of this kind and of this thread, as far as they are given, or None when there is none within the
    /// time. The others stay queued in their order.
    ///
    /// kind: an EventKind, its number, or its name in any case such as ``"reply"``.
    /// thread_id: str; see Event.is_for for what belongs to a thread.
    /// timeout: seconds to wait, 0 not to wait; for ever if not given.
    ///
    /// Raises ClosedError when the receiver was closed and no such event is left, InvalidArgumentError when there is no
    /// such kind, or when the receiver stores its events in an inbox.
    ///
    /// >>> reply = receiver.wait(kind=flowai.EventKind.REPLY, thread_id="thread-1", timeout=5.0)
    #[pyo3(signature = (*, kind=None, thread_id=None, timeout=None))]
    fn wait(
        &self,
        py: Python<'_>,
        kind: Option<&Bound<'_, PyAny>>,
        thread_id: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<Option<Event>> {
        let kind = optional(kind, "kind", kind_from_python)?;
        let thread_id = optional(thread_id, "thread_id", text)?;
        let timeout = optional(timeout, "timeout", seconds_or_zero)?;
        self.take(py, kind, thread_id, timeout)
    }

    /// Stops accepting calls, answers those in flight, and returns when that is done. Events that are queued can still
    /// be taken. Closing again changes nothing.
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        wait::ticking(py, |_| Ok(()), |tick| self.receiver.stop_with(tick))
    }

    fn __enter__(slf: Bound<'_, Receiver>) -> Bound<'_, Receiver> {
        slf
    }

    #[pyo3(signature = (exception_type, *_exception))]
    fn __exit__(
        &self,
        py: Python<'_>,
        exception_type: &Bound<'_, PyAny>,
        _exception: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        let closed = if exception_type.is_none() {
            self.close(py)
        } else {
            wait::released(py, || self.receiver.close())
        };
        match closed {
            // A child that leaves the block has nothing to close, and its own way out should not be hidden.
            Err(Failure::Core(error)) if error.kind() == ErrorKind::Forked => Ok(()),
            other => other,
        }
    }

    fn __iter__(slf: Bound<'_, Receiver>) -> Bound<'_, Receiver> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Outcome<Option<Event>> {
        match self.take(py, None, None, None) {
            Err(Failure::Core(error)) if error.kind() == ErrorKind::Closed => Ok(None),
            other => other,
        }
    }

    fn __repr__(&self) -> String {
        format!("<flowai.Receiver url='{}'>", self.receiver.url())
    }
}

impl Receiver {
    fn take(
        &self,
        py: Python<'_>,
        kind: Option<EventKind>,
        thread_id: Option<String>,
        timeout: Option<Duration>,
    ) -> Outcome<Option<Event>> {
        wait::warn_inside_event_loop(py)?;
        let wait = |tick: wait::Tick<'_>| self.receiver.wait(kind, thread_id.as_deref(), timeout, tick);
        Ok(wait::ticking(py, |_| Ok(()), wait)?.map(Event))
    }
}
