//! Which HTTP proxy to go through, from the argument or the usual environment.

use std::fmt;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::{
    base_url::{BaseUrl, is_loopback},
    error::{Error, Result},
};

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) authorization: Option<HeaderValue>,
}

impl Proxy {
    /// The argument if there is one (empty: none at all), else what `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY` say. What is on this machine is never reached through a proxy.
    pub(crate) fn choose(argument: Option<&str>, base_url: &BaseUrl) -> Result<Option<Proxy>> {
        let matcher = match argument.map(str::trim) {
            Some("") => return Ok(None),
            Some(url) => Matcher::builder().all(url.to_owned()).build(),
            None => Matcher::from_env(),
        };
        let service: Uri = base_url
            .absolute(&base_url.path)
            .parse()
            .map_err(|_| Error::argument("base_url", "is not a URL"))?;
        match (matcher.intercept(&service), argument) {
            (Some(intercept), _) => {
                let proxy = Proxy::from_intercept(&intercept)?;
                Ok((!is_loopback(&base_url.host)).then_some(proxy))
            }
            (None, Some(_)) => Err(refuse("is not a URL like http://proxy:3128")),
            (None, None) => Ok(None),
        }
    }

    fn from_intercept(intercept: &Intercept) -> Result<Proxy> {
        let uri = intercept.uri();
        if uri.scheme_str() != Some("http") {
            return Err(refuse(
                "must begin with http://; other kinds of proxies are not supported",
            ));
        }
        let host = uri
            .host()
            .unwrap_or_default()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return Err(refuse("names no host"));
        }
        Ok(Proxy {
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(80),
            authorization: intercept.basic_auth().cloned().map(|mut value| {
                value.set_sensitive(true);
                value
            }),
        })
    }
}

fn refuse(problem: &str) -> Error {
    Error::argument("proxy", problem)
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}
