//! How the threads of the core wake an event loop.

use std::{
    collections::HashMap,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use flowai::{
    Error, ErrorKind,
    runtime::{Doorbell, Watcher, generation},
};
use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyAttributeError, PyNotImplementedError},
    prelude::*,
    sync::PyOnceLock,
};

use crate::{errors::Outcome, logging, once::get_or_make};

/// The bridge of one event loop, which it hangs on as an attribute and by its readers.
#[pyclass(module = "flowai", name = "_Bridge", frozen, weakref)]
pub struct Bridge {
    woken: Arc<Woken>,
    /// What wakes calls that run on the thread of the loop. It wakes them there, and nobody has to ring.
    watcher: Option<Watcher>,
    /// The futures of asyncio that are waited for, by ticket.
    waited_for: Mutex<HashMap<u64, Py<PyAny>>>,
    tickets: AtomicU64,
    generation: u64,
    /// Whether a thread waits at the door because the loop cannot.
    has_poller: AtomicBool,
}

/// The tickets that can go on. All that threads of the core see of a bridge.
struct Woken {
    tickets: Mutex<Tickets>,
    doorbell: Doorbell,
}

#[derive(Default)]
struct Tickets {
    numbers: Vec<u64>,
    /// The loop is going to look in any case.
    are_expected: bool,
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
        let has_to_ring = {
            let mut tickets = lock(&self.woken.tickets);
            // Who found it filled knows that somebody rings.
            let has_to_ring = tickets.numbers.is_empty() && !tickets.are_expected;
            tickets.numbers.push(self.ticket);
            has_to_ring
        };
        if has_to_ring {
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
            // Without one all calls run on the thread of the runtime.
            watcher: Watcher::new().ok(),
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

    /// Has the loop called when the doorbell rings: by itself, or by a thread where it cannot watch descriptors. Only one
    /// that can has calls on its own thread.
    fn watch(bridge: &Bound<'_, Bridge>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = event_loop.py();
        let descriptor = bridge.get().woken.doorbell.descriptor();
        let wake = bridge.getattr(interned!(py, "wake"))?;
        let add_reader = interned!(py, "add_reader");
        let watched = event_loop.call_method1(add_reader, (descriptor, wake));
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
            Err(error) => Err(error),
            Ok(_) => {
                if let Some(watcher) = &bridge.get().watcher {
                    let attend = bridge.getattr(interned!(py, "attend"))?;
                    event_loop.call_method1(add_reader, (watcher.descriptor(), attend))?;
                }
                Ok(())
            }
        }
    }

    /// What wakes calls on the thread of the loop, if it can watch descriptors.
    fn watcher(&self) -> Option<&Watcher> {
        let has_poller = self.has_poller.load(Ordering::Relaxed);
        self.watcher.as_ref().filter(|_| !has_poller)
    }

    /// Lets everything go on that can.
    fn let_go(&self, py: Python<'_>) -> PyResult<()> {
        let passed = logging::pass_on(py);
        let tickets = mem::take(&mut *lock(&self.woken.tickets)).numbers;
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

    /// Not of a parent process, whose threads may have held its locks.
    fn is_ours(&self) -> bool {
        self.generation == generation()
    }
}

#[pymethods]
impl Bridge {
    /// The loop calls it when the doorbell rang.
    fn wake(&self, py: Python<'_>) -> PyResult<()> {
        self.woken.doorbell.answer();
        self.let_go(py)
    }

    /// The loop calls it when something has happened to a connection that it watches.
    fn attend(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(watcher) = &self.watcher {
            lock(&self.woken.tickets).are_expected = true;
            watcher.attend();
        }
        self.let_go(py)
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
    waker: Waker,
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

    /// Polls what waits here, on the thread of the loop.
    pub fn poll<F: Future + ?Sized>(&self, work: Pin<&mut F>) -> Poll<F::Output> {
        let mut context = Context::from_waker(&self.waker);
        match self.bridge.get().watcher() {
            Some(watcher) => watcher.poll(work, &mut context),
            None => work.poll(&mut context),
        }
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
