//! Giving up what waits: from another thread, or from a signal handler.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering, fence},
    },
};

use tokio::io::unix::AsyncFd;

use crate::{
    doorbell::Doorbell,
    error::{Error, ErrorKind, Result},
    fork::{PerProcess, generation},
    runtime::{self, Task},
};

/// Ends waits from elsewhere. Cheap to clone; all clones are the same, and any number of calls may have it.
///
/// ```no_run
/// # let client = flowai::Client::builder().build()?;
/// let cancel = flowai::Cancel::new();
/// let other = cancel.clone();
/// std::thread::spawn(move || other.trigger());
/// let given_up = client.send_text("thread-1", "Hello").cancel(&cancel).wait();
/// # Ok::<_, flowai::Error>(())
/// ```
#[derive(Clone)]
pub struct Cancel(Arc<Inner>);

struct Inner {
    triggered: AtomicBool,
    /// What those who wait in this process sleep on, once there is one of them.
    bell: PerProcess<AsyncFd<Doorbell>>,
}

impl Default for Cancel {
    fn default() -> Cancel {
        Cancel::new()
    }
}

impl Cancel {
    /// One that nobody has triggered.
    pub fn new() -> Cancel {
        // Afterwards nothing is left that a signal handler must not do.
        generation();
        Cancel(Arc::new(Inner {
            triggered: AtomicBool::new(false),
            bell: PerProcess::new(),
        }))
    }

    /// Ends every wait that has it, now and from now on. Async-signal-safe: an atomic store and a `write`.
    pub fn trigger(&self) {
        self.0.triggered.store(true, Ordering::SeqCst);
        // Either this finds the bell of a waiting thread, or that thread, which makes it first, finds the flag.
        fence(Ordering::SeqCst);
        if let Some(bell) = self.0.bell.get() {
            bell.get_ref().ring();
        }
    }

    /// Makes it as new, for waits that begin afterwards.
    pub fn reset(&self) {
        self.0.triggered.store(false, Ordering::SeqCst);
    }

    /// Whether it was triggered.
    pub fn is_triggered(&self) -> bool {
        self.0.triggered.load(Ordering::SeqCst)
    }

    /// # Errors
    /// [`ErrorKind::Cancelled`] once it was triggered.
    pub fn check(&self) -> Result<()> {
        match self.is_triggered() {
            true => Err(Error::new(ErrorKind::Cancelled, "the caller gave up")),
            false => Ok(()),
        }
    }

    /// Calls `wake` once when it is triggered, on the thread that drives the runtime, unless the task is dropped before:
    /// for waits that sleep on something of their own.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when there is no thread or descriptor left.
    pub fn watch(&self, wake: impl FnOnce() + Send + 'static) -> Result<Task<()>> {
        let cancel = self.clone();
        runtime::spawn(async move {
            cancel.triggered().await;
            wake();
        })
    }

    /// Returns when it is triggered.
    pub(crate) async fn triggered(&self) {
        let bell = self.0.bell.get_or_try_init(runtime::doorbell);
        fence(Ordering::SeqCst);
        while !self.is_triggered() {
            let Ok(bell) = &bell else {
                tokio::time::sleep(runtime::TICK).await;
                continue;
            };
            match bell.readable().await {
                // Rung by the process that this one has forked or was forked from, or before a reset.
                Ok(mut ready) if !self.is_triggered() => {
                    bell.get_ref().answer();
                    ready.clear_ready();
                }
                Ok(_) => {}
                // The runtime ends, and everything on it.
                Err(_) => std::future::pending().await,
            }
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cancel({})", self.is_triggered())
    }
}
