//! The receiver of webhook calls.

use std::{path::PathBuf, sync::Arc, time::Duration};

use flowai::{ErrorKind, EventKind};
use pyo3::{IntoPyObjectExt, PyClassInitializer, prelude::*};

use crate::{
    aio,
    client::Given,
    convert::{optional, seconds_or_zero, text},
    errors::{Failure, Outcome},
    event::{Event, kind_from_python},
    face::{self, Answer, Face, Name, made},
    inbox::Mailbox,
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
#[pyclass(module = "flowai", frozen, extends = Received)]
pub struct Receiver;

/// A server for the webhook calls of Flow.ai, whose events are awaited: Receiver for an event loop of asyncio.
///
/// Its arguments and methods are those of Receiver. Leaving the block of ``async with`` closes it. Cancelling a task that
/// waits for an event loses none.
///
/// >>> async with flowai.AsyncReceiver(verifier=flowai.Verifier.jwt(secret)) as receiver:
/// ...     print("listening on", receiver.url)
/// ...     async for event in receiver:
/// ...         print(event.kind, event.text)
#[pyclass(module = "flowai", frozen, extends = Received)]
pub struct AsyncReceiver;

/// What Receiver and AsyncReceiver have in common.
#[pyclass(module = "flowai", name = "_Receiver", frozen, subclass)]
pub struct Received {
    receiver: Arc<flowai_delivery::Receiver>,
    face: Face,
    _watched: Watched,
}

macro_rules! constructor {
    ($class:ident, $face:ident) => {
        #[pymethods]
        impl $class {
            #[new]
            #[pyo3(
                signature = (inbox=None, *, verifier, listen=None, path=None, tls=None, health=Health::Usual),
                text_signature = "(inbox=None, *, verifier, listen='127.0.0.1:0', path='/', tls=None, health='/health')"
            )]
            fn new(
                py: Python<'_>,
                inbox: Option<PyRef<'_, Mailbox>>,
                verifier: Option<PyRef<'_, Verifier>>,
                listen: Given<'_, '_>,
                path: Given<'_, '_>,
                tls: Option<(PathBuf, PathBuf)>,
                health: Health,
            ) -> Outcome<PyClassInitializer<$class>> {
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
                let received = Received {
                    receiver: Arc::new(wait::released(py, || builder.start())?),
                    face: Face::$face,
                    _watched: Watched::new(py),
                };
                Ok(PyClassInitializer::from(received).add_subclass($class))
            }
        }
    };
}

constructor!(Receiver, Blocking);
constructor!(AsyncReceiver, Awaitable);

