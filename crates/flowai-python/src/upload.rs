//! Files to upload: paths, bytes, and file objects and iterators that are read on the caller's thread while it waits.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use flowai::{Call, Document, Feeder, MediaMessage, Object, Progress, Receipt, Upload};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    pybacked::PyBackedBytes,
    types::{PyIterator, PyString},
};

use crate::{
    client::{Face, Given},
    convert::{buffer, optional, seconds, text},
    errors::{Failure, Outcome},
    fields,
    sends::Along,
    wait,
};

/// How much of a file object is read at a time.
pub const CHUNK: usize = 256 * 1024;

/// What may be said of a file.
pub struct About<'a, 'py> {
    pub media_type: Given<'a, 'py>,
    pub mime_type: Given<'a, 'py>,
    pub filename: Given<'a, 'py>,
    pub url: Given<'a, 'py>,
    pub title: Given<'a, 'py>,
    pub idle_timeout: Given<'a, 'py>,
    pub along: Along<'a, 'py>,
}

impl About<'_, '_> {
    /// The upload with all that is said of it.
    pub fn of(&self, mut upload: Upload) -> Outcome<Upload> {
        if let Some(kind) = optional(self.media_type, "media_type", text)? {
            upload = upload.media_type(kind);
        }
        if let Some(kind) = optional(self.mime_type, "mime_type", text)? {
            upload = upload.mime_type(kind);
        }
        if let Some(name) = optional(self.filename, "filename", text)? {
            upload = upload.filename(name);
        }
        if let Some(timeout) = optional(self.idle_timeout, "idle_timeout", seconds)? {
            upload = upload.idle_timeout(timeout);
        }
        let mut along = Object::new();
        let values = [("url", self.url), ("title", self.title)];
        fields::fill(&mut along, MediaMessage::MODEL, values)?;
        self.along.fill(&mut along)?;
        Ok(upload.message(|message| {
            let mut object = message.into_object();
            object.extend(along);
            MediaMessage::from_object(object).into()
        }))
    }
}

/// What is read while the call waits.
pub struct Source {
    pub pieces: Pieces,
    pub feeder: Feeder,
}

/// Where pieces come from.
pub enum Pieces {
    /// A function that is called with a size; nothing is the end.
    Read(Py<PyAny>),
    /// A coroutine function that is called with a size.
    ReadAwaited(Py<PyAny>),
    Iterator(Py<PyIterator>),
    AsyncIterator(Py<PyAny>),
}

impl Pieces {
    pub fn object(&self) -> &Py<PyAny> {
        match self {
            Pieces::Read(object) | Pieces::ReadAwaited(object) | Pieces::AsyncIterator(object) => object,
            Pieces::Iterator(iterator) => iterator.as_any(),
        }
    }
}

/// An upload of whatever the caller has, and where its bytes come from if they are fed piece by piece.
pub fn upload(file: &Bound<'_, PyAny>, face: Face) -> Outcome<(Upload, Option<Source>)> {
    let py = file.py();
    if let Some(bytes) = buffer(file)? {
        let upload = match face {
            Face::Blocking => Upload::from_bytes(Bytes::from_owner(PyBackedBytes::from(bytes)), ""),
            // Threads of the core, which outlive the interpreter, must hold nothing of it.
            Face::Awaitable => Upload::from_slice(bytes.as_bytes(), ""),
        };
        return Ok((upload?, None));
    }
    if file.is_instance_of::<PyString>() || file.hasattr(interned!(py, "__fspath__"))? {
        let path: PathBuf = file
            .extract()
            .map_err(|_| Failure::argument("file", "is not a path that this system can have"))?;
        return Ok((Upload::from_path(path)?, None));
    }
    let (pieces, length) = pieces(file, face)?;
    let (upload, feeder) = Upload::from_chunks(length, name(file))?;
    Ok((upload, Some(Source { pieces, feeder })))
}

/// How to read something, and how much of it there is if that is known.
fn pieces(file: &Bound<'_, PyAny>, face: Face) -> Outcome<(Pieces, Option<u64>)> {
    let py = file.py();
    if file.hasattr(interned!(py, "read"))? {
        let read = file.getattr(interned!(py, "read"))?;
        let is_awaited = face == Face::Awaitable
            && py
                .import(interned!(py, "inspect"))?
                .call_method1(interned!(py, "iscoroutinefunction"), (&read,))?
                .is_truthy()?;
        return Ok(match is_awaited {
            true => (Pieces::ReadAwaited(read.unbind()), None),
            false => (Pieces::Read(read.unbind()), remaining(file)),
        });
    }
    if file.hasattr(interned!(py, "__aiter__"))? {
        if face == Face::Blocking {
            let wanted = "something that can be read without awaiting it (see AsyncClient)";
            return Err(Failure::wrong_type("file", wanted, file));
        }
        let iterator = file.call_method0(interned!(py, "__aiter__"))?;
        return Ok((Pieces::AsyncIterator(iterator.unbind()), None));
    }
    let Ok(iterator) = file.try_iter() else {
        let wanted = "a path, bytes, a binary file object or an iterable of bytes";
        return Err(Failure::wrong_type("file", wanted, file));
    };
    Ok((Pieces::Iterator(iterator.unbind()), None))
}

