//! What the programs of `make bench` have in common.

use std::{error::Error, io, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};

/// Any error: a program that measures ends with it.
pub type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// The key that every client sends.
pub const KEY: &str = "MY_MESSAGING_API_KEY";

/// The `n`th message, as a user of an HTTP library would write it.
pub fn message(n: usize) -> String {
    format!(
        r#"{{"payload":{{"type":"text","speech":"message {n}","originator":{{"name":"John Doe","role":"external"}}}}}}"#
    )
}

/// An authority of our own, and a server on this machine that shows its certificate.
///
/// # Errors
/// When no certificate can be made.
pub fn tls() -> Result<(String, Arc<ServerConfig>)> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority
        .distinguished_name
        .push(DnType::CommonName, "flowai bench");
    let pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    server.use_authority_key_identifier_extension = true;
    server
        .extended_key_usages
        .push(ExtendedKeyUsagePurpose::ServerAuth);
    let certificate = server.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok((pem, Arc::new(config)))
}

/// The value behind `--name` among the arguments of this program.
pub fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args();
    arguments.find(|argument| argument == name)?;
    arguments.next()
}

/// The number behind `--name`, or `otherwise`.
///
/// # Errors
/// When it is no number.
pub fn number(name: &str, otherwise: usize) -> Result<usize> {
    match argument(name) {
        Some(text) => text
            .parse()
            .map_err(|error| io::Error::other(format!("{name} {text}: {error}")).into()),
        None => Ok(otherwise),
    }
}
