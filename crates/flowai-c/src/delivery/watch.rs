//! What a receiver, an inbox or an outbox has, handed out by a queue.

use std::{ffi::c_void, mem::MaybeUninit};

use flowai::{Cancel, Result};

use super::{
    inbox::flowai_inbox,
    inbox_delivery::flowai_inbox_delivery,
    outbox::flowai_outbox,
    outbox_report::{Told, flowai_outbox_report},
    receiver::flowai_receiver,
    waits::{Nudge, given_up_by},
};
use crate::{
    completion::{Fruit, flowai_completion, take},
    error::flowai_error,
    event::{Parsed, flowai_event},
    guard::waiting,
    pending::Then,
    queue::{flowai_done, flowai_queue},
    registry,
    status::flowai_status,
    user_data::UserData,
};

/// Has the queue hand out what an object gives, one thing after the other.
fn watch<T: Nudge + Send + 'static>(
    queue: flowai_queue,
    operation: &'static str,
    (done, user_data): (flowai_done, *mut c_void),
    err: Option<&mut MaybeUninit<flowai_error>>,
    object: impl FnOnce() -> Result<T>,
    next: impl Fn(&T, &mut dyn FnMut() -> Result<()>) -> Result<Option<Fruit>> + Send + 'static,
) -> flowai_status {
    waiting(err, || {
        let queue = registry::get(queue)?;
        let then = Then {
            done,
            user_data: UserData::new(user_data),
        };
        let object = object()?;
        queue.0.watch(operation, then, move |end: &Cancel| {
            loop {
                let found = given_up_by(end, object.nudger(), |tick| next(&object, tick))?;
                if let Some(found) = found {
                    return Ok(found);
                }
            }
        })
    })
}

/// Has a queue hand out the events of a receiver: each is a completion, from which flowai_completion_event() takes it. The
/// next one is taken from the receiver when this one was taken from the queue, so they stay in order and the queue is not
/// filled. It goes on until the receiver is stopped, of which the last completion tells, with FLOWAI_ERR_CLOSED, or the
/// queue is freed; an event that was not taken from the queue then is gone, like those in the receiver.
///
/// @param queue      A queue, of which this takes one place.
/// @param receiver   A receiver, which stays the caller's.
/// @param done       What flowai_poll() calls for each event; NULL to be given completions instead.
/// @param user_data  Passed to the function, and in the completions, and never looked at; may be NULL.
/// @param err        Receives an error on failure; may be NULL.
/// @return           FLOWAI_OK, FLOWAI_ERR_QUEUE_FULL, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread. A thread of the library waits for the events; it blocks all signals.
/// @par Blocking       Never.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_queue_watch_receiver(
    queue: flowai_queue,
    receiver: flowai_receiver,
    done: flowai_done,
    user_data: *mut c_void,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    watch(
        queue,
        "receiver_next",
        (done, user_data),
        err,
        || Ok(registry::get(receiver)?.shared()),
        |receiver, tick| Ok(receiver.next_with(None, tick)?.map(Fruit::Event)),
    )
}

/// As flowai_queue_watch_receiver(), with the events of an inbox: flowai_completion_inbox_delivery() takes each of them,
/// to be settled. One that was not taken from the queue is handed out again.
///
/// @param queue      A queue, of which this takes one place.
/// @param inbox      An inbox, which stays the caller's. It is closed by flowai_inbox_close(), not by freeing it.
/// @param done       What flowai_poll() calls for each event; NULL to be given completions instead.
/// @param user_data  Passed to the function, and in the completions, and never looked at; may be NULL.
/// @param err        Receives an error on failure; may be NULL.
/// @return           FLOWAI_OK, FLOWAI_ERR_QUEUE_FULL, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread. A thread of the library waits for the events; it blocks all signals.
/// @par Blocking       Never.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_queue_watch_inbox(
    queue: flowai_queue,
    inbox: flowai_inbox,
    done: flowai_done,
    user_data: *mut c_void,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    watch(
        queue,
        "inbox_next",
        (done, user_data),
        err,
        || Ok((**registry::get(inbox)?).clone()),
        |inbox, tick| {
            let delivery = inbox.next_with(None, tick)?;
            Ok(delivery.map(|delivery| Fruit::Delivery(delivery.into())))
        },
    )
}

/// As flowai_queue_watch_receiver(), with the reports of an outbox: flowai_completion_outbox_report() takes each of them.
///
/// @param queue      A queue, of which this takes one place.
/// @param outbox     An outbox, which stays the caller's.
/// @param done       What flowai_poll() calls for each report; NULL to be given completions instead.
/// @param user_data  Passed to the function, and in the completions, and never looked at; may be NULL.
/// @param err        Receives an error on failure; may be NULL.
/// @return           FLOWAI_OK, FLOWAI_ERR_QUEUE_FULL, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread. A thread of the library waits for the reports; it blocks all signals.
/// @par Blocking       Never.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_queue_watch_outbox(
    queue: flowai_queue,
    outbox: flowai_outbox,
    done: flowai_done,
    user_data: *mut c_void,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    watch(
        queue,
        "outbox_next_report",
        (done, user_data),
        err,
        || Ok((**registry::get(outbox)?).clone()),
        |outbox, tick| {
            let report = outbox.next_report_with(None, tick)?;
            Ok(report.map(|report| Fruit::Report(Told::new(outbox, report))))
        },
    )
}

/// Takes the event of a receiver that is watched.
///
/// @param completion  A completion.
/// @param out         Receives the event, which the caller frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
///                    gives no such thing, or it was taken before).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_event(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_event>>,
) -> flowai_status {
    take(completion, out, |fruit| match fruit {
        Fruit::Event(event) => Ok(Parsed::from(event)),
        other => Err(other.into()),
    })
}

/// Takes the event of an inbox that is watched.
///
/// @param completion  A completion.
/// @param out         Receives the delivery, which the caller settles and frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
///                    gives no such thing, or it was taken before).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_inbox_delivery(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_inbox_delivery>>,
) -> flowai_status {
    take(completion, out, |fruit| match fruit {
        Fruit::Delivery(delivery) => Ok(delivery),
        other => Err(other.into()),
    })
}

/// Takes the report of an outbox that is watched.
///
/// @param completion  A completion.
/// @param out         Receives the report, which the caller acknowledges and frees.
/// @return            FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL, or the completion
///                    gives no such thing, or it was taken before).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_completion_outbox_report(
    completion: flowai_completion,
    out: Option<&mut MaybeUninit<flowai_outbox_report>>,
) -> flowai_status {
    take(completion, out, |fruit| match fruit {
        Fruit::Report(report) => Ok(report),
        other => Err(other.into()),
    })
}
