//! HTTPS, with a certificate made for the test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use flowai::ErrorKind;
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring, pki_types::CertificateDer,
};
use support::*;

struct Files {
    folder: PathBuf,
    certificate: CertificateDer<'static>,
}

impl Files {
    fn new(test: &str) -> Files {
        let folder = std::env::temp_dir().join(format!("flowai-{test}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let CertifiedKey { cert, signing_key } = issue();
        fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
        Files {
            folder,
            certificate: cert.der().clone(),
        }
    }

    /// Puts another certificate there; gives what a client must trust from then on.
    fn replace(&self) -> Files {
        let CertifiedKey { cert, signing_key } = issue();
        fs::write(self.path("key.pem"), signing_key.serialize_pem()).unwrap();
        fs::write(self.path("cert.pem"), cert.pem()).unwrap();
        Files {
            folder: self.folder.join("none"),
            certificate: cert.der().clone(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn client(
        &self,
        receiver: &flowai_delivery::Receiver,
    ) -> Client<StreamOwned<ClientConnection, TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let stream = TcpStream::connect(receiver.local_addr()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        Client::over(StreamOwned::new(connection, stream))
    }
}

fn issue() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn https_calls_are_served() {
    let files = Files::new("served");
    let receiver = open()
        .tls(files.path("cert.pem"), files.path("key.pem"))
        .start()
        .unwrap();
    assert_eq!(receiver.url(), format!("https://{}/hook", receiver.local_addr()));
    let mut client = files.client(&receiver);
    for _ in 0..3 {
        assert_eq!(client.send(post(REPLY, "")).answer().status, 200);
    }
    assert_eq!(client.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(receiver.next(Some(Duration::ZERO)).unwrap().unwrap().text(), "hi");
    // A large body that is refused early: the answer arrives, encrypted, and so does the end.
    let mut client = files.client(&receiver);
    assert_eq!(client.send(post(&"x".repeat(3 << 20), "")).answer().status, 413);
    client.assert_closed();
    receiver.stop().unwrap();
}

#[test]
fn silent_and_plain_clients_do_not_keep_others_waiting() {
    let files = Files::new("silent");
    let receiver = open()
        .tls(files.path("cert.pem"), files.path("key.pem"))
        .limits(short_limits())
        .start()
        .unwrap();
    let mut silent = [(); 5].map(|()| Client::new(&receiver));
    let mut plain = Client::new(&receiver);
    plain.send(post(REPLY, ""));
    assert_eq!(files.client(&receiver).send(post(REPLY, "")).answer().status, 200);
    for client in &mut silent {
        client.assert_closed();
    }
    assert!(plain.try_answer().is_err());
    eventually(|| receiver.stats().unwrap().dropped == 5);
    assert_eq!(receiver.stats().unwrap().accepted, 1);
}

#[test]
fn unusable_files_are_named() {
    let files = Files::new("unusable");
    let other = Files::new("unusable-other");
    fs::write(files.path("empty.pem"), "").unwrap();
    fs::write(
        files.path("broken.pem"),
        "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    let check = |cert: &Path, key: &Path, at_fault: &Path, problem: &str| {
        let error = open().tls(cert, key).start().unwrap_err();
        assert_eq!(
            (error.kind(), error.argument_name()),
            (ErrorKind::InvalidArgument, Some("tls"))
        );
        let text = error.to_string();
        assert!(
            text.contains(at_fault.to_str().unwrap()) && text.contains(problem),
            "{text}"
        );
    };
    check(
        &files.path("none.pem"),
        &key,
        &files.path("none.pem"),
        "cannot be read",
    );
    check(
        &cert,
        &files.path("none.pem"),
        &files.path("none.pem"),
        "cannot be read",
    );
    check(
        &files.path("empty.pem"),
        &key,
        &files.path("empty.pem"),
        "has no certificate",
    );
    check(
        &files.path("broken.pem"),
        &key,
        &files.path("broken.pem"),
        "is not a certificate",
    );
    check(&key, &key, &key, "has no certificate");
    check(&cert, &cert, &cert, "has no private key");
    check(
        &cert,
        &other.path("key.pem"),
        &other.path("key.pem"),
        "is not the key of the certificate",
    );
}

#[test]
fn certificates_are_replaced_without_a_pause() {
    let files = Files::new("replaced");
    let receiver = open()
        .tls(files.path("cert.pem"), files.path("key.pem"))
        .start()
        .unwrap();
    let call = |files: &Files| files.client(&receiver).try_send(post(REPLY, ""));
    let mut old = files.client(&receiver);
    assert_eq!(old.send(post(REPLY, "")).answer().status, 200);

    let second = files.replace();
    receiver.reload_tls().unwrap();
    assert!(call(&second).is_ok() && call(&files).is_err());
    assert_eq!(old.send(post(REPLY, "")).answer().status, 200, "connections stay");

    // By itself, soon after the files have changed; and what is no good changes nothing.
    let third = files.replace();
    eventually(|| call(&third).is_ok());
    assert!(call(&second).is_err());
    fs::write(files.path("cert.pem"), "half a certif").unwrap();
    assert_eq!(receiver.reload_tls().unwrap_err().argument_name(), Some("tls"));
    std::thread::sleep(Duration::from_millis(1100));
    assert!(call(&third).is_ok());
    let fourth = files.replace();
    eventually(|| call(&fourth).is_ok());
    assert_eq!(old.send(post(REPLY, "")).answer().status, 200);

    let plain = open().start().unwrap();
    assert_eq!(plain.reload_tls().unwrap_err().kind(), ErrorKind::InvalidArgument);
}
