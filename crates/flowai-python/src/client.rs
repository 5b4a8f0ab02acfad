//! The clients: their set-up, and how they make a call. The calls are in one file for each area of the API.

use flowai::{MetadataForm, Originator};
use pyo3::{IntoPyObjectExt, PyClassInitializer, exceptions::PyTypeError, prelude::*};

use crate::{
    aio::{self, AsyncClient},
    convert::{optional, seconds, small_count, text},
    errors::{Failure, Outcome, guard},
    fields, wait,
};

pub use crate::face::{Answer, Face};

pub type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// What Client and AsyncClient have in common: every call.
#[pyclass(module = "flowai", name = "_Calls", frozen, subclass)]
pub struct Calls {
    pub client: flowai::Client,
    pub face: Face,
}

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
#[pyclass(module = "flowai", frozen, subclass, extends = Calls)]
pub struct Client;

impl Calls {
    /// Makes a call that sends nothing.
    pub fn run<T: Send + 'static, V: for<'py> IntoPyObject<'py> + 'static>(
        &self,
        py: Python<'_>,
        operation: &'static str,
        prepare: impl FnOnce() -> Outcome<flowai::Call<T>>,
        timeout: Given<'_, '_>,
        result: fn(T) -> V,
    ) -> Answer {
        let refused = |failure: Failure| failure.refused(operation, false);
        self.make(py, operation, prepare, timeout, refused, result)
    }

    /// Makes a call that sends something: an argument that is refused says that it was not sent.
    pub fn run_send<T: Send + 'static, V: for<'py> IntoPyObject<'py> + 'static>(
        &self,
        py: Python<'_>,
        operation: &'static str,
        prepare: impl FnOnce() -> Outcome<flowai::Call<T>>,
        timeout: Given<'_, '_>,
        result: fn(T) -> V,
    ) -> Answer {
        let refused = |failure: Failure| failure.refused(operation, true);
        self.make(py, operation, prepare, timeout, refused, result)
    }

    pub fn make<T: Send + 'static, V: for<'py> IntoPyObject<'py> + 'static>(
        &self,
        py: Python<'_>,
        operation: &'static str,
        prepare: impl FnOnce() -> Outcome<flowai::Call<T>>,
        timeout: Given<'_, '_>,
        refused: impl FnOnce(Failure) -> Failure,
        result: fn(T) -> V,
    ) -> Answer {
        let call = guard(|| prepare().and_then(|call| with_timeout(call, timeout))).map_err(refused);
        match self.face {
            Face::Blocking => guard(|| Ok(result(wait::call(py, call?)?).into_py_any(py)?)),
            Face::Awaitable => aio::call(py, operation, call, result),
        }
    }

    /// A client of the same class.
    fn same(&self, py: Python<'_>, client: flowai::Client) -> Answer {
        let face = self.face;
        let calls = PyClassInitializer::from(Calls { client, face });
        Ok(match self.face {
            Face::Blocking => Py::new(py, calls.add_subclass(Client))?.into_any(),
            Face::Awaitable => Py::new(py, calls.add_subclass(AsyncClient))?.into_any(),
        })
    }

    fn class_name(&self) -> &'static str {
        match self.face {
            Face::Blocking => "Client",
            Face::Awaitable => "AsyncClient",
        }
    }
}

pub fn with_timeout<T>(call: flowai::Call<T>, timeout: Given<'_, '_>) -> Outcome<flowai::Call<T>> {
    Ok(match optional(timeout, "timeout", seconds)? {
        Some(timeout) => call.timeout(timeout),
        None => call,
    })
}

