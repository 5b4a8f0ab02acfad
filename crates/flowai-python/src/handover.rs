//! The client's calls about who leads a conversation.

use pyo3::{exceptions::PyDeprecationWarning, prelude::*};

use crate::{
    client::{Answer, Calls, Given},
    convert::{count, flag, optional, text},
    results::Receipt,
};

#[pymethods]
impl Calls {
    /// Hands a conversation over to people: the bot pauses (later versions of the API).
    ///
    #[doc = thread_id!()]
    /// seconds_to_pause: int of more than zero, for how long; as long as the dashboard says if not given.
    #[doc = timeout!()]
    ///
    #[doc = raises_delivery!()]
    ///
    /// >>> client.handover("thread-1", seconds_to_pause=600).status
    /// 'ok'
    #[pyo3(signature = (thread_id, *, seconds_to_pause=None, timeout=None))]
    fn handover(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        seconds_to_pause: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let call = || {
            let thread_id = text(thread_id, "thread_id")?;
            let seconds = optional(seconds_to_pause, "seconds_to_pause", count)?;
            Ok(self.client.handover(&thread_id, seconds))
        };
        self.run_send(py, "handover", call, timeout, Receipt)
    }

    /// Resolves a conversation: a handover ends, and the bot is resumed (later versions of the API). It cannot be undone;
    /// resolving it again changes nothing.
    ///
    #[doc = thread_id!()]
    /// write_concern: whether the service answers only when it is done, not as soon as it was understood.
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.resolve("thread-1").status
    /// 'ok'
    #[pyo3(signature = (thread_id, *, write_concern=false, timeout=None))]
    fn resolve(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = flag::write_concern)] write_concern: bool,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let call = || {
            let thread_id = text(thread_id, "thread_id")?;
            Ok(self.client.resolve(&thread_id).write_concern(write_concern))
        };
        self.run(py, "resolve", call, timeout, Receipt)
    }

    /// Takes a conversation over from the bot (later versions of the API). The service replaced it by handover, so this
    /// gives a DeprecationWarning.
    ///
    #[doc = thread_id!()]
    #[doc = timeout!()]
    ///
    #[doc = raises_delivery!()]
    ///
    /// >>> client.takeover("thread-1").status
    /// 'ok'
    #[pyo3(signature = (thread_id, *, timeout=None))]
    fn takeover(&self, py: Python<'_>, thread_id: &Bound<'_, PyAny>, timeout: Given<'_, '_>) -> Answer {
        let deprecated = py.get_type::<PyDeprecationWarning>();
        PyErr::warn(py, &deprecated, c"the service replaced takeover by handover", 1)?;
        #[allow(deprecated, reason = "those who call it were warned")]
        let call = || Ok(self.client.takeover(&text(thread_id, "thread_id")?));
        self.run_send(py, "takeover", call, timeout, Receipt)
    }
}
