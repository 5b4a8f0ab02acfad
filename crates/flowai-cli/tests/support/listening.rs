//! Running `flowai listen`, and calling it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use super::{LIMIT, Running, command};

pub const SECRET: &str = "a webhook secret of more than 32 bytes";

/// `listen` with these arguments on a free port, and the URL that it tells.
pub fn listen(args: &[&str]) -> (Running, String) {
    let start = ["listen", "--listen", "127.0.0.1:0"];
    let mut running = Running::start(&mut command(&[&start[..], args].concat()));
    let line = running.error_line();
    let url = line
        .strip_prefix("flowai: listening on ")
        .unwrap_or_else(|| panic!("{line}"))
        .to_owned();
    (running, url)
}

/// One call with this header; its status.
pub fn post(url: &str, header: &str, body: &str) -> u16 {
    let head = format!(
        "POST / HTTP/1.1\r\n{header}\r\ncontent-length: {}\r\n",
        body.len()
    );
    exchange(url, &head, body).map_or(0, |(status, _)| status)
}

/// An event, from anybody; the status, 0 when there was no answer.
pub fn call(url: &str, body: &str) -> u16 {
    post(url, "x-nothing: 1", body)
}

/// The body at this path.
pub fn get(url: &str, path: &str) -> (u16, String) {
    exchange(url, &format!("GET {path} HTTP/1.1\r\n"), "").unwrap()
}

fn exchange(url: &str, head: &str, body: &str) -> Option<(u16, String)> {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let request = format!("{head}host: {host}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Waits until it is so; fails beyond the limit.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !so() {
        assert!(Instant::now() < deadline, "not within the limit: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
