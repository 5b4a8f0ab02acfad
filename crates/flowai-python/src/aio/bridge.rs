//! How the threads of the core wake an event loop.

use std::{
    collections::HashMap,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Wake, Waker},
};

use flowai::{
    Error, ErrorKind,
    runtime::{Doorbell, generation},
};
use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyAttributeError, PyNotImplementedError},
    prelude::*,
    sync::PyOnceLock,
};

use crate::{errors::Outcome, logging, once::get_or_make};

/// The bridge of one event loop, which it hangs on as an attribute and by its reader.
#[pyclass(module = "flowai", name = "_Bridge", frozen, weakref)]
pub struct Bridge {
    woken: Arc<Woken>,
    /// The futures of asyncio that are waited for, by ticket.
    waited_for: Mutex<HashMap<u64, Py<PyAny>>>,
    tickets: AtomicU64,
    generation: u64,
    /// Whether a thread waits at the door because the loop cannot.
    has_poller: AtomicBool,
}

/// The tickets that can go on. All that threads of the core see of a bridge.
struct Woken {
    tickets: Mutex<Vec<u64>>,
    doorbell: Doorbell,
}

struct Bell {
    woken: Arc<Woken>,
    ticket: u64,
}

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Bell>) {
        let was_empty = {
            let mut tickets = lock(&self.woken.tickets);
            let was_empty = tickets.is_empty();
            tickets.push(self.ticket);
            was_empty
        };
        // Who found it filled knows that somebody rings.
        if was_empty {
            self.woken.doorbell.ring();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

static RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

impl Bridge {
    fn new() -> Outcome<Bridge> {
        let failed = |error| Error::new(ErrorKind::Internal, "cannot watch for results").with_source(error);
        Ok(Bridge {
            woken: Arc::new(Woken {
                tickets: Mutex::default(),
                doorbell: Doorbell::new().map_err(failed)?,
            }),
            waited_for: Mutex::default(),
            tickets: AtomicU64::new(0),
            generation: generation(),
            has_poller: AtomicBool::new(false),
        })
    }

    /// The bridge of a loop. A forked child that goes on with a loop of its parent gets one of its own: two processes
    /// would answer the same doorbell.
    fn of<'py>(event_loop: &Bound<'py, PyAny>) -> Outcome<Bound<'py, Bridge>> {
        let py = event_loop.py();
        let name = interned!(py, "_flowai_bridge");
        match event_loop.getattr(name) {
            Ok(found) => {
                if let Ok(bridge) = found.cast_into::<Bridge>()
                    && bridge.get().is_ours()
                {
                    return Ok(bridge);
                }
            }
            Err(error) if error.is_instance_of::<PyAttributeError>(py) => {}
            Err(error) => return Err(error.into()),
        }
        let bridge = Bound::new(py, Bridge::new()?)?;
        Bridge::watch(&bridge, event_loop)?;
        event_loop.setattr(name, &bridge)?;
        Ok(bridge)
    }

    /// Has the loop called when the doorbell rings: by itself, or by a thread where it cannot watch descriptors.
    fn watch(bridge: &Bound<'_, Bridge>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = event_loop.py();
        let descriptor = bridge.get().woken.doorbell.descriptor();
        let wake = bridge.getattr(interned!(py, "wake"))?;
        let watched = event_loop.call_method1(interned!(py, "add_reader"), (descriptor, wake));
        match watched {
            Err(error)
                if error.is_instance_of::<PyNotImplementedError>(py)
                    || error.is_instance_of::<PyAttributeError>(py) =>
            {
                bridge.get().has_poller.store(true, Ordering::Relaxed);
                let arguments = (bridge, event_loop, descriptor);
                py.import("flowai._poller")?.call_method1("start", arguments)?;
                Ok(())
            }
            watched => watched.map(drop),
        }
    }

    /// Not of a parent process, whose threads may have held its locks.
    fn is_ours(&self) -> bool {
        self.generation == generation()
    }
}

#[pymethods]
impl Bridge {
    /// Lets everything go on that can. The loop calls it when the doorbell rang.
    fn wake(&self, py: Python<'_>) -> PyResult<()> {
        self.woken.doorbell.answer();
        let passed = logging::pass_on(py);
        let tickets = mem::take(&mut *lock(&self.woken.tickets));
        for ticket in tickets {
            let Some(future) = lock(&self.waited_for).remove(&ticket) else {
                continue;
            };
            let future = future.bind(py);
            // It was cancelled, and whoever waits for it hears of that.
            if !future.call_method0(interned!(py, "done"))?.is_truthy()? {
                future.call_method1(interned!(py, "set_result"), (py.None(),))?;
            }
        }
        passed
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.waited_for.try_lock() {
            Ok(futures) => futures.values().try_for_each(|future| visit.call(future)),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let futures = mem::take(&mut *lock(&self.waited_for));
        drop(futures);
    }
}

impl Drop for Bridge {
    /// Lets the thread see that there is nothing to wait for any more.
    fn drop(&mut self) {
        if *self.has_poller.get_mut() && self.is_ours() {
            self.woken.doorbell.ring();
        }
    }
}

/// One wait of a loop: what wakes it, and what the loop waits for.
pub struct Ticket {
    pub event_loop: Py<PyAny>,
    pub waker: Waker,
    bridge: Py<Bridge>,
    number: u64,
}

impl Ticket {
    /// A wait of the loop that runs on this thread.
    pub fn new(py: Python<'_>) -> Outcome<Ticket> {
        let running = get_or_make(py, &RUNNING_LOOP, || {
            Ok(py.import("asyncio")?.getattr("get_running_loop")?.unbind())
        })?;
        let event_loop = running.bind(py).call0()?;
        let bridge = Bridge::of(&event_loop)?;
        let number = bridge.get().tickets.fetch_add(1, Ordering::Relaxed);
        let bell = Bell {
            woken: Arc::clone(&bridge.get().woken),
            ticket: number,
        };
        Ok(Ticket {
            event_loop: event_loop.unbind(),
            waker: Waker::from(Arc::new(bell)),
            bridge: bridge.unbind(),
            number,
        })
    }

    /// What a task has to be given so that it sleeps until the next wake. Wakes are delivered by the loop on this
    /// thread, so none is lost that comes before.
    pub fn future(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let future = self.event_loop.call_method0(py, interned!(py, "create_future"))?;
        future.setattr(py, interned!(py, "_asyncio_future_blocking"), true)?;
        lock(&self.bridge.get().waited_for).insert(self.number, future.clone_ref(py));
        Ok(future)
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        visit.call(&self.bridge)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let bridge = self.bridge.get();
        if bridge.is_ours() {
            let future = lock(&bridge.waited_for).remove(&self.number);
            drop(future);
        }
    }
}
