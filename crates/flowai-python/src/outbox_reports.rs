//! The reports of an outbox, one after the other.

use std::{sync::Arc, time::Duration};

use flowai::ErrorKind;
use flowai_delivery::{Report, Reports};
use pyo3::{IntoPyObjectExt, exceptions::PyValueError, prelude::*};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    errors::{Failure, Outcome},
    face::{Answer, Face, Name},
    outbox::Held,
    outbox_records::OutboxReport,
    wait::Tick,
};

/// Goes through the reports of an outbox as they come: see Outbox.reports.
///
/// >>> for report in outbox.reports(timeout=0):
/// ...     print(report.id, report.outcome)
#[pyclass(module = "flowai", frozen)]
pub struct ReportIterator(Going);

/// Goes through the reports of an outbox as they come: see AsyncOutbox.reports.
///
/// >>> async for report in outbox.reports(timeout=0):
/// ...     print(report.id, report.outcome)
#[pyclass(module = "flowai", frozen)]
pub struct AsyncReportIterator(Going);

struct Going {
    reports: Arc<Mutex<Reports>>,
    face: Face,
    /// It stays open for as long as there may be another report.
    _held: Arc<Held>,
}

/// An iterator that has this face.
pub fn reports(py: Python<'_>, held: &Arc<Held>, face: Face, timeout: Option<Duration>) -> Answer {
    let going = Going {
        reports: Arc::new(Mutex::new(held.get()?.reports(timeout))),
        face,
        _held: Arc::clone(held),
    };
    Ok(match face {
        Face::Blocking => ReportIterator(going).into_py_any(py)?,
        Face::Awaitable => AsyncReportIterator(going).into_py_any(py)?,
    })
}

impl Going {
    fn step(&self, py: Python<'_>) -> Answer {
        // Waiting for somebody else here could not be interrupted; generators refuse as well.
        let busy = || PyValueError::new_err("the iterator is already running elsewhere");
        let reports = Arc::clone(&self.reports).try_lock_owned();
        let blocking = |mut reports: OwnedMutexGuard<Reports>, tick: Tick<'_>| reports.next_with(tick);
        let awaited = |mut reports: OwnedMutexGuard<Reports>| async move { reports.next_async().await };
        let face = self.face;
        let then = move |py: Python<'_>, report: Outcome<Option<Report>>| match report {
            Err(Failure::Core(error)) if error.kind() == ErrorKind::Closed => Err(face.stop()),
            report => match report? {
                Some(report) => Ok(OutboxReport::from(report).into_py_any(py)?),
                None => Err(face.stop()),
            },
        };
        let name = Name::new("AsyncReportIterator", "__anext__");
        let reports = reports.map_err(|_| busy().into());
        face.wait(py, name, reports, blocking, awaited, then)
    }
}

#[pymethods]
impl ReportIterator {
    fn __iter__(slf: Bound<'_, ReportIterator>) -> Bound<'_, ReportIterator> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Answer {
        self.0.step(py)
    }
}

#[pymethods]
impl AsyncReportIterator {
    fn __aiter__(slf: Bound<'_, AsyncReportIterator>) -> Bound<'_, AsyncReportIterator> {
        slf
    }

    fn __anext__(&self, py: Python<'_>) -> Answer {
        self.0.step(py)
    }
}
