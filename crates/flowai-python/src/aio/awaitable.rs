//! A coroutine around a future of the core.

use std::{
    ffi::CString,
    future::{self, Future},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use flowai::{Delivery, Error, Fate};
use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError, PyValueError},
    prelude::*,
    types::PyType,
};

use super::{
    bridge::Ticket,
    progress::{Finish, Progress},
};
use crate::{
    errors::{Failure, Outcome, guard},
    face::{Answer, Name},
    logging::{self, Ear},
    wait::tell,
};

/// What goes on beside the work, on the thread of the loop.
pub trait Aside: Send {
    /// Called whenever the work was woken and is not done. An error ends the work.
    fn attend(&mut self, event_loop: &Bound<'_, PyAny>) -> PyResult<()>;

    /// Called when the work succeeded.
    fn finish(&mut self, py: Python<'_>) -> PyResult<()>;

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

/// What an asynchronous call gives: await it, or make a task of it. Nothing happens before.
#[pyclass(module = "flowai", name = "_Awaitable", frozen, weakref)]
pub struct Awaitable {
    name: Name,
    state: Mutex<State>,
}

enum State {
    New(Job),
    Waiting(Job, Ticket),
    Running,
    Done,
}

struct Job {
    work: Arc<Progress>,
    /// Whether it may be polled before its task goes on, which may be cancelled then: nothing is lost with the result.
    ahead: bool,
    aside: Option<Box<dyn Aside>>,
    /// What tells what became of a message when the work is stopped.
    fate: Option<Fate>,
}

impl Awaitable {
    pub fn new(name: Name, work: impl Future<Output = Finish> + Send + 'static) -> Awaitable {
        Awaitable::with(name, work, None, None)
    }

    pub fn with(
        name: Name,
        work: impl Future<Output = Finish> + Send + 'static,
        fate: Option<Fate>,
        aside: Option<Box<dyn Aside>>,
    ) -> Awaitable {
        let work = Arc::new(Progress::new(Box::pin(work)));
        Awaitable {
            name,
            state: Mutex::new(State::New(Job {
                work,
                ahead: false,
                aside,
                fate,
            })),
        }
    }

    /// The same for a call of a client. When its result is there and its task is cancelled, that says so.
    pub fn call(
        name: Name,
        work: impl Future<Output = Finish> + Send + 'static,
        fate: Option<Fate>,
    ) -> Awaitable {
        let mut made = Awaitable::with(name, work, fate, None);
        if let State::New(job) = made.state.get_mut().unwrap_or_else(PoisonError::into_inner) {
            job.ahead = true;
        }
        made
    }

    /// What fails when it is awaited, as a coroutine function does whose arguments are wrong.
    pub fn failing(name: Name, failure: Failure) -> Awaitable {
        Awaitable::done(name, move |_| Err(failure))
    }

    /// What has nothing to wait for.
    pub fn done(name: Name, finish: impl FnOnce(Python<'_>) -> Answer + Send + 'static) -> Awaitable {
        Awaitable::new(name, future::ready(Box::new(finish) as Finish))
    }

    /// What gives nothing but that the time has come.
    pub fn waiting(name: Name, until: impl Future<Output = ()> + Send + 'static) -> Awaitable {
        Awaitable::new(name, async move {
            until.await;
            Box::new(|py: Python<'_>| Ok(py.None())) as Finish
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        drop(self.replace(state));
    }

    fn replace(&self, state: State) -> State {
        mem::replace(&mut *self.lock(), state)
    }

    /// Takes the work, so that nothing is locked while Python runs.
    fn start(&self, py: Python<'_>) -> Outcome<(Job, Ticket)> {
        let state = self.replace(State::Running);
        match state {
            State::Waiting(job, ticket) => Ok((job, ticket)),
            State::New(job) => match Ticket::new(py) {
                Ok(ticket) => {
                    logging::refresh(py);
                    Ok((job, ticket))
                }
                Err(failure) => {
                    self.set(State::Done);
                    Err(failure)
                }
            },
            State::Running => Err(executing()),
            State::Done => {
                self.set(State::Done);
                Err(PyRuntimeError::new_err("cannot reuse already awaited coroutine").into())
            }
        }
    }

    /// Takes the work away from whoever would go on with it.
    fn stop(&self) -> Outcome<State> {
        let mut state = self.lock();
        match *state {
            State::Running => Err(executing()),
            _ => Ok(mem::replace(&mut *state, State::Done)),
        }
    }

    /// Goes on as far as possible. Gives what to wait for; raises StopIteration with the result.
    fn step(&self, py: Python<'_>) -> Answer {
        let (mut job, ticket) = self.start(py)?;
        let ear = Ear::new();
        let stepped = job.go_on(py, &ticket);
        let stepped = match ear.pass_on(py) {
            Ok(()) => stepped,
            Err(error) => Err(error.into()),
        };
        match stepped {
            Ok(Poll::Pending) => match job.wait(py, &ticket) {
                Ok(waiter) => {
                    self.set(State::Waiting(job, ticket));
                    Ok(waiter)
                }
                Err(failure) => {
                    self.set(State::Done);
                    Err(failure)
                }
            },
            Ok(Poll::Ready(result)) => {
                self.set(State::Done);
                Err(PyStopIteration::new_err((result,)).into())
            }
            Err(failure) => {
                self.set(State::Done);
                Err(failure)
            }
        }
    }
}

impl State {
    /// What is known of a message whose work is stopped: its request is gone, or has left.
    fn give_up(self) -> Option<Error> {
        match self {
            State::New(job) => Some(job.fate?.give_up()),
            State::Waiting(job, ticket) => {
                let fate = job.fate?;
                let told = fate.give_up();
                if told.delivery() != Some(Delivery::MaybeSent) {
                    return Some(told);
                }
                // The answer may be there, and then more is known.
                let _ = job.work.advance(|work| ticket.poll(work));
                Some(fate.give_up())
            }
            State::Running | State::Done => None,
        }
    }
}

fn executing() -> Failure {
    PyValueError::new_err("coroutine already executing").into()
}

impl Job {
    fn go_on(&mut self, py: Python<'_>, ticket: &Ticket) -> Outcome<Poll<Py<PyAny>>> {
        self.work.advance(|work| ticket.poll(work));
        match self.work.take() {
            Some(finish) => {
                let finish = finish?;
                let result = guard(|| finish(py))?;
                if let Some(aside) = &mut self.aside {
                    aside.finish(py)?;
                }
                Ok(Poll::Ready(result))
            }
            None => {
                if let Some(aside) = &mut self.aside {
                    aside.attend(ticket.event_loop.bind(py))?;
                }
                Ok(Poll::Pending)
            }
        }
    }

    fn wait(&self, py: Python<'_>, ticket: &Ticket) -> Answer {
        Ok(ticket.waiter(py, self.ahead.then_some(&self.work))?)
    }
}

#[pymethods]
impl Awaitable {
    fn __await__(slf: Bound<'_, Awaitable>) -> Bound<'_, Awaitable> {
        slf
    }

    fn __iter__(slf: Bound<'_, Awaitable>) -> Bound<'_, Awaitable> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Answer {
        self.step(py)
    }

    fn send(&self, py: Python<'_>, _value: &Bound<'_, PyAny>) -> Answer {
        self.step(py)
    }

    /// Stops the work and raises the exception, which says what became of a message: cancellation arrives this way.
    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> Answer {
        let stopped = self.stop()?.give_up();
        let py = kind.py();
        let error = match (kind.cast::<PyType>(), value.filter(|value| !value.is_none())) {
            (Ok(_), Some(value)) if value.is_instance(kind)? => value,
            (Ok(class), Some(value)) => class.call1((value,))?,
            (Ok(class), None) => class.call0()?,
            (Err(_), _) => kind.clone(),
        };
        if !error.is_instance_of::<pyo3::exceptions::PyBaseException>() {
            return Err(PyTypeError::new_err("exceptions must derive from BaseException").into());
        }
        if let Some(traceback) = traceback.filter(|traceback| !traceback.is_none()) {
            error.call_method1(interned!(py, "with_traceback"), (traceback,))?;
        }
        if let Some(stopped) = stopped {
            tell(&error, "cancelled", &stopped);
        }
        Err(PyErr::from_value(error).into())
    }

    /// Stops the work.
    fn close(&self) -> Outcome<()> {
        self.stop().map(drop)
    }

    #[getter(__name__)]
    fn name(&self) -> &'static str {
        self.name.method
    }

    #[getter(__qualname__)]
    fn qualified_name(&self) -> String {
        format!("{}.{}", self.name.class, self.name.method)
    }

    fn __repr__(&self) -> String {
        format!("<coroutine {}>", self.qualified_name())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Ok(state) = self.state.try_lock() else {
            return Ok(());
        };
        let (job, ticket) = match &*state {
            State::New(job) => (Some(job), None),
            State::Waiting(job, ticket) => (Some(job), Some(ticket)),
            State::Running | State::Done => (None, None),
        };
        if let Some(aside) = job.and_then(|job| job.aside.as_ref()) {
            aside.traverse(&visit)?;
        }
        ticket.map_or(Ok(()), |ticket| ticket.traverse(&visit))
    }

    fn __clear__(&self) {
        // Nobody can be executing what is garbage.
        let _ = self.close();
    }
}

impl Drop for Awaitable {
    /// Says that something was never awaited, as Python does of its own coroutines: it is a message that was not sent.
    fn drop(&mut self) {
        if !matches!(*self.lock(), State::New(_)) {
            return;
        }
        let name = self.qualified_name();
        Python::try_attach(|py| {
            // Whatever is being raised at this moment goes on afterwards.
            let raised = PyErr::take(py);
            let text = format!("coroutine '{name}' was never awaited");
            if let Ok(text) = CString::new(text)
                && let Err(error) = PyErr::warn(py, &py.get_type::<PyRuntimeWarning>(), &text, 1)
            {
                error.write_unraisable(py, None);
            }
            if let Some(raised) = raised {
                raised.restore(py);
            }
        });
    }
}
