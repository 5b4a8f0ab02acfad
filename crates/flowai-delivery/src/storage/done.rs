//! Results that come later, on another thread.

use std::{cell::RefCell, sync::mpsc};

use flowai::{Error, ErrorKind, Result, runtime};

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
        told(Box::new(move || {
            let _ = sender.send(result);
        }));
    }));
    async { receiver.await.unwrap_or_else(|_| Err(closed())) }
}

type Telling = Box<dyn FnOnce() + Send>;

thread_local! {
    /// What tasks are to be told, while results are told together.
    static TOGETHER: RefCell<Option<Vec<Telling>>> = const { RefCell::new(None) };
}

/// Runs `tell`, which tells the results of one commit. The tasks among those who wait hear of theirs on the thread that
/// drives the runtime: a task that is woken from elsewhere costs a system call, and a commit has many.
pub(super) fn together(tell: impl FnOnce()) {
    TOGETHER.set(Some(Vec::new()));
    tell();
    let all = All(TOGETHER.take().unwrap_or_default());
    if all.0.len() > 1
        && let Ok(task) = runtime::spawn(async move { drop(all) })
    {
        task.detach();
    }
}

fn told(telling: Telling) {
    let now = TOGETHER.with_borrow_mut(|gathered| match gathered {
        Some(gathered) => {
            gathered.push(telling);
            None
        }
        None => Some(telling),
    });
    if let Some(telling) = now {
        telling();
    }
}

/// Told when they are dropped, so that nobody waits for ever.
struct All(Vec<Telling>);

impl Drop for All {
    fn drop(&mut self) {
        for telling in self.0.drain(..) {
            telling();
        }
    }
}

pub(super) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the database was closed")
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn what_tasks_are_told_together_they_are_told_by_one_other_thread_in_order() {
        let (sender, told_by) = mpsc::channel();
        let tell = |number: u32| {
            let sender = sender.clone();
            told(Box::new(move || {
                sender.send((number, thread::current().id())).unwrap();
            }));
        };
        let here = thread::current().id();
        together(|| {
            tell(1);
            tell(2);
            tell(3);
        });
        let all: Vec<_> = told_by.iter().take(3).collect();
        let there = all[0].1;
        assert_ne!(there, here);
        assert_eq!(all, [(1, there), (2, there), (3, there)]);
        // One alone, and one outside, is told at once.
        together(|| tell(4));
        tell(5);
        assert_eq!([told_by.recv(), told_by.recv()], [Ok((4, here)), Ok((5, here))]);
    }
}
