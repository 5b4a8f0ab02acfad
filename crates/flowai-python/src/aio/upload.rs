//! Uploads to await: files and iterators are read in threads of the loop's executor, or by tasks of the loop if they are
//! asynchronous; progress is told on the loop's own thread.

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
use pyo3::{
    IntoPyObjectExt, PyTraverseError, PyVisit, exceptions::PyStopAsyncIteration, prelude::*, types::PyDict,
};
use tokio::sync::Notify;

use super::{
    Finish,
    awaitable::{Aside, Awaitable},
    client::name,
};
use crate::{
    client::Answer,
    errors::Outcome,
    results,
    upload::{CHUNK, Pieces, Report, Source, chunk},
};

type Prepared = (Call<Receipt>, Arc<Progress>, Option<Source>);

/// An upload to await.
pub fn upload(py: Python<'_>, prepared: Outcome<Prepared>, callback: Option<Py<PyAny>>) -> Answer {
    let awaitable = match prepared {
        Err(failure) => Awaitable::failing(name("upload_media"), failure),
        Ok((mut call, progress, source)) => {
            let fate = call.fate();
            let report = callback.map(|callback| Report::new(callback, progress));
            let (pieces, feeder) = source.map(|source| (source.pieces, source.feeder)).unzip();
            let hatch = Arc::new(Hatch::default());
            let work = work(call, feeder, Arc::clone(&hatch), report.is_some());
            let file = pieces.map(|pieces| File {
                pieces,
                hatch,
                reading: None,
            });
            let aside = Beside { file, report };
            Awaitable::with(name("upload_media"), work, Some(fate), Some(Box::new(aside)))
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
    pieces: Pieces,
    hatch: Arc<Hatch>,
    /// The future of asyncio that gives the next piece.
    reading: Option<Py<PyAny>>,
}

impl File {
    /// Has the next piece read: beside the loop what blocks, by a task of it what is awaited.
    fn read(&mut self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = event_loop.py();
        let beside = interned!(py, "run_in_executor");
        let object = self.pieces.object().bind(py);
        let reading = match &self.pieces {
            Pieces::Read(_) => event_loop.call_method1(beside, (py.None(), object, CHUNK))?,
            Pieces::Iterator(_) => {
                let next = py.import(interned!(py, "builtins"))?.getattr("next")?;
                event_loop.call_method1(beside, (py.None(), next, object, Bound::new(py, End)?))?
            }
            Pieces::ReadAwaited(_) => awaited(event_loop, &object.call1((CHUNK,))?)?,
            Pieces::AsyncIterator(_) => {
                awaited(event_loop, &object.call_method0(interned!(py, "__anext__"))?)?
            }
        };
        let is_file = matches!(self.pieces, Pieces::Read(_) | Pieces::ReadAwaited(_));
        let hatch = Arc::clone(&self.hatch);
        let hand_over = Bound::new(py, HandOver { hatch, is_file })?;
        reading.call_method1(interned!(py, "add_done_callback"), (hand_over,))?;
        self.reading = Some(reading.unbind());
        Ok(())
    }
}

/// A task of the loop that waits for something.
fn awaited<'py>(event_loop: &Bound<'py, PyAny>, given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = event_loop.py();
    let keywords = PyDict::new(py);
    keywords.set_item("loop", event_loop)?;
    let asyncio = py.import(interned!(py, "asyncio"))?;
    asyncio.call_method(interned!(py, "ensure_future"), (given,), Some(&keywords))
}

impl Drop for File {
    /// Nobody waits for the next piece any more.
    fn drop(&mut self) {
        if let Some(reading) = self.reading.take() {
            Python::try_attach(|py| {
                // It fails when the loop is closed, and then nothing is read either.
                let _ = reading.call_method0(py, "cancel");
            });
        }
    }
}

/// What the end of an iterator gives.
#[pyclass(module = "flowai", name = "_End", frozen)]
struct End;

impl Aside for Beside {
    fn attend(&mut self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Some(file) = &mut self.file
            && file.hatch.is_wanted.swap(false, Ordering::AcqRel)
        {
            file.read(event_loop)?;
        }
        self.finish(event_loop.py())
    }

    fn finish(&mut self, py: Python<'_>) -> PyResult<()> {
        self.report.as_mut().map_or(Ok(()), |report| report.tell(py))
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(file) = &self.file {
            visit.call(file.pieces.object())?;
            if let Some(reading) = &file.reading {
                visit.call(reading)?;
            }
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
    /// Whether an empty piece is the end.
    is_file: bool,
}

impl HandOver {
    /// The next piece, which is empty at the end; none when another one has to be asked for.
    fn piece(&self, reading: &Bound<'_, PyAny>) -> PyResult<Option<Bytes>> {
        let py = reading.py();
        let given = match reading.call_method0(interned!(py, "result")) {
            Err(error) if !self.is_file && error.is_instance_of::<PyStopAsyncIteration>(py) => {
                return Ok(Some(Bytes::new()));
            }
            given => given?,
        };
        if given.is_instance_of::<End>() {
            return Ok(Some(Bytes::new()));
        }
        let piece = chunk(&given)?;
        Ok((self.is_file || !piece.is_empty()).then_some(piece))
    }
}

#[pymethods]
impl HandOver {
    fn __call__(&self, reading: &Bound<'_, PyAny>) {
        let piece = self.piece(reading).transpose();
        *self.hatch.piece.lock().unwrap_or_else(PoisonError::into_inner) = piece;
        self.hatch.arrived.notify_one();
    }
}
