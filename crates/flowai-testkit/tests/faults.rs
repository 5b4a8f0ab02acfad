//! The misbehaving servers misbehave as they are asked to.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowai_testkit::{TestServer, load_file};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use support::{connect, exchange, get, read_reply, vectors_dir};

fn server() -> TestServer {
    TestServer::start(vectors_dir()).unwrap()
}

fn message(behaviour: &str, run: &str, trace: u64) -> Vec<u8> {
    let body = json!({"payload": {"type": "text", "speech": "hello", "traceId": trace}}).to_string();
    format!(
        "POST /fault/{behaviour}/{run}/rest/v1/messages/t HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn tls(base: &str, ca_file: &str, name: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca_file).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    StreamOwned::new(
        ClientConnection::new(Arc::new(config), name).unwrap(),
        connect(base),
    )
}

/// How a stream ended, after `bytes` bytes.
fn end(stream: &mut impl Read) -> (usize, String) {
    let mut bytes = 0;
    let mut buffer = [0; 65536];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (bytes, "end".into()),
            Ok(n) => bytes += n,
            Err(error) => return (bytes, format!("{:?}", error.kind())),
        }
    }
}

#[test]
fn every_behaviour_of_the_outcomes_is_known() {
    let server = server();
    let vectors = load_file(vectors_dir().join("outcomes.json")).unwrap();
    let behaviours: BTreeSet<&str> = vectors
        .iter()
        .filter_map(|v| v.get("behaviour").as_str())
        .filter(|&b| b != "none")
        .collect();
    assert!(behaviours.len() > 60);
    for behaviour in behaviours {
        let mut stream = connect(server.http());
        stream.write_all(&message(behaviour, "known", 1)).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut start = [0; 12];
        let _ = stream.read_exact(&mut start);
        assert_ne!(&start, b"HTTP/1.1 598", "{behaviour}");
    }
    let unknown = exchange(server.http(), &message("dance", "known", 1));
    assert_eq!(unknown.status, 598);
}