#[pymethods]
impl Received {
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
    fn next(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Answer {
        self.wait(py, None, None, timeout)
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
        kind: Given<'_, '_>,
        thread_id: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let wanted = || {
            Ok(Wanted {
                kind: optional(kind, "kind", kind_from_python)?,
                thread_id: optional(thread_id, "thread_id", text)?,
                timeout: optional(timeout, "timeout", seconds_or_zero)?,
            })
        };
        self.take(
            py,
            "wait",
            wanted(),
            made(|event: Option<flowai::Event>| event.map(Event)),
        )
    }

    /// Stops accepting calls, answers those in flight, and returns when that is done. Events that are queued can still
    /// be taken. Closing again changes nothing.
    ///
    /// >>> receiver.close()
    fn close(&self, py: Python<'_>) -> Answer {
        self.end(py, "close", true, |py, closed| Ok(closed?.into_py_any(py)?))
    }

    fn __repr__(&self) -> String {
        let name = match self.face {
            Face::Blocking => "Receiver",
            Face::Awaitable => "AsyncReceiver",
        };
        format!("<flowai.{name} url='{}'>", self.receiver.url())
    }
}

/// What is waited for.
struct Wanted {
    kind: Option<EventKind>,
    thread_id: Option<String>,
    timeout: Option<Duration>,
}

fn name(method: &'static str) -> Name {
    Name::new("AsyncReceiver", method)
}

impl Received {
    fn take(
        &self,
        py: Python<'_>,
        method: &'static str,
        wanted: Outcome<Wanted>,
        then: impl FnOnce(Python<'_>, Outcome<Option<flowai::Event>>) -> Answer + Send + 'static,
    ) -> Answer {
        let receiver = Arc::clone(&self.receiver);
        self.face.wait(
            py,
            name(method),
            wanted,
            |wanted, tick| {
                let thread_id = wanted.thread_id.as_deref();
                self.receiver.wait(wanted.kind, thread_id, wanted.timeout, tick)
            },
            move |wanted| async move {
                let thread_id = wanted.thread_id.as_deref();
                receiver.wait_async(wanted.kind, thread_id, wanted.timeout).await
            },
            then,
        )
    }

    /// The next event of an iteration, which ends when there will be none.
    fn step(&self, py: Python<'_>) -> Answer {
        let any = Wanted {
            kind: None,
            thread_id: None,
            timeout: None,
        };
        let face = self.face;
        self.take(py, "__anext__", Ok(any), move |py, event| match event {
            Err(Failure::Core(error)) if error.kind() == ErrorKind::Closed => Err(face.stop()),
            event => Ok(event?.map(Event).into_py_any(py)?),
        })
    }

    fn end(
        &self,
        py: Python<'_>,
        method: &'static str,
        gracefully: bool,
        then: fn(Python<'_>, Outcome<()>) -> Answer,
    ) -> Answer {
        let receiver = Arc::clone(&self.receiver);
        let stop = move |tick: wait::Tick<'_>| match gracefully {
            true => receiver.stop_with(tick),
            false => receiver.close(),
        };
        let blocking = |py: Python<'_>, stop: Stop| wait::ticking(py, |_| Ok(()), |tick| stop(tick));
        let awaited =
            |stop: Stop| async move { flowai::runtime::spawn_blocking(move || stop(&mut || Ok(())))?.await? };
        self.face.either(
            py,
            name(method),
            Ok(Box::new(stop) as Stop),
            blocking,
            awaited,
            then,
        )
    }

    fn leave(&self, py: Python<'_>, exception_type: &Bound<'_, PyAny>) -> Answer {
        self.end(py, "__aexit__", exception_type.is_none(), face::left)
    }
}

type Stop = Box<dyn FnOnce(wait::Tick<'_>) -> flowai::Result<()> + Send>;

#[pymethods]
impl Receiver {
    fn __enter__(slf: Bound<'_, Receiver>) -> Bound<'_, Receiver> {
        slf
    }

    #[pyo3(signature = (exception_type, *_exception))]
    fn __exit__(
        slf: &Bound<'_, Receiver>,
        exception_type: &Bound<'_, PyAny>,
        _exception: &Bound<'_, PyAny>,
    ) -> Answer {
        slf.as_super().get().leave(slf.py(), exception_type)
    }

    fn __iter__(slf: Bound<'_, Receiver>) -> Bound<'_, Receiver> {
        slf
    }

    fn __next__(slf: &Bound<'_, Receiver>) -> Answer {
        slf.as_super().get().step(slf.py())
    }
}

#[pymethods]
impl AsyncReceiver {
    fn __aenter__(slf: Bound<'_, AsyncReceiver>) -> aio::Awaitable {
        aio::entered(name("__aenter__"), slf.into_any())
    }

    #[pyo3(signature = (exception_type, *_exception))]
    fn __aexit__(
        slf: &Bound<'_, AsyncReceiver>,
        exception_type: &Bound<'_, PyAny>,
        _exception: &Bound<'_, PyAny>,
    ) -> Answer {
        slf.as_super().get().leave(slf.py(), exception_type)
    }

    fn __aiter__(slf: Bound<'_, AsyncReceiver>) -> Bound<'_, AsyncReceiver> {
        slf
    }

    fn __anext__(slf: &Bound<'_, AsyncReceiver>) -> Answer {
        slf.as_super().get().step(slf.py())
    }
}
