//! Where the service is ("Endpoint" of the API document), and what may be sent in the clear.

use std::net::IpAddr;

use http::Uri;

use crate::error::{Error, Result};

/// The service as the API document names it.
pub const DEFAULT_BASE_URL: &str = "https://api.flow.ai/rest/v1/";

#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    pub(crate) https: bool,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// `host` or `host:port`, as it goes into the `Host` header.
    pub(crate) authority: String,
    /// Begins and ends with a slash.
    pub(crate) path: String,
}

impl BaseUrl {
    pub(crate) fn new(text: &str, allow_http: bool) -> Result<BaseUrl> {
        let refuse = |problem: &str| Error::argument("base_url", problem);
        let uri: Uri = text.trim().parse().map_err(|_| refuse("is not a URL"))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(refuse("must begin with https://")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("must not carry a user name or password"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(refuse("must not have a query or a fragment"));
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err(refuse("names no host"));
        }
        if !https && !allow_http && !is_loopback(&host) {
            return Err(refuse(
                "would send the API key unencrypted; use https://, or allow_http to insist",
            ));
        }
        let mut path = uri.path().to_owned();
        if !path.ends_with('/') {
            path.push('/');
        }
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(refuse("must not contain . or .. as a path segment"));
        }
        Ok(BaseUrl {
            https,
            port: authority.port_u16().unwrap_or(if https { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            host,
            path,
        })
    }

    /// The absolute URL of a target that begins with a slash.
    pub(crate) fn absolute(&self, target: &str) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}{target}", self.authority)
    }
}

pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_may_be_plain() {
        for url in [
            "http://127.0.0.1:1/",
            "http://localhost",
            "http://[::1]:8080/rest/v1",
            "https://api.flow.ai/x",
        ] {
            assert!(BaseUrl::new(url, false).is_ok(), "{url}");
        }
        for url in [
            "http://api.flow.ai/",
            "http://127.0.0.1.example.org/",
            "http://10.0.0.1/",
        ] {
            assert!(BaseUrl::new(url, false).is_err(), "{url}");
            assert!(BaseUrl::new(url, true).is_ok(), "{url}");
        }
    }

    #[test]
    fn odd_urls_are_refused() {
        for url in [
            "",
            "api.flow.ai",
            "ftp://x/",
            "https://",
            "https://u:p@h/",
            "https://h/?q=1",
            "https://h/a/../b",
            "https://h/#f",
        ] {
            let error = BaseUrl::new(url, true).unwrap_err();
            assert_eq!(error.argument_name(), Some("base_url"), "{url}");
        }
    }

    #[test]
    fn the_path_ends_with_a_slash() {
        let base = BaseUrl::new("https://api.flow.ai/rest/v1", false).unwrap();
        assert_eq!((base.path.as_str(), base.port), ("/rest/v1/", 443));
    }
}