/// The constructor that the clients have in common.
macro_rules! constructor {
    ($class:ident, $face:ident) => {
        #[pymethods]
        #[allow(clippy::too_many_arguments, reason = "keyword arguments, as Python has them")]
        impl $class {
            #[new]
            #[pyo3(
                signature = (api_key=None, *, base_url=None, originator=None, timeout=None, connect_timeout=None,
                             max_retries=None, auth_scheme=None, metadata_form=None, max_text_length=None, proxy=None,
                             ca_file=None, client_cert=None, user_agent=None, trace_ids=None, allow_http=None),
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
                trace_ids: Given<'_, '_>,
                allow_http: Given<'_, '_>,
            ) -> Outcome<PyClassInitializer<$class>> {
                let mut builder = flowai::Client::builder()
                    .trace_ids(optional(trace_ids, "trace_ids", $crate::convert::truth)?.unwrap_or(true))
                    .allow_http(optional(allow_http, "allow_http", $crate::convert::truth)?.unwrap_or(false));
                if let Some(key) = optional(api_key, "api_key", text)? {
                    builder = builder.api_key(&key);
                }
                if let Some(url) = optional(base_url, "base_url", text)? {
                    builder = builder.base_url(url);
                }
                if let Some(originator) = optional(originator, "originator", fields::document::<Originator>)? {
                    builder = builder.originator(originator);
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
                    let client = builder.build()?;
                    let face = $crate::client::Face::$face;
                    Ok(PyClassInitializer::from(Calls { client, face }).add_subclass($class))
                })
            }
        }
    };
}
pub(crate) use constructor;

constructor!(Client, Blocking);

#[pymethods]
impl Calls {
    /// Makes a client that does some things differently. It shares the connections of this one, and is closed with it.
    ///
    /// timeout: seconds for a whole call, over all attempts.
    /// max_retries: int, how often a call is repeated when that is safe.
    /// originator: who sends messages that name no sender: a str, Originator or dict.
    ///
    /// What is not given stays as it is. Raises InvalidArgumentError naming the argument. The new client is a Client
    /// or AsyncClient, also when this one is of a subclass.
    ///
    /// >>> patient = client.with_options(timeout=120, max_retries=5)
    #[pyo3(signature = (*, timeout=None, max_retries=None, originator=None))]
    fn with_options(
        &self,
        py: Python<'_>,
        timeout: Given<'_, '_>,
        max_retries: Given<'_, '_>,
        originator: Given<'_, '_>,
    ) -> Answer {
        let mut options = flowai::Options::new();
        if let Some(timeout) = optional(timeout, "timeout", seconds)? {
            options = options.timeout(timeout);
        }
        if let Some(retries) = optional(max_retries, "max_retries", small_count)? {
            options = options.max_retries(retries);
        }
        if let Some(originator) = optional(originator, "originator", fields::document::<Originator>)? {
            options = options.originator(originator);
        }
        guard(|| self.same(py, self.client.with_options(options)?))
    }

    /// Closes all connections. Calls made from now on raise ClosedError. Closing again changes nothing.
    ///
    /// >>> client.close()
    fn close(&self, py: Python<'_>) -> Answer {
        let client = self.client.clone();
        match self.face {
            Face::Blocking => {
                py.detach(|| {
                    guard(|| {
                        client.close();
                        Ok(())
                    })
                })?;
                Ok(py.None())
            }
            Face::Awaitable => aio::close(py, client),
        }
    }

    /// str: Where this client sends to.
    #[getter]
    fn base_url(&self) -> String {
        self.client.base_url()
    }

    fn __repr__(&self) -> String {
        let name = self.class_name();
        format!("<flowai.{name} base_url='{}'>", self.client.base_url())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(format!(
            "an object of the class {} cannot be pickled or copied, since it holds connections and the API key: make one in each process, \
             or share this one between threads",
            self.class_name()
        )))
    }
}

#[pymethods]
impl Client {
    fn __enter__(slf: Bound<'_, Client>) -> Bound<'_, Client> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Client>, _exception: &Bound<'_, PyAny>) -> Outcome<()> {
        slf.as_super().get().close(slf.py())?;
        Ok(())
    }
}
