//! Handling events with a function in Python: the native half of `flowai._handling`.
//!
//! The core has a thread for each worker, which leases events, keeps their leases and writes outcomes down. None of them
//! attaches to the interpreter: each leaves its event to a thread of Python's `threading` and waits for the outcome.
//! These threads, and all that calls back into Python, are in `flowai._handling`, so that below the function there are no
//! frames of Rust: when the interpreter ends, it ends daemon threads in a way that such frames cannot survive.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use flowai::runtime;
use flowai_delivery::Inbox;
use pyo3::{
    exceptions::{PyBaseException, PyStopIteration},
    prelude::*,
};
use tokio::sync::oneshot;

use crate::{
    delivery::Handled,
    errors::{Failure, Outcome},
    face::{Answer, Face},
    wait,
};

/// One call of Inbox.handle, and what its threads share.
#[pyclass(frozen)]
pub struct Handling {
    generation: u64,
    inbox: Inbox,
    workers: usize,
    /// Where workers leave events, until it is over.
    events: Mutex<Option<Sender<Job>>>,
    jobs: Mutex<Receiver<Job>>,
    /// What is to be raised where the caller waits.
    raised: Mutex<Option<PyErr>>,
    /// No further event is to be taken.
    ended: AtomicBool,
}

impl Handling {
    pub fn new(inbox: &Inbox, workers: usize) -> Handling {
        let (events, jobs) = channel();
        Handling {
            generation: runtime::generation(),
            inbox: inbox.clone(),
            workers,
            events: Mutex::new(Some(events)),
            jobs: Mutex::new(jobs),
            raised: Mutex::default(),
            ended: AtomicBool::new(false),
        }
    }

    fn take_raised(&self) -> PyResult<()> {
        let raised = lock(&self.raised).take();
        raised.map_or(Ok(()), Err)
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Has one of the threads handle an event.
    fn hand_over(
        &self,
        events: &Sender<Job>,
        delivery: &Arc<flowai_delivery::Delivery>,
    ) -> Result<(), String> {
        let gone = || "the thread that handled it is gone".to_owned();
        let (job, outcome) = Job::new(self.generation, delivery.clone(), Face::Blocking);
        events.send(job).map_err(|_| gone())?;
        let outcome = outcome.blocking_recv().unwrap_or_else(|_| Err(gone()));
        if outcome.is_err() && self.has_ended() {
            // Until the caller has noticed, so that no event uses up its attempts meanwhile.
            thread::sleep(2 * runtime::TICK);
        }
        outcome
    }
}

#[pymethods]
impl Handling {
    #[getter]
    fn workers(&self) -> usize {
        self.workers
    }

    #[getter]
    fn max_attempts(&self) -> u32 {
        self.inbox.options().max_attempts
    }

    /// Handles events until the inbox is closed, or until the end that somebody has made.
    fn run(&self, py: Python<'_>) -> Outcome<()> {
        let events = lock(&self.events).clone();
        let Some(events) = events else { return Ok(()) };
        let also = |_: Python<'_>| {
            self.take_raised()?;
            match self.has_ended() {
                true => Err(PyStopIteration::new_err(())),
                false => Ok(()),
            }
        };
        let handler = |delivery: &Arc<flowai_delivery::Delivery>| self.hand_over(&events, delivery);
        let worked = wait::ticking(py, also, |tick| {
            self.inbox.handle_with(self.workers, handler, tick)
        });
        self.take_raised()?;
        match worked {
            Err(Failure::Python(error))
                if self.has_ended() && error.is_instance_of::<PyStopIteration>(py) =>
            {
                Ok(())
            }
            other => other,
        }
    }

    /// There are no more events for the threads.
    fn close(&self) {
        lock(&self.events).take();
    }

    /// The next event; nothing when there will be none, as in a child that the function forked.
    fn next(&self, py: Python<'_>) -> Option<Job> {
        if runtime::generation() != self.generation {
            return None;
        }
        py.detach(|| {
            self.jobs
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv()
                .ok()
        })
    }

    /// Ends everything, with an exception to be raised where the caller waits if there is one.
    #[pyo3(signature = (exception=None))]
    fn end(&self, exception: Option<Bound<'_, PyBaseException>>) {
        if let Some(exception) = exception {
            let raised = PyErr::from_value(exception.into_any());
            lock(&self.raised).get_or_insert(raised);
        }
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Waits a moment, and tells whether it is over.
    fn pause(&self, py: Python<'_>) -> bool {
        py.detach(|| thread::sleep(runtime::TICK));
        lock(&self.events).is_none()
    }
}

/// An event for a thread or a task to handle, and where it says what became of it.
#[pyclass(frozen)]
pub struct Job {
    generation: u64,
    delivery: Arc<flowai_delivery::Delivery>,
    face: Face,
    done: Mutex<Option<oneshot::Sender<Result<(), String>>>>,
}

impl Job {
    pub fn new(
        generation: u64,
        delivery: Arc<flowai_delivery::Delivery>,
        face: Face,
    ) -> (Job, oneshot::Receiver<Result<(), String>>) {
        let (done, outcome) = oneshot::channel();
        let done = Mutex::new(Some(done));
        let job = Job {
            generation,
            delivery,
            face,
            done,
        };
        (job, outcome)
    }

    /// Nobody will begin with it.
    pub fn give_back(&self) {
        self.delivery.give_back();
    }

    fn settle(&self, outcome: Result<(), String>) {
        // In a forked child nobody waits for it.
        if runtime::generation() == self.generation
            && let Some(done) = lock(&self.done).take()
        {
            let _ = done.send(outcome);
        }
    }
}

#[pymethods]
impl Job {
    #[getter]
    fn delivery(&self, py: Python<'_>) -> Answer {
        Handled::hand_out(py, self.delivery.clone(), self.face)
    }

    fn handled(&self) {
        self.settle(Ok(()));
    }

    fn failed(&self, reason: String) {
        self.settle(Err(reason));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
