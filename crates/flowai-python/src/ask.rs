//! A message and its reply in one call.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyTuple, PyType},
};

use crate::{
    client::{Answer, Calls, Given},
    convert::text,
    errors::{Outcome, guard},
    event::Event,
    fields, models,
    repr::Repr,
    sends::Along,
};

/// What the bot replied to Client.ask.
///
/// Replies are equal when their documents, threads and trace ids are; they can be pickled and copied.
///
/// >>> client.ask("thread-1", "Hello").text
/// 'Hello'
#[pyclass(module = "flowai", frozen)]
pub struct Reply(flowai::Reply);

#[pymethods]
#[allow(clippy::too_many_arguments, reason = "keyword arguments, as Python has them")]
impl Calls {
    /// Sends a message and waits for the reply of the bot (later versions of the API). The service is asked to answer at
    /// once; if it only acknowledges, the history of the thread is read until the answer shows up there. No webhook is
    /// needed.
    ///
    /// message: a str (a text), a message, or a dict in the form in which it is sent.
    /// timeout: seconds for all of it, in place of the client's.
    /// The other arguments and the errors are those of send_text. When the message was taken and no reply came in time, the
    /// error is an APITimeoutError whose ``delivery`` is ``sent``.
    ///
    /// >>> client.ask("thread-1", "Hello").text
    /// 'Hello'
    #[pyo3(signature = (thread_id, message, *, originator=None, trace_id=None, lang=None, timezone=None, params=None,
                        timeout=None))]
    fn ask(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        message: &Bound<'_, PyAny>,
        originator: Given<'_, '_>,
        trace_id: Given<'_, '_>,
        lang: Given<'_, '_>,
        timezone: Given<'_, '_>,
        params: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> Answer {
        let along = Along {
            originator,
            trace_id,
            lang,
            timezone,
            params,
        };
        let call = || {
            let thread_id = text(thread_id, "thread_id")?;
            let message = along.with(fields::message_or_text(message)?)?;
            Ok(self.client.ask(&thread_id, message))
        };
        self.run_send(py, "ask", call, timeout, Reply)
    }
}

#[pymethods]
impl Reply {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("text", "messages")
    }

    /// str: What was said: the texts of all messages, one a line, where a message without text has its fallback.
    #[getter]
    fn text(&self) -> Outcome<String> {
        guard(|| Ok(self.0.text()))
    }

    /// tuple of ReplyMessage: The messages; none when the bot had nothing to say.
    #[getter]
    fn messages<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyTuple>> {
        guard(|| Ok(models::documents(py, self.0.messages())?))
    }

    /// tuple of Template: The parts of all messages, in their order.
    #[getter]
    fn templates<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyTuple>> {
        guard(|| Ok(models::documents(py, self.0.templates())?))
    }

    /// tuple of QuickReply: What the bot suggests to answer, from the last message that suggests something.
    #[getter]
    fn quick_replies<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyTuple>> {
        guard(|| Ok(models::documents(py, self.0.quick_replies())?))
    }

    /// str: The thread that was asked.
    #[getter]
    fn thread_id(&self) -> &str {
        self.0.thread_id()
    }

    /// int or None: The trace id that went along with the message.
    #[getter]
    fn trace_id(&self) -> Option<u64> {
        self.0.trace_id()
    }

    /// Event: The reply as the event that a webhook would have received.
    #[getter]
    fn event(&self) -> Event {
        Event(self.0.event().clone())
    }

    /// bytes: The document that it was read from.
    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.raw())
    }

    /// The same as a dict.
    ///
    /// >>> document = client.ask("thread-1", "Hello").to_dict()
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import(interned!(py, "json"))?
            .call_method1(interned!(py, "loads"), (self.raw(py),))
    }

    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        let py = other.py();
        match other.cast::<Reply>() {
            Ok(other) => PyBool::new(py, self.0 == other.get().0).to_owned().into_any(),
            Err(_) => py.NotImplemented().into_bound(py),
        }
    }

    fn __hash__(&self) -> u64 {
        let mut state = DefaultHasher::new();
        (self.0.raw(), self.0.thread_id(), self.0.trace_id()).hash(&mut state);
        state.finish()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut repr = Repr::new("Reply");
        repr.field("text", self.0.text().into_pyobject(py)?.as_any())?;
        repr.field("thread_id", self.0.thread_id().into_pyobject(py)?.as_any())?;
        repr.field("trace_id", &self.0.trace_id().into_pyobject(py)?)?;
        Ok(repr.finish())
    }

    #[classmethod]
    fn _restore(
        _cls: &Bound<'_, PyType>,
        raw: &Bound<'_, PyBytes>,
        thread_id: String,
        trace_id: Option<u64>,
    ) -> Outcome<Reply> {
        let event = flowai::parse_event(Bytes::copy_from_slice(raw.as_bytes()))?;
        Ok(Reply(flowai::Reply::new(event, thread_id, trace_id)))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Reply>) -> PyResult<(Bound<'py, PyAny>, Restored<'py>)> {
        let (py, this) = (slf.py(), slf.get());
        let restore = slf.get_type().getattr(interned!(py, "_restore"))?;
        let thread_id = this.0.thread_id().to_owned();
        Ok((restore, (this.raw(py), thread_id, this.0.trace_id())))
    }

    fn __copy__(slf: Bound<'_, Reply>) -> Bound<'_, Reply> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Reply>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Reply> {
        slf
    }
}

/// What a pickled reply is made of again.
type Restored<'py> = (Bound<'py, PyBytes>, String, Option<u64>);
