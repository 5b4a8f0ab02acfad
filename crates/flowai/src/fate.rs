//! What became of a call that nobody waits for any more.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use crate::error::{Delivery, Error, ErrorKind, Result};

/// Tells what became of a call whose future was dropped, and keeps it from leaving if it has not begun to. It is made by
/// [`Call::fate`](crate::Call::fate). Cheap to clone; all clones are the same.
///
/// ```no_run
/// # async fn f(client: flowai::Client, gone: impl Future<Output = ()>) {
/// let mut call = client.send_text("thread-1", "Hello");
/// let fate = call.fate();
/// tokio::select! {
///     receipt = call => println!("{receipt:?}"),
///     () = gone => println!("{:?}", fate.give_up().delivery()),
/// }
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Fate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    operation: &'static str,
    is_send: bool,
    trace_id: Option<u64>,
    /// One of the numbers below. An atomic, since a fork may happen at any moment.
    state: AtomicU8,
}

/// Nothing has left.
const HERE: u8 = 0;
/// Nothing has left, and nothing will.
const GIVEN_UP: u8 = 1;
/// The request was handed to a connection.
const LEFT: u8 = 2;
/// The call is over, and this is what its result says.
const NOT_SENT: u8 = 3;
const REJECTED: u8 = 4;
const MAYBE_SENT: u8 = 5;
const SENT: u8 = 6;

impl Fate {
    pub(crate) fn new(operation: &'static str, is_send: bool, trace_id: Option<u64>) -> Fate {
        Fate(Arc::new(Inner {
            operation,
            is_send,
            trace_id,
            state: AtomicU8::new(HERE),
        }))
    }

    /// Has nothing leave from now on, unless it left before, and gives what is known: an error of the kind
    /// [`Cancelled`](ErrorKind::Cancelled) with the operation, the trace id and, for a call that sends something, its
    /// [`Delivery`]. `NotSent` is certain also when the future is dropped later or not at all. `Sent` means that the
    /// answer was there and nobody took it.
    pub fn give_up(&self) -> Error {
        let given_up = self.change(HERE, GIVEN_UP);
        let delivery = match given_up.err() {
            None | Some(GIVEN_UP | NOT_SENT) => Delivery::NotSent,
            Some(REJECTED) => Delivery::Rejected,
            Some(SENT) => Delivery::Sent,
            Some(_) => Delivery::MaybeSent,
        };
        Error::new(ErrorKind::Cancelled, "the caller gave up")
            .with_operation(self.0.operation)
            .with_trace_id(self.0.trace_id)
            .with_delivery(self.0.is_send.then_some(delivery))
    }

    /// The request is about to be written. An error, and then it must not be, once it was given up.
    pub(crate) fn leave(&self) -> Result<()> {
        match self.change(HERE, LEFT) {
            Err(GIVEN_UP) => Err(self.give_up()),
            _ => Ok(()),
        }
    }

    /// Nothing of the request was written, or the service did not take it; it is going to be tried again.
    pub(crate) fn stay(&self) {
        let _ = self.change(LEFT, HERE);
    }

    /// The service took the message, whatever comes later.
    pub(crate) fn acknowledged(&self) {
        let _ = self.change(LEFT, SENT);
    }

    /// The call is over, and this is its result.
    pub(crate) fn end<T>(&self, result: Result<T>) -> Result<T> {
        let end = match &result {
            Ok(_) => SENT,
            Err(error) => match error.delivery() {
                Some(Delivery::NotSent) => NOT_SENT,
                Some(Delivery::Rejected) => REJECTED,
                Some(Delivery::Sent) => SENT,
                Some(Delivery::MaybeSent) | None => MAYBE_SENT,
            },
        };
        match self.change(LEFT, end).or_else(|_| self.change(HERE, end)) {
            Err(GIVEN_UP) if result.is_err() => Err(self.give_up()),
            _ => result,
        }
    }

    /// From one state to another, or the state that it is in.
    fn change(&self, from: u8, to: u8) -> std::result::Result<u8, u8> {
        let state = &self.0.state;
        state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate() -> Fate {
        Fate::new("send_text", true, Some(7))
    }

    fn failed(delivery: Delivery) -> Result<()> {
        Err(Error::new(ErrorKind::Connection, "it broke").with_delivery(Some(delivery)))
    }

    #[test]
    fn what_was_given_up_before_it_left_never_leaves() {
        let fate = fate();
        let told = fate.give_up();
        assert_eq!(told.kind(), ErrorKind::Cancelled);
        assert_eq!((told.operation(), told.trace_id()), (Some("send_text"), Some(7)));
        assert_eq!(told.delivery(), Some(Delivery::NotSent));
        assert_eq!(fate.leave().unwrap_err().delivery(), Some(Delivery::NotSent));
        fate.stay();
        assert_eq!(
            fate.end(failed(Delivery::MaybeSent)).unwrap_err().kind(),
            ErrorKind::Cancelled
        );
        assert_eq!(fate.give_up().delivery(), Some(Delivery::NotSent));
    }

    #[test]
    fn what_left_may_have_been_sent_until_more_is_known() {
        let fate = fate();
        fate.leave().unwrap();
        assert_eq!(fate.clone().give_up().delivery(), Some(Delivery::MaybeSent));
        fate.leave().unwrap();
        fate.stay();
        fate.leave().unwrap();
        fate.acknowledged();
        fate.end(failed(Delivery::MaybeSent)).unwrap_err();
        assert_eq!(fate.give_up().delivery(), Some(Delivery::Sent));
    }

    #[test]
    fn the_result_of_a_call_tells() {
        let deliveries = [
            Delivery::NotSent,
            Delivery::Rejected,
            Delivery::MaybeSent,
            Delivery::Sent,
        ];
        for delivery in deliveries {
            let fate = fate();
            fate.leave().unwrap();
            fate.end(failed(delivery)).unwrap_err();
            assert_eq!(fate.give_up().delivery(), Some(delivery));
        }
        let fate = Fate::new("history", false, None);
        fate.end(Ok(())).unwrap();
        assert_eq!(fate.give_up().delivery(), None);
    }

    #[test]
    fn either_it_leaves_or_it_is_given_up() {
        for _ in 0..2_000 {
            let fate = fate();
            let other = fate.clone();
            let leaving = std::thread::spawn(move || other.leave().is_ok());
            let delivery = fate.give_up().delivery();
            let left = leaving.join().unwrap();
            assert_eq!(
                delivery,
                Some(if left {
                    Delivery::MaybeSent
                } else {
                    Delivery::NotSent
                })
            );
        }
    }
}
