//! The one runtime of the process.
//!
//! A blocking call drives it on its own thread, so nothing has to be woken and handed over. Only work that no caller
//! waits for (an awaited call, a receiver) needs somebody else to drive, and gets a background thread while it lasts.

use std::{
    any::Any,
    future::Future,
    io,
    pin::Pin,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::SigSet;
use once_cell::race::OnceBox;
use tokio::{
    io::unix::AsyncFd,
    runtime::{Builder, Handle, Runtime},
    sync::Notify,
    task::JoinHandle,
};

#[cfg(feature = "watcher")]
pub use crate::watcher::Watcher;
pub use crate::{
    doorbell::Doorbell,
    fork::{PerProcess, generation},
};
use crate::{
    error::{Error, ErrorKind, Result},
    fork::{Shared, Used},
};

/// How often a waiting call looks whether its caller wants something else, such as a signal handled.
pub const TICK: Duration = Duration::from_millis(50);

const MAX_HELPER_THREADS: usize = 16;

static PROCESS: Shared<Process> = Shared::new();

/// What a thread keeps while it drives the runtime.
type Shield = fn() -> Box<dyn Any>;

static SHIELD: OnceBox<Shield> = OnceBox::new();

/// Makes what every thread that waits keeps while it drives the runtime, and with it everybody's work: for languages whose
/// programs have to be kept from something that this work may do. The first one counts.
pub fn shield_drivers(shield: Shield) {
    let _ = SHIELD.get_or_init(|| Box::new(shield));
}

fn shield() -> Option<Box<dyn Any>> {
    SHIELD.get().map(|shield| shield())
}

struct Process {
    runtime: Runtime,
    background: Background,
}

fn shared() -> Result<Used<Process>> {
    PROCESS
        .get_or_try_init(|| {
            let runtime = Builder::new_current_thread()
                .enable_io()
                .enable_time()
                .max_blocking_threads(MAX_HELPER_THREADS)
                .thread_name("flowai-helper")
                .on_thread_start(block_signals)
                .build()?;
            Ok(Process {
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
    let shared = shared()?;
    let _entered = shared.runtime.enter();
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

/// Work on this thread that uses what belongs to the runtime, such as its connections, without driving it. None where
/// nothing may block, and when there is no runtime yet.
pub(crate) fn beside() -> Option<impl Drop + Send> {
    match Handle::try_current() {
        Err(_) => PROCESS.get(),
        Ok(_) => None,
    }
}

/// Runs a future on this thread until it is done.
pub fn block_on<F: Future>(future: F) -> Result<F::Output> {
    refuse_nested()?;
    let _shield = shield();
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
    let _shield = shield();
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
    let outstanding = Outstanding::begin(shared()?)?;
    let runtime = outstanding.0.runtime.handle().clone();
    let handle = runtime.spawn(async move {
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
    /// Whether it can be awaited: the tasks of a parent process cannot.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.generation == generation()
    }

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
    driver: Mutex<Driver>,
    work: Condvar,
}

#[derive(Default)]
struct Driver {
    thread: Option<thread::JoinHandle<()>>,
    /// How many were told to end; each knows how many there were before it.
    ended: u64,
}

impl Background {
    fn lock(&self) -> MutexGuard<'_, Driver> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> bool {
        self.outstanding.load(Ordering::SeqCst) == 0
    }
}

fn drive(process: &Process, number: u64) {
    block_signals();
    let background = &process.background;
    loop {
        let mut driver = background.lock();
        while background.idle() && driver.ended == number {
            driver = background
                .work
                .wait(driver)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if driver.ended != number {
            return;
        }
        drop(driver);
        process.runtime.block_on(async {
            loop {
                background.quiet.notified().await;
                // Calls often follow each other closely; falling asleep between them would cost more than waiting.
                tokio::time::sleep(Duration::from_millis(20)).await;
                if background.idle() {
                    break;
                }
            }
        });
    }
}

/// Work that nobody waits for. The runtime is there as long as it is.
struct Outstanding(Used<Process>);

impl Outstanding {
    fn begin(process: Used<Process>) -> Result<Outstanding> {
        let background = &process.background;
        let first = background.outstanding.fetch_add(1, Ordering::SeqCst) == 0;
        let outstanding = Outstanding(process);
        if first {
            let background = &outstanding.0.background;
            let mut driver = background.lock();
            if driver.thread.is_some() {
                background.work.notify_one();
            } else {
                let (process, number) = (shared()?, driver.ended);
                let thread = thread::Builder::new()
                    .name("flowai".into())
                    .spawn(move || drive(&process, number))
                    .map_err(|e| Error::new(ErrorKind::Internal, "cannot start a thread").with_source(e))?;
                driver.thread = Some(thread);
            }
        }
        Ok(outstanding)
    }
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        let background = &self.0.background;
        if background.outstanding.fetch_sub(1, Ordering::SeqCst) == 1 {
            background.quiet.notify_one();
        }
    }
}

/// Ends the threads of this library and frees the runtime, for programs that want to leave nothing behind; the next call
/// makes a new one. Drop every client, receiver and so on before: their connections belong to the runtime. False, and
/// nothing happens, when something is still under way after `time`, or on a thread that is in the runtime itself.
pub fn shutdown(time: Duration) -> bool {
    if refuse_nested().is_err() {
        return false;
    }
    let until = Instant::now() + time;
    let Some(process) = PROCESS.get() else { return true };
    while !process.background.idle() {
        if until <= Instant::now() {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    let mut driver = process.background.lock();
    // Work that begins from here on finds no thread, and starts one.
    if !process.background.idle() {
        return false;
    }
    driver.ended += 1;
    let thread = driver.thread.take();
    drop(driver);
    process.background.work.notify_all();
    process.background.quiet.notify_one();
    let ended = thread.is_none_or(|thread| thread.join().is_ok());
    drop(process);
    let taken = PROCESS.take(until.saturating_duration_since(Instant::now()));
    let is_gone = taken.is_some();
    if let Some(process) = taken {
        process.runtime.shutdown_timeout(time);
    }
    ended && is_gone
}
