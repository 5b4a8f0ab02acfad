//! What the bot of a sandbox answers, and events that a webhook may be called with.

use flowai::Object;
use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyInt, PyList, PyString, PyTuple, PyType},
};
use serde_json::{Value, json};

use crate::{
    convert::{optional, small_count, text},
    errors::{Failure, Outcome, guard},
    event::{Event, kind_from_python},
    json,
    models::Model,
    sandbox::{Sandbox, refused},
};

/// A call of a webhook as Flow.ai makes it, to be given to a program under test.
///
/// >>> call = sandbox.event("message.reply", "Hello!")
/// >>> flowai.Verifier.jwt(sandbox.webhook_secret).unwrap(call.body, call.headers).text
/// 'Hello!'
#[pyclass(module = "flowai", frozen, get_all)]
pub struct WebhookCall {
    /// bytes: The body.
    body: Py<PyBytes>,
    /// dict of str to str: The headers that belong to it, signed with the secret of the sandbox. Names are in lower case.
    headers: Py<PyDict>,
    /// Event: What the body says.
    event: Py<Event>,
}

#[pymethods]
impl WebhookCall {
    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str) {
        ("body", "headers", "event")
    }

    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        let Ok(other) = other.cast::<WebhookCall>() else {
            return Ok(py.NotImplemented().into_bound(py));
        };
        let other = other.get();
        let same = self.body.as_bytes(py) == other.body.as_bytes(py)
            && self.headers.bind(py).eq(other.headers.bind(py))?;
        Ok(PyBool::new(py, same).to_owned().into_any())
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.body.bind(py).hash()
    }

    #[classmethod]
    fn _restore(
        _cls: &Bound<'_, PyType>,
        body: Py<PyBytes>,
        headers: Py<PyDict>,
        event: Py<Event>,
    ) -> WebhookCall {
        WebhookCall { body, headers, event }
    }

    fn __reduce__<'py>(slf: &Bound<'py, WebhookCall>) -> PyResult<(Bound<'py, PyAny>, Restored<'py>)> {
        let (py, this) = (slf.py(), slf.get());
        let restore = slf.get_type().getattr(interned!(py, "_restore"))?;
        let (body, headers, event) = (this.body.bind(py), this.headers.bind(py), this.event.bind(py));
        Ok((restore, (body.clone(), headers.clone(), event.clone())))
    }

    fn __copy__(slf: Bound<'_, WebhookCall>) -> Bound<'_, WebhookCall> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, WebhookCall>, _memo: &Bound<'py, PyAny>) -> Bound<'py, WebhookCall> {
        slf
    }

    /// Without the headers, which let anybody in.
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<flowai.WebhookCall {}>", self.event.bind(py).repr()?))
    }
}

/// What a pickled call is made of again.
type Restored<'py> = (Bound<'py, PyBytes>, Bound<'py, PyDict>, Bound<'py, Event>);

