//! The client's calls about the bot of a thread.

use pyo3::prelude::*;

use crate::{
    client::{Answer, Calls, Given},
    convert::text,
    results::{BotStatus, Receipt},
};

#[pymethods]
impl Calls {
    /// Pauses the bot of a thread ("Pause" of the API document). Pausing it again changes nothing.
    ///
    #[doc = thread_id!()]
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.pause("thread-1").status
    /// 'ok'
    #[pyo3(signature = (thread_id, *, timeout=None))]
    fn pause(&self, py: Python<'_>, thread_id: &Bound<'_, PyAny>, timeout: Given<'_, '_>) -> Answer {
        let call = || Ok(self.client.pause(&text(thread_id, "thread_id")?));
        self.run(py, "pause", call, timeout, Receipt)
    }

    /// Resumes the bot of a thread ("Resume" of the API document). Resuming a running bot changes nothing.
    ///
    #[doc = thread_id!()]
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.resume("thread-1").status
    /// 'ok'
    #[pyo3(signature = (thread_id, *, timeout=None))]
    fn resume(&self, py: Python<'_>, thread_id: &Bound<'_, PyAny>, timeout: Given<'_, '_>) -> Answer {
        let call = || Ok(self.client.resume(&text(thread_id, "thread_id")?));
        self.run(py, "resume", call, timeout, Receipt)
    }

    /// Asks whether the bot of a thread is paused ("Bot status" of the API document).
    ///
    #[doc = thread_id!()]
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.bot_status("thread-1").is_paused
    /// False
    #[pyo3(signature = (thread_id, *, timeout=None))]
    fn bot_status(&self, py: Python<'_>, thread_id: &Bound<'_, PyAny>, timeout: Given<'_, '_>) -> Answer {
        let call = || Ok(self.client.bot_status(&text(thread_id, "thread_id")?));
        self.run(py, "bot_status", call, timeout, BotStatus)
    }

    /// Asks for the status of a thread's bot, which then arrives as an event of the kind BOT_STATUS ("Bot status" of the
    /// API document).
    ///
    #[doc = thread_id!()]
    #[doc = timeout!()]
    ///
    #[doc = raises!()]
    ///
    /// >>> client.request_bot_status("thread-1").status
    /// 'ok'
    #[pyo3(signature = (thread_id, *, timeout=None))]
    fn request_bot_status(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let call = || Ok(self.client.request_bot_status(&text(thread_id, "thread_id")?));
        self.run(py, "request_bot_status", call, timeout, Receipt)
    }
}
