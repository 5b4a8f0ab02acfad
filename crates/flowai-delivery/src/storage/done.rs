//! Results that come later, on another thread.

use std::sync::mpsc;

use flowai::{Error, ErrorKind, Result};

/// Gets the result of an operation once it is committed, on the thread that writes, where it must not wait.
pub(crate) type Done<T> = Box<dyn FnOnce(Result<T>) + Send>;

/// Starts an operation and blocks until its result is there.
pub(crate) fn wait<T: Send + 'static>(start: impl FnOnce(Done<T>)) -> Result<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    start(Box::new(move |result| {
        let _ = sender.send(result);
    }));
    receiver.recv().unwrap_or_else(|_| Err(closed()))
}

/// Starts an operation, whose result the future gives. Dropping the future does not stop the operation.
pub(crate) fn awaited<T: Send + 'static>(
    start: impl FnOnce(Done<T>),
) -> impl Future<Output = Result<T>> + Send {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    start(Box::new(move |result| {
        let _ = sender.send(result);
    }));
    async { receiver.await.unwrap_or_else(|_| Err(closed())) }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the database was closed")
}
