//! A client and a webhook made of raw sockets: nothing of them is shared with the sandbox.
#![allow(dead_code)]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowai_sandbox::{Delivery, Sandbox, SandboxBuilder};
use serde_json::{Value, json};

/// Far beyond what anything here takes; only a hang gets there.
pub const LONG: Duration = Duration::from_secs(30);
pub const KEY: &str = "MY_MESSAGING_API_KEY";
pub const SECRET: &str = "a secret of more than 32 bytes, as it should be";
/// The thread id of the document's samples.
pub const THREAD: &str = "6ecfd199-853a-448f-9f91-ef397588ff87";

/// A sandbox with the key of the samples.
pub fn builder() -> SandboxBuilder {
    Sandbox::builder()
        .api_key(KEY)
        .webhook_secret(SECRET)
        .speed(100_000.0)
}

pub fn connect(sandbox: &Sandbox) -> Wire {
    let address = sandbox
        .base_url()
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/rest/v1/")
        .unwrap();
    Wire::new(TcpStream::connect(address).unwrap())
}

/// One kept-alive connection.
pub struct Wire<S: Read + Write = TcpStream>(pub BufReader<S>);

impl Wire {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_write_timeout(Some(LONG)).unwrap();
        Self(BufReader::new(stream))
    }
}

#[derive(Debug)]
pub struct Message {
    /// The first line.
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status and the JSON, after checking what every answer of the API must have.
    #[track_caller]
    pub fn api(self) -> (u16, Value) {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        assert_eq!(self.header("access-control-allow-origin"), Some("*"), "{self:?}");
        (self.status(), self.json())
    }
}

impl<S: Read + Write> Wire<S> {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    pub fn exchange(&mut self, bytes: impl AsRef<[u8]>) -> Message {
        self.send(bytes);
        self.receive().expect("an answer")
    }

    /// The next message, none if the connection ends before it.
    pub fn receive(&mut self) -> Option<Message> {
        let start = self.line()?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a header");
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut message = Message {
            start,
            headers,
            body: Vec::new(),
        };
        let length = message
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        message.body.resize(length, 0);
        self.0.read_exact(&mut message.body).unwrap();
        Some(message)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end_matches("\r\n").to_owned()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// True if the other side has closed without another byte; false if it reset the connection.
    pub fn ends_with_fin(&mut self) -> bool {
        match self.0.read(&mut [0; 1]) {
            Ok(0) => true,
            Ok(_) => panic!("more bytes"),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }
}

/// One request with the key of the samples, on a connection of its own.
pub fn call(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> Message {
    connect(sandbox).exchange(request(method, path, body))
}

/// The text of a request with the key of the samples; `path` is below `/rest/v1/`.
pub fn request(method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} /rest/v1/{path} HTTP/1.1\r\nHost: api.flow.ai\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {KEY}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// A request as the document prints it, made fit for the wire: the path gets its slash, the body its empty line
/// and its length.
pub fn printed(sample: &str) -> String {
    let (head, body) = match sample.find("\n{") {
        Some(at) => (&sample[..at], &sample[at + 1..]),
        None => (sample.trim_end(), ""),
    };
    let mut head = head
        .trim()
        .replacen(" rest/v1/", " /rest/v1/", 1)
        .replace('\n', "\r\n");
    if !head.contains("Authorization") {
        head += &format!("\r\nAuthorization: Bearer {KEY}");
    }
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

pub fn text(text: &str) -> String {
    json!({"payload": {"type": "text", "speech": text, "originator": {"name": "John Doe", "role": "external"}}})
        .to_string()
}

pub fn event(name: &str) -> String {
    json!({"payload": {"type": "event", "eventName": name,
        "originator": {"name": "John Doe", "role": "external"}}})
    .to_string()
}

#[track_caller]
pub fn say(sandbox: &Sandbox, thread: &str, body: &str) {
    let answer = call(sandbox, "POST", &format!("messages/{thread}"), body).api();
    assert_eq!(answer, (200, json!({"status": "ok"})));
}

/// The first page, triggered events too.
pub fn history(sandbox: &Sandbox, thread: &str) -> Value {
    let (status, body) = call(
        sandbox,
        "GET",
        &format!("messages/{thread}?sync=true&events=true"),
        "",
    )
    .api();
    assert_eq!(status, 200);
    body["result"].clone()
}

/// The names of the events that happened, in order.
pub fn event_names(deliveries: &[Delivery]) -> Vec<String> {
    deliveries
        .iter()
        .map(|delivery| delivery.event["type"].as_str().unwrap().to_owned())
        .collect()
}

/// A webhook that answers each POST with the next status of a list, 200 after its end, and each GET with 200.
pub struct Hook {
    pub url: String,
    pub calls: Receiver<Message>,
}

impl Hook {
    pub fn start(statuses: impl Into<VecDeque<u16>>) -> Self {
        Self::serve("http", statuses.into(), Some)
    }

    /// With TLS or whatever else `wrap` puts around a connection.
    pub fn serve<S: Read + Write>(
        scheme: &str,
        statuses: VecDeque<u16>,
        wrap: impl Fn(TcpStream) -> Option<S> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!(
            "{scheme}://localhost:{}/hook?x=1",
            listener.local_addr().unwrap().port()
        );
        let url = if scheme == "http" {
            url.replace("localhost", "127.0.0.1")
        } else {
            url
        };
        let (sender, calls) = channel();
        let (statuses, wrap) = (Arc::new(Mutex::new(statuses)), Arc::new(wrap));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (sender, statuses, wrap) = (sender.clone(), Arc::clone(&statuses), Arc::clone(&wrap));
                std::thread::spawn(move || answer(stream.unwrap(), &sender, &statuses, &*wrap));
            }
        });
        Self { url, calls }
    }

    pub fn next(&self) -> Message {
        self.calls.recv_timeout(LONG).expect("a webhook call")
    }

    pub fn next_event(&self) -> Value {
        self.next().json()
    }
}

fn answer<S: Read + Write>(
    stream: TcpStream,
    sender: &Sender<Message>,
    statuses: &Mutex<VecDeque<u16>>,
    wrap: &impl Fn(TcpStream) -> Option<S>,
) {
    stream.set_read_timeout(Some(LONG)).unwrap();
    let Some(stream) = wrap(stream) else { return };
    let mut wire = Wire(BufReader::new(stream));
    let Some(call) = wire.receive() else { return };
    let get = call.start.starts_with("GET ");
    let status = if get {
        200
    } else {
        statuses.lock().unwrap().pop_front().unwrap_or(200)
    };
    // Told before it is answered, so that calls come in the order they were made.
    let told = get || sender.send(call).is_ok();
    let location = if status == 307 {
        "Location: /elsewhere\r\n"
    } else {
        ""
    };
    if told {
        wire.send(format!(
            "HTTP/1.1 {status} X\r\n{location}Content-Length: 2\r\n\r\nok"
        ));
    }
}