/// How much there is to read, if the file knows.
fn remaining(file: &Bound<'_, PyAny>) -> Option<u64> {
    let seekable = file.call_method0("seekable").ok()?;
    if refuse_awaitable(&seekable, "").is_err() || !seekable.is_truthy().ok()? {
        return None;
    }
    let here: u64 = file.call_method0("tell").ok()?.extract().ok()?;
    let end = file.call_method1("seek", (0, 2)).ok()?.extract::<u64>();
    file.call_method1("seek", (here,)).ok()?;
    end.ok()?.checked_sub(here)
}

/// The last part of the file's name, if it has one that is text.
fn name(file: &Bound<'_, PyAny>) -> String {
    let name = file
        .getattr("name")
        .and_then(|name| name.extract::<String>())
        .unwrap_or_default();
    let path = PathBuf::from(name);
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

impl Source {
    fn feed(&mut self, py: Python<'_>) -> PyResult<()> {
        while self.feeder.wants_more() {
            match &self.pieces {
                Pieces::Iterator(iterator) => match iterator.bind(py).clone().next() {
                    Some(given) => {
                        let piece = chunk(&given?)?;
                        // Nothing would be the end.
                        if !piece.is_empty() {
                            self.feeder.feed(piece);
                        }
                    }
                    None => self.feeder.feed(Bytes::new()),
                },
                pieces => {
                    let given = pieces.object().bind(py).call1((CHUNK,))?;
                    self.feeder.feed(chunk(&given)?);
                }
            }
        }
        Ok(())
    }
}

/// What a file object or an iterator gave.
pub fn chunk(given: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    refuse_awaitable(
        given,
        "the reads of file cannot be awaited here; AsyncClient awaits them",
    )?;
    match buffer(given)? {
        Some(bytes) => Ok(Bytes::copy_from_slice(bytes.as_bytes())),
        None => Err(PyTypeError::new_err(
            "file must be opened in binary mode and give bytes",
        )),
    }
}

/// Refuses what a coroutine function gave where nobody awaits it.
fn refuse_awaitable(given: &Bound<'_, PyAny>, problem: &'static str) -> PyResult<()> {
    let py = given.py();
    if !given.hasattr(interned!(py, "__await__"))? {
        return Ok(());
    }
    if given.hasattr(interned!(py, "close"))? {
        given.call_method0(interned!(py, "close"))?;
    }
    Err(PyTypeError::new_err(problem))
}

/// Tells the caller how far the upload is, whenever that has changed.
pub struct Report {
    pub callback: Py<PyAny>,
    progress: Arc<Progress>,
    told: Option<u64>,
}

impl Report {
    pub fn new(callback: Py<PyAny>, progress: Arc<Progress>) -> Report {
        Report {
            callback,
            progress,
            told: None,
        }
    }

    pub fn tell(&mut self, py: Python<'_>) -> PyResult<()> {
        let done = self.progress.done();
        if self.told != Some(done) {
            self.told = Some(done);
            let given = self.callback.bind(py).call1((done, self.progress.total()))?;
            refuse_awaitable(
                &given,
                "progress must not be a coroutine function: nobody would await it",
            )?;
        }
        Ok(())
    }
}

/// Makes the call, reading the file and reporting progress on this thread meanwhile.
pub fn run(
    py: Python<'_>,
    call: Call<Receipt>,
    progress: Arc<Progress>,
    mut source: Option<Source>,
    callback: Option<Py<PyAny>>,
) -> Outcome<Receipt> {
    wait::warn_inside_event_loop(py)?;
    let mut report = callback.map(|callback| Report::new(callback, progress));
    let receipt = wait::ticking(
        py,
        |py| {
            if let Some(source) = &mut source {
                source.feed(py)?;
            }
            report.as_mut().map_or(Ok(()), |report| report.tell(py))
        },
        |tick| call.wait_with(tick),
    )?;
    if let Some(report) = &mut report {
        report.tell(py)?;
    }
    Ok(receipt)
}
