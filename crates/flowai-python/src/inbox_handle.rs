//! Handling events with a function in Python.
//!
//! The core has a thread for each worker, which leases events, keeps their leases and writes outcomes down. None of
//! them attaches to the interpreter: each gives its event to a thread of Python's `threading`, which calls the
//!     function, and waits
//! for the outcome. So the function runs where Python code expects to run, with the same `threading.local` each time.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use flowai::runtime;
use flowai_delivery::Inbox;
use pyo3::{
    exceptions::{PyBaseException, PyException, PyStopIteration, PyTypeError},
    prelude::*,
    types::PyDict,
};

use crate::{
    delivery::{Delivery, story},
    errors::{Failure, Outcome},
    wait,
};

/// How many threads handle events if nothing is said.
pub const WORKERS: usize = 4;

/// An event for a thread to handle, and where it says what became of it.
struct Job {
    delivery: Arc<flowai_delivery::Delivery>,
    done: SyncSender<Result<(), String>>,
}

/// What the threads share.
struct Shared {
    generation: u64,
    function: Py<PyAny>,
    logger: Py<PyAny>,
    max_attempts: u32,
    jobs: Mutex<Receiver<Job>>,
    /// What ends everything, to be raised where the caller waits.
    raised: Mutex<Option<PyErr>>,
    ended: AtomicBool,
}

impl Shared {
    /// The next event; nothing when there will be none.
    fn next(&self) -> Option<Job> {
        self.jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv()
            .ok()
    }

    fn take_raised(&self) -> PyResult<()> {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner).take();
        raised.map_or(Ok(()), Err)
    }

    fn end(&self, error: PyErr) {
        self.ended.store(true, Ordering::SeqCst);
        self.raised
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(error);
    }

    /// Calls the function: `Err` is why the event was not handled.
    fn call(&self, py: Python<'_>, delivery: Arc<flowai_delivery::Delivery>) -> Result<(), String> {
        let error = match self.function.bind(py).call1((Delivery(delivery.clone()),)) {
            Ok(value) if value.hasattr("__await__").unwrap_or(false) => {
                let _ = value.call_method0("close");
                let problem = "function must not be a coroutine function: nobody would await what it gives";
                self.end(PyTypeError::new_err(problem));
                return Err(problem.to_owned());
            }
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        // With its traceback.
        let exception = error.into_value(py).into_bound(py);
        if exception.is_instance_of::<PyException>() {
            self.log(&delivery, &exception);
        } else {
            self.end(PyErr::from_value(exception.clone().into_any()));
        }
        Err(story(&exception))
    }

    /// A logger that fails must not decide about an event.
    fn log(&self, delivery: &flowai_delivery::Delivery, exception: &Bound<'_, PyBaseException>) {
        let py = exception.py();
        let is_last = delivery.attempt() >= self.max_attempts;
        let level = if is_last { "error" } else { "warning" };
        let facts = (
            "event %d of the inbox was not handled in attempt %d of %d",
            delivery.id(),
            delivery.attempt(),
            self.max_attempts,
        );
        let details = PyDict::new(py);
        let _ = details
            .set_item("exc_info", exception)
            .and_then(|()| self.logger.bind(py).call_method(level, facts, Some(&details)));
    }
}

/// What a thread does.
#[pyclass(frozen)]
struct Worker(Arc<Shared>);

#[pymethods]
impl Worker {
    fn __call__(&self, py: Python<'_>) {
        let shared = &self.0;
        while let Some(job) = py.detach(|| shared.next()) {
            let outcome = shared.call(py, job.delivery);
            // In a child that the function forked nobody waits for it.
            if runtime::generation() != shared.generation {
                return;
            }
            let _ = job.done.send(outcome);
        }
    }
}

/// Threads that are waited for whatever happens, once there are no more jobs for them.
struct Threads<'py>(Vec<Bound<'py, PyAny>>);

impl<'py> Threads<'py> {
    fn start(&mut self, py: Python<'py>, shared: &Arc<Shared>, workers: usize) -> PyResult<()> {
        let class = py.import("threading")?.getattr("Thread")?;
        for number in 1..=workers {
            let arguments = PyDict::new(py);
            arguments.set_item("target", Bound::new(py, Worker(shared.clone()))?)?;
            arguments.set_item("name", format!("flowai-inbox-{number}"))?;
            let thread = class.call((), Some(&arguments))?;
            thread.call_method0("start")?;
            self.0.push(thread);
        }
        Ok(())
    }

    fn join(self) -> PyResult<()> {
        let mut outcome = Ok(());
        for thread in self.0 {
            outcome = outcome.and(thread.call_method0("join").map(drop));
        }
        outcome
    }
}

/// Handles events until the inbox is closed, or an exception or `stop` ends it.
pub fn run(
    py: Python<'_>,
    inbox: &Inbox,
    function: &Bound<'_, PyAny>,
    workers: usize,
    stop: Option<&Bound<'_, PyAny>>,
) -> Outcome<()> {
    let stop = stop.map(|stop| stop.clone().unbind());
    let must_stop = |py: Python<'_>| match &stop {
        Some(stop) => stop.bind(py).call0()?.is_truthy(),
        None => Ok(false),
    };
    if must_stop(py)? {
        return Ok(());
    }
    // While an exception is being handled nothing may be imported for the first time.
    py.import("traceback")?;
    let logger = py
        .import("logging")?
        .call_method1("getLogger", ("flowai.inbox",))?;
    let (jobs, waiting) = channel();
    let shared = Arc::new(Shared {
        generation: runtime::generation(),
        function: function.clone().unbind(),
        logger: logger.unbind(),
        max_attempts: inbox.options().max_attempts,
        jobs: Mutex::new(waiting),
        raised: Mutex::default(),
        ended: AtomicBool::new(false),
    });
    let mut stopped = false;
    let also = |py: Python<'_>| {
        shared.take_raised()?;
        if must_stop(py)? {
            stopped = true;
            return Err(PyStopIteration::new_err(()));
        }
        Ok(())
    };
    let mut threads = Threads(Vec::new());
    let worked = threads
        .start(py, &shared, workers)
        .map_err(Failure::from)
        .and_then(|()| {
            wait::ticking(py, also, |tick| {
                inbox.handle_with(workers, |delivery| hand_over(&shared, &jobs, delivery), tick)
            })
        });
    drop(jobs);
    let joined = threads.join();
    if !stopped {
        worked?;
    }
    shared.take_raised()?;
    Ok(joined?)
}

/// Has one of the threads handle an event.
fn hand_over(
    shared: &Shared,
    jobs: &Sender<Job>,
    delivery: &Arc<flowai_delivery::Delivery>,
) -> Result<(), String> {
    let gone = || "it was not handled, since handling was about to end".to_owned();
    let outcome = if shared.ended.load(Ordering::SeqCst) {
        Err(gone())
    } else {
        let (done, outcome) = sync_channel(1);
        let delivery = delivery.clone();
        jobs.send(Job { delivery, done }).map_err(|_| gone())?;
        outcome.recv().unwrap_or_else(|_| Err(gone()))
    };
    if shared.ended.load(Ordering::SeqCst) {
        // Until the caller has noticed, so that no event uses up its attempts meanwhile.
        thread::sleep(2 * runtime::TICK);
    }
    outcome
}
