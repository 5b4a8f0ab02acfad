//! One connection: requests one after the other, each led to where its path points.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::checker::Checker;
use crate::counts::Counter;
use crate::faults::{self, Asked, Behaviour};
use crate::io::Io;
use crate::wire::{Answer, Head, Wire, invalid};

/// The most that a request to a vector may carry.
const MAX_BODY: usize = 300 * 1024 * 1024;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) checker: Arc<Checker>,
    pub(crate) counter: Arc<Counter>,
    next: AtomicU64,
}

impl Shared {
    pub(crate) fn new(checker: Arc<Checker>, counter: Arc<Counter>) -> Arc<Shared> {
        Arc::new(Shared {
            checker,
            counter,
            next: AtomicU64::new(0),
        })
    }
}

/// Serves a connection to its end.
pub(crate) async fn serve(io: Io, shared: Arc<Shared>) {
    let connection = shared.next.fetch_add(1, Ordering::Relaxed);
    let mut wire = Wire::new(io);
    // An error is the end of a connection whose peer is gone or speaks no HTTP: nobody is left to be told.
    while let Ok(Some(head)) = wire.head().await {
        match request(wire, &head, connection, &shared).await {
            Ok(Some(next)) => wire = next,
            _ => return,
        }
    }
    wire.io.close().await;
}

async fn request(
    mut wire: Wire,
    head: &Head,
    connection: u64,
    shared: &Shared,
) -> std::io::Result<Option<Wire>> {
    let mut path = head.path().splitn(5, '/').skip(1);
    let (kind, first, second, rest) = (path.next(), path.next(), path.next(), path.next());
    let answer = match (kind, first, second, rest) {
        (Some("fault"), Some(word), Some(run), Some(_)) => {
            let Some(behaviour) = Behaviour::parse(word) else {
                let answer = Answer::json(598, &json!({"message": format!("no behaviour is named {word}")}));
                wire.answer(&answer).await?;
                return Ok(None);
            };
            let behaviour = &behaviour;
            let asked = Asked {
                behaviour,
                run,
                connection,
                head,
            };
            return faults::serve(wire, asked, &shared.counter).await;
        }
        (Some("vector"), Some(id), Some(run), Some(rest)) => {
            let body = whole_body(&mut wire, head).await?;
            let target = format!("/{rest}");
            shared.checker.answer(id, run, &target, head, body).await
        }
        (Some("verdict"), Some(id), Some(run), None) => {
            Answer::json(200, &shared.checker.verdict(id, run).to_json())
        }
        (Some("count"), Some(run), None, None) => Answer::json(200, &shared.counter.counts(run).to_json()),
        (Some("given-up"), Some(run), None, None) => {
            Answer::json(200, &json!({"connections": shared.counter.given_up(run)}))
        }
        _ => {
            whole_body(&mut wire, head).await?;
            Answer::json(404, &json!({"message": format!("nothing is at {}", head.target)}))
        }
    };
    wire.answer(&answer).await?;
    Ok(Some(wire))
}

async fn whole_body(wire: &mut Wire, head: &Head) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    wire.body(head, |bytes| {
        if body.len() <= MAX_BODY {
            body.extend_from_slice(bytes);
        }
    })
    .await?;
    match body.len() > MAX_BODY {
        true => Err(invalid("the body is too large")),
        false => Ok(body),
    }
}
