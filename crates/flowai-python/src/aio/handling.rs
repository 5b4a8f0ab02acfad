//! Handling events with a coroutine function: the native half of `flowai._handling`.
//!
//! The workers of the core run on its own threads. Each leaves its event to a task of the event loop, and waits for what
//! that says of it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use flowai::{Result, runtime};
use flowai_delivery::{Delivery, Inbox};
use pyo3::{IntoPyObjectExt, prelude::*};
use tokio::sync::{Mutex, Notify, mpsc, oneshot::Receiver};

use super::future;
use crate::{
    errors::Outcome,
    face::{Answer, Face, Name, made},
    inbox_handle::Job,
};

type Jobs = mpsc::UnboundedSender<Job>;

/// One call of AsyncInbox.handle.
#[pyclass(frozen)]
pub struct AsyncHandling {
    inbox: Inbox,
    workers: usize,
    events: std::sync::Mutex<Option<Jobs>>,
    jobs: Arc<Mutex<mpsc::UnboundedReceiver<Job>>>,
    end: Arc<Notify>,
    cancelled: AtomicBool,
}

impl AsyncHandling {
    pub fn new(inbox: &Inbox, workers: usize) -> AsyncHandling {
        let (events, jobs) = mpsc::unbounded_channel();
        AsyncHandling {
            inbox: inbox.clone(),
            workers,
            events: std::sync::Mutex::new(Some(events)),
            jobs: Arc::new(Mutex::new(jobs)),
            end: Arc::default(),
            cancelled: AtomicBool::new(false),
        }
    }
}

impl Drop for AsyncHandling {
    fn drop(&mut self) {
        self.close();
    }
}

/// Leaves an event to a task of the loop; nothing when there is none any more.
fn hand_over(events: &Jobs, delivery: Arc<Delivery>) -> Option<Receiver<Result<(), String>>> {
    let (job, outcome) = Job::new(runtime::generation(), delivery, Face::Awaitable);
    match events.send(job) {
        Ok(()) => Some(outcome),
        Err(unsent) => {
            unsent.0.give_back();
            None
        }
    }
}

fn gone() -> Result<(), String> {
    Err("the task that handled it is gone".to_owned())
}

#[pymethods]
impl AsyncHandling {
    #[getter]
    fn max_attempts(&self) -> u32 {
        self.inbox.options().max_attempts
    }

    /// Handles events until the inbox is closed, or until the end that somebody has made.
    fn run(&self, py: Python<'_>) -> Answer {
        let events = self
            .events
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        let (inbox, workers, end) = (self.inbox.clone(), self.workers, Arc::clone(&self.end));
        let work = async move {
            let Some(events) = events else { return Ok(()) };
            let handler = move |delivery| {
                let outcome = hand_over(&events, delivery);
                async move {
                    match outcome {
                        Some(outcome) => outcome.await.unwrap_or_else(|_| gone()),
                        None => gone(),
                    }
                }
            };
            let stop = async move { end.notified().await };
            inbox.handle_async(workers, handler, stop).await
        };
        future(py, Name::new("AsyncInbox", "handle"), Ok(work), made(|()| ()))
    }

    /// The next event; nothing when there will be none.
    fn next(&self, py: Python<'_>) -> Answer {
        let jobs = Arc::clone(&self.jobs);
        let work = async move { Ok(jobs.lock().await.recv().await) };
        let then = |py: Python<'_>, job: Outcome<Option<Job>>| Ok(job?.into_py_any(py)?);
        future(py, Name::new("AsyncInbox", "handle"), Ok(work), then)
    }

    /// No further event is to be taken.
    fn end(&self) {
        self.end.notify_one();
    }

    /// Gives back what no task has begun with, and will not.
    fn close(&self) {
        if let Ok(mut jobs) = self.jobs.try_lock() {
            jobs.close();
            while let Ok(job) = jobs.try_recv() {
                job.give_back();
            }
        }
    }

    /// What is running is cancelled from outside.
    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    #[getter]
    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}