#[test]
fn requests_are_counted_once_they_are_read_whole() {
    let server = server();
    let mut stream = connect(server.http());
    for trace in [1, 2, 2] {
        stream.write_all(&message("ok", "a", trace)).unwrap();
        let reply = read_reply(&mut stream).unwrap();
        assert_eq!(reply.json(), json!({"status": "ok", "seen": trace.to_string()}));
        assert_eq!(reply.header("x-request-id"), Some(trace.to_string().as_str()));
    }
    // A fourth request, cut.
    let cut = message("ok", "a", 4);
    stream.write_all(&cut[..cut.len() - 1]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    end(&mut stream);
    exchange(server.http(), &message("ok", "a", 3));
    exchange(server.http(), &message("ok", "b", 1));
    let counts = server.counts("a");
    assert_eq!(
        (counts.connections, counts.requests_read, counts.distinct),
        (2, 4, 3)
    );
    assert!(counts.bodies[0].text.as_ref().unwrap().contains("\"traceId\":1"));
    assert_eq!(counts.bodies[0].sha256.len(), 64);
    let over_http = get(server.http(), "/count/a");
    assert_eq!(over_http["requests_read"], json!(4));
    assert_eq!(over_http["bodies"][0]["sha256"], json!(counts.bodies[0].sha256));
}

#[test]
fn connections_end_as_asked() {
    let server = server();
    for (behaviour, bytes, how) in [
        ("reset", 0..1, "ConnectionReset"),
        ("fin", 0..1, "end"),
        ("cut-head", 10..50, "end"),
        ("cut-body", 40..60, "end"),
        ("cut-chunks", 40..80, "end"),
        ("garbage", 10..60, "end"),
        ("idle-fin", 60..300, "end"),
        ("idle-reset", 0..300, "ConnectionReset"),
        ("idle-408", 200..600, "end"),
        ("idle-garbage", 100..300, "end"),
        ("until-close", 60..300, "end"),
        ("connection-close", 60..300, "end"),
        ("early-413", 60..300, "end"),
    ] {
        let mut stream = connect(server.http());
        stream.write_all(&message(behaviour, behaviour, 1)).unwrap();
        let found = end(&mut stream);
        assert!(bytes.contains(&found.0), "{behaviour}: {found:?}");
        assert_eq!(found.1, how, "{behaviour}");
    }
}

#[test]
fn stalls_say_nothing_more() {
    let server = server();
    for (behaviour, bytes) in [
        ("stall", 0),
        ("stall-head", 27),
        ("stall-body", 45),
        ("stop-reading", 0),
    ] {
        let mut stream = connect(server.http());
        stream.write_all(&message(behaviour, behaviour, 1)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let (found, how) = end(&mut stream);
        assert_eq!((found, how.as_str()), (bytes, "WouldBlock"), "{behaviour}");
    }
    assert_eq!(server.counts("stall").requests_read, 1);
    assert_eq!(server.counts("stop-reading").requests_read, 0);
    for behaviour in ["trickle-head", "trickle-body"] {
        let mut stream = connect(server.http());
        stream.write_all(&message(behaviour, behaviour, 1)).unwrap();
        let mut bytes = [0; 200];
        let mut read = 0;
        while read < 90 {
            read += stream.read(&mut bytes).unwrap();
        }
    }
}

#[test]
fn statuses_have_their_retry_after_and_end_after_some_times() {
    let server = server();
    let behaviour = "status-503.retry-after-7.times-2";
    for expected in [503, 503, 200, 200] {
        let reply = exchange(server.http(), &message(behaviour, "r", 1));
        assert_eq!(reply.status, expected);
        assert_eq!(reply.header("retry-after").is_some(), expected == 503);
    }
    let reply = exchange(server.http(), &message("status-307", "s", 1));
    assert!(
        reply
            .header("location")
            .unwrap()
            .starts_with("/fault/ok/redirected/")
    );
    let reply = exchange(server.http(), &message("status-429.retry-after-minus5", "t", 1));
    assert_eq!(reply.header("retry-after"), Some("-5"));
}

#[test]
fn answers_are_too_large_or_odd() {
    let server = server();
    let size = |behaviour: &str| {
        let mut stream = connect(server.http());
        stream.write_all(&message(behaviour, behaviour, 1)).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        end(&mut stream).0
    };
    for behaviour in ["oversized-body", "oversized-chunks", "oversized-error-body"] {
        assert!(size(behaviour) > 17 * 1024 * 1024, "{behaviour}");
    }
    assert!(size("oversized-headers") > 4 * 1024 * 1024);
    assert!(size("endless-headers") > 1024 * 1024);
    let reply = exchange(server.http(), &message("gzip", "g", 1));
    assert_eq!(reply.header("content-encoding"), Some("gzip"));
    assert_eq!(reply.body[..2], [0x1f, 0x8b]);
    let reply = exchange(server.http(), &message("deep-json", "d", 1));
    assert_eq!(reply.body.iter().filter(|&&b| b == b'[').count(), 200);
    let reply = exchange(server.http(), &message("interim-103", "i", 1));
    assert_eq!(reply.status, 103);
}

/// Sends on one connection with pauses, as a client without any care would.
fn careless(server: &TestServer, behaviour: &str) -> Result<(), String> {
    let mut stream = connect(server.http());
    for trace in 0..2u64 {
        if stream.write_all(&message(behaviour, behaviour, trace)).is_err() {
            return Err("a write failed".into());
        }
        let reply = read_reply(&mut stream).map_err(|e| format!("{:?}", e.kind()))?;
        if reply.header("x-request-id") != Some(&trace.to_string()) {
            return Err(format!("status {} for another request", reply.status));
        }
        std::thread::sleep(Duration::from_millis(80));
    }
    Ok(())
}

#[test]
fn a_careless_client_fails_on_connections_that_were_closed() {
    let server = server();
    assert_eq!(careless(&server, "ok"), Ok(()));
    for behaviour in [
        "idle-fin",
        "idle-reset",
        "idle-408",
        "idle-garbage",
        "stale-answer",
        "second-unread",
    ] {
        let result = careless(&server, behaviour);
        assert!(result.is_err(), "{behaviour}: {result:?}");
    }
    assert_eq!(server.counts("second-unread").requests_read, 1);
    assert_eq!(server.counts("idle-fin").requests_read, 1);
}

#[test]
fn tls_ends_as_asked() {
    let server = server();
    for (behaviour, how) in [
        ("fin", "UnexpectedEof"),
        ("reset", "ConnectionReset"),
        ("idle-fin", "UnexpectedEof"),
        ("idle-408", "UnexpectedEof"),
        ("idle-close-notify", "end"),
        ("idle-close-notify-open", "end"),
        ("idle-408-close-notify", "end"),
        ("connection-close", "end"),
    ] {
        let mut stream = tls(server.https(), server.ca_file(), "127.0.0.1");
        stream.write_all(&message(behaviour, behaviour, 1)).unwrap();
        assert_eq!(end(&mut stream).1, how, "{behaviour}");
    }
    // The socket itself stays open after close_notify alone.
    let mut stream = tls(server.https(), server.ca_file(), "127.0.0.1");
    stream
        .write_all(&message("idle-close-notify-open", "open", 1))
        .unwrap();
    end(&mut stream);
    stream
        .sock
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let error = stream.sock.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn certificates_are_what_they_are_called() {
    let server = server();
    let hello = |base: &str, ca: &str, name: &str| {
        let mut stream = tls(base, ca, name);
        stream
            .write_all(&message("ok", "tls", 1))
            .map_err(|e| e.to_string())
    };
    for name in ["127.0.0.1", "localhost", "api.flow.test"] {
        assert_eq!(hello(server.https(), server.ca_file(), name), Ok(()), "{name}");
    }
    assert_eq!(
        hello(server.value("https_tls12"), server.ca_file(), "127.0.0.1"),
        Ok(())
    );
    let unknown = hello(server.https(), server.value("other_ca_file"), "127.0.0.1").unwrap_err();
    assert!(unknown.contains("certificate"), "{unknown}");
    let wrong = hello(server.value("https_wrong_name"), server.ca_file(), "127.0.0.1").unwrap_err();
    assert!(wrong.contains("certificate"), "{wrong}");
}

#[test]
fn ports_that_fail_before_there_is_a_request() {
    let server = server();
    let address = |name: &str| {
        let text = server.value(name).split_once("://").unwrap().1;
        text.parse::<std::net::SocketAddr>().unwrap()
    };
    let refused = TcpStream::connect(address("refused")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let begin = Instant::now();
    let silent = TcpStream::connect_timeout(&address("blackhole"), Duration::from_millis(300)).unwrap_err();
    assert_eq!(silent.kind(), ErrorKind::TimedOut);
    assert!(begin.elapsed() >= Duration::from_millis(290));
    let mut mute = connect(server.value("mute"));
    mute.write_all(b"hello").unwrap();
    mute.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert_eq!(end(&mut mute), (0, "WouldBlock".into()));
    let mut hang_up = connect(server.value("hang_up"));
    hang_up.write_all(b"hello").unwrap();
    assert_eq!(end(&mut hang_up).0, 0);
}

#[test]
fn the_proxy_leads_every_name_here() {
    let server = server();
    let mut tunnel = connect(server.proxy("ok"));
    tunnel
        .write_all(b"CONNECT api.flow.test:443 HTTP/1.1\r\nhost: api.flow.test:443\r\n\r\n")
        .unwrap();
    let mut head = [0; 39];
    tunnel.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 Connection established\r\n\r\n");
    let mut secure = tls(server.https(), server.ca_file(), "api.flow.test");
    secure.sock = tunnel;
    secure.write_all(&message("ok", "tunnel", 1)).unwrap();
    assert_eq!(read_reply(&mut secure).unwrap().status, 200);
    assert_eq!(server.counts("tunnel").requests_read, 1);

    let mut plain = connect(server.proxy("ok"));
    for trace in 0..2 {
        let request = String::from_utf8(message("ok", "plain", trace)).unwrap();
        let request = request.replace("POST /fault", "POST http://api.flow.test/fault");
        plain.write_all(request.as_bytes()).unwrap();
        assert_eq!(read_reply(&mut plain).unwrap().status, 200);
    }
    assert_eq!(server.counts("plain").distinct, 2);
    assert_eq!(server.proxied(), 2);
}

#[test]
fn other_proxies_fail() {
    let server = server();
    let ask = |manner: &str| {
        let mut stream = connect(server.proxy(manner));
        if manner == "mute" {
            stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        }
        stream
            .write_all(b"CONNECT api.flow.test:443 HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        let mut answer = [0; 12];
        stream
            .read_exact(&mut answer)
            .map(|()| String::from_utf8_lossy(&answer).into_owned())
    };
    assert_eq!(ask("407").unwrap(), "HTTP/1.1 407");
    assert_eq!(ask("502").unwrap(), "HTTP/1.1 502");
    assert!(ask("garbage").unwrap().contains("not a"));
    assert!(ask("hang_up").is_err());
    assert_eq!(ask("mute").unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(server.proxied(), 0);
}

#[test]
fn the_program_prints_where_it_is_and_ends_with_its_input() {
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_flowai-testkit"))
        .args(["serve", "--vectors"])
        .arg(vectors_dir())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let values: Value = serde_json::from_str(&line).unwrap();
    let base = values["http"].as_str().unwrap();
    assert_eq!(exchange(base, &message("ok", "program", 1)).status, 200);
    assert_eq!(get(base, "/count/program")["requests_read"], json!(1));
    assert!(std::path::Path::new(values["ca_file"].as_str().unwrap()).exists());
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert!(!std::path::Path::new(values["ca_file"].as_str().unwrap()).exists());
}
