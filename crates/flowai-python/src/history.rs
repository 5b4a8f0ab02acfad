//! The client's calls about what was said in a thread.

use flowai::HistoryOptions;
use pyo3::{IntoPyObjectExt, prelude::*};

use crate::{
    aio::AsyncHistoryIterator,
    client::{Answer, Calls, Face, Given},
    convert::{count, flag, optional, seconds, small_count, text},
    errors::{Failure, Outcome, guard},
    pages::HistoryIterator,
    results::{HistoryPage, Receipt},
};

fn options(page: Given<'_, '_>, events: bool) -> Outcome<HistoryOptions> {
    Ok(HistoryOptions::from(optional(page, "page", count)?).events(events))
}

#[pymethods]
impl Calls {
    /// Reads one page of a thread's history, at most 20 entries ("Thread messages" of the API document).
    ///
    #[doc = thread_id!()]
    /// page: int, the number of the page; the first one if not given.
    /// events: whether events that were triggered are among the entries (later versions of the API).
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> page = client.history("thread-1")
    /// >>> [entry.originator.name for entry in page.entries]
    /// ['John Doe', 'system']
    #[pyo3(signature = (thread_id, *, page=None, events=false, timeout=None))]
    fn history(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        page: Given<'_, '_>,
        #[pyo3(from_py_with = flag::events)] events: bool,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let call = || {
            let thread_id = text(thread_id, "thread_id")?;
            Ok(self.client.history(&thread_id, options(page, events)?))
        };
        self.run(py, "history", call, timeout, HistoryPage)
    }

    /// Goes through the whole history of a thread in the order of the service, fetching pages as they are needed, one ahead
    /// ("Thread messages" of the API document).
    ///
    #[doc = thread_id!()]
    /// limit: int, how many entries at most.
    /// events: whether events that were triggered are among the entries (later versions of the API).
    /// timeout: seconds for each page, in place of the client's.
    ///
    /// Returns an iterator of HistoryEntry. Errors come while it is read; reading on then tries the same page again.
    ///
    /// >>> for entry in client.iter_history("thread-1", limit=100):
    /// ...     print(entry.originator.name, entry.messages[0].text)
    #[pyo3(signature = (thread_id, *, limit=None, events=false, timeout=None))]
    fn iter_history(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        limit: Given<'_, '_>,
        #[pyo3(from_py_with = flag::events)] events: bool,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let make = || {
            let thread_id = text(thread_id, "thread_id")?;
            let limit = optional(limit, "limit", small_count)?;
            let timeout = optional(timeout, "timeout", seconds)?;
            let entries = self
                .client
                .iter_history_with(&thread_id, limit, options(None, events)?);
            Ok(match self.face {
                Face::Blocking => HistoryIterator::new(entries, timeout).into_py_any(py)?,
                Face::Awaitable => AsyncHistoryIterator::new(entries, timeout).into_py_any(py)?,
            })
        };
        guard(|| make().map_err(|failure: Failure| failure.refused("history", false)))
    }

    /// Asks for a page of a thread's history, which then arrives as an event of the kind HISTORY ("Thread messages" of the
    /// API document).
    ///
    #[doc = thread_id!()]
    /// page: int, the number of the page; the first one if not given.
    /// events: whether events that were triggered are among the entries (later versions of the API).
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.request_history("thread-1").status
    /// 'ok'
    #[pyo3(signature = (thread_id, *, page=None, events=false, timeout=None))]
    fn request_history(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        page: Given<'_, '_>,
        #[pyo3(from_py_with = flag::events)] events: bool,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let call = || {
            let thread_id = text(thread_id, "thread_id")?;
            Ok(self.client.request_history(&thread_id, options(page, events)?))
        };
        self.run(py, "request_history", call, timeout, Receipt)
    }
}