#[pymethods]
impl Sandbox {
    /// Says what the bot answers from now on. It goes before everything that was said so before, and before the seed.
    ///
    /// to: what is answered: a str is a whole text, upper and lower case and spaces around it aside; a compiled pattern is
    ///     found in the text, in upper and lower case; an EventMessage is that event; None is everything. Patterns are those
    ///     of https://docs.rs/regex, which has no look-around.
    /// replies: one message each: a str, a template such as CardTemplate, a dict, or a list of those for several parts of
    ///     one message. In those of a pattern ``$1`` and ``$name`` are what its groups found. None at all: the bot says
    ///     nothing.
    /// quick_replies: what is suggested under the last one: str, QuickReply or dict.
    /// times: how often, before it is as if this had never been said; without it always.
    /// then: what becomes of the conversation after that: ``pause``, ``handover`` or ``resolve``.
    ///
    /// Raises InvalidArgumentError that names what is wrong; nothing changes then.
    ///
    /// >>> import re
    /// >>> sandbox.reply("hello", "Hello!", "How can I help?", quick_replies=["Where is my order?"])
    /// >>> sandbox.reply(re.compile(r"order (\d+)"), "Order $1 is on its way.")
    /// >>> sandbox.client().ask("thread-1", "Where is order 99812?").text
    /// 'Order 99812 is on its way.'
    #[pyo3(signature = (to, *replies, quick_replies=None, times=None, then=None))]
    fn reply(
        &self,
        to: &Bound<'_, PyAny>,
        replies: &Bound<'_, PyTuple>,
        quick_replies: Option<&Bound<'_, PyAny>>,
        times: Option<&Bound<'_, PyAny>>,
        then: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<()> {
        let mut rule = condition(to)?;
        rule.insert("messages".to_owned(), messages(replies)?);
        if let Some(quick_replies) = optional(quick_replies, "quick_replies", json::from_python)? {
            rule.insert("quickReplies".to_owned(), quick_replies);
        }
        if let Some(times) = optional(times, "times", small_count::<u64>)? {
            rule.insert("times".to_owned(), json!(times));
        }
        match optional(then, "then", text)?.as_deref() {
            None => {}
            Some(change @ ("pause" | "handover" | "resolve")) => {
                rule.insert(change.to_owned(), json!(true));
            }
            Some(_) => return Err(Failure::argument("then", "must be pause, handover or resolve")),
        }
        self.put(&json!([rule]))
    }

    /// Says what the bot answers the first time, the second time and so on; the last one from then on.
    ///
    /// to: what is answered, as in ``reply``.
    /// replies: one for each time: a str, a template, a dict, or a list of those for several parts of one message.
    ///
    /// Raises InvalidArgumentError that names what is wrong; nothing changes then.
    ///
    /// >>> sandbox.reply_in_turn("next", "One", "Two")
    /// >>> client = sandbox.client()
    /// >>> [client.ask("thread-1", "next").text for _ in range(3)]
    /// ['One', 'Two', 'Two']
    #[pyo3(signature = (to, *replies))]
    fn reply_in_turn(&self, to: &Bound<'_, PyAny>, replies: &Bound<'_, PyTuple>) -> Outcome<()> {
        let condition = condition(to)?;
        let Value::Array(messages) = messages(replies)? else {
            return Ok(());
        };
        let last = messages
            .len()
            .checked_sub(1)
            .ok_or_else(|| Failure::argument("replies", "must not be empty"))?;
        let rule = |(turn, message)| {
            let mut rule = condition.clone();
            rule.insert("messages".to_owned(), json!([message]));
            if turn < last {
                rule.insert("times".to_owned(), json!(1));
            }
            Value::Object(rule)
        };
        self.put(&messages.into_iter().enumerate().map(rule).collect())
    }

    /// Puts rules before those that there are: a list of dicts, each as under ``rules`` in a seed.
    ///
    /// Raises InvalidArgumentError that names the place of what is wrong; nothing changes then.
    ///
    /// >>> reply = {"type": "text", "payload": {"text": "We are closed."}}
    /// >>> sandbox.add_rules([{"any": True, "replies": [reply]}])
    fn add_rules(&self, rules: &Bound<'_, PyAny>) -> Outcome<()> {
        self.put(&json::from_python(rules, "rules")?)
    }

    /// Makes a webhook call without making it: a body and signed headers for a program that is tested without a network.
    ///
    /// kind: the name of an event, such as ``message.reply`` or ``control.pause``, or an EventKind.
    /// replies: what the bot says in a ``message.reply`` or ``outbound``: templates of one message, a str being a text. In
    ///     ``message.delivered`` and ``inbound`` one str, which is what the user said.
    /// thread_id: str, ``thread-1`` unless given, where events of that name have one.
    /// quick_replies: what is suggested under them: str, QuickReply or dict.
    /// members: any other members of the event, as the API names them; they win over what is filled in.
    ///
    /// Raises InvalidArgumentError when replies are not complete, or the event cannot have any.
    ///
    /// >>> sandbox.event("message.reply", "Hello!", thread_id="thread-7").event.thread_id
    /// 'thread-7'
    /// >>> sandbox.event("isPaused", isPaused=True).event.is_paused
    /// True
    #[pyo3(signature = (kind, *replies, thread_id=None, quick_replies=None, **members))]
    fn event(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        replies: &Bound<'_, PyTuple>,
        thread_id: Option<&Bound<'_, PyAny>>,
        quick_replies: Option<&Bound<'_, PyAny>>,
        members: Option<&Bound<'_, PyDict>>,
    ) -> Outcome<WebhookCall> {
        let name = if kind.is_instance_of::<PyInt>() {
            let kind = kind_from_python(kind, "kind")?;
            kind.type_name()
                .ok_or_else(|| Failure::argument("kind", "is unknown; give the name of the event"))?
                .to_owned()
        } else {
            text(kind, "kind")?
        };
        if name.is_empty() {
            return Err(Failure::argument("kind", "must not be empty"));
        }
        let thread_id = optional(thread_id, "thread_id", text)?;
        let mut object = members.map_or_else(|| Ok(Object::new()), |dict| json::object(dict, "members"))?;
        if !replies.is_empty() {
            let parts: Outcome<Vec<Value>> = replies.iter().map(|reply| template(&reply)).collect();
            object.insert("replies".to_owned(), Value::Array(parts?));
        }
        if let Some(quick_replies) = optional(quick_replies, "quick_replies", json::from_python)? {
            object.insert("quickReplies".to_owned(), quick_replies);
        }
        let sandbox = self.get()?;
        let body = sandbox
            .event(&name, thread_id.as_deref(), object)
            .map_err(refused)?
            .to_string();
        let event = flowai::parse_event(body.clone())?;
        Ok(WebhookCall {
            body: PyBytes::new(py, body.as_bytes()).unbind(),
            headers: json::headers(py, &sandbox.sign())?.unbind(),
            event: Py::new(py, Event(event))?,
        })
    }

    /// The headers of a webhook call that Flow.ai makes now, a dict of str to str: they go with any body, one that is
    /// nonsense too.
    ///
    /// >>> sorted(sandbox.sign())
    /// ['authorization', 'content-type']
    fn sign<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyDict>> {
        Ok(json::headers(py, &self.get()?.sign())?)
    }
}

impl Sandbox {
    fn put(&self, rules: &Value) -> Outcome<()> {
        let sandbox = self.get()?;
        guard(|| Ok(sandbox.add_rules(rules).map_err(refused)?))
    }
}

/// What a rule is for.
fn condition(to: &Bound<'_, PyAny>) -> Outcome<Object> {
    let (name, value) = if to.is_none() {
        ("any", json!(true))
    } else if to.is_instance_of::<PyString>() {
        ("text", json!(text(to, "to")?))
    } else if let Some(name) = event_name(to) {
        ("event", name)
    } else if to.is_instance(&to.py().import("re")?.getattr("Pattern")?)? {
        ("pattern", json!(pattern(to)?))
    } else {
        let wanted = "a str, a compiled pattern, an EventMessage or None";
        return Err(Failure::wrong_type("to", wanted, to));
    };
    Ok(Object::from_iter([(name.to_owned(), value)]))
}

fn event_name(value: &Bound<'_, PyAny>) -> Option<Value> {
    let model = value.cast::<Model>().ok()?.get();
    let is_event = model.is_message() && model.object().get("type") == Some(&json!("event"));
    is_event
        .then(|| model.object().get("eventName").cloned())
        .flatten()
}

/// A compiled pattern of Python as the sandbox reads it, which looks at upper and lower case alike anyhow.
fn pattern(to: &Bound<'_, PyAny>) -> Outcome<String> {
    /// re.MULTILINE, re.DOTALL and re.VERBOSE.
    const FLAGS: [(u32, char); 3] = [(8, 'm'), (16, 's'), (64, 'x')];
    let source = text(&to.getattr("pattern")?, "the pattern of to")?;
    let given: u32 = to.getattr("flags")?.extract()?;
    let flags: String = FLAGS
        .iter()
        .filter(|(flag, _)| given & flag != 0)
        .map(|(_, letter)| *letter)
        .collect();
    Ok(match flags.as_str() {
        "" => source,
        flags => format!("(?{flags}){source}"),
    })
}

/// The messages of a rule, one for each argument.
fn messages(replies: &Bound<'_, PyTuple>) -> Outcome<Value> {
    let message = |reply: Bound<'_, PyAny>| {
        let parts = match reply.cast::<PyList>() {
            Ok(parts) => parts
                .iter()
                .map(|part| template(&part))
                .collect::<Outcome<Vec<_>>>()?,
            Err(_) => vec![template(&reply)?],
        };
        Ok(json!({"replies": parts}))
    };
    replies
        .iter()
        .map(message)
        .collect::<Outcome<_>>()
        .map(Value::Array)
}

/// A template; a str is a text.
fn template(value: &Bound<'_, PyAny>) -> Outcome<Value> {
    if value.is_instance_of::<PyString>() {
        return Ok(json!({"type": "text", "payload": {"text": text(value, "replies")?}}));
    }
    if value.is_instance_of::<PyDict>() || value.is_instance_of::<Model>() {
        return json::from_python(value, "replies");
    }
    Err(Failure::wrong_type(
        "replies",
        "a str, a template or a dict",
        value,
    ))
}
