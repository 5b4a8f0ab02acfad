//! The server side of TLS, with certificates that are replaced while it runs.

use std::{
    fmt,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use flowai::{Error, Result};
use rustls::{
    ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at, at most.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// A certificate chain and its private key in two PEM files, loaded again when the files change. Connections keep the
/// certificate that they began with.
pub(crate) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    state: Mutex<State>,
}

struct State {
    acceptor: TlsAcceptor,
    /// The files that were loaded last, whether they were any good or not.
    files: [Option<FileId>; 2],
    looked: Instant,
}

/// Changes when a file is replaced or written to.
type FileId = (u64, u64, u64, i64, i64);

fn file_id(path: &Path) -> Option<FileId> {
    let found = std::fs::metadata(path).ok()?;
    Some((
        found.dev(),
        found.ino(),
        found.len(),
        found.mtime(),
        found.mtime_nsec(),
    ))
}

impl Tls {
    pub(crate) fn load(certificate: PathBuf, key: PathBuf) -> Result<Tls> {
        // Before loading, so that a change in between is seen.
        let files = [file_id(&certificate), file_id(&key)];
        Ok(Tls {
            state: Mutex::new(State {
                acceptor: acceptor(&certificate, &key)?,
                files,
                looked: Instant::now(),
            }),
            certificate,
            key,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For a new connection: with the certificate that is in the files now, if it is any good.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let mut state = self.state();
        if state.looked.elapsed() >= LOOK_INTERVAL {
            state.looked = Instant::now();
            let files = [file_id(&self.certificate), file_id(&self.key)];
            if files != state.files {
                state.files = files;
                match acceptor(&self.certificate, &self.key) {
                    Ok(fresh) => {
                        log::info!("the certificate of the receiver was replaced");
                        state.acceptor = fresh;
                    }
                    // They may be in the middle of being replaced.
                    Err(error) => log::warn!("the receiver keeps its old certificate: {error}"),
                }
            }
        }
        state.acceptor.clone()
    }

    /// Loads the files now; the old certificate stays when they are no good.
    pub(crate) fn reload(&self) -> Result<()> {
        let files = [file_id(&self.certificate), file_id(&self.key)];
        let fresh = acceptor(&self.certificate, &self.key)?;
        let mut state = self.state();
        state.acceptor = fresh;
        state.files = files;
        Ok(())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// An acceptor with the certificate chain and the private key of two PEM files.
fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
    let refuse =
        |path: &Path, problem: &str| Error::argument("tls", format!("{}: {problem}", path.display()));
    let unreadable = |path: &Path, what: &str, error: pem::Error| match error {
        pem::Error::Io(error) => refuse(path, &format!("cannot be read: {error}")).with_source(error),
        pem::Error::NoItemsFound => refuse(path, &format!("has no {what} in PEM form")),
        _ => refuse(path, &format!("is not a {what} in PEM form")),
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| unreadable(certificate, "certificate", e))?;
    if chain.is_empty() {
        return Err(unreadable(certificate, "certificate", pem::Error::NoItemsFound));
    }
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, "private key", e))?;

    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key_der))
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => refuse(key, "is not the key of the certificate"),
            error => {
                let problem = format!("certificate and key cannot be used: {error}");
                refuse(certificate, &problem).with_source(error)
            }
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
