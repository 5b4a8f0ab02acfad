//! A small pool of lanes to one host.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use http_body_util::Full;
use once_cell::sync::OnceCell;
use rustls::ClientConfig;
use tokio::sync::Semaphore;

use super::{Response, Sent, connect, lane::Lane, tls};
use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
    operation::Request,
};

/// Requests under way at the same time; more wait for their turn.
pub(crate) const MAX_CONNECTIONS: usize = 128;
/// Connections being made at the same time. A burst of TLS handshakes would resume no session.
const MAX_CONNECTING: usize = 8;
/// Idle connections are dropped after this time, before middleboxes forget them silently.
const MAX_IDLE: Duration = Duration::from_secs(30);

pub(super) struct Pool {
    idle: Mutex<Vec<Lane>>,
    turns: Semaphore,
    connecting: Semaphore,
    tls: OnceCell<Arc<ClientConfig>>,
    headers: HeaderMap,
}

impl Pool {
    pub(super) fn new(config: &Config) -> Result<Pool> {
        let mut headers = HeaderMap::new();
        let host = HeaderValue::from_str(&config.base_url.authority)
            .map_err(|_| Error::argument("base_url", "names no host"))?;
        headers.insert(header::HOST, host);
        headers.insert(header::AUTHORIZATION, config.authorization.clone());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, config.user_agent.clone());
        if let Some(proxy) = &config.proxy
            && let (false, Some(credentials)) = (config.base_url.https, &proxy.authorization)
        {
            headers.insert(header::PROXY_AUTHORIZATION, credentials.clone());
        }
        Ok(Pool {
            idle: Mutex::default(),
            turns: Semaphore::new(MAX_CONNECTIONS),
            connecting: Semaphore::new(MAX_CONNECTING),
            tls: OnceCell::new(),
            headers,
        })
    }

    /// The TLS configuration, built on first use, since reading the certificate authorities takes milliseconds. One
    /// for all connections, so that sessions resume.
    pub(super) fn tls(&self, config: &Config) -> Result<Option<Arc<ClientConfig>>> {
        if !config.base_url.https {
            return Ok(None);
        }
        self.tls
            .get_or_try_init(|| tls::client_config(config.ca_file.as_deref(), config.client_cert.as_deref()))
            .cloned()
            .map(Some)
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lane that was used last and is still alive.
    async fn reuse(&self) -> Option<Lane> {
        loop {
            let mut lane = self.lock().pop()?;
            if lane.idle_for() < MAX_IDLE && lane.is_alive().await {
                return Some(lane);
            }
            log::debug!("an idle connection is not used again: it ended, or was idle for too long");
        }
    }

    fn put_back(&self, lane: Lane) {
        let mut idle = self.lock();
        let stale = idle.iter().take_while(|lane| lane.idle_for() >= MAX_IDLE).count();
        let dropped: Vec<Lane> = idle.drain(..stale).collect();
        idle.push(lane);
        drop(idle);
        drop(dropped);
    }

    async fn connect(&self, config: &Config) -> Result<Lane> {
        let _turn = self.connecting.acquire().await.map_err(closed)?;
        let tls = self.tls(config)?;
        let (stream, probe) = connect::connect(config, tls).await?;
        Lane::open(stream, probe).await
    }

    /// Sends a request and reads the answer. A connection that is lost before a byte of the request was written is
    /// replaced by another.
    pub(super) async fn exchange(
        &self,
        config: &Config,
        request: &Request,
        json: Option<Bytes>,
        sent: &mut Sent,
    ) -> Result<Response> {
        let _turn = self.turns.acquire().await.map_err(closed)?;
        loop {
            let (mut lane, reused) = match self.reuse().await {
                Some(lane) => (lane, true),
                None => (self.connect(config).await?, false),
            };
            sent.leaving().await?;
            let built = self.request(config, request, json.clone())?;
            sent.begin(lane.counters())?;
            match lane.exchange(built).await {
                Ok(response) => {
                    if lane.reusable(&response) {
                        self.put_back(lane);
                    }
                    return Ok(response);
                }
                Err(error) => {
                    // TLS may still hold the request, and would send it when polled.
                    drop(lane);
                    if !reused || sent.maybe() {
                        return Err(error);
                    }
                    sent.reset();
                }
            }
        }
    }

    fn request(
        &self,
        config: &Config,
        request: &Request,
        json: Option<Bytes>,
    ) -> Result<http::Request<Full<Bytes>>> {
        let target = format!("{}{}", config.base_url.path, request.target);
        let uri = match &config.proxy {
            Some(_) if !config.base_url.https => config.base_url.absolute(&target),
            _ => target.clone(),
        };
        let uri: Uri = uri
            .try_into()
            .map_err(|_| Error::new(ErrorKind::Internal, "cannot build the URL"))?;
        if uri.path_and_query().is_none_or(|built| built.as_str() != target) {
            return Err(Error::new(
                ErrorKind::Internal,
                "the URL is not the one that was meant",
            ));
        }
        let mut headers = self.headers.clone();
        if json.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        } else if [Method::POST, Method::PUT, Method::PATCH].contains(&request.operation.method) {
            // hyper leaves it out, and there are servers that then answer 411.
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut built = http::Request::new(Full::new(json.unwrap_or_default()));
        *built.method_mut() = request.operation.method.clone();
        *built.uri_mut() = uri;
        *built.headers_mut() = headers;
        Ok(built)
    }
}

fn closed(_: tokio::sync::AcquireError) -> Error {
    Error::new(ErrorKind::Closed, "the client is closed")
}
