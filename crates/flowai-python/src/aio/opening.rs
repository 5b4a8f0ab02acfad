//! Files that are opened: `await` gives what is in them, `async with` closes it too.

use std::sync::{Arc, Mutex, PoisonError};

use flowai::Result;
use pyo3::{IntoPyObjectExt, PyTraverseError, PyVisit, prelude::*, types::PyTuple};

use super::awaitable::Awaitable;
use crate::{
    errors::Outcome,
    face::{Answer, Name},
};

/// What AsyncInbox.open and so on give: await it to have the inbox, or use it in ``async with``, which closes the inbox.
#[pyclass(module = "flowai", name = "_Opening", frozen)]
struct Opening {
    class: &'static str,
    awaitable: Py<Awaitable>,
    opened: Arc<Mutex<Option<Py<PyAny>>>>,
}

/// What opens something when it is awaited.
pub fn opening<T: Send + 'static>(
    py: Python<'_>,
    name: Name,
    work: Outcome<impl Future<Output = Result<T>> + Send + 'static>,
    then: impl FnOnce(Python<'_>, Outcome<T>) -> Answer + Send + 'static,
) -> Answer {
    let opened = Arc::new(Mutex::new(None));
    let place = Arc::clone(&opened);
    let then = move |py: Python<'_>, done: Outcome<T>| {
        let object = then(py, done)?;
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(object.clone_ref(py));
        Ok(object)
    };
    let opening = Opening {
        class: name.class,
        awaitable: Py::new(py, super::awaitable(name, work, then))?,
        opened,
    };
    Ok(opening.into_py_any(py)?)
}

#[pymethods]
impl Opening {
    fn __await__(&self, py: Python<'_>) -> Py<Awaitable> {
        self.awaitable.clone_ref(py)
    }

    fn __aenter__(&self, py: Python<'_>) -> Py<Awaitable> {
        self.awaitable.clone_ref(py)
    }

    #[pyo3(signature = (*exception))]
    fn __aexit__(&self, py: Python<'_>, exception: &Bound<'_, PyTuple>) -> Answer {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        match opened {
            Some(opened) => Ok(opened.call_method1(py, interned!(py, "__aexit__"), exception)?),
            None => Ok(
                Awaitable::done(Name::new(self.class, "__aexit__"), |py| Ok(py.None())).into_py_any(py)?,
            ),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.awaitable)
    }
}
