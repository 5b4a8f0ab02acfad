//! The client: its set-up, what reads and what controls. What it sends is in `sends`.

use flowai::{Document, MetadataForm, Originator};
use pyo3::{exceptions::PyTypeError, prelude::*};

use crate::{
    convert::{count, optional, seconds, small_count, text},
    errors::{Failure, Outcome, guard},
    fields,
    history::HistoryIterator,
    models,
    results::{BotStatus, HistoryPage, Receipt},
    wait,
};

pub type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// Talks to one Flow.ai project. Any number of threads may use one at the same time, and it keeps working after a fork.
///
/// api_key: the key of the integration ("Authentication" of the API document); FLOWAI_API_KEY if not given. A leading
///     ``Bearer`` is not doubled.
/// base_url: where the service is; FLOWAI_BASE_URL, else the service itself.
/// originator: who sends messages that name no sender: a str, Originator or dict.
/// timeout: seconds for a whole call, over all attempts.
/// connect_timeout: seconds for one attempt to connect, within the timeout.
/// max_retries: how often a call is repeated when that is safe. A message is never sent twice.
/// auth_scheme: the word before the key; empty for the bare key.
/// metadata_form: where lang, timezone and params go: ``seed`` beside type, ``metadata`` nested, or ``both``.
/// max_text_length: the longest text that is accepted, in code points.
/// proxy: URL of an HTTP proxy; empty for none. The usual environment variables count if not given.
/// ca_file: path of a PEM file with the only authorities to trust.
/// client_cert: path of a PEM file with a certificate and its key to show to the server.
/// user_agent: the User-Agent header.
/// trace_ids: whether messages without a trace id get a unique one.
/// allow_http: whether ``http://`` is allowed to other hosts than this machine.
///
/// Raises InvalidArgumentError naming the argument. Nothing is connected before the first call.
///
/// >>> with flowai.Client("MY_MESSAGING_API_KEY") as client:
/// ...     receipt = client.send_text("thread-1", "Hello")
#[pyclass(module = "flowai", frozen, subclass)]
pub struct Client {
    pub client: flowai::Client,
}

impl Client {
    /// Makes a call that sends no message.
    fn run<T: Send>(
        &self,
        py: Python<'_>,
        operation: &'static str,
        prepare: impl FnOnce() -> Outcome<flowai::Call<T>>,
        timeout: Given<'_, '_>,
    ) -> Outcome<T> {
        guard(|| {
            let call = prepare().and_then(|call| with_timeout(call, timeout));
            wait::call(py, call.map_err(|failure| failure.refused(operation, false))?)
        })
    }
}

pub fn with_timeout<T>(call: flowai::Call<T>, timeout: Given<'_, '_>) -> Outcome<flowai::Call<T>> {
    Ok(match optional(timeout, "timeout", seconds)? {
        Some(timeout) => call.timeout(timeout),
        None => call,
    })
}

/// What a call that sends no message can raise, as its documentation says it.
macro_rules! raises {
    () => {
        "Raises InvalidArgumentError before anything is sent; AuthenticationError when the key is refused, and other kinds of\n\
         APIStatusError when the service answers with an error; APIResponseError when its answer makes no sense;\n\
         APIConnectionError or APITimeoutError when there is none; ClosedError when the client is closed."
    };
}

