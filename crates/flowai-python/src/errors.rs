//! Errors of the core as exceptions, and panics as errors.

use std::{
    any::Any,
    error, io, iter,
    panic::{AssertUnwindSafe, catch_unwind},
};

use flowai::{Delivery, Error, ErrorKind};
use nix::errno::Errno;
use pyo3::{
    exceptions::{PyImportError, PyOSError, PyRuntimeError, PyTypeError},
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyType},
};

use crate::{json, once::get_or_make};

/// How many causes of causes are told.
const MAX_CAUSES: usize = 8;

/// What went wrong: an error of the core that is not an exception yet, or an exception.
pub enum Failure {
    Core(Error),
    Python(PyErr),
}

pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A value that is refused.
    pub fn argument(name: &str, problem: impl std::fmt::Display) -> Failure {
        Failure::Core(Error::argument(name, problem))
    }

    /// A value of the wrong type.
    pub fn wrong_type(name: &str, wanted: &str, value: &Bound<'_, PyAny>) -> Failure {
        let found = value.get_type();
        let found = found
            .name()
            .map_or_else(|_| "another type".to_owned(), |name| name.to_string());
        Failure::Python(PyTypeError::new_err(format!(
            "{name} must be {wanted}, not {found}"
        )))
    }

    /// The same, where it is known which operation is not going to happen.
    pub fn refused(self, operation: &'static str, is_send: bool) -> Failure {
        match self {
            Failure::Core(error) if error.operation().is_none() => Failure::Core(
                error
                    .with_operation(operation)
                    .with_delivery(is_send.then_some(Delivery::NotSent)),
            ),
            other => other,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Core(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Failure {
        Failure::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> PyErr {
        match failure {
            Failure::Python(error) => error,
            Failure::Core(error) => {
                Python::attach(|py| exception(py, &error).unwrap_or_else(|failed| failed))
            }
        }
    }
}

/// Runs what may, by a defect, panic: pyo3 would raise something that `except Exception` does not catch.
pub fn guard<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into()))
}

/// A defect, for the tests: whether panics can be caught depends on how the module was built.
#[pyfunction]
pub fn _panic() -> Outcome<()> {
    guard(|| std::panic::resume_unwind(Box::new("on purpose")))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let what = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(ErrorKind::Internal, format!("a defect of this library: {what}"))
}

struct Classes(Vec<(ErrorKind, Py<PyType>)>);

static MODULE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

/// Keeps the module of the exception classes, at import: with some errors nothing can be imported any more. The classes are
/// made when one is needed.
pub fn keep_module(py: Python<'_>) -> PyResult<()> {
    let _ = MODULE.set(py, py.import("flowai.exceptions")?.unbind());
    Ok(())
}

fn classes(py: Python<'_>) -> PyResult<&Classes> {
    get_or_make(py, &CLASSES, || {
        let module = MODULE
            .get(py)
            .ok_or_else(|| PyImportError::new_err("the module is not there yet"))?;
        let table = module
            .bind(py)
            .getattr(interned!(py, "_BY_KIND"))?
            .cast_into::<PyDict>()?;
        let class_of = |kind: &ErrorKind| {
            let class = table
                .get_item(kind.name())?
                .ok_or_else(|| PyImportError::new_err(format!("no exception class for {kind}")))?;
            Ok((*kind, class.cast_into::<PyType>()?.unbind()))
        };
        Ok(Classes(
            ErrorKind::ALL.iter().map(class_of).collect::<PyResult<_>>()?,
        ))
    })
}

fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let class = classes(py)?
        .0
        .iter()
        .find(|(kind, _)| *kind == error.kind())
        .ok_or_else(|| PyRuntimeError::new_err(error.to_string()))?;
    let facts = PyDict::new(py);
    facts.set_item("kind", error.kind().name())?;
    facts.set_item("delivery", error.delivery().map(Delivery::name))?;
    facts.set_item("retryable", error.is_retryable())?;
    facts.set_item("operation", error.operation())?;
    facts.set_item("argument", error.argument_name())?;
    facts.set_item("trace_id", error.trace_id())?;
    if let Some(response) = error.response() {
        facts.set_item("status", response.status)?;
        facts.set_item("headers", json::headers(py, &response.headers)?)?;
        facts.set_item("body", &response.body)?;
        facts.set_item("server_message", &response.server_message)?;
        facts.set_item("request_id", error.request_id())?;
        facts.set_item("retry_after", response.retry_after.map(|wait| wait.as_secs_f64()))?;
    }
    if let Some(number) = os_error(error) {
        facts.set_item("errno", number)?;
        facts.set_item("strerror", Errno::from_raw(number).desc())?;
    }
    let value = class.1.bind(py).call((error.to_string(),), Some(&facts))?;
    let raised = PyErr::from_value(value);
    raised.set_cause(py, cause(py, error, MAX_CAUSES));
    Ok(raised)
}

/// The number of the system's error that is behind an error.
fn os_error(error: &dyn error::Error) -> Option<i32> {
    iter::successors(error.source(), |cause| cause.source())
        .take(MAX_CAUSES)
        .find_map(number_of)
}

fn number_of(cause: &(dyn error::Error + 'static)) -> Option<i32> {
    cause.downcast_ref::<io::Error>()?.raw_os_error()
}

fn cause(py: Python<'_>, error: &dyn error::Error, left: usize) -> Option<PyErr> {
    let source = error.source()?;
    let raised = match number_of(source) {
        Some(number) => PyOSError::new_err((number, Errno::from_raw(number).desc())),
        None => PyRuntimeError::new_err(source.to_string()),
    };
    if left > 1 {
        raised.set_cause(py, cause(py, source, left - 1));
    }
    Some(raised)
}
