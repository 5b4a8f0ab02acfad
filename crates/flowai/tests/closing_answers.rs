//! A server that says over TLS, in the same packet as its answer, that it closes: nothing is left in the socket that would
//! show it, and the next message must not go there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use flowai::Client;
use rustls::{ServerConfig, ServerConnection, pki_types::PrivateKeyDer};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}";

/// Answers one request, and keeps the socket open.
fn serve(mut stream: TcpStream, config: Arc<ServerConfig>) {
    let mut tls = ServerConnection::new(config).unwrap();
    let mut request = [0; 8192];
    loop {
        while tls.wants_write() {
            tls.write_tls(&mut stream).unwrap();
        }
        if tls.read_tls(&mut stream).unwrap_or(0) == 0 {
            return;
        }
        tls.process_new_packets().unwrap();
        if tls.reader().read(&mut request).is_ok_and(|count| count > 0) {
            tls.writer().write_all(ANSWER).unwrap();
            tls.send_close_notify();
            let mut packet = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut packet).unwrap();
            }
            stream.write_all(&packet).unwrap();
            // Until the client has closed it.
            let _ = stream.read(&mut request);
            return;
        }
    }
}

#[test]
fn a_connection_that_closes_with_its_answer_is_not_used_again() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let ca_file = std::env::temp_dir().join(format!("flowai-closing-{}.pem", std::process::id()));
    fs::write(&ca_file, made.cert.pem()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            let config = Arc::clone(&config);
            thread::spawn(move || serve(stream.unwrap(), config));
        }
    });
    let client = Client::builder()
        .api_key("MY_MESSAGING_API_KEY")
        .base_url(format!("https://localhost:{port}/rest/v1/"))
        .ca_file(&ca_file)
        .build()
        .unwrap();
    for n in 0..20 {
        client
            .send_text("t", format!("{n}"))
            .wait()
            .unwrap_or_else(|error| panic!("send {n}: {error:?}"));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 20);
    let _ = fs::remove_file(ca_file);
}
