//! Waiting without holding the interpreter, and without being deaf to signals.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
};

use flowai::{Call, Error, ErrorKind, Result, runtime::TICK};
use nix::sys::signal::SigSet;
use pyo3::{exceptions::PyRuntimeWarning, prelude::*, sync::PyOnceLock, types::PyDict};

use crate::{
    errors::{Failure, Outcome, guard},
    logging::{self, Ear},
    once::get_or_make,
};

/// What a wait of the core calls at least every 50 ms.
pub type Tick<'a> = &'a mut (dyn FnMut() -> Result<()> + 'a);

/// Makes a call of the core and waits for it.
pub fn call<T: Send>(py: Python<'_>, call: Call<T>) -> Outcome<T> {
    warn_inside_event_loop(py)?;
    logging::refresh(py);
    calling(py, |_| Ok(()), |tick| call.wait_with(tick))
}

/// Runs a wait of the core detached from the interpreter. Whatever a signal handler raises ends it, as does an exception
/// of `also`, which is called whenever there is time for it; that exception says what became of a message.
pub fn ticking<T: Send>(
    py: Python<'_>,
    also: impl FnMut(Python<'_>) -> PyResult<()> + Send,
    wait: impl FnOnce(Tick<'_>) -> Result<T> + Send,
) -> Outcome<T> {
    logging::refresh_all(py);
    calling(py, also, wait)
}

/// The same for a call of a client, where what is to be logged was found out before.
pub fn calling<T: Send>(
    py: Python<'_>,
    mut also: impl FnMut(Python<'_>) -> PyResult<()> + Send,
    wait: impl FnOnce(Tick<'_>) -> Result<T> + Send,
) -> Outcome<T> {
    // The core carries its own errors only; the exception waits here until the wait is over.
    let mut raised: Option<PyErr> = None;
    let ear = Ear::new();
    let outcome = py.detach(|| {
        guard(|| {
            let mut tick = || {
                let looked = Python::try_attach(|py| {
                    py.check_signals()?;
                    ear.pass_on(py)?;
                    also(py)
                });
                match looked {
                    Some(Ok(())) => Ok(()),
                    Some(Err(error)) => {
                        raised = Some(error);
                        Err(Error::new(ErrorKind::Cancelled, "interrupted"))
                    }
                    None => Err(Error::new(
                        ErrorKind::Cancelled,
                        "the interpreter is shutting down",
                    )),
                }
            };
            wait(&mut tick).map_err(Failure::from)
        })
    });
    let passed = ear.pass_on(py);
    match (raised, outcome) {
        (Some(error), Err(Failure::Core(stopped))) => {
            tell(error.value(py), "interrupted", &stopped);
            Err(error.into())
        }
        (Some(error), _) => Err(error.into()),
        (None, outcome) => {
            passed?;
            outcome
        }
    }
}

/// Lets an exception that ended a send say what became of the message.
pub fn tell(value: &Bound<'_, PyAny>, how: &str, stopped: &Error) {
    let Some(delivery) = stopped.delivery() else {
        return;
    };
    let operation = stopped.operation().unwrap_or_default();
    let mut note = format!("flowai: {operation} was {how}, and its message is {delivery}");
    if let Some(id) = stopped.trace_id() {
        note = format!("{note} (trace id {id})");
    }
    // An exception of somebody else may not take them; it comes up in any case.
    let _ = value.setattr("delivery", delivery.name());
    let _ = value.setattr("operation", operation);
    let _ = value.setattr("trace_id", stopped.trace_id());
    let _ = value.call_method1("add_note", (note,));
}

/// Runs something of the core that takes no longer than a moment, such as a commit, detached from the interpreter.
pub fn released<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> Outcome<T> {
    logging::refresh_all(py);
    let ear = Ear::new();
    let outcome = py.detach(|| guard(|| Ok(work()?)));
    ear.pass_on(py)?;
    outcome
}

/// Runs something of the core that cannot be ticked in a thread of its own. When the wait is interrupted it goes on there
/// and its result is dropped.
pub fn in_thread<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Outcome<T> {
    let (report, result) = mpsc::channel();
    thread::Builder::new()
        .name("flowai-helper".into())
        .spawn(move || {
            // Signal handlers are for the program's own threads.
            let _ = SigSet::all().thread_block();
            let _ = report.send(work());
        })
        .map_err(|error| Error::new(ErrorKind::Internal, "cannot start a thread").with_source(error))?;
    ticking(
        py,
        |_| Ok(()),
        move |tick| loop {
            match result.recv_timeout(TICK) {
                Ok(done) => return done,
                Err(RecvTimeoutError::Timeout) => tick()?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::new(ErrorKind::Internal, "a thread ended without a result"));
                }
            }
        },
    )
}

static WARNED: AtomicBool = AtomicBool::new(false);

/// What the program has imported.
pub fn modules<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyDict>> {
    static MODULES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let modules = get_or_make(py, &MODULES, || {
        let modules = py.import("sys")?.getattr("modules")?;
        Ok(modules.cast_into::<PyDict>()?.unbind())
    })?;
    Ok(modules.bind(py))
}

/// Says once that a blocking call under a running event loop stops everything else on it. Notebooks always run one
/// and nothing waits for it there.
pub fn warn_inside_event_loop(py: Python<'_>) -> PyResult<()> {
    if WARNED.load(Ordering::Relaxed) {
        return Ok(());
    }
    let modules = modules(py)?;
    let Some(asyncio) = modules.get_item(interned!(py, "asyncio"))? else {
        return Ok(());
    };
    // A program may be in the middle of importing asyncio.
    let Ok(running) = asyncio.call_method0(interned!(py, "_get_running_loop")) else {
        return Ok(());
    };
    if running.is_none() || modules.contains(interned!(py, "ipykernel"))? {
        return Ok(());
    }
    PyErr::warn(
        py,
        &py.get_type::<PyRuntimeWarning>(),
        c"a call of flowai.Client runs on the event loop's thread and blocks it until the answer is there; \
          await a call of flowai.AsyncClient there, or make it in another thread, for example with asyncio.to_thread",
        1,
    )?;
    WARNED.store(true, Ordering::Relaxed);
    Ok(())
}
