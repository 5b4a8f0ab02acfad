//! A client of raw sockets, which can misbehave as no HTTP library would.
#![allow(dead_code)]

use std::{
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flowai::webhook::Verifier;
use flowai_delivery::{Limits, Receiver, ReceiverBuilder};
use ring::hmac;

pub const SECRET: &str = "a secret that has thirty-two bytes";

/// No test waits longer than this; it is only there to end a test that hangs.
pub const LONG: Duration = Duration::from_secs(20);

pub const REPLY: &str =
    r#"{"type":"message.reply","threadId":"t1","messages":[{"fallback":"hi","responses":[]}]}"#;

/// Limits so short that tests can wait for them, and so long that a loaded machine keeps them.
pub fn short_limits() -> Limits {
    let mut limits = Limits::default();
    limits.handshake_time = Duration::from_millis(600);
    limits.head_time = Duration::from_millis(600);
    limits.body_time = Duration::from_millis(600);
    limits.idle_time = Duration::from_millis(600);
    limits
}

pub fn open() -> ReceiverBuilder {
    Receiver::builder().without_verifier().path("/hook")
}

pub fn verified() -> ReceiverBuilder {
    Receiver::builder()
        .verifier(Verifier::jwt(SECRET).unwrap())
        .path("/hook")
}

pub fn token(header: &str, claims: &str, secret: &str) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!(
        "{signed}.{}",
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()))
    )
}

pub fn event(kind: &str, thread_id: &str) -> String {
    format!(r#"{{"type":"{kind}","threadId":"{thread_id}"}}"#)
}

/// A reply with an identity: the id of its message.
pub fn reply(thread_id: &str, message_id: &str) -> String {
    format!(
        r#"{{"type":"message.reply","threadId":"{thread_id}","messages":[{{"fallback":"hi","meta":{{"msgId":"{message_id}"}},"responses":[]}}]}}"#
    )
}

/// A directory that is removed at the end, with a name for a file in it.
pub struct Place(PathBuf);

impl Place {
    pub fn new() -> Place {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("flowai-delivery-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Place(path)
    }

    pub fn file(&self) -> PathBuf {
        self.0.join("inbox.db")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

pub struct Client<S = TcpStream> {
    pub stream: S,
    unread: Vec<u8>,
}

impl Client {
    pub fn new(receiver: &Receiver) -> Client {
        let stream = TcpStream::connect(receiver.local_addr()).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        Client::over(stream)
    }
}

impl<S: Read + Write> Client<S> {
    pub fn over(stream: S) -> Client<S> {
        Client {
            stream,
            unread: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client<S> {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Sends a request and takes its answer, where either may fail.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<Answer> {
        self.stream.write_all(bytes.as_ref())?;
        self.try_answer()
    }

    /// One answer; an error when the connection ends before it is complete.
    pub fn try_answer(&mut self) -> io::Result<Answer> {
        let head_end = self.fill(|bytes| bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4))?;
        let head = String::from_utf8(self.unread[..head_end].to_vec()).unwrap();
        let mut answer = Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: String::new(),
        };
        let length: usize = answer.header("content-length").map_or(0, |v| v.parse().unwrap());
        let end = self.fill(|bytes| (bytes.len() >= head_end + length).then_some(head_end + length))?;
        answer.body = String::from_utf8(self.unread[head_end..end].to_vec()).unwrap();
        self.unread.drain(..end);
        Ok(answer)
    }

    pub fn answer(&mut self) -> Answer {
        self.try_answer().unwrap()
    }

    fn fill(&mut self, done: impl Fn(&[u8]) -> Option<usize>) -> io::Result<usize> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(end) = done(&self.unread) {
                return Ok(end);
            }
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => self.unread.extend_from_slice(&buffer[..n]),
            }
        }
    }

    /// Waits until the server has closed the connection; nothing more may have come.
    pub fn assert_closed(&mut self) {
        assert_eq!(self.unread, b"");
        match self.stream.read(&mut [0; 64]) {
            Ok(0) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            other => panic!("not closed: {other:?}"),
        }
    }
}

pub fn post(body: &str, headers: &str) -> String {
    format!(
        "POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// The answer to one request on a connection of its own.
pub fn ask(receiver: &Receiver, request: impl AsRef<[u8]>) -> Answer {
    Client::new(receiver).send(request).answer()
}

/// Waits for what becomes true a moment after a client could see its cause.
pub fn eventually(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < LONG, "it never became true");
        thread::sleep(Duration::from_millis(5));
    }
}
