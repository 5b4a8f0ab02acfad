//! Events of the webhook.

use std::hash::{DefaultHasher, Hash, Hasher};

use flowai::{Document, EventKind};
use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBool, PyBytes, PyInt, PyString, PyTuple, PyType},
};

use crate::{
    convert::{body, text},
    errors::{Failure, Outcome, guard},
    json, models,
    once::get_or_make,
    repr::Repr,
};

/// What Flow.ai posted to a webhook ("Webhooks" of the API document).
///
/// The body was checked as a whole when it was parsed. No attribute raises: what is missing or has the wrong shape reads
/// as absent and stays in ``raw``. Events are equal when their bodies are; they can be pickled and copied.
///
/// >>> event = flowai.parse_event(b'{"type": "message.reply", "threadId": "7c1f|w_1", "messages": []}')
/// >>> event.kind is flowai.EventKind.REPLY, event.thread.user
/// (True, '7c1f')
#[pyclass(module = "flowai", frozen)]
pub struct Event(pub flowai::Event);

/// The parts of a thread id.
///
/// >>> event = flowai.parse_event('{"type": "message.reply", "threadId": "7c1f|w_1"}')
/// >>> event.thread.user, event.thread.channel
/// ('7c1f', 'w_1')
#[pyclass(module = "flowai", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct ThreadId {
    /// str: What is before the first ``|``; the whole when there is none.
    #[pyo3(get)]
    user: String,
    /// str or None: What is after the first ``|``.
    #[pyo3(get)]
    channel: Option<String>,
}

/// What an id is made of again.
type Parts = (String, Option<String>);

#[pymethods]
impl ThreadId {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("user", "channel")
    }

    #[classmethod]
    fn _restore(_cls: &Bound<'_, PyType>, user: String, channel: Option<String>) -> ThreadId {
        ThreadId { user, channel }
    }

    fn __reduce__<'py>(slf: &Bound<'py, ThreadId>) -> PyResult<(Bound<'py, PyAny>, Parts)> {
        let restore = slf.get_type().getattr(interned!(slf.py(), "_restore"))?;
        Ok((restore, (slf.get().user.clone(), slf.get().channel.clone())))
    }

    fn __copy__(slf: Bound<'_, ThreadId>) -> Bound<'_, ThreadId> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, ThreadId>, _memo: &Bound<'py, PyAny>) -> Bound<'py, ThreadId> {
        slf
    }

    fn __str__(&self) -> String {
        match &self.channel {
            Some(channel) => format!("{}|{channel}", self.user),
            None => self.user.clone(),
        }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut repr = Repr::new("ThreadId");
        repr.field("user", self.user.as_str().into_pyobject(py)?.as_any())?;
        repr.field("channel", &self.channel.as_deref().into_pyobject(py)?)?;
        Ok(repr.finish())
    }
}

/// Reads the body of a webhook call as one event ("Webhooks" of the API document).
///
/// body: bytes, bytearray, memoryview or str, at most 16 MiB.
///
/// An event of an unknown type is an event like any other, of the kind UNKNOWN. Raises WebhookParseError when the body
/// is not one JSON object in UTF-8, nests deeper than 128, or has a key of the envelope twice.
///
/// >>> flowai.parse_event('{"type": "message.reply", "threadId": "t", "messages": [{"fallback": "Hi"}]}').text
/// 'Hi'
#[pyfunction]
#[pyo3(signature = (body, /))]
pub fn parse_event(body: &Bound<'_, PyAny>) -> Outcome<Event> {
    let body = self::body(body)?;
    guard(|| Ok(Event(flowai::parse_event(body)?)))
}

/// Reads the body of a webhook call as a list of events: of an array its items, else the one event.
///
/// Arguments and errors are those of parse_event; one bad item refuses the whole body.
///
/// >>> len(flowai.parse_events('[{"type": "message.reply"}, {"type": "message.reply"}]'))
/// 2
#[pyfunction]
#[pyo3(signature = (body, /))]
pub fn parse_events(body: &Bound<'_, PyAny>) -> Outcome<Vec<Event>> {
    let body = self::body(body)?;
    guard(|| Ok(flowai::parse_events(body)?.into_iter().map(Event).collect()))
}

