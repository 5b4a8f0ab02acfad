//! Servers that fail on purpose.

mod answers;
mod behaviour;

use std::io as std_io;
use std::time::Duration;

use serde_json::Value;

use crate::counts::{BodyReader, Counter, SeenBody};
use crate::wire::{Head, Wire};
pub(crate) use behaviour::{Behaviour, Word};

/// How long a server that stalls keeps the connection.
const FOREVER: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_millis(20);

/// One request of a run to one behaviour.
pub(crate) struct Asked<'a> {
    pub(crate) behaviour: &'a Behaviour,
    pub(crate) run: &'a str,
    pub(crate) connection: u64,
    pub(crate) head: &'a Head,
}

/// Does what is asked for. The wire comes back when the connection goes on.
pub(crate) async fn serve(
    mut wire: Wire,
    asked: Asked<'_>,
    counter: &Counter,
) -> std_io::Result<Option<Wire>> {
    let served = counter.begin(asked.run, asked.connection);
    let word = asked.behaviour.word_for(served);
    match word {
        Word::StopReading => {
            tokio::time::sleep(FOREVER).await;
            return Ok(None);
        }
        Word::Early413 => {
            wire.answer(&answers::status(413, None)).await?;
            wire.body(asked.head, |_| ()).await?;
            wire.io.close().await;
            return Ok(None);
        }
        _ => {}
    }
    let mut reader = BodyReader::new();
    wire.body(asked.head, |bytes| reader.update(bytes)).await?;
    let body = reader.finish();
    let seen = seen(&body);
    counter.read(asked.run, body);
    let gave_up = || counter.gave_up(asked.run);
    act(wire, word, asked.behaviour, &seen, gave_up).await
}

async fn act(
    mut wire: Wire,
    word: Word,
    behaviour: &Behaviour,
    seen: &str,
    gave_up: impl Fn(),
) -> std_io::Result<Option<Wire>> {
    match word {
        Word::Reset => {
            wire.io.reset();
            return Ok(None);
        }
        Word::Fin => {
            wire.io.fin().await;
            return Ok(None);
        }
        Word::Stall => {
            hold(wire).await;
            return Ok(None);
        }
        Word::TrickleHead | Word::TrickleBody => {
            return trickle(wire, word == Word::TrickleHead).await.map(|()| None);
        }
        Word::Status(code) => {
            let retry_after = behaviour.retry_after.as_ref();
            wire.answer(&answers::status(code, retry_after)).await?;
            return Ok(Some(wire));
        }
        _ => {}
    }
    let answer = answers::of(word, seen);
    for piece in &answer.pieces {
        wire.write(piece).await?;
    }
    match answer.then {
        answers::Then::Continue => Ok(Some(wire)),
        answers::Then::Fin => {
            wire.io.fin().await;
            Ok(None)
        }
        answers::Then::Close => {
            wire.io.close().await;
            Ok(None)
        }
        answers::Then::Hold => {
            hold(wire).await;
            Ok(None)
        }
        answers::Then::Idle => idle(wire, word, gave_up).await,
    }
}

/// After 20 ms without a byte from the peer, what the word says; then the run is told that it was done.
async fn idle(mut wire: Wire, word: Word, gave_up: impl Fn()) -> std_io::Result<Option<Wire>> {
    if word == Word::SecondUnread {
        wire.io.wait_unread().await?;
        wire.io.reset();
        return Ok(None);
    }
    if wire.has_buffered() {
        return Ok(Some(wire));
    }
    match tokio::time::timeout(IDLE, wire.fill()).await {
        Ok(Ok(0)) => return Ok(None),
        Ok(Ok(_)) => return Ok(Some(wire)),
        Ok(Err(error)) => return Err(error),
        // On a busy machine the timer may fire so late that the next request is here already.
        Err(_) if wire.io.has_unread() => return Ok(Some(wire)),
        Err(_) => {}
    }
    match word {
        Word::IdleCloseNotifyOpen => wire.io.close_notify().await?,
        Word::StaleAnswer => wire.write(&answers::stale()).await?,
        Word::IdleReset => {
            wire.io.reset();
            gave_up();
            return Ok(None);
        }
        Word::Idle408 | Word::Idle408CloseNotify => {
            wire.write(&answers::status(408, None).with("connection", "close").bytes())
                .await?;
        }
        Word::IdleGarbage => wire.write(answers::GARBAGE).await?,
        _ => {}
    }
    if matches!(word, Word::IdleCloseNotify | Word::Idle408CloseNotify) {
        wire.io.say_goodbye().await;
    }
    if matches!(word, Word::IdleCloseNotifyOpen | Word::StaleAnswer) {
        gave_up();
        return Ok(Some(wire));
    }
    wire.io.end_writing();
    gave_up();
    wire.io.drain().await;
    Ok(None)
}

/// Keeps the connection until the peer gives up.
async fn hold(mut wire: Wire) {
    let gone = async { while matches!(wire.fill().await, Ok(n) if n > 0) {} };
    let _ = tokio::time::timeout(FOREVER, gone).await;
}

async fn trickle(mut wire: Wire, head: bool) -> std_io::Result<()> {
    wire.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        .await?;
    if !head {
        wire.write(b"content-length: 1000000\r\n\r\n{").await?;
    }
    for _ in 0..1200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        wire.write(if head { b"x-more: 1\r\n" } else { b" " }).await?;
    }
    Ok(())
}

/// What tells the request from others: its traceId, else its text.
fn seen(body: &SeenBody) -> String {
    let text = body.text.as_deref().unwrap_or_default();
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let payload = document.get("payload").unwrap_or(&Value::Null);
    match (payload.get("traceId"), payload.get("speech")) {
        (Some(Value::String(id)), _) => id.clone(),
        (Some(Value::Number(id)), _) => id.to_string(),
        (_, Some(Value::String(speech))) => speech.clone(),
        _ => String::new(),
    }
}