#[pymethods]
#[allow(clippy::too_many_arguments, reason = "keyword arguments, as Python has them")]
impl Client {
    #[new]
    #[pyo3(
        signature = (api_key=None, *, base_url=None, originator=None, timeout=None, connect_timeout=None,
                     max_retries=None, auth_scheme=None, metadata_form=None, max_text_length=None, proxy=None,
                     ca_file=None, client_cert=None, user_agent=None, trace_ids=true, allow_http=false),
        text_signature = "(api_key=None, *, base_url=None, originator='Anonymous', timeout=30.0, connect_timeout=5.0, \
                          max_retries=2, auth_scheme='Bearer', metadata_form='seed', max_text_length=255, proxy=None, \
                          ca_file=None, client_cert=None, user_agent=None, trace_ids=True, allow_http=False)"
    )]
    fn new(
        api_key: Given<'_, '_>,
        base_url: Given<'_, '_>,
        originator: Given<'_, '_>,
        timeout: Given<'_, '_>,
        connect_timeout: Given<'_, '_>,
        max_retries: Given<'_, '_>,
        auth_scheme: Given<'_, '_>,
        metadata_form: Given<'_, '_>,
        max_text_length: Given<'_, '_>,
        proxy: Given<'_, '_>,
        ca_file: Option<std::path::PathBuf>,
        client_cert: Option<std::path::PathBuf>,
        user_agent: Given<'_, '_>,
        trace_ids: bool,
        allow_http: bool,
    ) -> Outcome<Client> {
        let mut builder = flowai::Client::builder()
            .trace_ids(trace_ids)
            .allow_http(allow_http);
        if let Some(key) = optional(api_key, "api_key", text)? {
            builder = builder.api_key(&key);
        }
        if let Some(url) = optional(base_url, "base_url", text)? {
            builder = builder.base_url(url);
        }
        if let Some(value) = originator {
            let object = fields::one(Originator::MODEL, value, "originator")?;
            builder = builder.originator(Originator::from_object(object));
        }
        if let Some(timeout) = optional(timeout, "timeout", seconds)? {
            builder = builder.timeout(timeout);
        }
        if let Some(timeout) = optional(connect_timeout, "connect_timeout", seconds)? {
            builder = builder.connect_timeout(timeout);
        }
        if let Some(retries) = optional(max_retries, "max_retries", small_count)? {
            builder = builder.max_retries(retries);
        }
        if let Some(scheme) = optional(auth_scheme, "auth_scheme", text)? {
            builder = builder.auth_scheme(scheme);
        }
        if let Some(form) = optional(metadata_form, "metadata_form", text)? {
            builder = builder.metadata_form(MetadataForm::from_name(&form)?);
        }
        if let Some(length) = optional(max_text_length, "max_text_length", small_count)? {
            builder = builder.max_text_length(length);
        }
        if let Some(url) = optional(proxy, "proxy", text)? {
            builder = builder.proxy(url);
        }
        if let Some(path) = ca_file {
            builder = builder.ca_file(path);
        }
        if let Some(path) = client_cert {
            builder = builder.client_cert(path);
        }
        if let Some(agent) = optional(user_agent, "user_agent", text)? {
            builder = builder.user_agent(agent);
        }
        guard(|| {
            Ok(Client {
                client: builder.build()?,
            })
        })
    }

    /// Reads one page of a thread's history, at most 20 entries ("Thread messages" of the API document).
    ///
    /// thread_id: str, the conversation; any text of at most 1,024 bytes.
    /// page: int, the number of the page; the first one if not given.
    /// timeout: seconds for the whole call, over all attempts, in place of the client's.
    ///
    #[doc = raises!()]
    ///
    /// >>> page = client.history("thread-1")
    /// >>> [entry.originator.name for entry in page.entries]
    /// ['John Doe', 'Sandbox']
    #[pyo3(signature = (thread_id, *, page=None, timeout=None))]
    fn history(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        page: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> Outcome<HistoryPage> {
        let call = || {
            Ok(self
                .client
                .history(&text(thread_id, "thread_id")?, optional(page, "page", count)?))
        };
        self.run(py, "history", call, timeout).map(HistoryPage)
    }

    /// Goes through the whole history of a thread in the order of the service, fetching pages as they are needed ("Thread
    /// messages" of the API document).
    ///
    /// thread_id: str, the conversation; any text of at most 1,024 bytes.
    /// limit: int, how many entries at most.
    /// timeout: seconds for each page, in place of the client's.
    ///
    /// Returns an iterator of HistoryEntry. Errors come while it is read; reading on then tries the same page again.
    ///
    /// >>> for entry in client.iter_history("thread-1", limit=100):
    /// ...     print(entry.originator.name, entry.messages[0].text)
    #[pyo3(signature = (thread_id, *, limit=None, timeout=None))]
    fn iter_history(
        &self,
        thread_id: &Bound<'_, PyAny>,
        limit: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> Outcome<HistoryIterator> {
        let make = || {
            let thread_id = text(thread_id, "thread_id")?;
            let limit = optional(limit, "limit", small_count)?;
            let timeout = optional(timeout, "timeout", seconds)?;
            Ok(HistoryIterator::new(
                self.client.iter_history(&thread_id, limit),
                timeout,
            ))
        };
        guard(|| make().map_err(|failure: Failure| failure.refused("history", false)))
    }

    /// Reads the business hours of the project as a list of BusinessHours ("Business hours" of the API document).
    ///
    /// timeout: seconds for the whole call, over all attempts, in place of the client's.
    ///
    #[doc = raises!()]
    ///
    /// >>> [hours.label for hours in client.business_hours()]
    /// ['Office', 'Night line']
    #[pyo3(signature = (*, timeout=None))]
    fn business_hours<'py>(
        &self,
        py: Python<'py>,
        timeout: Given<'_, 'py>,
    ) -> Outcome<Vec<Bound<'py, PyAny>>> {
        let hours = self.run(py, "business_hours", || Ok(self.client.business_hours()), timeout)?;
        let instance = |hours: flowai::BusinessHours| {
            models::instance(py, flowai::BusinessHours::MODEL, hours.into_object())
        };
        guard(|| Ok(hours.into_iter().map(instance).collect::<PyResult<_>>()?))
    }

    /// Pauses the bot of a thread ("Pause" of the API document). Pausing it again changes nothing.
    ///
    /// thread_id: str, the conversation; any text of at most 1,024 bytes.
    /// timeout: seconds for the whole call, over all attempts, in place of the client's.
    ///
    #[doc = raises!()]
    ///
    /// >>> client.pause("thread-1").status
    /// 'ok'
    #[pyo3(signature = (thread_id, *, timeout=None))]
    fn pause(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> Outcome<Receipt> {
        let call = || Ok(self.client.pause(&text(thread_id, "thread_id")?));
        self.run(py, "pause", call, timeout).map(Receipt)
    }

    /// Resumes the bot of a thread ("Resume" of the API document). Resuming a running bot changes nothing.
    ///
    /// thread_id: str, the conversation; any text of at most 1,024 bytes.
    /// timeout: seconds for the whole call, over all attempts, in place of the client's.
    ///
    #[doc = raises!()]
    ///
    /// >>> client.resume("thread-1").status
    /// 'ok'
    #[pyo3(signature = (thread_id, *, timeout=None))]
    fn resume(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> Outcome<Receipt> {
        let call = || Ok(self.client.resume(&text(thread_id, "thread_id")?));
        self.run(py, "resume", call, timeout).map(Receipt)
    }

    /// Asks whether the bot of a thread is paused ("Bot status" of the API document).
    ///
    /// thread_id: str, the conversation; any text of at most 1,024 bytes.
    /// timeout: seconds for the whole call, over all attempts, in place of the client's.
    ///
    #[doc = raises!()]
    ///
    /// >>> client.bot_status("thread-1").is_paused
    /// False
    #[pyo3(signature = (thread_id, *, timeout=None))]
    fn bot_status(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        timeout: Given<'_, '_>,
    ) -> Outcome<BotStatus> {
        let call = || Ok(self.client.bot_status(&text(thread_id, "thread_id")?));
        self.run(py, "bot_status", call, timeout).map(BotStatus)
    }

    /// Asks for a page of a thread's history, which then arrives as an event of the kind HISTORY ("Thread messages" of the
    /// API document).
    ///
    /// thread_id: str, the conversation; any text of at most 1,024 bytes.
    /// page: int, the number of the page; the first one if not given.
    /// timeout: seconds for the whole call, over all attempts, in place of the client's.
    ///
    #[doc = raises!()]
    ///
    /// >>> client.request_history("thread-1", page=2).status
    /// 'ok'
    #[pyo3(signature = (thread_id, *, page=None, timeout=None))]
    fn request_history(
        &self,
        py: Python<'_>,
        thread_id: &Bound<'_, PyAny>,
        page: Given<'_, '_>,
        timeout: Given<'_, '_>,
    ) -> Outcome<Receipt> {
        let call = || {
            let page = optional(page, "page", count)?;
            Ok(self.client.request_history(&text(thread_id, "thread_id")?, page))
        };
        self.run(py, "request_history", call, timeout).map(Receipt)
    }

    /// Asks for the business hours, which then arrive as an event of the kind BUSINESS_HOURS ("Business hours" of the API
    /// document).
    ///
    /// timeout: seconds for the whole call, over all attempts, in place of the client's.
    ///
    #[doc = raises!()]
    ///
    /// >>> client.request_business_hours().status
    /// 'ok'
    #[pyo3(signature = (*, timeout=None))]
    fn request_business_hours(&self, py: Python<'_>, timeout: Given<'_, '_>) -> Outcome<Receipt> {
        let call = || Ok(self.client.request_business_hours());
        self.run(py, "request_business_hours", call, timeout).map(Receipt)
    }

    /// Asks for the status of a thread's bot, which then arrives as an event of the kind BOT_STATUS ("Bot status" of the
    /// API document).
    ///
    /// thread_id: str, the conversation; any text of at most 1,024 bytes.
    /// timeout: seconds for the whole call, over all attempts, in place of the client's.
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
    ) -> Outcome<Receipt> {
        let call = || Ok(self.client.request_bot_status(&text(thread_id, "thread_id")?));
        self.run(py, "request_bot_status", call, timeout).map(Receipt)
    }

    /// Closes all connections. Calls made from now on raise ClosedError. Closing again changes nothing.
    fn close(&self, py: Python<'_>) -> Outcome<()> {
        py.detach(|| {
            guard(|| {
                self.client.close();
                Ok(())
            })
        })
    }

    /// str: Where this client sends to.
    #[getter]
    fn base_url(&self) -> String {
        self.client.base_url()
    }

    fn __enter__(slf: Bound<'_, Client>) -> Bound<'_, Client> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> Outcome<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        format!("<flowai.Client base_url='{}'>", self.client.base_url())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "a Client cannot be pickled or copied, since it holds connections and the API key: make one in each process, \
             or share this one between threads",
        ))
    }
}
