//! What was submitted and is not taken yet.

use std::{
    collections::{HashMap, VecDeque},
    os::fd::{AsFd, RawFd},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle, ThreadId},
    time::{Duration, Instant},
};

use flowai::{
    Cancel, Error, ErrorKind, Result,
    runtime::{self, Doorbell, Task},
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::{
    completion::{Completion, Fruit, flowai_completion},
    queue::flowai_done,
    registry,
    user_data::UserData,
};

/// What is called when something is finished; without a function it is handed out.
#[derive(Clone)]
pub(crate) struct Then {
    pub(crate) done: flowai_done,
    pub(crate) user_data: UserData,
}

/// A bounded queue, which belongs to the process that made it.
pub(crate) struct Pending {
    generation: u64,
    capacity: usize,
    state: Mutex<State>,
    /// Somebody has taken something, or a function of the host has returned, or the end has come.
    changed: Condvar,
    /// Rung while something is there to be taken.
    bell: Doorbell,
    woken: AtomicBool,
    /// Ends the waits of those who watch.
    end: Cancel,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// How much is outstanding, or finished and not taken.
    held: usize,
    finished: VecDeque<Finished>,
    /// What is outstanding, by number; `None` until it is known to have begun.
    tasks: HashMap<u64, Option<Task<()>>>,
    next: u64,
    /// The threads that are in a function of the host.
    calling: Vec<ThreadId>,
    watching: Vec<JoinHandle<()>>,
}

struct Finished {
    number: u64,
    operation: &'static str,
    is_send: bool,
    result: Result<Fruit>,
    then: Then,
    /// Whether it comes from somebody who watches, and keeps the place for what is next.
    watched: bool,
}

impl Pending {
    pub(crate) fn new(capacity: usize) -> Result<Arc<Pending>> {
        if capacity == 0 {
            return Err(Error::argument("capacity", "must be more than zero"));
        }
        let no_descriptor =
            |error| Error::new(ErrorKind::Internal, "no descriptor is left").with_source(error);
        Ok(Arc::new(Pending {
            generation: runtime::generation(),
            capacity,
            state: Mutex::default(),
            changed: Condvar::new(),
            bell: Doorbell::new().map_err(no_descriptor)?,
            woken: AtomicBool::new(false),
            end: Cancel::new(),
        }))
    }

    pub(crate) fn is_ours(&self) -> bool {
        runtime::generation() == self.generation
    }

    /// The state, unless this is a forked child, where its lock may be held by a thread that does not exist.
    fn state(&self) -> Result<MutexGuard<'_, State>> {
        if !self.is_ours() {
            return Err(Error::new(
                ErrorKind::Forked,
                "the queue belongs to the process that this one was forked from",
            ));
        }
        Ok(self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn descriptor(&self) -> Result<RawFd> {
        drop(self.state()?);
        Ok(self.bell.descriptor())
    }

    pub(crate) fn held(&self) -> Result<usize> {
        Ok(self.state()?.held)
    }

    /// Ends the poll that waits, or the next one. Async-signal-safe.
    pub(crate) fn wake(&self) {
        self.woken.store(true, Ordering::SeqCst);
        self.bell.ring();
    }

    /// Takes a place, if there is one.
    fn begin(&self) -> Result<u64> {
        let mut state = self.state()?;
        if state.closed {
            return Err(closed());
        }
        if state.held >= self.capacity {
            let problem = format!("{} are outstanding or wait to be taken", state.held);
            return Err(Error::new(ErrorKind::QueueFull, problem));
        }
        state.held += 1;
        state.next += 1;
        let number = state.next;
        state.tasks.insert(number, None);
        Ok(number)
    }

    /// Starts work whose result will be taken from here.
    pub(crate) fn submit(
        self: &Arc<Pending>,
        operation: &'static str,
        is_send: bool,
        then: Then,
        work: impl Future<Output = Result<Fruit>> + Send + 'static,
    ) -> Result<()> {
        let number = self.begin()?;
        let place = Place {
            pending: self.clone(),
            finished: Some(Finished {
                number,
                operation,
                is_send,
                // What the host is told when the work ends without a result.
                result: Err(Error::new(ErrorKind::Internal, "the work ended without a result")),
                then,
                watched: false,
            }),
        };
        let task = runtime::spawn(async move {
            let result = work.await;
            place.finish(result);
        });
        let mut state = self.lock();
        match task {
            Ok(task) => match state.tasks.get_mut(&number) {
                Some(place) => *place = Some(task),
                None => task.detach(),
            },
            Err(error) => {
                // The place was given up with the work, and says that in the queue; the caller is told at once.
                state.finished.retain(|finished| finished.number != number);
                state.held = state.held.saturating_sub(1);
                if state.finished.is_empty() {
                    self.bell.answer();
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn push(&self, finished: Finished) {
        let mut state = self.lock();
        if state.closed {
            // What it holds may end things: not under the lock.
            drop(state);
            return;
        }
        if let Some(Some(task)) = state.tasks.remove(&finished.number) {
            task.detach();
        }
        state.finished.push_back(finished);
        if state.finished.len() == 1 {
            self.bell.ring();
        }
    }

    /// Takes what is finished first.
    fn take(&self) -> Result<Option<Finished>> {
        let mut state = self.state()?;
        if state.closed {
            return Err(closed());
        }
        let finished = state.finished.pop_front();
        if finished.as_ref().is_some_and(|finished| !finished.watched) {
            state.held = state.held.saturating_sub(1);
        }
        if state.finished.is_empty() {
            self.bell.answer();
        }
        drop(state);
        self.changed.notify_all();
        Ok(finished)
    }

    /// Calls the functions of what is finished, and gives the first that has none; waits for one to finish.
    pub(crate) fn poll(&self, time: Option<Duration>) -> Result<Option<flowai_completion>> {
        let deadline = time.and_then(|time| Instant::now().checked_add(time));
        loop {
            // What finishes meanwhile is left for the next time, or this would never end.
            let there = self.state()?.finished.len().max(1);
            let mut called = false;
            for _ in 0..there {
                let Some(finished) = self.take()? else { break };
                let Some(done) = finished.then.done else {
                    return registry::insert(finished.into_completion()).map(Some);
                };
                self.call(done, finished)?;
                called = true;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if called || self.woken.swap(false, Ordering::SeqCst) || left == Some(Duration::ZERO) {
                return Ok(None);
            }
            // Rounded up: a wait that is too short would be many.
            let wait = left.map(|left| left.as_millis().saturating_add(1).min(i32::MAX as u128));
            let wait = wait.and_then(|wait| PollTimeout::try_from(wait).ok());
            let mut bells = [PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
            // A signal that interrupts it is as good as a look.
            let _ = poll(&mut bells, wait.unwrap_or(PollTimeout::NONE));
        }
    }

    fn call(
        &self,
        done: extern "C" fn(*mut std::ffi::c_void, flowai_completion),
        finished: Finished,
    ) -> Result<()> {
        let me = thread::current().id();
        {
            let mut state = self.lock();
            if state.closed {
                return Err(closed());
            }
            state.calling.push(me);
        }
        let user_data = finished.then.user_data.get();
        let completion = registry::insert::<flowai_completion>(finished.into_completion());
        if let Ok(completion) = &completion {
            done(user_data, *completion);
            registry::remove(*completion);
        }
        let mut state = self.lock();
        if let Some(place) = state.calling.iter().position(|thread| *thread == me) {
            state.calling.swap_remove(place);
        }
        drop(state);
        self.changed.notify_all();
        completion.map(|_| ())
    }

    /// Gives up what is outstanding, drops what nobody took, and waits for the functions of the host that other threads
    /// are in. None is called afterwards.
    pub(crate) fn close(&self) {
        let Ok(mut state) = self.state() else { return };
        state.closed = true;
        let given_up = (
            std::mem::take(&mut state.tasks),
            std::mem::take(&mut state.finished),
        );
        state.held = 0;
        let watching = std::mem::take(&mut state.watching);
        drop(state);
        drop(given_up);
        self.end.trigger();
        self.changed.notify_all();
        self.bell.ring();
        for thread in watching {
            let _ = thread.join();
        }
        let me = thread::current().id();
        let others = |state: &mut State| state.calling.iter().any(|thread| *thread != me);
        let waited = self.changed.wait_while(self.lock(), others);
        drop(waited);
    }
}

#[cfg(feature = "delivery")]
impl Pending {
    /// Hands out what a thread of its own fetches, one thing at a time, until there is an error. `fetch` is given what
    /// says when to end.
    pub(crate) fn watch(
        self: &Arc<Pending>,
        operation: &'static str,
        then: Then,
        mut fetch: impl FnMut(&Cancel) -> Result<Fruit> + Send + 'static,
    ) -> Result<()> {
        let number = self.begin()?;
        let pending = self.clone();
        let watched = thread::Builder::new().name("flowai-watch".into()).spawn(move || {
            runtime::block_signals();
            loop {
                let result = fetch(&pending.end);
                let ended = result.is_err();
                pending.push(Finished {
                    number,
                    operation,
                    is_send: false,
                    result,
                    then: then.clone(),
                    watched: !ended,
                });
                if ended || !pending.wait_until_taken(number) {
                    return;
                }
            }
        });
        let mut state = self.lock();
        match watched {
            Ok(thread) => state.watching.push(thread),
            Err(error) => {
                state.tasks.remove(&number);
                state.held = state.held.saturating_sub(1);
                return Err(Error::new(ErrorKind::Internal, "cannot start a thread").with_source(error));
            }
        }
        Ok(())
    }

    /// Whether to go on.
    fn wait_until_taken(&self, number: u64) -> bool {
        let state = self.lock();
        let waits = |state: &mut State| {
            !state.closed && state.finished.iter().any(|finished| finished.number == number)
        };
        let state = self.changed.wait_while(state, waits);
        !state.unwrap_or_else(PoisonError::into_inner).closed
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the queue was freed")
}

impl Finished {
    fn into_completion(self) -> Completion {
        Completion::new(self.operation, self.is_send, self.result, self.then.user_data)
    }
}

/// The place of work in the queue. It is filled even when the work is dropped.
struct Place {
    pending: Arc<Pending>,
    finished: Option<Finished>,
}

impl Place {
    fn finish(mut self, result: Result<Fruit>) {
        if let Some(finished) = &mut self.finished {
            finished.result = result;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(finished) = self.finished.take()
            && self.pending.is_ours()
        {
            self.pending.push(finished);
        }
    }
}

/// A queue behind its handle.
pub(crate) struct Queue(pub(crate) Arc<Pending>);

impl Drop for Queue {
    fn drop(&mut self) {
        self.0.close();
    }
}
