//! The reports of an outbox, one after the other.

use std::sync::{Mutex, TryLockError};

use flowai::ErrorKind;
use flowai_delivery::Reports;
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{
    errors::{Failure, Outcome},
    outbox_records::OutboxReport,
    wait,
};

/// Goes through the reports of an outbox as they come: see Outbox.reports.
#[pyclass(module = "flowai", frozen)]
pub struct ReportIterator(Mutex<Reports>);

impl ReportIterator {
    pub fn new(reports: Reports) -> ReportIterator {
        ReportIterator(Mutex::new(reports))
    }
}

#[pymethods]
impl ReportIterator {
    fn __iter__(slf: Bound<'_, ReportIterator>) -> Bound<'_, ReportIterator> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Outcome<Option<OutboxReport>> {
        // Waiting for another thread here could not be interrupted; generators refuse as well.
        let mut reports = match self.0.try_lock() {
            Ok(reports) => reports,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(
                    PyValueError::new_err("the iterator is already running in another thread").into(),
                );
            }
        };
        let reports: &mut Reports = &mut reports;
        wait::warn_inside_event_loop(py)?;
        match wait::ticking(py, |_| Ok(()), |tick| reports.next_with(tick)) {
            Err(Failure::Core(error)) if error.kind() == ErrorKind::Closed => Ok(None),
            other => Ok(other?.map(OutboxReport::from)),
        }
    }
}
