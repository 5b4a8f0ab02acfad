//! Flow.ai on this machine.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use flowai::{Error, ErrorKind, runtime};
use flowai_sandbox::{Bot, Failure as Fault, SandboxError, Seed};
use pyo3::{
    PyTypeInfo,
    prelude::*,
    types::{PyDict, PyString},
};
use serde_json::Value;

use crate::{
    aio::AsyncClient,
    client::Client,
    convert::{body, flag, optional, seconds_or_zero, secret, small_count, text, truth},
    errors::{Failure, Outcome, guard},
    event::Event,
    json,
    logging::Watched,
    sandbox_journal::{RecordedDelivery, RecordedRequest},
    wait,
};

/// Flow.ai on this machine: it answers every endpoint of the API document, runs a bot and calls a webhook, so that a
/// program can be tested without an account.
///
/// port: where to listen on 127.0.0.1; 0 takes a free one.
/// api_key: the key that opens it; a random one if not given.
/// webhook_url: where events go; it must answer a GET with a 2xx.
/// webhook_secret: what signs the webhook calls, at least 32 bytes; a random one if not given.
/// bot: ``echo`` says again what was said, ``none`` says nothing; for what no rule of the seed is about.
/// speed: how fast the clock of pauses and webhook retries runs.
/// seed: what it knows when it starts and what its bot answers by: a dict, or the path of a JSON file. It may have
///     ``rules``, ``segments``, ``triggerEvents``, ``businessHours``, ``threads`` and ``handoverSeconds``.
/// sync_replies: whether Client.ask is answered at once, as by later versions of the API; if not, its reply goes to the
///     webhook and into the history.
///
/// Raises InvalidArgumentError naming the argument, or APIConnectionError when the port or the webhook cannot be used.
/// In a forked child every method raises ForkedError.
///
/// >>> with flowai.Sandbox() as sandbox:
/// ...     client = sandbox.client()
/// ...     client.send_text("thread-1", "Hello").status
/// 'ok'
#[pyclass(module = "flowai", frozen)]
pub struct Sandbox {
    generation: u64,
    /// `None` only while it is dropped.
    sandbox: Option<Arc<flowai_sandbox::Sandbox>>,
    _watched: Watched,
}

impl Sandbox {
    /// The sandbox, unless this is a forked child, where its thread does not exist.
    pub(crate) fn get(&self) -> Outcome<&Arc<flowai_sandbox::Sandbox>> {
        if runtime::generation() != self.generation {
            let problem = "the sandbox belongs to the process that this one was forked from";
            return Err(Error::new(ErrorKind::Forked, problem).into());
        }
        let gone = || Error::new(ErrorKind::Closed, "the sandbox is closed").into();
        self.sandbox.as_ref().ok_or_else(gone)
    }

    /// A client of this class that talks to this sandbox.
    fn make<'py, C: PyTypeInfo>(
        &self,
        py: Python<'py>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Outcome<Bound<'py, PyAny>> {
        let sandbox = self.get()?;
        let arguments = PyDict::new(py);
        arguments.set_item("api_key", sandbox.api_key())?;
        arguments.set_item("base_url", sandbox.base_url())?;
        if let Some(options) = options {
            arguments.update(options.as_mapping())?;
        }
        Ok(py.get_type::<C>().call((), Some(&arguments))?)
    }
}

