//! Calls that an event loop of asyncio waits for.
//!
//! `awaitable` is what a call gives: a coroutine around a future of the core (`progress`), which is polled on the thread of its
//! loop. Over an idle connection that is all: the request is written there, and the answer read when the loop is told of it.
//!
//! `waiter` is what a task waits for meanwhile. `bridge` calls the task when its call is done; there is one for each loop,
//! which watches two descriptors for it. One (`flowai::runtime::Watcher`) tells of the connections of its calls. At the other
//! (`flowai::runtime::Doorbell`) ring threads of the core, for what takes the runtime. They know of a bridge only that and a list
//! of numbers: they hold no Python object, never enter the interpreter, and may outlive it.
//!
//! `client`, `pages`, `upload`, `opening` and `handling` are what users see of it, and the faces of other classes that are
//! beside their synchronous ones.

mod awaitable;
mod bridge;
mod client;
mod handling;
mod opening;
mod pages;
mod progress;
mod upload;
mod waiter;

use flowai::Result;
use pyo3::{IntoPyObjectExt, prelude::*};

pub use self::{
    awaitable::Awaitable,
    client::{AsyncClient, call, close},
    handling::AsyncHandling,
    opening::opening,
    pages::{AsyncHistoryIterator, AsyncThreadIterator},
    progress::Finish,
    upload::upload,
};
use crate::{
    errors::Outcome,
    face::{Answer, Name},
};

/// A future of the core to await. Its errors, and what could not be prepared, are raised where it is awaited.
pub fn future<T: Send + 'static>(
    py: Python<'_>,
    name: Name,
    work: Outcome<impl Future<Output = Result<T>> + Send + 'static>,
    then: impl FnOnce(Python<'_>, Outcome<T>) -> Answer + Send + 'static,
) -> Answer {
    Ok(awaitable(name, work, then).into_py_any(py)?)
}

fn awaitable<T: Send + 'static>(
    name: Name,
    work: Outcome<impl Future<Output = Result<T>> + Send + 'static>,
    then: impl FnOnce(Python<'_>, Outcome<T>) -> Answer + Send + 'static,
) -> Awaitable {
    match work {
        Err(failure) => Awaitable::done(name, move |py| then(py, Err(failure))),
        Ok(work) => Awaitable::new(name, finishing(work, then)),
    }
}

/// Work with what makes its result.
async fn finishing<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
    then: impl FnOnce(Python<'_>, Outcome<T>) -> Answer + Send + 'static,
) -> Finish {
    let done = work.await;
    Box::new(move |py: Python<'_>| then(py, done.map_err(Into::into)))
}

/// What `async with` gives: the object itself.
pub fn entered(name: Name, this: Bound<'_, PyAny>) -> Awaitable {
    let this = this.unbind();
    Awaitable::done(name, move |_| Ok(this))
}
