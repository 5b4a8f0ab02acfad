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
        match Proxy::from_rules(&matcher, base_url)? {
            None if argument.is_some() => Err(refuse("is not a URL like http://proxy:3128")),
            found => Ok(found.filter(|_| !is_loopback(&base_url.host))),
        }
    }

    fn from_rules(rules: &Matcher, base_url: &BaseUrl) -> Result<Option<Proxy>> {
        let service: Uri = base_url
            .absolute(&base_url.path)
            .parse()
            .map_err(|_| Error::argument("base_url", "is not a URL"))?;
        rules
            .intercept(&service)
            .map(|intercept| Proxy::from_intercept(&intercept))
            .transpose()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn service(url: &str) -> BaseUrl {
        BaseUrl::new(url, true).unwrap()
    }

    #[test]
    fn an_argument_is_a_proxy_for_everything_but_this_machine() {
        let choose = |argument, url| Proxy::choose(Some(argument), &service(url));
        let proxy = choose("http://user:word@proxy:3128", "https://api.flow.ai/")
            .unwrap()
            .unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("proxy", 3128));
        assert_eq!(proxy.authorization.as_ref().unwrap(), "Basic dXNlcjp3b3Jk");
        assert!(!format!("{proxy:?}").contains("word"));
        assert!(
            choose("http://proxy:3128", "http://127.0.0.1:8080/")
                .unwrap()
                .is_none()
        );
        assert!(choose("", "https://api.flow.ai/").unwrap().is_none());
        for wrong in ["socks5://proxy:1080", "https://proxy:3128", "::", "http://"] {
            let error = choose(wrong, "https://api.flow.ai/").unwrap_err();
            assert_eq!(error.argument_name(), Some("proxy"), "{wrong}");
        }
    }

    #[test]
    fn rules_name_hosts_to_leave_alone() {
        let rules = Matcher::builder()
            .all("http://proxy:3128")
            .no("flow.ai,10.0.0.0/8")
            .build();
        let goes_through = |url| Proxy::from_rules(&rules, &service(url)).unwrap().is_some();
        assert!(goes_through("https://example.org/"));
        assert!(!goes_through("https://api.flow.ai/rest/v1/"));
        assert!(!goes_through("https://10.1.2.3/"));
    }
}
