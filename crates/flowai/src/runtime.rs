//! The one runtime of the process.
//!
//! A blocking call drives it on its own thread, so nothing has to be woken and handed over. Only work that no caller
//! waits for (an awaited call, a receiver) needs somebody else to drive, and gets a background thread while it lasts.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    thread,
    time::Duration,
};

use nix::sys::signal::SigSet;
use tokio::{
    io::unix::AsyncFd,
    runtime::{Builder, Handle, Runtime},
    sync::Notify,
    task::JoinHandle,
};

use crate::error::{Error, ErrorKind, Result};
pub use crate::{
    doorbell::Doorbell,
    fork::{PerProcess, generation},
};

/// How often a waiting call looks whether its caller wants something else, such as a signal handled.
pub const TICK: Duration = Duration::from_millis(50);

const MAX_HELPER_THREADS: usize = 16;

static SHARED: PerProcess<Shared> = PerProcess::new();

struct Shared {
    runtime: Runtime,
    background: Background,
}

fn shared() -> Result<&'static Shared> {
    SHARED
        .get_or_try_init(|| {
            let runtime = Builder::new_current_thread()
                .enable_io()
                .enable_time()
                .max_blocking_threads(MAX_HELPER_THREADS)
                .thread_name("flowai-helper")
                .on_thread_start(block_signals)
                .build()?;
            Ok(Shared {
                runtime,
                background: Background::default(),
            })
        })
        .map_err(|error: io::Error| {
            Error::new(ErrorKind::Internal, "cannot start the runtime").with_source(error)
        })
}

/// Blocks all signals on this thread: handlers of the host must never run on threads of a library.
pub fn block_signals() {
    let _ = SigSet::all().thread_block();
}

/// A doorbell that futures of this runtime can wait for.
#[expect(
    deprecated,
    reason = "its successor is unsafe, for types that do not keep their descriptor to the end; a doorbell does"
)]
pub(crate) fn doorbell() -> Result<AsyncFd<Doorbell>> {
    let _entered = shared()?.runtime.enter();
    Doorbell::new()
        .and_then(AsyncFd::new)
        .map_err(|error| Error::new(ErrorKind::Internal, "no descriptor is left").with_source(error))
}

fn refuse_nested() -> Result<()> {
    match Handle::try_current() {
        Err(_) => Ok(()),
        Ok(_) => Err(Error::new(
            ErrorKind::InvalidArgument,
            "a blocking call inside an asynchronous runtime would stop it; await the call instead",
        )),
    }
}

/// Runs a future on this thread until it is done.
pub fn block_on<F: Future>(future: F) -> Result<F::Output> {
    refuse_nested()?;
    Ok(shared()?.runtime.block_on(future))
}

/// Like [`block_on`], and calls `tick` at least every [`TICK`] while waiting. An error of `tick` ends the wait.
///
/// `tick` runs outside the runtime, so it may make calls of its own.
pub fn block_on_with<F: Future>(future: F, mut tick: impl FnMut() -> Result<()>) -> Result<F::Output> {
    block_on_attentive(future, None, &mut tick)
}

/// Like [`block_on_with`], and calls `tick` at once whenever `attention` is notified.
pub(crate) fn block_on_attentive<F: Future>(
    future: F,
    attention: Option<&Notify>,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<F::Output> {
    refuse_nested()?;
    let shared = shared()?;
    let mut future = std::pin::pin!(future);
    loop {
        let slice = async {
            let wanted = async {
                match attention {
                    Some(notify) => notify.notified().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                done = future.as_mut() => Some(done),
                () = wanted => None,
                () = tokio::time::sleep(TICK) => None,
            }
        };
        if let Some(done) = shared.runtime.block_on(slice) {
            return Ok(done);
        }
        tick()?;
    }
}

/// Starts a future that no caller waits for; it runs until it is done or its [`Task`] is dropped.
pub fn spawn<F>(future: F) -> Result<Task<F::Output>>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let shared = shared()?;
    let outstanding = shared.background.begin()?;
    let handle = shared.runtime.spawn(async move {
        let _outstanding = outstanding;
        future.await
    });
    Ok(Task {
        handle: Some(handle),
        generation: generation(),
    })
}

/// Has a helper thread do what blocks, such as reading a file. Once begun it goes on to its end, also when its [`Task`] is
/// dropped.
pub fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<Task<T>> {
    Ok(Task {
        handle: Some(shared()?.runtime.spawn_blocking(work)),
        generation: generation(),
    })
}

/// Waits for this long, in any asynchronous runtime.
pub async fn sleep(time: Duration) -> Result<()> {
    // A timer can only be made inside the runtime that it belongs to.
    spawn(async move { tokio::time::sleep(time).await })?.await
}

/// Work that was started with [`spawn`] or [`spawn_blocking`]. Dropping it stops the work, unless that is the work of a
/// parent process.
#[derive(Debug)]
pub struct Task<T> {
    handle: Option<JoinHandle<T>>,
    generation: u64,
}

impl<T> Task<T> {
    /// Lets the work go on by itself.
    pub fn detach(mut self) {
        let handle = self.handle.take();
        if self.generation != generation() {
            std::mem::forget(handle);
        }
    }
}

impl<T> Future for Task<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T>> {
        let Some(handle) = self.handle.as_mut() else {
            return Poll::Pending;
        };
        let done = ready!(Pin::new(handle).poll(cx));
        Poll::Ready(done.map_err(|error| {
            let kind = if error.is_cancelled() {
                ErrorKind::Cancelled
            } else {
                ErrorKind::Internal
            };
            Error::new(kind, "the work ended without a result")
        }))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else { return };
        if self.generation == generation() {
            handle.abort();
        } else {
            // The parent's runtime is not ours to touch; threads of the parent may have held its locks.
            std::mem::forget(handle);
        }
    }
}

/// The thread that drives the runtime while work without a caller is outstanding.
#[derive(Default)]
struct Background {
    outstanding: AtomicUsize,
    quiet: Notify,
    started: Mutex<bool>,
    work: Condvar,
}

impl Background {
    fn begin(&'static self) -> Result<Outstanding> {
        let first = self.outstanding.fetch_add(1, Ordering::SeqCst) == 0;
        let outstanding = Outstanding(self);
        if first {
            let mut started = self.lock();
            if *started {
                self.work.notify_one();
            } else {
                thread::Builder::new()
                    .name("flowai".into())
                    .spawn(|| self.drive())
                    .map_err(|e| Error::new(ErrorKind::Internal, "cannot start a thread").with_source(e))?;
                *started = true;
            }
        }
        Ok(outstanding)
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> bool {
        self.outstanding.load(Ordering::SeqCst) == 0
    }

    fn drive(&self) {
        block_signals();
        let Ok(shared) = shared() else { return };
        loop {
            let mut guard = self.lock();
            while self.idle() {
                guard = self.work.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
            drop(guard);
            shared.runtime.block_on(async {
                loop {
                    self.quiet.notified().await;
                    // Calls often follow each other closely; falling asleep between them would cost more than waiting.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    if self.idle() {
                        break;
                    }
                }
            });
        }
    }
}

struct Outstanding(&'static Background);

impl Drop for Outstanding {
    fn drop(&mut self) {
        if self.0.outstanding.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.quiet.notify_one();
        }
    }
}
