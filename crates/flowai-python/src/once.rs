//! Values that are made once, when they are first needed, without a lock that a fork could leave locked.
//!
//! `PyOnceLock::get_or_init`, and with it `pyo3::intern!`, lets other threads run while its cell is locked. If one of them
//! forks then, the child finds the cell locked for ever.

use pyo3::{exceptions::PyRuntimeError, prelude::*, sync::PyOnceLock};

/// The value of the cell, made if there is none. Threads that race may each make one, and the first counts.
pub fn get_or_make<'a, T>(
    py: Python<'_>,
    cell: &'a PyOnceLock<T>,
    make: impl FnOnce() -> PyResult<T>,
) -> PyResult<&'a T> {
    if cell.get(py).is_none() {
        let _ = cell.set(py, make()?);
    }
    cell.get(py)
        .ok_or_else(|| PyRuntimeError::new_err("a value was not kept"))
}

/// A name as a Python str that is made once. Use it in place of `pyo3::intern!`.
macro_rules! interned {
    ($py:expr, $name:literal) => {{
        static NAME: pyo3::sync::PyOnceLock<pyo3::Py<pyo3::types::PyString>> = pyo3::sync::PyOnceLock::new();
        let py = $py;
        let make = || Ok(pyo3::types::PyString::intern(py, $name).unbind());
        $crate::once::get_or_make(py, &NAME, make)?.bind(py)
    }};
}
