//! What a task of asyncio waits for.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pyo3::{
    PyTraverseError, PyVisit, call::PyCallArgs, exceptions::PyException, prelude::*, sync::PyOnceLock,
    types::PyDict,
};

use crate::once::get_or_make;

/// A future, as far as asyncio asks: its own would have the loop called for each message once more, to call the task then.
/// This one calls the task at once, on the thread of the loop and where no other task runs.
#[pyclass(module = "flowai", name = "_Waiter", frozen, weakref)]
pub struct Waiter {
    event_loop: Py<PyAny>,
    state: Mutex<State>,
}

struct State {
    /// Whether it was yielded to be waited for: set by who yields it, taken back by the task.
    blocking: bool,
    end: Option<End>,
    callbacks: Vec<Callback>,
}

enum End {
    Woken,
    Cancelled(Option<Py<PyAny>>),
}

struct Callback {
    function: Py<PyAny>,
    context: Py<PyAny>,
}

static COPY_CONTEXT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn current_context(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let copy = get_or_make(py, &COPY_CONTEXT, || {
        Ok(py.import("contextvars")?.getattr("copy_context")?.unbind())
    })?;
    copy.call0(py)
}

/// An exception of asyncio's.
fn raised<'py>(py: Python<'py>, class: &str, arguments: impl PyCallArgs<'py>) -> PyErr {
    let made = py
        .import("asyncio")
        .and_then(|asyncio| asyncio.getattr(class)?.call1(arguments));
    made.map_or_else(|failed| failed, PyErr::from_value)
}

impl Waiter {
    /// One that is about to be yielded to a task of this loop.
    pub fn new(event_loop: Py<PyAny>) -> Waiter {
        Waiter {
            event_loop,
            state: Mutex::new(State {
                blocking: true,
                end: None,
                callbacks: Vec::new(),
            }),
        }
    }

    pub fn event_loop(&self) -> &Py<PyAny> {
        &self.event_loop
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is to be told of the end; nobody when it has come before.
    fn end(&self, end: End) -> Option<Vec<Callback>> {
        let mut state = self.lock();
        match state.end {
            None => {
                state.end = Some(end);
                Some(mem::take(&mut state.callbacks))
            }
            Some(_) => None,
        }
    }

    /// Lets whoever waits go on, at once. Only for a callback of the loop, where no task runs.
    pub fn wake(this: &Bound<'_, Waiter>) -> PyResult<()> {
        let py = this.py();
        // It was cancelled, and whoever waits for it hears of that.
        for callback in this.get().end(End::Woken).into_iter().flatten() {
            let arguments = (callback.function, this);
            match callback.context.call_method1(py, interned!(py, "run"), arguments) {
                // What the loop does with those of its own callbacks.
                Err(error) if error.is_instance_of::<PyException>(py) => {
                    let told = PyDict::new(py);
                    told.set_item("message", "a callback of flowai's failed")?;
                    told.set_item("exception", error)?;
                    let handler = interned!(py, "call_exception_handler");
                    this.get().event_loop.call_method1(py, handler, (told,))?;
                }
                called => drop(called?),
            }
        }
        Ok(())
    }
}

#[pymethods]
impl Waiter {
    #[getter(_asyncio_future_blocking)]
    fn is_blocking(&self) -> bool {
        self.lock().blocking
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, blocking: bool) {
        self.lock().blocking = blocking;
    }

    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.event_loop.clone_ref(py)
    }

    #[pyo3(signature = (function, *, context=None))]
    fn add_done_callback(
        slf: &Bound<'_, Waiter>,
        function: Py<PyAny>,
        context: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let context = match context {
            Some(context) => context,
            None => current_context(py)?,
        };
        let callback = Callback { function, context };
        let late = {
            let mut state = slf.get().lock();
            match state.end {
                None => {
                    state.callbacks.push(callback);
                    None
                }
                Some(_) => Some(callback),
            }
        };
        late.map_or(Ok(()), |callback| callback.soon(slf))
    }

    fn remove_done_callback(&self, function: &Bound<'_, PyAny>) -> PyResult<usize> {
        let callbacks = mem::take(&mut self.lock().callbacks);
        let before = callbacks.len();
        let mut kept = Vec::new();
        for callback in callbacks {
            if !callback.function.bind(function.py()).eq(function)? {
                kept.push(callback);
            }
        }
        let removed = before - kept.len();
        self.lock().callbacks.append(&mut kept);
        Ok(removed)
    }

    /// Cancellation of a task arrives here, from wherever it is called.
    #[pyo3(signature = (msg=None))]
    fn cancel(slf: &Bound<'_, Waiter>, msg: Option<Py<PyAny>>) -> PyResult<bool> {
        let Some(callbacks) = slf.get().end(End::Cancelled(msg)) else {
            return Ok(false);
        };
        for callback in callbacks {
            callback.soon(slf)?;
        }
        Ok(true)
    }

    fn done(&self) -> bool {
        self.lock().end.is_some()
    }

    fn cancelled(&self) -> bool {
        matches!(self.lock().end, Some(End::Cancelled(_)))
    }

    fn result(&self, py: Python<'_>) -> PyResult<()> {
        match &self.lock().end {
            Some(End::Woken) => Ok(()),
            Some(End::Cancelled(None)) => Err(raised(py, "CancelledError", ())),
            Some(End::Cancelled(Some(message))) => Err(raised(py, "CancelledError", (message,))),
            None => Err(raised(py, "InvalidStateError", ("Result is not ready.",))),
        }
    }

    /// Why it failed, which it never does.
    fn exception(&self, py: Python<'_>) -> PyResult<()> {
        self.result(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        let Ok(state) = self.state.try_lock() else {
            return Ok(());
        };
        for callback in &state.callbacks {
            visit.call(&callback.function)?;
            visit.call(&callback.context)?;
        }
        match &state.end {
            Some(End::Cancelled(message)) => visit.call(message),
            _ => Ok(()),
        }
    }

    fn __clear__(&self) {
        let callbacks = mem::take(&mut self.lock().callbacks);
        drop(callbacks);
    }
}

impl Callback {
    /// Has the loop call it, as it calls those of its own futures.
    fn soon(self, waiter: &Bound<'_, Waiter>) -> PyResult<()> {
        let py = waiter.py();
        let named = PyDict::new(py);
        named.set_item(interned!(py, "context"), self.context)?;
        let call_soon = interned!(py, "call_soon");
        let event_loop = waiter.get().event_loop.bind(py);
        event_loop.call_method(call_soon, (self.function, waiter), Some(&named))?;
        Ok(())
    }
}
