//! Lists that come in pages, as iterators.

use std::{
    sync::{Mutex, TryLockError},
    time::Duration,
};

use flowai::{Document, Page, PageIter};
use pyo3::{IntoPyObjectExt, exceptions::PyValueError, prelude::*};

use crate::{
    errors::{Outcome, guard},
    logging, models, wait,
};

/// A list of the core that one thread at a time may go on with.
struct Pages<P: Page> {
    items: Mutex<PageIter<P>>,
}

impl<P: Page<Item: Send>> Pages<P> {
    fn new(items: PageIter<P>, timeout: Option<Duration>) -> Pages<P> {
        let items = Mutex::new(within(items, timeout));
        Pages { items }
    }

    fn next(&self, py: Python<'_>) -> Outcome<Option<P::Item>> {
        // Waiting for another thread here could not be interrupted; generators refuse as well.
        let mut items = match self.items.try_lock() {
            Ok(items) => items,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(
                    PyValueError::new_err("the iterator is already running in another thread").into(),
                );
            }
        };
        let items: &mut PageIter<P> = &mut items;
        wait::warn_inside_event_loop(py)?;
        logging::refresh(py);
        wait::calling(
            py,
            |_| Ok(()),
            |tick| items.next_item(|call| call.wait_with(tick)),
        )
    }
}

/// The list with a deadline of its own for each page, if it is given one.
pub fn within<P: Page>(items: PageIter<P>, timeout: Option<Duration>) -> PageIter<P> {
    match timeout {
        Some(timeout) => items.timeout(timeout),
        None => items,
    }
}

/// Goes through the entries of a history and fetches pages as they are needed, one ahead. After an error the same page is
/// tried again.
///
/// >>> for entry in client.iter_history("thread-1", limit=100):
/// ...     said = entry.text
#[pyclass(module = "flowai", frozen)]
pub struct HistoryIterator(Pages<flowai::HistoryPage>);

/// Goes through the ids of all threads and fetches pages as they are needed, one ahead. After an error the same page is
/// tried again.
///
/// >>> ids = list(client.iter_threads())
#[pyclass(module = "flowai", frozen)]
pub struct ThreadIterator(Pages<flowai::ThreadsPage>);

/// An entry of a history, as an instance of its class.
pub struct Entry(pub flowai::HistoryEntry);

impl<'py> IntoPyObject<'py> for Entry {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        models::instance(py, flowai::HistoryEntry::MODEL, self.0.into_object())
    }
}

impl HistoryIterator {
    pub fn new(entries: flowai::HistoryIter, timeout: Option<Duration>) -> HistoryIterator {
        HistoryIterator(Pages::new(entries, timeout))
    }
}

impl ThreadIterator {
    pub fn new(threads: flowai::ThreadIter, timeout: Option<Duration>) -> ThreadIterator {
        ThreadIterator(Pages::new(threads, timeout))
    }
}

#[pymethods]
impl HistoryIterator {
    fn __iter__(slf: Bound<'_, HistoryIterator>) -> Bound<'_, HistoryIterator> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Outcome<Option<Py<PyAny>>> {
        let entry = self.0.next(py)?;
        guard(|| Ok(entry.map(|entry| Entry(entry).into_py_any(py)).transpose()?))
    }
}

#[pymethods]
impl ThreadIterator {
    fn __iter__(slf: Bound<'_, ThreadIterator>) -> Bound<'_, ThreadIterator> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Outcome<Option<String>> {
        self.0.next(py)
    }
}