#[pymethods]
impl Event {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str) {
        ("kind", "thread_id")
    }

    /// str: The name of the event as it came, such as ``message.reply``; empty if there was none.
    #[getter]
    fn r#type<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyString>> {
        guard(|| Ok(PyString::new(py, &self.0.type_name())))
    }

    /// EventKind: What the event tells, whatever the version of the API calls it.
    #[getter]
    fn kind<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        kind_to_python(py, self.0.kind())
    }

    /// str: The conversation as it came; empty if there is none. Compare with is_for().
    #[getter]
    fn thread_id<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyString>> {
        guard(|| Ok(PyString::new(py, &self.0.thread_id())))
    }

    /// ThreadId: The parts of the thread id around the first ``|``, as ``.user`` and ``.channel``.
    #[getter]
    fn thread(&self) -> Outcome<ThreadId> {
        guard(|| {
            Ok(ThreadId {
                user: self.0.thread_user().into_owned(),
                channel: self.0.thread_channel().map(|channel| channel.into_owned()),
            })
        })
    }

    /// Whether the event belongs to the conversation with this id, a str: the ids are equal, or one of them has no
    /// ``|channel`` and what is before it is equal.
    ///
    /// >>> flowai.parse_event('{"threadId": "7c1f|w_1"}').is_for("7c1f")
    /// True
    #[pyo3(signature = (thread_id, /))]
    fn is_for(&self, thread_id: &Bound<'_, PyAny>) -> Outcome<bool> {
        let thread_id = text(thread_id, "thread_id")?;
        guard(|| Ok(self.0.is_for(&thread_id)))
    }

    /// str: What was said: text responses joined by newlines, else fallbacks; of a delivered message what was sent.
    #[getter]
    fn text(&self) -> Outcome<String> {
        guard(|| Ok(self.0.text()))
    }

    /// int, str or None: The trace id. Those of messages that this library sent are int, those of the platform str.
    #[getter]
    fn trace_id<'py>(&self, py: Python<'py>) -> Outcome<Option<Bound<'py, PyAny>>> {
        guard(|| {
            Ok(match (self.0.trace_id(), self.0.trace_id_text()) {
                (Some(number), _) => Some(number.into_pyobject(py).map_err(PyErr::from)?.into_any()),
                (None, Some(text)) => Some(text.into_pyobject(py).map_err(PyErr::from)?.into_any()),
                (None, None) => None,
            })
        })
    }

    /// tuple of ReplyMessage: The messages of a reply.
    #[getter]
    fn messages<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyTuple>> {
        guard(|| Ok(models::documents(py, self.0.messages())?))
    }

    /// Originator or None: Who caused the event.
    #[getter]
    fn originator<'py>(&self, py: Python<'py>) -> Outcome<Option<Bound<'py, PyAny>>> {
        guard(|| originator(py, self.0.originator()))
    }

    /// Originator or None: Whom a reply is for.
    #[getter]
    fn user<'py>(&self, py: Python<'py>) -> Outcome<Option<Bound<'py, PyAny>>> {
        guard(|| originator(py, self.0.user()))
    }

    /// bool or None: Whether the bot is paused, if the event tells.
    #[getter]
    fn is_paused(&self) -> Outcome<Option<bool>> {
        guard(|| Ok(self.0.is_paused()))
    }

    /// str, int, float or None: When it happened, as it came: ISO 8601 text, or milliseconds since 1970.
    #[getter]
    fn created_at<'py>(&self, py: Python<'py>) -> Outcome<Option<Bound<'py, PyAny>>> {
        guard(|| {
            Ok(self
                .0
                .created_at()
                .map(|value| json::to_python(py, &value))
                .transpose()?)
        })
    }

    /// tuple of HistoryEntry: The entries of a conversation's history, in the order of the service.
    #[getter]
    fn history<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyTuple>> {
        guard(|| Ok(models::documents(py, self.0.history())?))
    }

    /// int or None: Which page of a list this is.
    #[getter]
    fn page(&self) -> Outcome<Option<u64>> {
        guard(|| Ok(self.0.page()))
    }

    /// int or None: How many pages the list has.
    #[getter]
    fn pages(&self) -> Outcome<Option<u64>> {
        guard(|| Ok(self.0.pages()))
    }

    /// tuple of BusinessHours: The sets of business hours.
    #[getter]
    fn business_hours<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyTuple>> {
        guard(|| Ok(models::documents(py, self.0.business_hours())?))
    }

    /// tuple of str: The ids of conversations, of a list of them.
    #[getter]
    fn threads<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyTuple>> {
        guard(|| Ok(PyTuple::new(py, self.0.threads())?))
    }

    /// tuple of str: The names of events that can be triggered by hand.
    #[getter]
    fn triggers<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyTuple>> {
        guard(|| Ok(PyTuple::new(py, self.0.triggers())?))
    }

    /// bytes: The body, byte for byte.
    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.raw())
    }

    /// str or None: Equal for two deliveries of one event; None if the body has no identity, as that of a pause.
    #[getter]
    fn dedupe_key(&self) -> Outcome<Option<String>> {
        guard(|| Ok(self.0.dedupe_key()))
    }

    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        let py = other.py();
        match other.cast::<Event>() {
            Ok(other) => PyBool::new(py, self.0 == other.get().0).to_owned().into_any(),
            Err(_) => py.NotImplemented().into_bound(py),
        }
    }

    fn __hash__(&self) -> u64 {
        let mut state = DefaultHasher::new();
        self.0.hash(&mut state);
        state.finish()
    }

    /// Without what people wrote, which has no place in a log.
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut repr = Repr::new("Event");
        repr.field("type", self.0.type_name().into_pyobject(py)?.as_any())?;
        repr.field("thread_id", self.0.thread_id().into_pyobject(py)?.as_any())?;
        Ok(repr.finish())
    }

    #[classmethod]
    fn _restore(_cls: &Bound<'_, PyType>, raw: &Bound<'_, PyAny>) -> Outcome<Event> {
        parse_event(raw)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Event>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let restore = slf.get_type().getattr(interned!(slf.py(), "_restore"))?;
        Ok((restore, (slf.get().raw(slf.py()),)))
    }

    fn __copy__(slf: Bound<'_, Event>) -> Bound<'_, Event> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Event>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Event> {
        slf
    }
}

