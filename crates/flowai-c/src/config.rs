//! How a client is set up.

use std::{mem::MaybeUninit, sync::RwLock, time::Duration};

use flowai::{ClientBuilder, Document, Error, MetadataForm, Originator, Result};

use crate::{
    error::flowai_error,
    guard::{call, free, make},
    registry::{self, handle},
    status::flowai_status,
    strings::Text,
};

/// The settings of a client. Free it with flowai_config_free(), any time after flowai_client_new(), which copies it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_config {
    /// 0 is none: all defaults.
    pub id: u64,
}
handle!(flowai_config => Config, 2);

/// Never waited for: a lock that another thread holds is the error of a program that changes what it uses elsewhere,
/// and in a forked child nobody would release it.
pub(crate) struct Config(RwLock<ClientBuilder>);

impl Config {
    pub(crate) fn builder(&self) -> Result<ClientBuilder> {
        self.0
            .try_read()
            .map(|builder| builder.clone())
            .map_err(|_| in_use("config"))
    }
}

pub(crate) fn in_use(name: &'static str) -> Error {
    Error::argument(name, "is used by another thread at the same time")
}

/// Reads a document or a name of a sender.
pub(crate) fn originator_of(document: &Text) -> Result<Originator> {
    Originator::from_value(document.json("originator")?)
        .map_err(|_| Error::argument("originator", "must be an object"))
}

fn set(
    config: flowai_config,
    err: Option<&mut MaybeUninit<flowai_error>>,
    change: impl FnOnce(ClientBuilder) -> Result<ClientBuilder>,
) -> flowai_status {
    call(err, || {
        let config = registry::get(config)?;
        let mut builder = config.0.try_write().map_err(|_| in_use("config"))?;
        *builder = change(builder.clone())?;
        Ok(())
    })
}

fn milliseconds(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

/// Makes settings with every default. What is not set is taken from the environment (FLOWAI_API_KEY, FLOWAI_BASE_URL)
/// when a client is made.
///
/// @param err  Receives an error on failure; may be NULL.
/// @param out  Receives the settings, which the caller frees.
/// @return     FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Thread safety  Any thread.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_new(
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_config>>,
) -> flowai_status {
    make(err, out, || Ok(Config(RwLock::new(flowai::Client::builder()))))
}

/// Sets the API key ("Authentication" of the API document). A "Bearer " in front of it is dropped, not doubled.
/// Default: FLOWAI_API_KEY of the environment.
///
/// @param config  Settings.
/// @param key     Visible ASCII.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_api_key(
    config: flowai_config,
    key: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| {
        Ok(builder.api_key(key.required("api_key")?))
    })
}

/// Sets where the service is. Default: FLOWAI_BASE_URL of the environment, else https://api.flow.ai/rest/v1/.
///
/// @param config  Settings.
/// @param url     An http or https URL.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_base_url(
    config: flowai_config,
    url: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| {
        Ok(builder.base_url(url.required("base_url")?))
    })
}

/// Sets the name of the sender of messages that name none themselves; the role is external. Default: "Anonymous".
///
/// @param config  Settings.
/// @param name    A name.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_originator_name(
    config: flowai_config,
    name: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| {
        Ok(builder.originator(name.required("originator")?))
    })
}

/// Sets the sender of messages that name none themselves, with role, profile and metadata ("Originator" of the API
/// document).
///
/// @param config  Settings.
/// @param document A JSON object: {"name": "John Doe", "role": "external", "profile": {...}}.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_originator_json(
    config: flowai_config,
    document: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| {
        Ok(builder.originator(originator_of(&document)?))
    })
}

/// Sets the deadline over all attempts of a call, connecting and reading included. Default: 30,000.
///
/// @param config  Settings.
/// @param ms      Milliseconds, more than 0.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_timeout_ms(
    config: flowai_config,
    ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| Ok(builder.timeout(milliseconds(ms))))
}

/// Sets how long one attempt to connect may take, within the deadline. Default: 5,000.
///
/// @param config  Settings.
/// @param ms      Milliseconds, more than 0.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_connect_timeout_ms(
    config: flowai_config,
    ms: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| {
        Ok(builder.connect_timeout(milliseconds(ms)))
    })
}

/// Sets how often a call is repeated when that is safe. Default: 2.
///
/// @param config  Settings.
/// @param retries A number; 0 for never.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_max_retries(
    config: flowai_config,
    retries: u32,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| Ok(builder.max_retries(retries)))
}

/// Sets the word before the key in the header Authorization. Default: "Bearer".
///
/// @param config  Settings.
/// @param scheme  A word; empty for the bare key.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_auth_scheme(
    config: flowai_config,
    scheme: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| {
        Ok(builder.auth_scheme(scheme.required("auth_scheme")?))
    })
}

/// Sets where lang, timezone and params of a message go. Default: "seed".
///
/// @param config  Settings.
/// @param form    "seed" (beside the type of the message), "metadata" (in an object of that name, as later versions of
///                the API have it) or "both".
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_metadata_form(
    config: flowai_config,
    form: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| {
        Ok(builder.metadata_form(MetadataForm::from_name(form.required("metadata_form")?)?))
    })
}

/// Sets the longest text that is accepted. Default: 255, as "Text message" of the API document says.
///
/// @param config  Settings.
/// @param length  Unicode code points.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_max_text_length(
    config: flowai_config,
    length: usize,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| Ok(builder.max_text_length(length)))
}

/// Sets an HTTP proxy for all calls. Default: the usual variables of the environment. Loopback is never proxied.
///
/// @param config  Settings.
/// @param url     A URL such as http://user:password@proxy:3128; empty for no proxy at all.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_proxy(
    config: flowai_config,
    url: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| Ok(builder.proxy(url.required("proxy")?)))
}

/// Sets the only certificate authorities to trust. Default: SSL_CERT_FILE and SSL_CERT_DIR of the environment, else
/// those of the system, else a bundled list.
///
/// @param config  Settings.
/// @param path    A PEM file.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_ca_file(
    config: flowai_config,
    path: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| {
        Ok(builder.ca_file(path.required("ca_file")?))
    })
}

/// Sets the certificate by which the client identifies itself to the server. Default: none.
///
/// @param config  Settings.
/// @param path    A PEM file with a certificate and its key.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_client_cert(
    config: flowai_config,
    path: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| {
        Ok(builder.client_cert(path.required("client_cert")?))
    })
}

/// Sets the header User-Agent. Default: flowai/ and the version.
///
/// @param config  Settings.
/// @param agent   Visible ASCII.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_user_agent(
    config: flowai_config,
    agent: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| {
        Ok(builder.user_agent(agent.required("user_agent")?))
    })
}

/// Sets whether messages without a trace id get a unique one. Default: true.
///
/// @param config  Settings.
/// @param enabled true or false.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_trace_ids(
    config: flowai_config,
    enabled: bool,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| Ok(builder.trace_ids(enabled)))
}

/// Sets whether http:// is allowed to hosts other than this machine. Default: false, since the key would be readable.
///
/// @param config  Settings.
/// @param allow   true or false.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_set_allow_http(
    config: flowai_config,
    allow: bool,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    set(config, err, |builder| Ok(builder.allow_http(allow)))
}

/// Frees settings. {0} and what was freed before are left alone.
///
/// @param config  Settings.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_config_free(config: flowai_config) {
    free(config);
}
