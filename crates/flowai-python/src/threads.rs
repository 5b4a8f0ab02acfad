//! The client's calls about the threads of a project.

use std::convert::identity;

use pyo3::{IntoPyObjectExt, prelude::*};

use crate::{
    aio::AsyncThreadIterator,
    client::{Answer, Calls, Face, Given},
    convert::{count, optional, seconds, small_count},
    errors::{Failure, guard},
    pages::ThreadIterator,
    results::{Receipt, ThreadsPage},
};

#[pymethods]
impl Calls {
    /// Reads one page of the ids of the project's threads, at most 20 (later versions of the API).
    ///
    /// page: int, the number of the page; the first one if not given.
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.threads().threads
    /// ('thread-1',)
    #[pyo3(signature = (*, page=None, timeout=None))]
    fn threads(&self, py: Python<'_>, page: Given<'_, '_>, timeout: Given<'_, '_>) -> Answer {
        let call = || Ok(self.client.threads(optional(page, "page", count)?));
        self.run(py, "threads", call, timeout, ThreadsPage)
    }

    /// Goes through the ids of all threads in the order of the service, fetching pages as they are needed, one ahead (later
    /// versions of the API).
    ///
    /// limit: int, how many threads at most.
    /// timeout: seconds for each page, in place of the client's.
    ///
    /// Returns an iterator of str. Errors come while it is read; reading on then tries the same page again.
    ///
    /// >>> list(client.iter_threads(limit=100))
    /// ['thread-1']
    #[pyo3(signature = (*, limit=None, timeout=None))]
    fn iter_threads(&self, py: Python<'_>, limit: Given<'_, '_>, timeout: Given<'_, '_>) -> Answer {
        let make = || {
            let limit = optional(limit, "limit", small_count)?;
            let timeout = optional(timeout, "timeout", seconds)?;
            let threads = self.client.iter_threads(limit);
            Ok(match self.face {
                Face::Blocking => ThreadIterator::new(threads, timeout).into_py_any(py)?,
                Face::Awaitable => AsyncThreadIterator::new(threads, timeout).into_py_any(py)?,
            })
        };
        guard(|| make().map_err(|failure: Failure| failure.refused("threads", false)))
    }

    /// Asks for a page of the ids of threads, which then arrives as an event of the kind THREADS (later versions of the
    /// API).
    ///
    /// page: int, the number of the page; the first one if not given.
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.request_threads().status
    /// 'ok'
    #[pyo3(signature = (*, page=None, timeout=None))]
    fn request_threads(&self, py: Python<'_>, page: Given<'_, '_>, timeout: Given<'_, '_>) -> Answer {
        let call = || Ok(self.client.request_threads(optional(page, "page", count)?));
        self.run(py, "request_threads", call, timeout, Receipt)
    }

    /// Has the service make the id of a new thread, and returns it (later versions of the API). It may be made more than
    /// once when the network fails: an id that nobody uses costs nothing.
    ///
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> thread_id = client.create_thread()
    #[pyo3(signature = (*, timeout=None))]
    fn create_thread(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Answer {
        let call = || Ok(self.client.create_thread());
        self.run(py, "create_thread", call, timeout, identity)
    }
}
