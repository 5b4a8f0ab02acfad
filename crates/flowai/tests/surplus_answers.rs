//! A server that answers once more than it was asked, in the same packet: the surplus is nobody's answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use flowai::Client;

fn answer(id: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nx-request-id: {id}\r\ncontent-length: 15\r\n\r\n{{\"status\":\"ok\"}}")
}

/// Answers each request with its trace id, and with an answer to a request that nobody made.
fn serve(mut stream: TcpStream) {
    let mut buffer = [0; 8192];
    while let Ok(count) = stream.read(&mut buffer)
        && count > 0
    {
        let request = String::from_utf8_lossy(&buffer[..count]).into_owned();
        let id = request.split("\"traceId\":").nth(1).unwrap_or_default();
        let id: String = id.chars().take_while(char::is_ascii_digit).collect();
        let both = answer(&id) + &answer("surplus");
        if stream.write_all(both.as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn a_surplus_answer_is_not_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    let client = Client::builder()
        .api_key("MY_MESSAGING_API_KEY")
        .base_url(format!("http://{address}/rest/v1/"))
        .build()
        .unwrap();
    for n in 0..50 {
        let receipt = client.send_text("t", format!("{n}")).wait().unwrap();
        assert_eq!(
            receipt.request_id,
            receipt.trace_id.map(|id| id.to_string()),
            "send {n}"
        );
    }
}
