//! The log of the core, passed on to Python's `logging`.
//!
//! A thread of the core cannot run Python, so records wait here as plain values until a thread of Python takes them. What
//! a call logs on the thread of its caller is passed on by that thread, while it waits and before it returns. What other
//! threads log waits in a queue for whoever comes next: a call, a wake of an event loop, and, while a receiver, inbox,
//! outbox or sandbox is open, a thread of Python's own (`flowai._logging`).
//!
//! Which records are wanted is what Python's loggers say, asked at every call. A program that has not imported `logging`
//! wants none, and pays for a look into `sys.modules`.

mod logger;
mod queue;

use std::{
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use log::{Level, LevelFilter};
use pyo3::{
    exceptions::PyException,
    ffi,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyList, PyTuple},
};

use self::{
    logger::{Area, set_level},
    queue::{Entry, Fact},
};
pub use self::{
    logger::{start, write_directly},
    queue::Ear,
};
use crate::{once::get_or_make, wait};

/// What is asked of Python's `logging`, once the program has imported it.
struct Loggers {
    /// The methods `isEnabledFor`, by area.
    are_enabled: Vec<Py<PyAny>>,
    deliver: Py<PyAny>,
    watch: Py<PyAny>,
}

static LOGGERS: PyOnceLock<Loggers> = PyOnceLock::new();

/// How much is open that logs while nobody waits.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Something is open that logs while nobody waits.
pub struct Watched(());

impl Watched {
    pub fn new(py: Python<'_>) -> Watched {
        OPEN.fetch_add(1, Ordering::SeqCst);
        let watched = Watched(());
        if let Some(loggers) = loggers(py) {
            report(py, loggers.watch.call0(py).map(drop));
        }
        refresh_all(py);
        watched
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Asks Python which records of calls are wanted.
pub fn refresh(py: Python<'_>) {
    if let Some(loggers) = loggers(py) {
        report(py, loggers.refresh(py, Area::Client));
    }
}

/// Asks Python which records are wanted.
pub fn refresh_all(py: Python<'_>) {
    if let Some(loggers) = loggers(py) {
        for area in Area::ALL {
            report(py, loggers.refresh(py, area));
        }
    }
}

/// Nothing while the program has not imported `logging`.
fn loggers(py: Python<'_>) -> Option<&Loggers> {
    match LOGGERS.get(py) {
        Some(loggers) => Some(loggers),
        None => find(py).ok().flatten(),
    }
}

fn find(py: Python<'_>) -> PyResult<Option<&Loggers>> {
    if !wait::modules(py)?.contains(interned!(py, "logging"))? {
        return Ok(None);
    }
    let made = get_or_make(py, &LOGGERS, || {
        let module = py.import("flowai._logging")?;
        let mut are_enabled = Vec::new();
        for area in Area::ALL {
            let logger = module.getattr("find")?.call1((area.logger(),))?;
            are_enabled.push(logger.getattr("isEnabledFor")?.unbind());
        }
        Ok(Loggers {
            are_enabled,
            deliver: module.getattr("deliver")?.unbind(),
            watch: module.getattr("watch")?.unbind(),
        })
    })?;
    if OPEN.load(Ordering::SeqCst) > 0 {
        made.watch.call0(py)?;
    }
    Ok(Some(made))
}

impl Loggers {
    /// Whether details are wanted is asked beforehand, since every call has some. The rest is rare, and asked about when it
    /// is passed on.
    fn refresh(&self, py: Python<'_>, area: Area) -> PyResult<()> {
        let Some(is_enabled) = self.are_enabled.get(area as usize) else {
            return Ok(());
        };
        let level = number(Level::Debug).into_pyobject(py)?;
        let details = call(is_enabled.bind(py), &level)?;
        set_level(
            area,
            match details.is_truthy()? {
                true => LevelFilter::Trace,
                false => LevelFilter::Info,
            },
        );
        Ok(())
    }
}

/// The number that Python has for a level.
fn number(level: Level) -> u8 {
    match level {
        Level::Error => 40,
        Level::Warn => 30,
        Level::Info => 20,
        Level::Debug => 10,
        Level::Trace => 5,
    }
}

/// Passes records on, and what other threads have logged with them. A record that cannot be handled harms nobody; what
/// is raised here is an exception such as KeyboardInterrupt.
fn deliver(py: Python<'_>, mut entries: Vec<Entry>) -> PyResult<()> {
    if log::max_level() == LevelFilter::Off || queue::is_muted() {
        return Ok(());
    }
    entries.extend(queue::take());
    if entries.is_empty() {
        return Ok(());
    }
    let Some(loggers) = loggers(py) else {
        return Ok(());
    };
    entries.sort_by_key(|entry| entry.time);
    let delivered =
        to_python(py, entries).and_then(|entries| call(loggers.deliver.bind(py), &entries).map(drop));
    match delivered {
        Err(error) if !error.is_instance_of::<PyException>(py) => Err(error),
        other => {
            report(py, other);
            Ok(())
        }
    }
}

/// What goes wrong with the log must not change what a call does.
fn report(py: Python<'_>, done: PyResult<()>) {
    if let Err(error) = done {
        error.write_unraisable(py, None);
    }
}

fn to_python<'py>(py: Python<'py>, entries: Vec<Entry>) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for entry in entries {
        let facts = PyDict::new(py);
        for (name, fact) in entry.facts {
            match fact {
                Fact::Unsigned(number) => facts.set_item(name, number)?,
                Fact::Signed(number) => facts.set_item(name, number)?,
                Fact::Float(number) => facts.set_item(name, number)?,
                Fact::Truth(truth) => facts.set_item(name, truth)?,
                Fact::Text(text) => facts.set_item(name, text)?,
            }
        }
        list.append((
            entry.area.logger(),
            number(entry.level),
            entry.time.as_nanos(),
            entry.file,
            entry.line,
            entry.thread,
            entry.message,
            facts,
        ))?;
    }
    Ok(list)
}

