//! How the threads of the core wake an event loop.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
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

use super::{progress::Progress, waiter::Waiter};
use crate::{errors::Outcome, logging::Ear, once::get_or_make};

/// How many requests are held back at most, so that the first of them does not wait for long.
const MAX_HELD_BACK: usize = 32;

/// The bridge of one event loop, which it hangs on as an attribute and by its readers.
#[pyclass(module = "flowai", name = "_Bridge", frozen, weakref)]
pub struct Bridge {
    woken: Arc<Woken>,
    /// What wakes calls that run on the thread of the loop. It wakes them there, and nobody has to ring.
    watcher: Option<Watcher>,
    /// What is waited for, by ticket.
    waits: Mutex<BTreeMap<u64, Wait>>,
    /// Those that can go on, in their order.
    ready: Mutex<VecDeque<Py<Waiter>>>,
    tickets: AtomicU64,
    generation: u64,
    /// Whether a thread waits at the door because the loop cannot.
    has_poller: AtomicBool,
}

/// A task that waits for work, which is its awaitable's, and ends with it.
struct Wait {
    waiter: Py<Waiter>,
    /// What the bridge polls itself, and what wakes it.
    ahead: Option<(Weak<Progress>, Waker)>,
}

impl Wait {
    fn ahead(&self) -> Option<(Arc<Progress>, Waker)> {
        let (work, waker) = self.ahead.as_ref()?;
        Some((work.upgrade()?, waker.clone()))
    }
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
            waits: Mutex::default(),
            ready: Mutex::default(),
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
    fn let_go(this: &Bound<'_, Bridge>) -> PyResult<()> {
        let (py, bridge) = (this.py(), this.get());
        let ear = Ear::new();
        bridge.advance(py);
        let passed = ear.pass_on(py);
        let first = lock(&bridge.ready).front().map(|first| first.clone_ref(py));
        if let Some(first) = first {
            Bridge::go_on_soon(this, first.get())?;
        }
        passed
    }

    /// Has the loop call [`go_on`](Bridge::go_on). Tasks never run where the loop calls for a descriptor: if one of them runs
    /// the loop itself, as dialogs of graphical programs and notebooks do, that could not be called within.
    fn go_on_soon(this: &Bound<'_, Bridge>, waiter: &Waiter) -> PyResult<()> {
        let py = this.py();
        let go_on = this.getattr(interned!(py, "go_on"))?;
        waiter
            .event_loop()
            .call_method1(py, interned!(py, "call_soon"), (go_on,))?;
        Ok(())
    }

    /// Polls what was woken. Tasks whose work is done are ready then, and those that poll it themselves.
    fn advance(&self, py: Python<'_>) {
        let tickets = mem::take(&mut *lock(&self.woken.tickets)).numbers;
        for ticket in tickets {
            let ahead = lock(&self.waits).get(&ticket).and_then(Wait::ahead);
            if let Some((work, waker)) = ahead
                && !work.advance(|work| self.poll(work, &waker))
            {
                continue;
            }
            let wait = lock(&self.waits).remove(&ticket);
            if let Some(wait) = wait {
                lock(&self.ready).push_back(wait.waiter.clone_ref(py));
            }
        }
    }

    /// Holds nothing back any longer, and writes what was.
    fn write_out(&self, py: Python<'_>) -> PyResult<()> {
        let Some(watcher) = self.watcher() else {
            return Ok(());
        };
        if watcher.held_back() == 0 {
            watcher.let_out();
            return Ok(());
        }
        lock(&self.woken.tickets).are_expected = true;
        watcher.let_out();
        let ear = Ear::new();
        self.advance(py);
        ear.pass_on(py)
    }

    fn poll<F: Future + ?Sized>(&self, work: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
        let mut context = Context::from_waker(waker);
        match self.watcher() {
            Some(watcher) => watcher.poll(work, &mut context),
            None => work.poll(&mut context),
        }
    }

    fn next_ready(&self) -> Option<Py<Waiter>> {
        lock(&self.ready).pop_front()
    }

    /// Not of a parent process, whose threads may have held its locks.
    fn is_ours(&self) -> bool {
        self.generation == generation()
    }
}

#[pymethods]
impl Bridge {
    /// The loop calls it when the doorbell rang.
    fn wake(slf: &Bound<'_, Bridge>) -> PyResult<()> {
        slf.get().woken.doorbell.answer();
        Bridge::let_go(slf)
    }

    /// The loop calls it when something has happened to a connection that it watches.
    fn attend(slf: &Bound<'_, Bridge>) -> PyResult<()> {
        let bridge = slf.get();
        if let Some(watcher) = &bridge.watcher {
            lock(&bridge.woken.tickets).are_expected = true;
            watcher.attend();
        }
        Bridge::let_go(slf)
    }

    /// Has everything go on that is ready. What several tasks send then goes out together.
    fn go_on(slf: &Bound<'_, Bridge>) -> PyResult<()> {
        let (py, bridge) = (slf.py(), slf.get());
        // Whoever held it back has not come back yet.
        bridge.write_out(py)?;
        let first_of_several = {
            let ready = lock(&bridge.ready);
            let first = ready.front().filter(|_| ready.len() > 1);
            first.map(|first| first.clone_ref(py))
        };
        let together = bridge.watcher().filter(|_| first_of_several.is_some());
        // One of them may raise what ends the loop, or run the loop until something has happened that the next one does.
        if let Some(first) = first_of_several {
            Bridge::go_on_soon(slf, first.get())?;
        }
        while let Some(waiter) = bridge.next_ready() {
            if let Some(watcher) = together {
                watcher.hold_back();
            }
            let woken = Waiter::wake(waiter.bind(py));
            if let Some(watcher) = together {
                let is_last = lock(&bridge.ready).is_empty();
                if is_last || woken.is_err() || watcher.held_back() >= MAX_HELD_BACK {
                    bridge.write_out(py)?;
                }
            }
            woken?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(waits) = self.waits.try_lock() {
            waits.values().try_for_each(|wait| visit.call(&wait.waiter))?;
        }
        match self.ready.try_lock() {
            Ok(waiters) => waiters.iter().try_for_each(|waiter| visit.call(waiter)),
            Err(_) => Ok(()),
        }
    }

    fn __clear__(&self) {
        let waits = mem::take(&mut *lock(&self.waits));
        let ready = mem::take(&mut *lock(&self.ready));
        drop((waits, ready));
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
        self.bridge.get().poll(work, &self.waker)
    }

    /// What a task has to be given so that it sleeps until the next wake. Wakes are delivered by the loop on this
    /// thread, so none is lost that comes before.
    ///
    /// Work that is given is polled by the bridge when it is woken, and the task only hears when it is done. Else it hears of
    /// every wake.
    pub fn waiter(&self, py: Python<'_>, ahead: Option<&Arc<Progress>>) -> PyResult<Py<PyAny>> {
        let waiter = Py::new(py, Waiter::new(self.event_loop.clone_ref(py)))?;
        let wait = Wait {
            waiter: waiter.clone_ref(py),
            ahead: ahead.map(|work| (Arc::downgrade(work), self.waker.clone())),
        };
        let before = lock(&self.bridge.get().waits).insert(self.number, wait);
        drop(before);
        Ok(waiter.into_any())
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
            let wait = lock(&bridge.waits).remove(&self.number);
            drop(wait);
        }
    }
}
