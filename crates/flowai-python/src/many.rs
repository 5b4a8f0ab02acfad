//! Many messages at a time: the native half of `flowai._many`.
//!
//! The iterables of users are read there, by Python, so that below their code there are no frames of Rust: when the
//! interpreter ends, it ends daemon threads in a way that such frames cannot survive. Messages and results cross in
//! batches.

use std::sync::{Mutex, MutexGuard, TryLockError};

use flowai::{Many, Message, Until, runtime};
use pyo3::{
    IntoPyObjectExt,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyList, PySequence, PyString},
};

use crate::{
    aio::Awaitable,
    client::{Calls, Face, Given},
    convert::{flag, optional, seconds, small_count, text},
    errors::{Failure, Outcome, guard},
    face::Name,
    fields,
    results::Receipt,
    wait,
};

/// The messages of one call of send_many or iter_send_many.
#[pyclass(module = "flowai", name = "_Courier", frozen)]
pub struct Courier {
    generation: u64,
    inner: Mutex<Inner>,
}

struct Inner {
    courier: flowai::Courier,
    given: u64,
}

impl Courier {
    fn lock(&self) -> Outcome<MutexGuard<'_, Inner>> {
        match self.inner.try_lock() {
            Ok(inner) => Ok(inner),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            // A thread of the parent may hold it for ever.
            Err(TryLockError::WouldBlock) if self.generation != runtime::generation() => {
                Err(flowai::Error::new(flowai::ErrorKind::Forked, "belongs to the parent process").into())
            }
            Err(TryLockError::WouldBlock) => {
                Err(PyValueError::new_err("these messages are being sent by another thread").into())
            }
        }
    }
}

fn until(room: bool, results: bool) -> Until {
    match (room, results) {
        (true, true) => Until::RoomOrResults,
        (false, true) => Until::Results,
        (_, false) => Until::Room,
    }
}

/// A thread id and a message. A wrong value is refused as that message; a wrong type is raised.
fn message(item: &Bound<'_, PyAny>) -> Outcome<(String, flowai::Result<Message>)> {
    let wrong = || Failure::wrong_type("it", "a pair (thread_id, message)", item);
    let pair = item.cast::<PySequence>().map_err(|_| wrong())?;
    if item.is_instance_of::<PyString>() || pair.len()? != 2 {
        return Err(wrong());
    }
    let thread_id = match text(&pair.get_item(0)?, "thread_id") {
        Ok(thread_id) => thread_id,
        Err(Failure::Core(refused)) => return Ok((String::new(), Err(refused))),
        Err(failure) => return Err(failure),
    };
    match fields::message_or_text(&pair.get_item(1)?) {
        Ok(message) => Ok((thread_id, Ok(message))),
        Err(Failure::Core(refused)) => Ok((thread_id, Err(refused))),
        Err(failure) => Err(failure),
    }
}

/// The same error, saying which message it is about.
fn of_message(py: Python<'_>, number: u64, failure: Failure) -> Failure {
    match failure {
        Failure::Python(error) if error.is_instance_of::<PyTypeError>(py) => {
            let problem = format!("messages[{number}]: {}", error.value(py));
            let named = PyTypeError::new_err(problem);
            named.set_cause(py, error.cause(py));
            named.into()
        }
        other => other,
    }
}

#[pymethods]
impl Courier {
    /// Sends in the background from now on.
    fn start(&self, py: Python<'_>) -> Outcome<()> {
        let courier = &mut self.lock()?.courier;
        wait::released(py, || courier.start())
    }

    /// float: For how many seconds messages should be got before they are given.
    #[classattr]
    fn patience() -> f64 {
        flowai::Courier::PATIENCE.as_secs_f64()
    }

    /// How many messages to get and give now.
    fn wants(&self) -> Outcome<usize> {
        Ok(self.lock()?.courier.wants()?)
    }

    /// Takes over what was got since `wants`. Of the wrong type, it is raised, and the ones before it are taken over.
    fn give(&self, py: Python<'_>, batch: &Bound<'_, PyList>) -> Outcome<()> {
        let inner: &mut Inner = &mut *self.lock()?;
        guard(|| {
            let (courier, count) = (&mut inner.courier, batch.len());
            wait::released(py, || courier.got(count))?;
            let mut messages = Vec::with_capacity(batch.len());
            let mut wrong = None;
            for item in batch.iter() {
                match message(&item) {
                    Ok(message) => messages.push(message),
                    Err(failure) => {
                        let number = inner.given + messages.len() as u64;
                        wrong = Some(of_message(py, number, failure));
                        break;
                    }
                }
            }
            inner.given += messages.len() as u64;
            wait::released(py, || courier.give(messages))?;
            wrong.map_or(Ok(()), Err)
        })
    }

    /// No further message comes.
    fn end(&self) -> Outcome<()> {
        Ok(self.lock()?.courier.end()?)
    }

    /// Waits on this thread.
    fn wait(&self, py: Python<'_>, room: bool, results: bool) -> Outcome<()> {
        let courier = &mut self.lock()?.courier;
        wait::ticking(py, |_| Ok(()), |tick| courier.wait(until(room, results), tick))
    }

    /// What to await.
    fn changed(&self, room: bool, results: bool) -> Outcome<Awaitable> {
        let changed = self.lock()?.courier.changed(until(room, results));
        Ok(Awaitable::waiting(Name::new("AsyncClient", "send_many"), changed))
    }

    /// Adds the results that are there to a list.
    fn take(&self, py: Python<'_>, into: &Bound<'_, PyList>) -> Outcome<()> {
        let mut inner = self.lock()?;
        guard(|| {
            for result in inner.courier.take()? {
                match result {
                    Ok(receipt) => into.append(Receipt(receipt).into_py_any(py)?)?,
                    Err(error) => into.append(PyErr::from(Failure::Core(error)).value(py))?,
                }
            }
            Ok(())
        })
    }

    /// Whether results are to be handed out before further messages are got.
    #[getter]
    fn is_slow(&self) -> Outcome<bool> {
        Ok(self.lock()?.courier.is_slow())
    }

    #[getter]
    fn is_done(&self) -> Outcome<bool> {
        Ok(self.lock()?.courier.is_done()?)
    }

    /// Ends the sending; what became of each message is known then.
    fn stop(&self, py: Python<'_>) -> Outcome<()> {
        let courier = &mut self.lock()?.courier;
        wait::released(py, || {
            courier.stop();
            Ok(())
        })
    }
}

#[pymethods]
impl Calls {
    /// What send_many and iter_send_many are made of.
    fn _courier(
        &self,
        py: Python<'_>,
        concurrency: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
        #[pyo3(from_py_with = flag::skip_after_failure)] skip_after_failure: bool,
        keep_results: bool,
    ) -> Outcome<Courier> {
        let make = || {
            let mut many = Many::new()
                .concurrency(small_count(concurrency, "concurrency")?)
                .skip_after_failure(skip_after_failure);
            if let Some(timeout) = optional(timeout, "timeout", seconds)? {
                many = many.timeout(timeout);
            }
            Ok(flowai::Courier::new(&self.client, many, keep_results)?)
        };
        let courier = guard(|| make().map_err(|failure: Failure| failure.refused("send_many", true)))?;
        if let Face::Blocking = self.face {
            wait::warn_inside_event_loop(py)?;
        }
        Ok(Courier {
            generation: runtime::generation(),
            inner: Mutex::new(Inner { courier, given: 0 }),
        })
    }
}
