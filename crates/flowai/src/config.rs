//! How a client is set up: arguments first, then the environment, then defaults.

use std::{env, path::PathBuf, time::Duration};

use http::HeaderValue;

use crate::{
    base_url::{BaseUrl, DEFAULT_BASE_URL},
    cancel::Cancel,
    client::Client,
    error::{Error, Result},
    models::Originator,
    proxy::Proxy,
    secret::ApiKey,
};

/// Where `lang`, `timezone` and `params` of a message go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetadataForm {
    /// Beside `type`, as "Text message" of the API document has them.
    #[default]
    Seed,
    /// Inside `metadata`, as later versions of the API have them.
    Metadata,
    /// In both places.
    Both,
}

impl MetadataForm {
    /// `seed`, `metadata` or `both`.
    pub fn from_name(name: &str) -> Result<MetadataForm> {
        match name {
            "seed" => Ok(MetadataForm::Seed),
            "metadata" => Ok(MetadataForm::Metadata),
            "both" => Ok(MetadataForm::Both),
            _ => Err(Error::argument("metadata_form", "must be seed, metadata or both")),
        }
    }
}

/// Sets up a [`Client`]. Every setting has a default; `build` reads the environment for what was not set:
/// `FLOWAI_API_KEY` and `FLOWAI_BASE_URL`.
///
/// ```no_run
/// let client = flowai::Client::builder().api_key("MY_MESSAGING_API_KEY").originator("John Doe").build()?;
/// # Ok::<_, flowai::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    api_key: Option<ApiKey>,
    base_url: Option<String>,
    originator: Originator,
    timeout: Duration,
    connect_timeout: Duration,
    max_retries: u32,
    auth_scheme: String,
    metadata_form: MetadataForm,
    max_text_length: usize,
    proxy: Option<String>,
    ca_file: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    user_agent: Option<String>,
    trace_ids: bool,
    allow_http: bool,
}

impl Default for ClientBuilder {
    fn default() -> ClientBuilder {
        ClientBuilder {
            api_key: None,
            base_url: None,
            originator: Originator::new("Anonymous"),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            max_retries: 2,
            auth_scheme: "Bearer".into(),
            metadata_form: MetadataForm::Seed,
            max_text_length: 255,
            proxy: None,
            ca_file: None,
            client_cert: None,
            user_agent: None,
            trace_ids: true,
            allow_http: false,
        }
    }
}

impl ClientBuilder {
    /// The API key ("Authentication" of the API document). A `Bearer ` in front of it is dropped, not doubled.
    pub fn api_key(mut self, key: &str) -> Self {
        self.api_key = Some(ApiKey::typed(key));
        self
    }

    /// Where the service is; [`DEFAULT_BASE_URL`] if not set.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Who sends messages that name no sender themselves; `Anonymous` if not set.
    pub fn originator(mut self, originator: impl Into<Originator>) -> Self {
        self.originator = originator.into();
        self
    }

    /// One deadline over all attempts of a call, connecting and reading included; 30 seconds if not set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long one attempt to connect may take, within the deadline; 5 seconds if not set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often a call is repeated when that is safe; twice if not set. See the table of deliveries.
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// The word before the key in the `Authorization` header; `Bearer` if not set, empty for the bare key.
    pub fn auth_scheme(mut self, scheme: impl Into<String>) -> Self {
        self.auth_scheme = scheme.into();
        self
    }

    /// Where `lang`, `timezone` and `params` of a message go.
    pub fn metadata_form(mut self, form: MetadataForm) -> Self {
        self.metadata_form = form;
        self
    }

    /// The longest text that is accepted, in code points; 255 if not set, as the API document says.
    pub fn max_text_length(mut self, length: usize) -> Self {
        self.max_text_length = length;
        self
    }

    /// An HTTP proxy for all calls, such as `http://user:password@proxy:3128`. An empty string means no proxy, not
    /// even one from the environment.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.proxy = Some(url.into());
        self
    }

    /// A PEM file of the only certificate authorities to trust. If not set: `SSL_CERT_FILE` and `SSL_CERT_DIR`, else
    /// the platform's, else a bundled list.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// A PEM file with a certificate and its key, by which this client identifies itself to the server.
    pub fn client_cert(mut self, path: impl Into<PathBuf>) -> Self {
        self.client_cert = Some(path.into());
        self
    }

    /// The `User-Agent` header; `flowai/<version>` if not set.
    pub fn user_agent(mut self, agent: impl Into<String>) -> Self {
        self.user_agent = Some(agent.into());
        self
    }

    /// Whether messages without a trace id get a unique one; yes if not set.
    pub fn trace_ids(mut self, enabled: bool) -> Self {
        self.trace_ids = enabled;
        self
    }

    /// Whether `http://` is allowed to hosts other than this machine; no if not set, since the key would be readable.
    pub fn allow_http(mut self, allow: bool) -> Self {
        self.allow_http = allow;
        self
    }

    /// Checks everything and makes the client. Nothing is connected yet.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the setting.
    pub fn build(self) -> Result<Client> {
        let key = self
            .api_key
            .unwrap_or_else(|| ApiKey::typed(&env::var("FLOWAI_API_KEY").unwrap_or_default()))
            .checked()?;
        let base_url = self
            .base_url
            .or_else(|| {
                env::var("FLOWAI_BASE_URL")
                    .ok()
                    .filter(|url| !url.trim().is_empty())
            })
            .unwrap_or_else(|| DEFAULT_BASE_URL.to_owned());
        for (name, duration) in [
            ("timeout", self.timeout),
            ("connect_timeout", self.connect_timeout),
        ] {
            if duration.is_zero() {
                return Err(Error::argument(name, "must be more than zero"));
            }
        }
        let user_agent = self
            .user_agent
            .unwrap_or_else(|| concat!("flowai/", env!("CARGO_PKG_VERSION")).to_owned());
        let user_agent = HeaderValue::from_str(&user_agent)
            .map_err(|_| Error::argument("user_agent", "must be visible ASCII"))?;
        crate::payload::check_originator(&self.originator)?;
        let base_url = BaseUrl::new(&base_url, self.allow_http)?;
        Ok(Client::new(Config {
            authorization: key.authorization(&self.auth_scheme)?,
            key,
            proxy: Proxy::choose(self.proxy.as_deref(), &base_url)?,
            base_url,
            originator: self.originator,
            cancel: None,
            timeout: self.timeout,
            connect_timeout: self.connect_timeout,
            max_retries: self.max_retries,
            metadata_form: self.metadata_form,
            max_text_length: self.max_text_length,
            ca_file: self.ca_file,
            client_cert: self.client_cert,
            user_agent,
            trace_ids: self.trace_ids,
        }))
    }
}

/// A checked configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) authorization: HeaderValue,
    key: ApiKey,
    pub(crate) base_url: BaseUrl,
    pub(crate) originator: Originator,
    pub(crate) cancel: Option<Cancel>,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) max_retries: u32,
    pub(crate) metadata_form: MetadataForm,
    pub(crate) max_text_length: usize,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) client_cert: Option<PathBuf>,
    pub(crate) user_agent: HeaderValue,
    pub(crate) trace_ids: bool,
}

impl Config {
    /// A service may repeat what it was sent; the key must not get into errors that way.
    pub(crate) fn without_key(&self, error: Error) -> Error {
        error.with_redacted(|text| self.key.redact(text))
    }
}