/// Calls a function of Python's, which may let other threads run meanwhile.
///
/// When the interpreter ends it ends daemon threads by unwinding their stacks, which frames of Rust do not survive; such
/// a thread stops here instead, as it does where pyo3 waits for the interpreter.
fn call<'py>(function: &Bound<'py, PyAny>, argument: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    struct Stop;

    impl Drop for Stop {
        fn drop(&mut self) {
            loop {
                std::thread::park();
            }
        }
    }

    type Object = *mut ffi::PyObject;
    type Call = unsafe extern "C-unwind" fn(Object, Object, Object) -> Object;

    // pyo3 declares that it never unwinds, by which an optimised build would leave `stop` out: it must not be known here
    // which function this is.
    let hidden = std::hint::black_box(ffi::PyObject_Call as *const ());
    // SAFETY: the function has these arguments and this result; C-unwind differs from C only in what may come out of it.
    let unwinding: Call = unsafe { std::mem::transmute::<*const (), Call>(hidden) };
    let py = function.py();
    let arguments = PyTuple::new(py, [argument])?;
    let stop = Stop;
    // SAFETY: the thread is attached, both objects live for as long as the call, and the result is a new reference or
    // null with an exception set. A forced unwinding drops `stop`, which never lets it on.
    let result = unsafe { unwinding(function.as_ptr(), arguments.as_ptr(), ptr::null_mut()) };
    std::mem::forget(stop);
    // SAFETY: as above.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// What other threads have logged at least so many seconds ago, for the thread of Python's that waits for it; nothing
/// when it need not wait any longer.
#[pyfunction]
pub fn _log_entries(py: Python<'_>, age: f64) -> PyResult<Option<Bound<'_, PyList>>> {
    queue::answer();
    refresh_all(py);
    let entries = queue::take_older(Duration::try_from_secs_f64(age).unwrap_or_default());
    if entries.is_empty() && OPEN.load(Ordering::SeqCst) == 0 {
        return Ok(None);
    }
    to_python(py, entries).map(Some)
}

/// The descriptor that is readable when there is something to take.
#[pyfunction]
pub fn _log_descriptor() -> PyResult<i32> {
    Ok(queue::descriptor()?)
}

/// Whether what this thread logs is left out, since it is being told what was logged: a handler that makes calls would
/// never come to an end. Tells how it was before.
#[pyfunction]
pub fn _log_mute(mute: bool) -> bool {
    queue::mute(mute)
}
