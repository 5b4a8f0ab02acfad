//! Going through a thread's history.

use std::{
    sync::{Mutex, TryLockError},
    time::Duration,
};

use flowai::Document;
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{
    errors::{Outcome, guard},
    models, wait,
};

/// Goes through the entries of a history and fetches pages as they are needed. After an error the same page is tried
/// again.
#[pyclass(module = "flowai", frozen)]
pub struct HistoryIterator {
    entries: Mutex<flowai::HistoryIter>,
    timeout: Option<Duration>,
}

impl HistoryIterator {
    pub fn new(entries: flowai::HistoryIter, timeout: Option<Duration>) -> HistoryIterator {
        HistoryIterator {
            entries: Mutex::new(entries),
            timeout,
        }
    }
}

#[pymethods]
impl HistoryIterator {
    fn __iter__(slf: Bound<'_, HistoryIterator>) -> Bound<'_, HistoryIterator> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Outcome<Option<Bound<'py, PyAny>>> {
        // Waiting for another thread here could not be interrupted; generators refuse as well.
        let mut entries = match self.entries.try_lock() {
            Ok(entries) => entries,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(
                    PyValueError::new_err("the iterator is already running in another thread").into(),
                );
            }
        };
        let entries: &mut flowai::HistoryIter = &mut entries;
        wait::warn_inside_event_loop(py)?;
        let entry = wait::ticking(
            py,
            |_| Ok(()),
            |tick| {
                entries.next_item(|call| {
                    let call = match self.timeout {
                        Some(timeout) => call.timeout(timeout),
                        None => call,
                    };
                    call.wait_with(tick)
                })
            },
        )?;
        guard(|| match entry {
            Some(entry) => Ok(Some(models::instance(
                py,
                flowai::HistoryEntry::MODEL,
                entry.into_object(),
            )?)),
            None => Ok(None),
        })
    }
}
