//! The reference for many messages at once: a loop over hyper's own connections, and nothing else.
//!
//! It writes each message as JSON and reads each answer as JSON, as every peer does.

use std::{cell::Cell, rc::Rc, time::Instant};

use bytes::Bytes;
use flowai_bench::{KEY, Result, argument, message, number};
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::LocalSet};

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, run())
}

async fn run() -> Result<()> {
    let port: u16 = argument("--port").ok_or("--port")?.parse()?;
    let (warm_up, count) = (number("--warm-up", 0)?, number("--count", 1)?);
    let in_flight = number("--in-flight", 64)?;
    let mut senders = Vec::new();
    for _ in 0..in_flight {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(connection);
        senders.push(sender);
    }
    let next = Rc::new(Cell::new(0));
    senders = send_all(senders, &next, warm_up).await?;
    let began = Instant::now();
    send_all(senders, &next, warm_up + count).await?;
    println!(
        "{}",
        serde_json::json!({"seconds": began.elapsed().as_secs_f64()})
    );
    Ok(())
}

type Sender = http1::SendRequest<Full<Bytes>>;

async fn send_all(senders: Vec<Sender>, next: &Rc<Cell<usize>>, until: usize) -> Result<Vec<Sender>> {
    let tasks: Vec<_> = senders
        .into_iter()
        .map(|sender| tokio::task::spawn_local(send(sender, Rc::clone(next), until)))
        .collect();
    let mut senders = Vec::new();
    for task in tasks {
        senders.push(task.await??);
    }
    Ok(senders)
}

async fn send(mut sender: Sender, next: Rc<Cell<usize>>, until: usize) -> Result<Sender> {
    while next.get() < until {
        let n = next.get();
        next.set(n + 1);
        let request = Request::post("/rest/v1/messages/thread-1")
            .header("host", "127.0.0.1")
            .header("authorization", format!("Bearer {KEY}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(message(n))))?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let body = response.into_body().collect().await?.to_bytes();
        let answer: Value = serde_json::from_slice(&body)?;
        if answer.get("status").and_then(Value::as_str) != Some("ok") {
            return Err("not ok".into());
        }
    }
    Ok(sender)
}
