//! Uploads to await: files are read in threads of the loop's executor, progress is told on its own.

use std::{
    future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use flowai::{
    Call, Feeder, Progress, Receipt,
    runtime::{self, TICK},
};
use pyo3::{IntoPyObjectExt, PyTraverseError, PyVisit, prelude::*};
use tokio::sync::Notify;

use super::{
    awaitable::{Aside, Awaitable, Finish},
    client::name,
};
use crate::{
    client::Answer,
    errors::Outcome,
    results,
    upload::{CHUNK, Report, Source, chunk},
};

type Prepared = (Call<Receipt>, Arc<Progress>, Option<Source>);

/// An upload to await.
pub fn upload(py: Python<'_>, prepared: Outcome<Prepared>, callback: Option<Py<PyAny>>) -> Answer {
    let awaitable = match prepared {
        Err(failure) => Awaitable::failing(name("upload_media"), failure),
        Ok((call, progress, source)) => {
            let report = callback.map(|callback| Report::new(callback, progress));
            let (read, feeder) = source.map(|source| (source.read, source.feeder)).unzip();
            let hatch = Arc::new(Hatch::default());
            let work = work(call, feeder, Arc::clone(&hatch), report.is_some());
            let file = read.map(|read| File { read, hatch });
            let aside = Beside { file, report };
            Awaitable::beside(name("upload_media"), work, Some(Box::new(aside)))
        }
    };
    Ok(awaitable.into_py_any(py)?)
}

/// Makes the call while the file is fed and progress is looked at.
async fn work(call: Call<Receipt>, feeder: Option<Feeder>, hatch: Arc<Hatch>, ticks: bool) -> Finish {
    // The call is dropped before the feeder: what is left of a file must not be taken for all of it.
    let feeding = feed(feeder, &hatch);
    tokio::select! {
        biased;
        receipt = call => {
            Box::new(move |py: Python<'_>| Ok(results::Receipt(receipt?).into_py_any(py)?))
        }
        error = feeding => Box::new(move |_: Python<'_>| Err(error.into())),
        () = tick(ticks) => Box::new(|py: Python<'_>| Ok(py.None())),
    }
}

/// Wakes whoever awaits it now and then; never done.
async fn tick(wanted: bool) {
    if wanted {
        while let Ok(pause) = runtime::spawn(async { tokio::time::sleep(TICK).await }) {
            let _ = pause.await;
        }
    }
    future::pending().await
}

/// Where pieces of a file are asked for and handed through.
#[derive(Default)]
struct Hatch {
    is_wanted: AtomicBool,
    piece: Mutex<Option<PyResult<Bytes>>>,
    arrived: Notify,
}

/// Feeds pieces as long as they are wanted; done only when the file could not be read.
async fn feed(feeder: Option<Feeder>, hatch: &Hatch) -> PyErr {
    if let Some(mut feeder) = feeder {
        while feeder.room().await {
            hatch.is_wanted.store(true, Ordering::Release);
            hatch.arrived.notified().await;
            let piece = hatch.piece.lock().unwrap_or_else(PoisonError::into_inner).take();
            match piece {
                Some(Ok(bytes)) => feeder.feed(bytes),
                Some(Err(error)) => return error,
                None => {}
            }
        }
    }
    future::pending().await
}

/// What an upload does on the thread of the loop.
struct Beside {
    file: Option<File>,
    report: Option<Report>,
}

struct File {
    read: Py<PyAny>,
    hatch: Arc<Hatch>,
}

impl Aside for Beside {
    fn attend(&mut self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = event_loop.py();
        if let Some(file) = &self.file
            && file.hatch.is_wanted.swap(false, Ordering::AcqRel)
        {
            let arguments = (py.None(), &file.read, CHUNK);
            let reading = event_loop.call_method1(interned!(py, "run_in_executor"), arguments)?;
            let hatch = Arc::clone(&file.hatch);
            let hand_over = Bound::new(py, HandOver { hatch })?;
            reading.call_method1(interned!(py, "add_done_callback"), (hand_over,))?;
        }
        self.finish(py)
    }

    fn finish(&mut self, py: Python<'_>) -> PyResult<()> {
        self.report.as_mut().map_or(Ok(()), |report| report.tell(py))
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(file) = &self.file {
            visit.call(&file.read)?;
        }
        self.report
            .as_ref()
            .map_or(Ok(()), |report| visit.call(&report.callback))
    }
}

/// Called by the loop when a piece was read.
#[pyclass(module = "flowai", name = "_HandOver", frozen)]
struct HandOver {
    hatch: Arc<Hatch>,
}

#[pymethods]
impl HandOver {
    fn __call__(&self, reading: &Bound<'_, PyAny>) {
        let piece = reading.call_method0("result").and_then(|given| chunk(&given));
        *self.hatch.piece.lock().unwrap_or_else(PoisonError::into_inner) = Some(piece);
        self.hatch.arrived.notify_one();
    }
}
