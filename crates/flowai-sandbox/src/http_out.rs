//! Calling a webhook: one request over http or https, of whose answer only the status matters.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::tls;

/// How long one call may take, from looking the host up to the status of the answer.
pub(crate) const CALL_TIME: Duration = Duration::from_secs(10);
/// How long and how much of the answer's body is read before the connection is closed, so that the other
/// side can finish writing it.
const REST_TIME: Duration = Duration::from_secs(1);
const REST_BYTES: usize = 64 * 1024;

/// A URL that can be called.
#[derive(Clone)]
pub(crate) struct Target {
    url: String,
    uri: Uri,
    host: String,
    port: u16,
    tls: bool,
}

impl Target {
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|_| "is not a URL".to_owned())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err("must begin with http:// or https://".to_owned()),
        };
        let authority = uri.authority().ok_or("names no host")?;
        if authority.as_str().contains('@') {
            return Err("must not contain a user name or password".to_owned());
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() {
            return Err("names no host".to_owned());
        }
        let port = match authority.port() {
            None if tls => 443,
            None => 80,
            Some(port) => port.as_u16(),
        };
        Ok(Self {
            url: url.to_owned(),
            uri,
            host,
            port,
            tls,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }
}

/// The client, whose certificates are read when first needed.
pub(crate) struct HttpOut {
    ca_file: Option<PathBuf>,
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl HttpOut {
    pub(crate) fn new(ca_file: Option<PathBuf>) -> Self {
        Self {
            ca_file,
            tls: OnceLock::new(),
        }
    }

    pub(crate) fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        self.tls
            .get_or_init(|| tls::client_config(self.ca_file.as_deref()))
            .clone()
    }

    /// GETs the URL and returns the status of the answer.
    pub(crate) async fn get(&self, target: &Target) -> Result<u16, String> {
        self.call(target, Method::GET, Bytes::new(), None).await
    }

    /// POSTs JSON with a token and returns the status of the answer, whatever it is.
    pub(crate) async fn post(&self, target: &Target, body: Bytes, token: &str) -> Result<u16, String> {
        self.call(target, Method::POST, body, Some(token)).await
    }

    async fn call(
        &self,
        target: &Target,
        method: Method,
        body: Bytes,
        token: Option<&str>,
    ) -> Result<u16, String> {
        let request = request(target, method, body, token)?;
        timeout(CALL_TIME, async {
            let stream = TcpStream::connect((target.host.as_str(), target.port))
                .await
                .map_err(|error| format!("could not connect: {error}"))?;
            // Only a matter of speed.
            let _ = stream.set_nodelay(true);
            if !target.tls {
                return exchange(stream, request).await;
            }
            let name = ServerName::try_from(target.host.clone()).map_err(|error| error.to_string())?;
            let stream = TlsConnector::from(self.tls()?)
                .connect(name, stream)
                .await
                .map_err(|error| format!("TLS failed: {error}"))?;
            exchange(stream, request).await
        })
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {} seconds", CALL_TIME.as_secs())))
    }
}

fn request(
    target: &Target,
    method: Method,
    body: Bytes,
    token: Option<&str>,
) -> Result<Request<Full<Bytes>>, String> {
    let path = target.uri.path_and_query().map_or("/", |path| path.as_str());
    let host = target.uri.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, host)
        .header(header::CONNECTION, "close")
        .header(header::ACCEPT, "*/*")
        .header(
            header::USER_AGENT,
            concat!("flowai-sandbox/", env!("CARGO_PKG_VERSION")),
        );
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| "the token cannot be sent".to_owned())?;
        value.set_sensitive(true);
        request = request
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, value);
    }
    request.body(Full::new(body)).map_err(|error| error.to_string())
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| format!("no answer: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // Ends the connection with this call, however that ends.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let mut answer = sender.send_request(request).await.map_err(failed)?;
    let status = answer.status().as_u16();
    let rest = async {
        let mut read = 0;
        while let Some(Ok(frame)) = answer.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > REST_BYTES {
                break;
            }
        }
    };
    // The status has decided; the body is read for politeness only.
    let _ = timeout(REST_TIME, rest).await;
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_and_https_urls_with_a_host_are_targets() {
        for bad in [
            "",
            "/path",
            "ftp://host/",
            "http://",
            "https://user:secret@host/",
            "host:80",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
        let target = Target::parse("https://[::1]/hook?x=1").unwrap();
        assert_eq!(
            (target.host.as_str(), target.port, target.tls),
            ("::1", 443, true)
        );
        let target = Target::parse("http://127.0.0.1:9000").unwrap();
        assert_eq!(
            (target.host.as_str(), target.port, target.tls),
            ("127.0.0.1", 9000, false)
        );
    }
}
