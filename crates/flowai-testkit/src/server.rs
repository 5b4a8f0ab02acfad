//! All servers of the testkit, on a thread of their own.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use rustls::version::TLS12;
use rustls::{ALL_VERSIONS, ServerConfig};
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::certificates::Authority;
use crate::checker::{Checker, Verdict};
use crate::connection::{self, Shared};
use crate::counts::{Counter, Counts};
use crate::io::Io;
use crate::ports::{self, Blackhole, Refused, loopback};
use crate::proxy::{self, Manner, Targets};
use crate::vector::load_dir;

const NAMES: &[&str] = &["127.0.0.1", "::1", "localhost", "api.flow.test"];

/// The servers; they stop when this is dropped.
pub struct TestServer {
    values: BTreeMap<String, String>,
    checker: Arc<Checker>,
    counter: Arc<Counter>,
    led: Arc<AtomicU64>,
    folder: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for TestServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TestServer").field(&self.values).finish()
    }
}

impl TestServer {
    /// Starts everything on free ports of 127.0.0.1. An empty folder of vectors is fine for tests that need
    /// the misbehaving servers alone.
    ///
    /// # Errors
    /// Vectors that cannot be read, and what the operating system refuses.
    pub fn start(vectors: impl AsRef<Path>) -> io::Result<TestServer> {
        let vectors = load_dir(vectors)?;
        let (checker, counter) = (Checker::new(&vectors), Counter::new());
        let led = Arc::new(AtomicU64::new(0));
        let folder = temporary_folder()?;
        let mut server = TestServer {
            values: BTreeMap::new(),
            checker,
            counter,
            led,
            folder,
            stop: None,
            thread: None,
        };
        server.launch()?;
        Ok(server)
    }

    fn launch(&mut self) -> io::Result<()> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (authority, other) = (
            Authority::new("flowai testkit")?,
            Authority::new("somebody else")?,
        );
        for (name, pem) in [("ca_file", &authority.pem), ("other_ca_file", &other.pem)] {
            let path = self.folder.join(format!("{name}.pem"));
            std::fs::write(&path, pem)?;
            self.set(name, path.display());
        }
        let (refused, blackhole) = (Refused::new()?, Blackhole::new()?);
        self.set("refused", format_args!("http://{}", refused.address));
        self.set("blackhole", format_args!("http://{}", blackhole.address));

        let shared = Shared::new(Arc::clone(&self.checker), Arc::clone(&self.counter));
        let _inside = runtime.enter();
        let http = self.listen("http", "http")?;
        let targets = {
            let https = self.listen("https", "https")?;
            let targets = Targets {
                http: http.local_addr()?,
                https: https.local_addr()?,
            };
            runtime.spawn(accept(
                https,
                Some(authority.server(NAMES, ALL_VERSIONS)?),
                Arc::clone(&shared),
            ));
            targets
        };
        self.set("http_port", targets.http.port());
        let wrong = self.listen("https_wrong_name", "https")?;
        let elsewhere = authority.server(&["elsewhere.example"], ALL_VERSIONS)?;
        runtime.spawn(accept(wrong, Some(elsewhere), Arc::clone(&shared)));
        let older = self.listen("https_tls12", "https")?;
        let tls12 = authority.server(NAMES, &[&TLS12])?;
        runtime.spawn(accept(older, Some(tls12), Arc::clone(&shared)));
        runtime.spawn(accept(http, None, shared));

        for (name, manner) in [
            ("proxy_ok", Manner::Works),
            ("proxy_407", Manner::Refuses(407)),
            ("proxy_502", Manner::Refuses(502)),
            ("proxy_garbage", Manner::Garbage),
        ] {
            let listener = self.listen(name, "http")?;
            runtime.spawn(proxy::run(listener, manner, targets, Arc::clone(&self.led)));
        }
        runtime.spawn(ports::mute(self.listen("mute", "https")?));
        runtime.spawn(ports::mute(self.listen("proxy_mute", "http")?));
        runtime.spawn(ports::hang_up(self.listen("hang_up", "https")?));
        runtime.spawn(ports::hang_up(self.listen("proxy_hang_up", "http")?));

        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        self.thread = Some(std::thread::spawn(move || {
            let _kept_open = (refused, blackhole);
            // Told to stop, or the handle is gone: both end it.
            let _ = runtime.block_on(stopped);
        }));
        Ok(())
    }

    fn listen(&mut self, name: &str, scheme: &str) -> io::Result<TcpListener> {
        let listener = std::net::TcpListener::bind(loopback())?;
        listener.set_nonblocking(true)?;
        let address: SocketAddr = listener.local_addr()?;
        self.set(name, format_args!("{scheme}://{address}"));
        TcpListener::from_std(listener)
    }

    fn set(&mut self, name: &str, value: impl std::fmt::Display) {
        self.values.insert(name.to_owned(), value.to_string());
    }

    /// Every name and value of the line that `flowai-testkit serve` prints.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// One of [`values`](Self::values), empty if there is none of that name.
    pub fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn http(&self) -> &str {
        self.value("http")
    }

    /// `https://127.0.0.1:PORT`.
    pub fn https(&self) -> &str {
        self.value("https")
    }

    /// The PEM file with the authority of the certificates.
    pub fn ca_file(&self) -> &str {
        self.value("ca_file")
    }

    /// A proxy by its manner: `ok`, `407`, `502`, `garbage`, `hang_up`, `mute`.
    pub fn proxy(&self, manner: &str) -> &str {
        self.value(&format!("proxy_{manner}"))
    }

    /// Connections that `proxy_ok` has led through.
    pub fn proxied(&self) -> u64 {
        self.led.load(Ordering::Relaxed)
    }

    /// How a run of a vector went.
    pub fn verdict(&self, id: &str, run: &str) -> Verdict {
        self.checker.verdict(id, run)
    }

    /// What a run sent to the misbehaving servers.
    pub fn counts(&self, run: &str) -> Counts {
        self.counter.counts(run)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn accept(listener: TcpListener, tls: Option<Arc<ServerConfig>>, shared: Arc<Shared>) {
    let tls = tls.map(TlsAcceptor::from);
    while let Ok((tcp, _)) = listener.accept().await {
        let _ = tcp.set_nodelay(true);
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let io = match tls {
                None => Io::Plain(tcp),
                Some(tls) => match tls.accept(tcp).await {
                    Ok(stream) => Io::Tls(Box::new(stream)),
                    Err(_) => return,
                },
            };
            connection::serve(io, shared).await;
        });
    }
}

/// A new folder that only this process uses.
fn temporary_folder() -> io::Result<PathBuf> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let base = std::env::temp_dir();
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = base.join(format!("flowai-testkit-{}-{number}", std::process::id()));
        match std::fs::create_dir(&path) {
            // Left behind by an earlier process with the same number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map(|()| path),
        }
    }
}
