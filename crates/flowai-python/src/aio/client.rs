//! The client whose calls are awaited.

use std::future::IntoFuture;

use flowai::{Call, Fate, MetadataForm, Originator};
use pyo3::{IntoPyObjectExt, PyClassInitializer, prelude::*};

use super::{Awaitable, entered, finishing};
use crate::{
    client::{Answer, Calls, Given, constructor},
    convert::{optional, seconds, small_count, text},
    errors::{Outcome, guard},
    face::{Name, made},
    fields,
};

/// Talks to one Flow.ai project from an event loop of asyncio.
///
/// Its arguments and its calls are those of Client. Each call gives a coroutine: nothing happens before it is awaited or
/// made a task, and cancelling it ends the request at once. iter_history and iter_threads are for ``async for``.
///
/// Any number of tasks, loops and threads may use one at the same time, and it keeps working after a fork.
///
/// The CancelledError of a call that sends something says what became of the message: it has the attributes
/// ``delivery``, ``operation`` and ``trace_id`` of a FlowAIError. ``not_sent`` is certain.
///
/// The progress of upload_media is told on the loop's thread; a file object is read in another one.
///
/// >>> async with flowai.AsyncClient("MY_MESSAGING_API_KEY") as client:
/// ...     receipt = await client.send_text("thread-1", "Hello")
#[pyclass(module = "flowai", frozen, subclass, extends = Calls)]
pub struct AsyncClient;

constructor!(AsyncClient, Awaitable);

#[pymethods]
impl AsyncClient {
    fn __aenter__(slf: Bound<'_, AsyncClient>) -> Awaitable {
        entered(name("__aenter__"), slf.into_any())
    }

    #[pyo3(signature = (*_exception))]
    fn __aexit__(slf: &Bound<'_, AsyncClient>, _exception: &Bound<'_, PyAny>) -> Answer {
        close(slf.py(), slf.as_super().get().client.clone())
    }
}

/// A call to await.
pub fn call<T, V>(
    py: Python<'_>,
    operation: &'static str,
    call: Outcome<Call<T>>,
    result: fn(T) -> V,
) -> Answer
where
    T: Send + 'static,
    V: for<'py> IntoPyObject<'py> + 'static,
{
    let name = name(operation);
    let (call, fate) = with_fate(call);
    let made = match call {
        Err(failure) => Awaitable::failing(name, failure),
        Ok(call) => Awaitable::call(name, finishing(call.into_future(), made(result)), fate),
    };
    Ok(made.into_py_any(py)?)
}

/// A call with what tells what became of it, if it sends something.
fn with_fate<T>(call: Outcome<Call<T>>) -> (Outcome<Call<T>>, Option<Fate>) {
    match call {
        Ok(mut call) if call.is_send() => {
            let fate = call.fate();
            (Ok(call), Some(fate))
        }
        call => (call, None),
    }
}

pub fn name(method: &'static str) -> Name {
    Name::new("AsyncClient", method)
}

/// The end of a client, to await.
pub fn close(py: Python<'_>, client: flowai::Client) -> Answer {
    let close = move |py: Python<'_>| {
        client.close();
        Ok(py.None())
    };
    Ok(Awaitable::done(name("close"), close).into_py_any(py)?)
}
