//! How far the work of an awaitable has come.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::Poll,
};

use pyo3::prelude::*;

use crate::{
    errors::{Outcome, guard},
    face::Answer,
};

/// Makes the result, on the thread of the loop.
pub type Finish = Box<dyn FnOnce(Python<'_>) -> Answer + Send>;

/// What is waited for. It is polled and dropped on threads of Python only.
pub type Work = Pin<Box<dyn Future<Output = Finish> + Send>>;

/// The work of one awaitable: to poll, or what came of it.
pub struct Progress(Mutex<State>);

enum State {
    Going(Work),
    Done(Outcome<Finish>),
    /// It is being polled, or its result was taken.
    Taken,
}

impl Progress {
    pub fn new(work: Work) -> Progress {
        Progress(Mutex::new(State::Going(work)))
    }

    fn replace(&self, state: State) -> State {
        mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), state)
    }

    /// Polls it. True when it is done, and [`take`](Progress::take) gives what came of it.
    pub fn advance(
        &self,
        poll: impl FnOnce(Pin<&mut (dyn Future<Output = Finish> + Send)>) -> Poll<Finish>,
    ) -> bool {
        let (state, is_done) = match self.replace(State::Taken) {
            // Nothing is locked meanwhile.
            State::Going(mut work) => match guard(|| Ok(poll(work.as_mut()))) {
                Ok(Poll::Pending) => (State::Going(work), false),
                Ok(Poll::Ready(finish)) => (State::Done(Ok(finish)), true),
                Err(failure) => (State::Done(Err(failure)), true),
            },
            State::Done(done) => (State::Done(done), true),
            State::Taken => (State::Taken, false),
        };
        drop(self.replace(state));
        is_done
    }

    /// What came of it, if it is done.
    pub fn take(&self) -> Option<Outcome<Finish>> {
        match self.replace(State::Taken) {
            State::Done(done) => Some(done),
            other => {
                drop(self.replace(other));
                None
            }
        }
    }
}
