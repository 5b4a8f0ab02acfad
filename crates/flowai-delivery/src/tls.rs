//! The server side of TLS.

use std::{path::Path, sync::Arc};

use flowai::{Error, Result};
use rustls::{
    ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use tokio_rustls::TlsAcceptor;

/// An acceptor with the certificate chain and the private key of two PEM files.
pub(crate) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor> {
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
