//! Whom to trust, and who we are.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::WantsClientCert,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::error::{Error, ErrorKind, Result};

/// The TLS configuration of a client.
pub(super) fn client_config(ca_file: Option<&Path>, client_cert: Option<&Path>) -> Result<Arc<ClientConfig>> {
    let builder = builder(roots(ca_file)?)?;
    let mut config = match client_cert {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let refuse = |error| unreadable("client_cert", &error);
            let chain = certificates("client_cert", path)?;
            let key = PrivateKeyDer::from_pem_file(path).map_err(refuse)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| Error::argument("client_cert", error))?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// A configuration that trusts nobody, for plain HTTP through a library that wants one all the same.
#[cfg(feature = "upload")]
pub(super) fn unused_config() -> Result<Arc<ClientConfig>> {
    Ok(Arc::new(builder(RootCertStore::empty())?.with_no_client_auth()))
}

fn builder(roots: RootCertStore) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Internal, "cannot set up TLS").with_source(error))?
        .with_root_certificates(roots))
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        let given = certificates("ca_file", path)?;
        if given.is_empty() {
            return Err(Error::argument("ca_file", "contains no certificate"));
        }
        for certificate in given {
            roots
                .add(certificate)
                .map_err(|error| Error::argument("ca_file", error))?;
        }
        return Ok(roots);
    }
    // Reads SSL_CERT_FILE and SSL_CERT_DIR too. A platform may hold certificates that nobody can parse.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    #[cfg(feature = "roots")]
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if roots.is_empty() {
        return Err(Error::argument(
            "ca_file",
            "is needed: this system has no certificate authorities",
        ));
    }
    Ok(roots)
}

fn certificates(argument: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let refuse = |error| unreadable(argument, &error);
    CertificateDer::pem_file_iter(path)
        .map_err(refuse)?
        .map(|certificate| certificate.map_err(refuse))
        .collect()
}

fn unreadable(argument: &str, error: &rustls::pki_types::pem::Error) -> Error {
    Error::argument(argument, format_args!("cannot be read: {error}"))
}
