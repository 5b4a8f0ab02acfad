//! The bytes that misbehaving servers write.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::behaviour::{RetryAfter, Word};
use crate::wire::Answer;

pub(crate) const GARBAGE: &[u8] = b"\x00\x01SSH-2.0-not-http\r\n\r\n<<<>>>\r\n";
const BEYOND_LIMIT: usize = 17 * 1024 * 1024;
const CHUNK: usize = 1024 * 1024;

/// What follows the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Continue,
    Fin,
    Close,
    Hold,
    /// See [`super::idle`].
    Idle,
}

/// Bytes, written piece by piece, and what follows.
pub(crate) struct Play {
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) then: Then,
}

/// An error answer, or with 3xx a redirect that leads back to this server.
pub(crate) fn status(code: u16, retry_after: Option<&RetryAfter>) -> Answer {
    let message = format!("status {code} on purpose");
    let mut answer = Answer::json(code, &json!({"status": "error", "payload": {"message": message}}));
    if (300..400).contains(&code) {
        answer = answer.with("location", "/fault/ok/redirected/rest/v1/messages/elsewhere");
    }
    if let Some(retry_after) = retry_after {
        answer = answer.with("retry-after", retry_after.value());
    }
    answer
}

/// An answer that nobody waits for.
pub(crate) fn stale() -> Vec<u8> {
    Answer::json(
        200,
        &json!({"status": "error", "payload": {"message": "a stale answer"}}),
    )
    .bytes()
}

fn ok(seen: &str) -> Answer {
    // A header value cannot carry every text.
    let id: String = seen
        .chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .collect();
    let mut body = json!({"status": "ok", "seen": seen});
    if let (Some(body), true) = (body.as_object_mut(), seen.is_empty()) {
        // What the queries ask for that have no answer without it.
        body.insert("threadId".into(), json!("a-thread"));
        for list in ["threads", "items", "segments"] {
            body.insert(list.into(), json!([]));
        }
    }
    Answer::json(200, &body).with("x-request-id", id.trim())
}

/// What the word says after a request was read.
pub(crate) fn of(word: Word, seen: &str) -> Play {
    let ok = ok(seen);
    let whole = ok.bytes();
    let then = match word {
        Word::StallHead | Word::StallBody => Then::Hold,
        Word::CutHead | Word::CutBody | Word::CutChunks | Word::CutErrorBody | Word::Garbage => Then::Fin,
        Word::UntilClose | Word::Http10 | Word::ConnectionClose => Then::Close,
        Word::SecondUnread | Word::StaleAnswer => Then::Idle,
        Word::IdleFin | Word::IdleReset | Word::IdleCloseNotify | Word::IdleCloseNotifyOpen => Then::Idle,
        Word::Idle408 | Word::Idle408CloseNotify | Word::IdleGarbage => Then::Idle,
        _ => Then::Continue,
    };
    let text = |text: &str| vec![text.as_bytes().to_vec()];
    let body = |body: &[u8]| {
        let answer = Answer {
            status: 200,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.to_vec(),
        };
        vec![answer.bytes()]
    };
    let pieces = match word {
        Word::StallHead | Word::CutHead => text("HTTP/1.1 200 OK\r\ncontent-le"),
        Word::StallBody | Word::CutBody => text("HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{\"stat"),
        Word::CutErrorBody => {
            text("HTTP/1.1 400 Bad Request\r\ncontent-length: 50\r\n\r\n{\"message\":\"cut")
        }
        Word::CutChunks => text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"sta\r\n"),
        Word::Garbage => vec![GARBAGE.to_vec()],
        Word::NotOk => vec![
            Answer::json(
                200,
                &json!({"status": "error", "payload": {"message": "refused by the server"}}),
            )
            .bytes(),
        ],
        Word::Empty => body(b""),
        Word::NoContent => text("HTTP/1.1 204 No Content\r\n\r\n"),
        Word::NotJson => body(b"<html>all fine</html>"),
        Word::DeepJson => body(
            format!(
                "{{\"status\":\"ok\",\"x\":{}{}}}",
                "[".repeat(200),
                "]".repeat(200)
            )
            .as_bytes(),
        ),
        Word::Gzip => vec![gzip().bytes()],
        Word::OversizedBody => oversized("200 OK", false),
        Word::OversizedChunks => oversized("200 OK", true),
        Word::OversizedErrorBody => oversized("400 Bad Request", false),
        Word::OversizedHeaders => vec![
            Answer::json(200, &json!({}))
                .with("x-big", "h".repeat(4 * CHUNK))
                .bytes(),
        ],
        Word::EndlessHeaders => {
            let many: String = (0..100_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
            vec![format!("HTTP/1.1 200 OK\r\n{many}content-length: 2\r\n\r\n{{}}").into_bytes()]
        }
        Word::ConflictingLengths => {
            text("HTTP/1.1 200 OK\r\ncontent-length: 15\r\ncontent-length: 3\r\n\r\n{\"status\":\"ok\"}")
        }
        Word::NegativeLength => text("HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n{\"status\":\"ok\"}"),
        Word::Interim100 => vec![b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(), whole],
        Word::Interim103 => vec![b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".to_vec(), whole],
        Word::Chunked => {
            let mut pieces = vec![format!("{}transfer-encoding: chunked\r\n\r\n", ok.head()).into_bytes()];
            pieces.extend(ok.body.iter().map(|byte| {
                let mut chunk = b"1\r\n".to_vec();
                chunk.push(*byte);
                chunk.extend_from_slice(b"\r\n");
                chunk
            }));
            pieces.push(b"0\r\n\r\n".to_vec());
            pieces
        }
        Word::UntilClose => vec![format!("{}\r\n", ok.head()).into_bytes(), ok.body],
        Word::Http10 => {
            let head = ok.head().replace("HTTP/1.1", "HTTP/1.0");
            vec![format!("{head}\r\n").into_bytes(), ok.body]
        }
        Word::ConnectionClose => vec![ok.with("connection", "close").bytes()],
        _ => vec![whole],
    };
    Play { pieces, then }
}

/// `{"status":"ok"}`, compressed.
fn gzip() -> Answer {
    let body = STANDARD
        .decode("H4sIAAAAAAACA6tWKi5JLCktVrJSys9WqgUA3e0THQ8AAAA=")
        .unwrap_or_default();
    Answer {
        status: 200,
        headers: vec![("content-type".into(), "application/json".into())],
        body,
    }
    .with("content-encoding", "gzip")
}

fn oversized(status: &str, chunked: bool) -> Vec<Vec<u8>> {
    let length = match chunked {
        true => "transfer-encoding: chunked".to_owned(),
        false => format!("content-length: {BEYOND_LIMIT}"),
    };
    let mut pieces = vec![format!("HTTP/1.1 {status}\r\n{length}\r\n\r\n").into_bytes()];
    for _ in 0..BEYOND_LIMIT / CHUNK {
        let spaces = vec![b' '; CHUNK];
        if chunked {
            pieces.push(format!("{CHUNK:x}\r\n").into_bytes());
            pieces.push(spaces);
            pieces.push(b"\r\n".to_vec());
        } else {
            pieces.push(spaces);
        }
    }
    if chunked {
        pieces.push(b"0\r\n\r\n".to_vec());
    }
    pieces
}
