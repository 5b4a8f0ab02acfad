//! Threads that handle events.

use std::{
    any::Any,
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use flowai::{Error, ErrorKind, Result, runtime};

use super::{
    Delivery, Inbox,
    delivery::{Settling, last_line},
};

/// How long a worker waits when the storage has failed.
pub(super) const STORAGE_PAUSE: Duration = Duration::from_secs(1);

/// What one worker shares with the thread that watches it.
#[derive(Default)]
struct Post {
    /// What it is handling.
    current: Mutex<Option<Arc<Delivery>>>,
    /// Why it gave up.
    error: Mutex<Option<Error>>,
}

impl Post {
    fn hold(&self, delivery: Option<Arc<Delivery>>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = delivery;
    }

    fn keep_lease(&self) {
        let current = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(delivery) = current {
            keep_lease(&delivery);
        }
    }
}

pub(super) fn keep_lease(delivery: &Delivery) {
    if !delivery.is_settled()
        && let Err(error) = delivery.heartbeat()
    {
        log::debug!("event {} of the inbox: {error}", delivery.id());
    }
}

pub(super) fn run<E: Display>(
    inbox: &Inbox,
    workers: usize,
    handler: &(impl Fn(&Arc<Delivery>) -> Result<(), E> + Sync),
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    if workers == 0 {
        return Err(Error::argument("workers", "is zero"));
    }
    let posts: Vec<Post> = (0..workers).map(|_| Post::default()).collect();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let mut outcome = Ok(());
        for post in &posts {
            let stop = &stop;
            let started = thread::Builder::new()
                .name("flowai-inbox".into())
                .spawn_scoped(scope, move || {
                    runtime::block_signals();
                    if let Err(error) = work(inbox, handler, post, stop) {
                        *post.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    }
                });
            match started {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    let error = Error::new(ErrorKind::Internal, "cannot start a thread").with_source(error);
                    outcome = Err(error);
                    break;
                }
            }
        }
        if outcome.is_ok() {
            outcome = watch(inbox, &posts, &threads, tick);
        }
        stop.store(true, Ordering::SeqCst);
        outcome
    })?;
    let error = posts
        .into_iter()
        .find_map(|post| post.error.into_inner().unwrap_or_else(PoisonError::into_inner));
    error.map_or(Ok(()), Err)
}

/// Keeps the leases of what is being handled, until all workers have ended.
fn watch(
    inbox: &Inbox,
    posts: &[Post],
    threads: &[ScopedJoinHandle<'_, ()>],
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let beat = inbox.options().lease_time / 3;
    let mut beaten = Instant::now();
    while !threads.iter().all(ScopedJoinHandle::is_finished) {
        thread::sleep(runtime::TICK.min(beat));
        if beaten.elapsed() >= beat {
            beaten = Instant::now();
            posts.iter().for_each(Post::keep_lease);
        }
        tick()?;
    }
    Ok(())
}

/// Handles one event after the other; returns when there will be none.
fn work<E: Display>(
    inbox: &Inbox,
    handler: &(impl Fn(&Arc<Delivery>) -> Result<(), E> + Sync),
    post: &Post,
    stop: &AtomicBool,
) -> Result<()> {
    let mut tick = || {
        if stop.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Cancelled, "the workers are stopped"));
        }
        Ok(())
    };
    // What became of the last event is written down in the commit that hands out the next one.
    let mut settling: Option<Settling> = None;
    loop {
        let taken = tick().and_then(|()| inbox.next_with(None, &mut tick));
        if let Some(settling) = settling.take() {
            settling.finish();
        }
        match taken {
            Ok(Some(delivery)) => {
                let delivery = Arc::new(delivery);
                post.hold(Some(delivery.clone()));
                settling = handle(&delivery, handler);
                post.hold(None);
            }
            Ok(None) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Closed | ErrorKind::Cancelled) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Storage => {
                log::warn!("no event can be taken from the inbox: {error}");
                let until = Instant::now() + STORAGE_PAUSE;
                while tick().is_ok() && Instant::now() < until {
                    thread::sleep(runtime::TICK);
                }
            }
            Err(error) => return Err(error),
        }
    }
}

fn handle<E: Display>(
    delivery: &Arc<Delivery>,
    handler: &impl Fn(&Arc<Delivery>) -> Result<(), E>,
) -> Option<Settling> {
    let failure = match catch_unwind(AssertUnwindSafe(|| handler(delivery))) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(panic) => Some(panicked(&*panic)),
    };
    settle(delivery, failure)
}

/// Begins to write down what became of an event, unless its handler has said that.
pub(super) fn settle(delivery: &Delivery, failure: Option<String>) -> Option<Settling> {
    if delivery.is_settled() {
        return None;
    }
    if let Some(reason) = &failure {
        log::info!(
            "event {} of the inbox, attempt {}, was not handled: {}",
            delivery.id(),
            delivery.attempt(),
            last_line(reason)
        );
    }
    Some(delivery.settle_later(failure.as_deref()))
}

pub(super) fn panicked(panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("the handler panicked: {message}")
}