fn originator(py: Python<'_>, found: Option<flowai::Originator>) -> Outcome<Option<Bound<'_, PyAny>>> {
    let instance =
        |found: flowai::Originator| models::instance(py, flowai::Originator::MODEL, found.into_object());
    Ok(found.map(instance).transpose()?)
}

static MEMBERS: PyOnceLock<Vec<Py<PyAny>>> = PyOnceLock::new();

/// The members of EventKind, for the Python class to be made of: it is made late, since `enum` takes long to import.
pub fn kinds() -> Vec<(String, i32)> {
    let member = |kind: &EventKind| (kind.name().to_uppercase(), kind.code());
    EventKind::ALL.iter().map(member).collect()
}

/// The names that the API document gives to events.
pub fn types() -> Vec<&'static str> {
    EventKind::ALL
        .iter()
        .filter_map(|kind| kind.type_name())
        .collect()
}

fn kind_to_python(py: Python<'_>, kind: EventKind) -> PyResult<Bound<'_, PyAny>> {
    let members = get_or_make(py, &MEMBERS, || {
        let class = py.import("flowai._kinds")?.getattr("EventKind")?;
        let member = |kind: &EventKind| Ok::<_, PyErr>(class.call1((kind.code(),))?.unbind());
        EventKind::ALL.iter().map(member).collect::<PyResult<Vec<_>>>()
    })?;
    let place = EventKind::ALL.iter().position(|other| *other == kind);
    place
        .and_then(|place| members.get(place))
        .map(|member| member.bind(py).clone())
        .ok_or_else(|| PyRuntimeError::new_err("a kind of event that has no member"))
}

/// The number of a kind, for flowai._webhook.
#[pyfunction]
pub fn _kind(kind: &Bound<'_, PyAny>) -> Outcome<i32> {
    Ok(kind_from_python(kind, "kinds")?.code())
}

/// A kind as a member of EventKind, its number, or its name in any case.
pub fn kind_from_python(value: &Bound<'_, PyAny>, name: &str) -> Outcome<EventKind> {
    let kind = if value.is_instance_of::<PyString>() {
        EventKind::from_name(&text(value, name)?.to_lowercase())
    } else if value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>() {
        value.extract().ok().and_then(EventKind::from_code)
    } else {
        let wanted = "an EventKind, its number or its name";
        return Err(Failure::wrong_type(name, wanted, value));
    };
    kind.ok_or_else(|| {
        let choice = |kind: &EventKind| format!("{} ({})", kind.name(), kind.code());
        let choices: Vec<_> = EventKind::ALL.iter().map(choice).collect();
        Failure::argument(name, format_args!("must be one of {}", choices.join(", ")))
    })
}