#[pymethods]
impl Sandbox {
    #[new]
    #[pyo3(signature = (port=0, *, api_key=None, webhook_url=None, webhook_secret=None, bot=None, speed=1.0, seed=None,
                        sync_replies=None),
           text_signature = "(port=0, *, api_key=None, webhook_url=None, webhook_secret=None, bot='echo', speed=1.0, \
                             seed=None, sync_replies=True)")]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments, as Python has them")]
    fn new(
        py: Python<'_>,
        port: u16,
        api_key: Option<&Bound<'_, PyAny>>,
        webhook_url: Option<&Bound<'_, PyAny>>,
        webhook_secret: Option<&Bound<'_, PyAny>>,
        bot: Option<&Bound<'_, PyAny>>,
        speed: f64,
        seed: Option<&Bound<'_, PyAny>>,
        sync_replies: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<Sandbox> {
        let mut builder = flowai_sandbox::Sandbox::builder()
            .listen(format!("127.0.0.1:{port}"))
            .speed(speed)
            .sync_replies(optional(sync_replies, "sync_replies", truth)?.unwrap_or(true));
        if let Some(seed) = seed {
            builder = builder.seed(read_seed(seed)?);
        }
        if let Some(key) = optional(api_key, "api_key", text)? {
            builder = builder.api_key(key);
        }
        if let Some(url) = optional(webhook_url, "webhook_url", text)? {
            builder = builder.webhook_url(url);
        }
        if let Some(secret) = optional(webhook_secret, "webhook_secret", text)? {
            builder = builder.webhook_secret(secret);
        }
        if let Some(name) = optional(bot, "bot", text)? {
            builder = builder.bot(match name.as_str() {
                "echo" => Bot::Echo,
                "none" => Bot::None,
                _ => return Err(Failure::argument("bot", "must be echo or none")),
            });
        }
        let sandbox = wait::in_thread(py, move || builder.start().map_err(refused))?;
        Ok(Sandbox {
            generation: runtime::generation(),
            sandbox: Some(Arc::new(sandbox)),
            _watched: Watched::new(py),
        })
    }

    /// str: The address of the API, ``http://127.0.0.1:PORT/rest/v1/``.
    #[getter]
    fn base_url(&self) -> Outcome<&str> {
        Ok(self.get()?.base_url())
    }

    /// str: The key that opens the API.
    #[getter]
    fn api_key(&self) -> Outcome<&str> {
        Ok(self.get()?.api_key())
    }

    /// str: What signs the webhook calls; a Verifier.jwt of it accepts them.
    #[getter]
    fn webhook_secret(&self) -> Outcome<String> {
        Ok(self.get()?.webhook_secret())
    }

    /// A Client that talks to this sandbox. The options are those of Client.
    ///
    /// >>> client = sandbox.client(originator="John Doe")
    #[pyo3(signature = (**options))]
    fn client<'py>(
        &self,
        py: Python<'py>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Outcome<Bound<'py, PyAny>> {
        self.make::<Client>(py, options)
    }

    /// An AsyncClient that talks to this sandbox. The options are those of Client.
    ///
    /// >>> client = sandbox.async_client(originator="John Doe")
    #[pyo3(signature = (**options))]
    fn async_client<'py>(
        &self,
        py: Python<'py>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> Outcome<Bound<'py, PyAny>> {
        self.make::<AsyncClient>(py, options)
    }

    /// Sends events to this URL from now on, and with ``secret``, a str, signs them with that.
    ///
    /// Raises APIConnectionError when the URL does not answer a GET with a 2xx.
    ///
    /// >>> sandbox.set_webhook(receiver.url)
    #[pyo3(signature = (url, *, secret=None))]
    fn set_webhook(
        &self,
        py: Python<'_>,
        url: &Bound<'_, PyAny>,
        secret: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<()> {
        let url = text(url, "url")?;
        let secret = optional(secret, "secret", text)?;
        let sandbox = Arc::clone(self.get()?);
        wait::in_thread(py, move || {
            sandbox.set_webhook(&url, secret.as_deref()).map_err(refused)
        })
    }

    /// Delivers any event to the webhook: a dict, an Event, or the JSON of one as bytes or str.
    ///
    /// >>> sandbox.push({"type": "message.reply", "threadId": "thread-1", "messages": [{"fallback": "Hi"}]})
    fn push(&self, py: Python<'_>, event: &Bound<'_, PyAny>) -> Outcome<()> {
        let sandbox = self.get()?;
        let event = if let Ok(dict) = event.cast::<PyDict>() {
            Value::Object(json::object(dict, "event")?)
        } else {
            let bytes = match event.cast::<Event>() {
                Ok(event) => event.get().0.raw().clone(),
                Err(_) => body(event)?,
            };
            serde_json::from_slice(&bytes).map_err(|_| Failure::argument("event", "is not JSON"))?
        };
        py.detach(|| {
            guard(|| {
                sandbox.push(event);
                Ok(())
            })
        })
    }

    /// The state of a thread: ``open``, ``handover`` or ``resolved``. A thread that nobody has used is open.
    ///
    /// thread_id: str, as the API was given it.
    ///
    /// >>> sandbox.thread_state("thread-1")
    /// 'open'
    fn thread_state(&self, thread_id: &Bound<'_, PyAny>) -> Outcome<&'static str> {
        let thread_id = text(thread_id, "thread_id")?;
        Ok(self.get()?.thread_state(&thread_id).as_str())
    }

    /// Makes the next API requests fail; several calls queue up.
    ///
    /// status: int, 200 to 599, the status of the answer.
    /// times: how many requests fail so.
    /// retry_after: seconds, or text for the Retry-After header.
    /// body: bytes or str to answer with instead of the usual error.
    /// connection: ``close``, ``reset`` or ``stall`` instead of an answer.
    /// processed: whether the request takes effect all the same, and only its answer is lost.
    ///
    /// >>> sandbox.fail_next(status=429, retry_after=1)
    #[pyo3(signature = (status=503, times=1, *, retry_after=None, body=None, connection=None, processed=false))]
    fn fail_next(
        &self,
        status: u16,
        times: u32,
        retry_after: Option<&Bound<'_, PyAny>>,
        body: Option<&Bound<'_, PyAny>>,
        connection: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = flag::processed)] processed: bool,
    ) -> Outcome<()> {
        let mut fault = match optional(connection, "connection", text)?.as_deref() {
            None => Fault::status(status),
            Some("close") => Fault::close(),
            Some("reset") => Fault::reset(),
            Some("stall") => Fault::stall(),
            Some(_) => return Err(Failure::argument("connection", "must be close, reset or stall")),
        };
        if let Some(wait) = retry_after {
            fault = fault.retry_after(if wait.is_instance_of::<PyString>() {
                text(wait, "retry_after")?
            } else {
                small_count::<u64>(wait, "retry_after")?.to_string()
            });
        }
        if let Some(body) = optional(body, "body", secret)? {
            fault = fault.body(body);
        }
        let fault = fault.times(times).processed(processed);
        Ok(self.get()?.fail_next(fault).map_err(refused)?)
    }

    /// list of RecordedRequest: What was asked, oldest first: the last 10,000 requests.
    #[getter]
    fn requests(&self) -> Outcome<Vec<RecordedRequest>> {
        let requests = self.get()?.requests();
        guard(|| Ok(requests.into_iter().map(RecordedRequest::from).collect()))
    }

    /// list of RecordedDelivery: What went to the webhook or should have, oldest first: the last 10,000 events.
    #[getter]
    fn deliveries(&self) -> Outcome<Vec<RecordedDelivery>> {
        let deliveries = self.get()?.deliveries();
        guard(|| Ok(deliveries.into_iter().map(RecordedDelivery::from).collect()))
    }

    /// Waits until no delivery is pending; False if some still are after ``timeout`` seconds.
    ///
    /// >>> sandbox.wait_delivered(5.0)
    /// True
    #[pyo3(signature = (timeout=None), text_signature = "($self, timeout=10.0)")]
    fn wait_delivered(&self, py: Python<'_>, timeout: Option<&Bound<'_, PyAny>>) -> Outcome<bool> {
        let timeout = optional(timeout, "timeout", seconds_or_zero)?.unwrap_or(Duration::from_secs(10));
        let sandbox = self.get()?;
        let begun = Instant::now();
        wait::ticking(
            py,
            |_| Ok(()),
            |tick| loop {
                let left = timeout.saturating_sub(begun.elapsed());
                if sandbox.wait_delivered(left.min(runtime::TICK)) {
                    return Ok(true);
                }
                if left.is_zero() {
                    return Ok(false);
                }
                tick()?;
            },
        )
    }

    /// Stops it, within about a second. What it recorded can still be read. Closing again changes nothing.
    ///
    /// >>> sandbox.close()
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        let sandbox = self.get()?;
        py.detach(|| {
            guard(|| {
                sandbox.stop();
                Ok(())
            })
        })
    }

    fn __enter__(slf: Bound<'_, Sandbox>) -> Bound<'_, Sandbox> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> Outcome<()> {
        match self.close(py) {
            // A child that leaves the block has nothing to close, and its own way out should not be hidden.
            Err(Failure::Core(error)) if error.kind() == ErrorKind::Forked => Ok(()),
            other => other,
        }
    }

    fn __repr__(&self) -> String {
        let url = self
            .sandbox
            .as_ref()
            .map(|sandbox| sandbox.base_url())
            .unwrap_or_default();
        format!("<flowai.Sandbox base_url='{url}'>")
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let sandbox = self.sandbox.take();
        if runtime::generation() != self.generation {
            // Ending it would wait for a thread that only the parent has.
            std::mem::forget(sandbox);
        } else {
            // The thread may be waiting for a webhook of this program, which needs the interpreter to answer.
            Python::try_attach(|py| py.detach(|| drop(sandbox)));
        }
    }
}

/// A seed: the document itself, or the path of a file that holds it.
fn read_seed(value: &Bound<'_, PyAny>) -> Outcome<Seed> {
    if let Ok(dict) = value.cast::<PyDict>() {
        let document = Value::Object(json::object(dict, "seed")?);
        return Ok(Seed::from_value(&document).map_err(refused)?);
    }
    let path: PathBuf = value
        .extract()
        .map_err(|_| Failure::wrong_type("seed", "a dict or a path", value))?;
    Ok(Seed::from_file(path).map_err(refused)?)
}

/// The errors of the sandbox, which knows nothing of the core, as those of the core.
pub(crate) fn refused(error: SandboxError) -> Error {
    match error {
        SandboxError::InvalidArgument { argument, reason } => Error::argument(argument, reason),
        SandboxError::Stopped => Error::new(ErrorKind::Closed, error.to_string()),
        _ => Error::new(ErrorKind::Connection, error.to_string()).with_source(error),
    }
}
