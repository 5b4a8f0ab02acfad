//! The workers: each sends one message after another, and all of them are one future.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use futures_util::stream::{FuturesUnordered, Stream};
use tokio::task::unconstrained;

use super::desk::Desk;

/// Sends what is on the desk until nothing is left and nothing more comes. Dropping it stops what is under way.
pub(super) async fn work(desk: Arc<Desk>, concurrency: usize) {
    let closing = Closing(desk);
    let desk = &closing.0;
    let mut workers = FuturesUnordered::new();
    // The runtime's budget for one turn is for one connection; here are many.
    unconstrained(poll_fn(|cx| {
        loop {
            let idle = concurrency.saturating_sub(workers.len());
            for _ in 0..desk.ready().min(idle) {
                workers.push(one_after_another(Arc::clone(desk)));
            }
            match Pin::new(&mut workers).poll_next(cx) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) | Poll::Pending => return desk.poll_over(cx, workers.len() < concurrency),
            }
        }
    }))
    .await;
}

async fn one_after_another(desk: Arc<Desk>) {
    while let Some(message) = desk.next() {
        message.send().await;
    }
}

/// Whatever ends the crew: nobody waits for it in vain.
struct Closing(Arc<Desk>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.stop();
    }
}
