//! How something is done: this thread waits for it, or a task of an event loop does. Each class that does something has
//! both, over the same methods.

use flowai::{ErrorKind, Result, runtime};
use pyo3::{
    IntoPyObjectExt,
    exceptions::{PyStopAsyncIteration, PyStopIteration},
    prelude::*,
};

use crate::{
    aio,
    errors::{Failure, Outcome, guard},
    wait::{self, Tick},
};

/// What a call gives: its result, or what can be awaited to have it.
pub type Answer = Outcome<Py<PyAny>>;

/// Whether calls wait or are awaited.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Blocking,
    Awaitable,
}

/// What a call is named where it shows, such as in the repr of a task.
#[derive(Clone, Copy)]
pub struct Name {
    pub class: &'static str,
    pub method: &'static str,
}

impl Name {
    pub const fn new(class: &'static str, method: &'static str) -> Name {
        Name { class, method }
    }
}

/// Makes a result for Python, in a function that is given to those below.
pub fn made<T, V: for<'py> IntoPyObject<'py>>(
    result: impl FnOnce(T) -> V,
) -> impl FnOnce(Python<'_>, Outcome<T>) -> Answer {
    move |py, done| Ok(result(done?).into_py_any(py)?)
}

/// Makes a list for Python.
pub fn all<T, V: From<T> + for<'py> IntoPyObject<'py>>(py: Python<'_>, done: Outcome<Vec<T>>) -> Answer {
    let values: Vec<V> = done?.into_iter().map(V::from).collect();
    Ok(values.into_py_any(py)?)
}

/// What leaving a block gives, where something is closed. A forked child that leaves it has nothing to close, and its own
/// way out should not be hidden.
pub fn left(py: Python<'_>, closed: Outcome<()>) -> Answer {
    match closed {
        Err(Failure::Core(error)) if error.kind() == ErrorKind::Forked => Ok(py.None()),
        closed => Ok(closed?.into_py_any(py)?),
    }
}

impl Face {
    /// Does what takes no longer than a moment, such as a commit. For those who await it a helper thread of the core does.
    pub fn brief<T: Send + 'static>(
        self,
        py: Python<'_>,
        name: Name,
        work: Outcome<impl FnOnce() -> Result<T> + Send + 'static>,
        then: impl FnOnce(Python<'_>, Outcome<T>) -> Answer + Send + 'static,
    ) -> Answer {
        self.either(py, name, work, wait::released, helped, then)
    }

    /// Does what may take a while, and cannot be stopped. When the wait ends early it goes on.
    pub fn long<T: Send + 'static>(
        self,
        py: Python<'_>,
        name: Name,
        work: Outcome<impl FnOnce() -> Result<T> + Send + 'static>,
        then: impl FnOnce(Python<'_>, Outcome<T>) -> Answer + Send + 'static,
    ) -> Answer {
        self.either(py, name, work, wait::in_thread, helped, then)
    }

    /// Opens a file. What is given to those who await it is an asynchronous context manager too.
    pub fn open<T: Send + 'static>(
        self,
        py: Python<'_>,
        name: Name,
        work: Outcome<impl FnOnce() -> Result<T> + Send + 'static>,
        then: impl FnOnce(Python<'_>, Outcome<T>) -> Answer + Send + 'static,
    ) -> Answer {
        match self {
            Face::Blocking => self.long(py, name, work, then),
            Face::Awaitable => aio::opening(py, name, work.map(helped), then),
        }
    }

    /// Waits for something that may never come.
    pub fn wait<P: Send + 'static, T: Send + 'static, F: Future<Output = Result<T>> + Send>(
        self,
        py: Python<'_>,
        name: Name,
        prepared: Outcome<P>,
        blocking: impl FnOnce(P, Tick<'_>) -> Result<T> + Send,
        awaited: impl FnOnce(P) -> F + Send + 'static,
        then: impl FnOnce(Python<'_>, Outcome<T>) -> Answer + Send + 'static,
    ) -> Answer {
        let ticking = |py: Python<'_>, prepared: P| {
            wait::warn_inside_event_loop(py)?;
            wait::ticking(py, |_| Ok(()), |tick| blocking(prepared, tick))
        };
        self.either(py, name, prepared, ticking, awaited, then)
    }

    /// Does it in one way or the other. What cannot be prepared is said where the result would be.
    pub fn either<P: Send + 'static, T: Send + 'static, F: Future<Output = Result<T>> + Send>(
        self,
        py: Python<'_>,
        name: Name,
        prepared: Outcome<P>,
        blocking: impl FnOnce(Python<'_>, P) -> Outcome<T>,
        awaited: impl FnOnce(P) -> F + Send + 'static,
        then: impl FnOnce(Python<'_>, Outcome<T>) -> Answer + Send + 'static,
    ) -> Answer {
        match self {
            Face::Blocking => guard(|| {
                let done = prepared.and_then(|prepared| blocking(py, prepared));
                then(py, done)
            }),
            Face::Awaitable => {
                let work = prepared.map(|prepared| async move { awaited(prepared).await });
                aio::future(py, name, work, then)
            }
        }
    }

    /// The end of an iteration.
    pub fn stop(self) -> Failure {
        match self {
            Face::Blocking => PyStopIteration::new_err(()).into(),
            Face::Awaitable => PyStopAsyncIteration::new_err(()).into(),
        }
    }
}

/// Has a helper thread of the core do it.
async fn helped<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    runtime::spawn_blocking(work)?.await?
}
