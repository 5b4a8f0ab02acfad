//! Requests of vectors as bytes, and a client that knows nothing.
#![allow(dead_code)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use serde_json::{Map, Value, json};

pub fn vectors_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

/// A value that the matchers in `wanted` accept, with those in its place.
pub fn instance(wanted: &Value) -> Option<Value> {
    if let Some((name, argument)) = wanted
        .as_object()
        .filter(|m| m.len() == 1)
        .and_then(|m| m.iter().next())
    {
        match name.as_str() {
            "$absent" => return None,
            "$optional" => return instance(argument),
            "$one_of" => return argument.get(0).cloned(),
            "$contains" | "$starts_with" => return Some(argument.clone()),
            "$any" => {
                return Some(match argument.as_str().unwrap() {
                    "integer" | "number" => json!(7),
                    "string" => json!("some text"),
                    "boolean" => json!(true),
                    "array" => json!([]),
                    _ => json!({}),
                });
            }
            _ => {}
        }
    }
    Some(match wanted {
        Value::Object(members) => {
            let present = members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), instance(value)?)));
            Value::Object(present.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().filter_map(instance).collect(),
        other => other.clone(),
    })
}

/// The `request` of a vector under a prefix of its path.
pub struct Literal {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Literal {
    pub fn new(request: &Value, prefix: &str) -> Literal {
        let mut headers = Vec::new();
        for (name, value) in request["headers"].as_object().into_iter().flatten() {
            if let Some(value) = instance(value) {
                headers.push((name.clone(), value.as_str().unwrap().to_owned()));
            }
        }
        let mut body = Vec::new();
        if let Some(parts) = request.get("multipart") {
            for (_, value) in headers.iter_mut().filter(|(name, _)| name == "content-type") {
                value.push_str("the-boundary");
            }
            body = multipart(parts.as_array().unwrap());
        } else if let Some(document) = request.get("json").filter(|j| !j.is_null()) {
            body = instance(document).unwrap().to_string().into_bytes();
        }
        Literal {
            method: request["method"].as_str().unwrap().to_owned(),
            target: format!("{prefix}{}", request["target"].as_str().unwrap()),
            headers,
            body,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: localhost\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            head += &format!("content-length: {}\r\n", self.body.len());
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn multipart(parts: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        let text = |member: &str| instance(&part[member]).and_then(|v| v.as_str().map(str::to_owned));
        let mut head = format!(
            "--the-boundary\r\nContent-Disposition: form-data; name=\"{}\"",
            text("name").unwrap()
        );
        if let Some(filename) = text("filename") {
            head += &format!("; filename=\"{filename}\"");
        }
        head += "\r\n";
        if let Some(kind) = text("content_type") {
            head += &format!("Content-Type: {kind}\r\n");
        }
        body.extend_from_slice((head + "\r\n").as_bytes());
        if let Some(document) = part.get("json") {
            body.extend_from_slice(instance(document).unwrap().to_string().as_bytes());
        } else if let Some(text) = text("text") {
            body.extend_from_slice(text.as_bytes());
        } else if let Some(encoded) = text("base64") {
            body.extend(base64::engine::general_purpose::STANDARD.decode(encoded).unwrap());
        } else {
            body.extend(vec![b'x'; part["fill"].as_u64().unwrap() as usize]);
        }
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--the-boundary--\r\n");
    body
}

pub fn connect(base: &str) -> TcpStream {
    let address = base.split_once("://").unwrap().1.split('/').next().unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// An answer with a content length, or without one to the end of the stream.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }
}

pub fn read_reply(stream: &mut impl Read) -> std::io::Result<Reply> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let status = head
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.get(2..5)?.parse().ok());
    let Some(status) = status else {
        return Err(ErrorKind::InvalidData.into());
    };
    let mut reply = Reply {
        status,
        head,
        body: Vec::new(),
    };
    match reply.header("content-length").map(str::parse::<u64>) {
        Some(Err(_)) => return Err(ErrorKind::InvalidData.into()),
        Some(Ok(length)) => {
            stream.take(length).read_to_end(&mut reply.body)?;
            if reply.body.len() as u64 != length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        None if matches!(status, 100..=199 | 204 | 304) => {}
        None => drop(stream.read_to_end(&mut reply.body)?),
    }
    Ok(reply)
}

/// One request on a connection of its own.
pub fn exchange(base: &str, request: &[u8]) -> Reply {
    let mut stream = connect(base);
    stream.write_all(request).unwrap();
    let reply = read_reply(&mut stream).unwrap();
    let _ = stream.shutdown(Shutdown::Both);
    reply
}

pub fn get(base: &str, path: &str) -> Value {
    exchange(base, format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).json()
}
