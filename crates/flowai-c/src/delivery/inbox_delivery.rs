//! One event in the hands of its handler.

use std::{mem::MaybeUninit, sync::Arc, time::Duration};

use flowai::Result;
use flowai_delivery::Delivery;

use crate::{
    error::flowai_error,
    event::{event_handle, flowai_event},
    guard::{free, read, waiting},
    registry::{self, handle},
    status::flowai_status,
    strings::{Text, optional_number},
};

/// An event of an inbox that is to be handled. Say what became of it with one of flowai_inbox_delivery_ack(), _retry(),
/// _fail() and _dead(), within the lease time or the last heartbeat: else it is handed out again. Free it with
/// flowai_inbox_delivery_free(); one that is freed without an outcome has failed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_inbox_delivery {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_inbox_delivery => Arc<Delivery>, 27);

pub(crate) fn delivery_handle(delivery: Arc<Delivery>) -> Result<flowai_inbox_delivery> {
    registry::insert(delivery)
}

/// A function that says what became of an event.
fn settle(
    delivery: flowai_inbox_delivery,
    err: Option<&mut MaybeUninit<flowai_error>>,
    settle: impl FnOnce(&Delivery) -> Result<()>,
) -> flowai_status {
    waiting(err, || settle(&*registry::get(delivery)?))
}

/// The event.
///
/// @param delivery  A delivery.
/// @param out       Receives the event, which the caller frees and which does not need the delivery.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_event(
    delivery: flowai_inbox_delivery,
    out: Option<&mut MaybeUninit<flowai_event>>,
) -> flowai_status {
    read(delivery, out, |delivery| {
        event_handle(Some(delivery.event().clone()))
    })
}

/// The number of the event in its inbox, the same in every attempt.
///
/// @param delivery  A delivery.
/// @param out       Receives the number.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_id(
    delivery: flowai_inbox_delivery,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(delivery, out, |delivery| Ok(delivery.id()))
}

/// Which attempt this is.
///
/// @param delivery  A delivery.
/// @param out       Receives the number, from 1.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_attempt(
    delivery: flowai_inbox_delivery,
    out: Option<&mut MaybeUninit<u32>>,
) -> flowai_status {
    read(delivery, out, |delivery| Ok(delivery.attempt()))
}

/// When the event was stored.
///
/// @param delivery  A delivery.
/// @param out       Receives milliseconds since 1970 UTC.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_received_at_ms(
    delivery: flowai_inbox_delivery,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(delivery, out, |delivery| Ok(delivery.received_at_ms()))
}

/// Whether the event is a copy that flowai_inbox_replay() made.
///
/// @param delivery  A delivery.
/// @param out       Receives the answer.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_replayed(
    delivery: flowai_inbox_delivery,
    out: Option<&mut MaybeUninit<bool>>,
) -> flowai_status {
    read(delivery, out, |delivery| Ok(delivery.replayed()))
}

/// Whether an event with the same bytes came within the 24 hours before it. Nothing in the body tells whether it is the
/// same one again, or another that looks like it: to pause, resume and pause are three events with equal bodies.
///
/// @param delivery  A delivery.
/// @param out       Receives the answer.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_maybe_duplicate(
    delivery: flowai_inbox_delivery,
    out: Option<&mut MaybeUninit<bool>>,
) -> flowai_status {
    read(delivery, out, |delivery| Ok(delivery.maybe_duplicate()))
}

/// Says that the event is handled. After that it is not handed out again.
///
/// @param delivery  A delivery.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_STORAGE (it will be handed out again), FLOWAI_ERR_CLOSED (the lease has
///                  ended, so that somebody else may have the event, or the inbox is closed),
///                  FLOWAI_ERR_INVALID_ARGUMENT (the outcome was said before), FLOWAI_ERR_FORKED,
///                  FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread.
/// @par Blocking       Until that is on the disk.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_ack(
    delivery: flowai_inbox_delivery,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    settle(delivery, err, Delivery::ack)
}

/// Says that the event is to be handled later. Until then its thread waits. At the last attempt it becomes a dead letter.
///
/// @param delivery  A delivery.
/// @param after_ms  Milliseconds; FLOWAI_NONE for a time that grows with each attempt.
/// @param err       Receives an error on failure; may be NULL.
/// @return          As flowai_inbox_delivery_ack().
/// @par Thread safety  Any thread.
/// @par Blocking       Until that is on the disk.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_retry(
    delivery: flowai_inbox_delivery,
    after_ms: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    settle(delivery, err, |delivery| {
        let after = optional_number(after_ms, "after_ms")?;
        delivery.retry(after.map(Duration::from_millis))
    })
}

/// Says that the event was not handled. It is handed out again as by flowai_inbox_delivery_retry() with FLOWAI_NONE.
///
/// @param delivery  A delivery.
/// @param reason    What went wrong, for those who look at the inbox.
/// @param err       Receives an error on failure; may be NULL.
/// @return          As flowai_inbox_delivery_ack().
/// @par Thread safety  Any thread.
/// @par Blocking       Until that is on the disk.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_fail(
    delivery: flowai_inbox_delivery,
    reason: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    settle(delivery, err, |delivery| {
        delivery.fail(reason.required("reason")?)
    })
}

/// Says that the event is not to be handled again: it becomes a dead letter, and its thread goes on.
///
/// @param delivery  A delivery.
/// @param reason    Why, for those who look at the inbox.
/// @param err       Receives an error on failure; may be NULL.
/// @return          As flowai_inbox_delivery_ack().
/// @par Thread safety  Any thread.
/// @par Blocking       Until that is on the disk.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_dead(
    delivery: flowai_inbox_delivery,
    reason: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    settle(delivery, err, |delivery| {
        delivery.dead(reason.required("reason")?)
    })
}

/// Says that the event is still being handled: its lease lasts the whole lease time from now on.
///
/// @param delivery  A delivery.
/// @param err       Receives an error on failure; may be NULL.
/// @return          FLOWAI_OK, FLOWAI_ERR_CLOSED (the lease has ended, so that somebody else may have the event, or the
///                  inbox is closed), FLOWAI_ERR_STORAGE, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, also while another one handles the event.
/// @par Blocking       While the disk works.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_heartbeat(
    delivery: flowai_inbox_delivery,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    settle(delivery, err, Delivery::heartbeat)
}

/// Frees a delivery. If nobody has said what became of it, that is a failure as by flowai_inbox_delivery_fail(). {0} and
/// one that was freed before are left alone.
///
/// @param delivery  A delivery.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_inbox_delivery_free(delivery: flowai_inbox_delivery) {
    free(delivery);
}
