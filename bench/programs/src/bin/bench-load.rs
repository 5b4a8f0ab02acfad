//! Calls a webhook as often as it is answered, over a number of connections, with events that differ.
//!
//! It tells how many calls were answered 2xx in a second, and how long they took. With `--calls` it ends after so many, and the
//! events are numbered from `--first`. With `--fsync FILE` it calls nobody, and
//! tells how long this disk takes to keep 4 KiB.

use std::{
    cell::{Cell, RefCell},
    fs::File,
    io::Write,
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use flowai_bench::{Result, argument, number};
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::LocalSet};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What an event of the service weighs, in bytes.
const WEIGHT: usize = 1700;

fn main() -> Result<()> {
    let time = Duration::from_millis(number("--milliseconds", 3000)?.try_into()?);
    let mut times = match argument("--fsync") {
        Some(path) => sync(&path, time)?,
        None => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            LocalSet::new().block_on(&runtime, call(time))?
        }
    };
    times.sort_unstable();
    let at = |percent: usize| {
        let found = times.get((times.len().saturating_sub(1)) * percent / 100);
        found.map_or(0.0, Duration::as_secs_f64)
    };
    let told = serde_json::json!({
        "calls": times.len(),
        "per_second": times.len() as f64 / time.as_secs_f64(),
        "p50": at(50),
        "p99": at(99),
    });
    println!("{told}");
    Ok(())
}

fn sync(path: &str, time: Duration) -> Result<Vec<Duration>> {
    let mut file = File::create(path)?;
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        let start = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    Ok(times)
}

async fn call(time: Duration) -> Result<Vec<Duration>> {
    let port: u16 = argument("--port").ok_or("--port")?.parse()?;
    let connections = number("--connections", 64)?;
    let path = Rc::<str>::from(argument("--path").unwrap_or_else(|| "/".to_owned()));
    // Made once: what the load costs is paid for by every receiver alike, and moves all ratios towards 1.
    let text = Rc::<str>::from("It is a quarter past eight. ".repeat((WEIGHT - 400) / 28));
    let times = Rc::new(RefCell::new(Vec::new()));
    let first = number("--first", 0)?;
    let next = Rc::new(Cell::new(first));
    let last = first.saturating_add(number("--calls", usize::MAX)?);
    let end = Instant::now() + time;
    let mut tasks = Vec::new();
    for thread in 0..connections {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(connection);
        let (times, next, path, text) = (
            Rc::clone(&times),
            Rc::clone(&next),
            Rc::clone(&path),
            Rc::clone(&text),
        );
        tasks.push(tokio::task::spawn_local(async move {
            while Instant::now() < end && next.get() < last {
                let n = next.get();
                next.set(n + 1);
                let request = Request::post(&*path)
                    .header("host", "127.0.0.1")
                    .header("content-type", "application/json")
                    .header("x-webhook-secret", flowai_bench::KEY)
                    .body(Full::new(Bytes::from(event(thread, n, &text))))?;
                let start = Instant::now();
                sender.ready().await?;
                let response = sender.send_request(request).await?;
                let status = response.status();
                response.into_body().collect().await?;
                if !status.is_success() {
                    return Err(Failure::from(format!("answered {status}")));
                }
                times.borrow_mut().push(start.elapsed());
            }
            Ok::<_, Failure>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(times.take())
}

/// A reply with an identity of its own.
fn event(thread: usize, n: usize, text: &str) -> String {
    format!(
        concat!(
            r#"{{"type":"message.reply","threadId":"thread-{thread}|webclient","traceId":{n},"messages":[{{"fallback":"{text}","#,
            r#""replyTo":null,"replyToId":null,"originator":{{"name":"Bot","role":"bot"}},"meta":{{"msgId":"message-{n}"}},"#,
            r#""responses":[{{"type":"text","payload":{{"text":"It is a quarter past eight."}},"delay":0}}]}}],"#,
            r#""originator":{{"name":"John Doe","role":"external"}}}}"#
        ),
        thread = thread,
        n = n,
        text = text,
    )
}
