//! Lists that come in pages, for `async for`.

use std::{sync::Arc, time::Duration};

use flowai::{Page, PageIter};
use pyo3::{
    IntoPyObjectExt,
    exceptions::{PyStopAsyncIteration, PyValueError},
    prelude::*,
};
use tokio::sync::Mutex;

use super::{Awaitable, Finish};
use crate::{
    errors::Outcome,
    face::Name,
    pages::{Entry, within},
};

/// A list of the core that one task at a time may go on with.
struct Pages<P: Page> {
    items: Arc<Mutex<PageIter<P>>>,
}

impl<P: Page<Item: Send>> Pages<P> {
    fn new(items: PageIter<P>, timeout: Option<Duration>) -> Pages<P> {
        let items = Arc::new(Mutex::new(within(items, timeout)));
        Pages { items }
    }

    fn next<V>(&self, class: &'static str, result: fn(P::Item) -> V) -> Awaitable
    where
        P::Item: 'static,
        V: for<'py> IntoPyObject<'py> + 'static,
    {
        let items = Arc::clone(&self.items);
        Awaitable::new(Name::new(class, "__anext__"), async move {
            let Ok(mut items) = items.try_lock_owned() else {
                let busy = PyValueError::new_err("the iterator is already running in another task");
                return Box::new(move |_: Python<'_>| Err(busy.into())) as Finish;
            };
            let item = items.next_awaited(std::convert::identity).await;
            Box::new(move |py: Python<'_>| match item? {
                Some(item) => Ok(result(item).into_py_any(py)?),
                None => Err(PyStopAsyncIteration::new_err(()).into()),
            }) as Finish
        })
    }
}

/// Goes through the entries of a history and fetches pages as they are needed, one ahead. After an error the same page is
/// tried again.
///
/// >>> async for entry in client.iter_history("thread-1"):
/// ...     said = entry.text
#[pyclass(module = "flowai", frozen)]
pub struct AsyncHistoryIterator(Pages<flowai::HistoryPage>);

/// Goes through the ids of all threads and fetches pages as they are needed, one ahead. After an error the same page is
/// tried again.
///
/// >>> ids = [thread_id async for thread_id in client.iter_threads()]
#[pyclass(module = "flowai", frozen)]
pub struct AsyncThreadIterator(Pages<flowai::ThreadsPage>);

impl AsyncHistoryIterator {
    pub fn new(entries: flowai::HistoryIter, timeout: Option<Duration>) -> AsyncHistoryIterator {
        AsyncHistoryIterator(Pages::new(entries, timeout))
    }
}

impl AsyncThreadIterator {
    pub fn new(threads: flowai::ThreadIter, timeout: Option<Duration>) -> AsyncThreadIterator {
        AsyncThreadIterator(Pages::new(threads, timeout))
    }
}

#[pymethods]
impl AsyncHistoryIterator {
    fn __aiter__(slf: Bound<'_, AsyncHistoryIterator>) -> Bound<'_, AsyncHistoryIterator> {
        slf
    }

    fn __anext__(&self) -> Outcome<Awaitable> {
        Ok(self.0.next("AsyncHistoryIterator", Entry))
    }
}

#[pymethods]
impl AsyncThreadIterator {
    fn __aiter__(slf: Bound<'_, AsyncThreadIterator>) -> Bound<'_, AsyncThreadIterator> {
        slf
    }

    fn __anext__(&self) -> Outcome<Awaitable> {
        Ok(self.0.next("AsyncThreadIterator", std::convert::identity))
    }
}
