//! The server that every peer talks to, plain and over TLS: it answers as the service does, and counts what arrived.
//!
//! A message is counted once, by its number, and only when it came whole and with the key. The counts are told at a port of
//! their own: `GET /reset`, `GET /counts`. Below `/close/` every answer ends its connection. Every thread has a history of 10,000
//! pages of 20 entries.

use std::{cell::RefCell, convert::Infallible, fs, future::Future, rc::Rc};

use bytes::Bytes;
use flowai_bench::{KEY, Result, argument, tls};
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Method, Request, Response,
    body::Incoming,
    header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rustls::HandshakeKind;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::LocalSet,
};
use tokio_rustls::TlsAcceptor;

const PAGES: usize = 10_000;
const ENTRIES: usize = 20;

#[derive(Default)]
struct Counts {
    messages: usize,
    bad: usize,
    seen: Vec<bool>,
    connections: usize,
    full_handshakes: usize,
    resumed_handshakes: usize,
    uploads: usize,
    uploaded_bytes: usize,
}

type Shared = Rc<RefCell<Counts>>;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, serve())
}

async fn serve() -> Result<()> {
    let counts = Shared::default();
    let (authority, config) = tls()?;
    if let Some(path) = argument("--ca") {
        fs::write(path, authority)?;
    }
    let acceptor = TlsAcceptor::from(config);
    let (plain, secure, control) = (listen().await?, listen().await?, listen().await?);
    let ports = json!({
        "plain": plain.local_addr()?.port(),
        "tls": secure.local_addr()?.port(),
        "control": control.local_addr()?.port(),
    });
    println!("{ports}");

    let accepted = Rc::clone(&counts);
    tokio::task::spawn_local(accept(plain, move |stream| {
        accepted.borrow_mut().connections += 1;
        connection(stream, Rc::clone(&accepted))
    }));
    let accepted = Rc::clone(&counts);
    tokio::task::spawn_local(accept(secure, move |stream| {
        accepted.borrow_mut().connections += 1;
        let (acceptor, counts) = (acceptor.clone(), Rc::clone(&accepted));
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                match stream.get_ref().1.handshake_kind() {
                    Some(HandshakeKind::Resumed) => counts.borrow_mut().resumed_handshakes += 1,
                    _ => counts.borrow_mut().full_handshakes += 1,
                }
                connection(stream, counts).await;
            }
        }
    }));
    accept(control, move |stream| {
        let counts = Rc::clone(&counts);
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = tell(&counts, request.uri().path());
            async move { Ok::<_, Infallible>(answer) }
        });
        async move {
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    })
    .await;
    Ok(())
}

async fn listen() -> Result<TcpListener> {
    Ok(TcpListener::bind(("127.0.0.1", 0)).await?)
}

async fn accept<F>(listener: TcpListener, serve: impl Fn(tokio::net::TcpStream) -> F)
where
    F: Future<Output = ()> + 'static,
{
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::task::spawn_local(serve(stream));
        }
    }
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, counts: Shared) {
    let service = service_fn(move |request| answer(request, Rc::clone(&counts)));
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, counts: Shared) -> Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    if head.method == Method::GET {
        let page = history(head.uri.query().unwrap_or_default())?;
        return Ok(Response::builder()
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(page.into()))?);
    }
    let is_upload = head
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/"));
    if is_upload {
        let (length, tail) = swallow(body).await?;
        let mut counts = counts.borrow_mut();
        counts.uploads += 1;
        counts.uploaded_bytes += length;
        counts.bad += usize::from(!tail.ends_with(b"--\r\n") && !tail.ends_with(b"--"));
    } else {
        let body = body.collect().await?.to_bytes();
        counts
            .borrow_mut()
            .count(number(&body).filter(|_| has_key(&head.headers)));
    }
    let mut answer = Response::builder().header(CONTENT_TYPE, "application/json");
    if head.uri.path().starts_with("/close/") {
        answer = answer.header(CONNECTION, "close");
    }
    Ok(answer.body(Full::new(Bytes::from_static(br#"{"status":"ok"}"#)))?)
}

impl Counts {
    fn count(&mut self, number: Option<usize>) {
        let Some(number) = number.filter(|&number| number < 10_000_000) else {
            self.bad += 1;
            return;
        };
        if self.seen.len() <= number {
            self.seen.resize(number + 1, false);
        }
        match self.seen.get_mut(number) {
            Some(seen) if !*seen => {
                *seen = true;
                self.messages += 1;
            }
            _ => self.bad += 1,
        }
    }
}

fn has_key(headers: &HeaderMap) -> bool {
    headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        == Some(KEY)
}

/// The number of a message that came whole. It is found by its bytes: reading JSON would be paid for by every peer alike, and
/// move all ratios towards 1.
fn number(body: &[u8]) -> Option<usize> {
    const BEFORE: &[u8] = b"\"message ";
    if !body.ends_with(b"}}") {
        return None;
    }
    let at = body.windows(BEFORE.len()).position(|window| window == BEFORE)?;
    let digits = body.get(at + BEFORE.len()..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    if digits.get(end) != Some(&b'"') {
        return None;
    }
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

/// The length of a body, and its end.
async fn swallow(mut body: Incoming) -> Result<(usize, Vec<u8>)> {
    let (mut length, mut tail) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            length += data.len();
            tail.extend_from_slice(data.get(data.len().saturating_sub(4)..).unwrap_or_default());
            tail.drain(..tail.len().saturating_sub(4));
        }
    }
    Ok((length, tail))
}

/// A page of the history that every thread has. Its entries differ, and are as long as those of a bot.
fn history(query: &str) -> Result<String> {
    let page: usize = match query.split('&').find_map(|part| part.strip_prefix("page=")) {
        Some(page) => page.parse()?,
        None => 1,
    };
    let entries: Vec<String> = (0..ENTRIES)
        .map(|entry| {
            format!(
                concat!(
                    r#"{{"originator":{{"name":"John Doe","role":"user","profile":{{}}}},"messages":[{{"fallback":"entry {page}-{entry}","#,
                    r#""replyTo":null,"contexts":[],"params":{{}},"intents":[],"createdAt":"2019-06-25T12:45:11.857Z","#,
                    r#""responses":[{{"type":"text","payload":{{"text":"It is a quarter past eight."}}}}]}}]}}"#
                ),
                page = page,
                entry = entry,
            )
        })
        .collect();
    Ok(format!(
        r#"{{"status":"ok","result":{{"history":[{}],"threadId":"thread-1","page":{page},"pages":{PAGES}}}}}"#,
        entries.join(",")
    ))
}

fn tell(counts: &Shared, path: &str) -> Response<Full<Bytes>> {
    let mut counts = counts.borrow_mut();
    if path == "/reset" {
        *counts = Counts::default();
    }
    let told = json!({
        "messages": counts.messages,
        "bad": counts.bad,
        "connections": counts.connections,
        "full_handshakes": counts.full_handshakes,
        "resumed_handshakes": counts.resumed_handshakes,
        "uploads": counts.uploads,
        "uploaded_bytes": counts.uploaded_bytes,
    });
    Response::new(Full::new(Bytes::from(told.to_string())))
}
