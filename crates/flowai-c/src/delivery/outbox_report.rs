//! What became of a message of an outbox.

use std::{ffi::c_char, mem::MaybeUninit};

use flowai_delivery::{Outbox, Outcome, Report};

use super::rows::document;
use crate::{
    document::flowai_document,
    error::flowai_error,
    guard::{free, read, waiting},
    message::flowai_message,
    registry::{self, handle},
    status::flowai_status,
    strings::{Owned, flowai_str, number},
};

/// What became of a message of an outbox. Acknowledge it when you have taken note: until then it is reported again each
/// time the outbox is opened. Free it with flowai_outbox_report_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_outbox_report {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_outbox_report => Told, 30);

pub(crate) struct Told {
    outbox: Outbox,
    thread_id: Owned,
    error: Owned,
    report: Report,
}

impl Told {
    pub(crate) fn new(outbox: &Outbox, report: Report) -> Told {
        Told {
            outbox: outbox.clone(),
            thread_id: Owned::new(report.thread_id.as_str()),
            error: Owned::new(report.error.as_deref().unwrap_or_default()),
            report,
        }
    }
}

/// What became of a message of an outbox: one of FLOWAI_OUTCOME_... .
pub type flowai_outcome = i32;

/// One that this version does not know.
pub const FLOWAI_OUTCOME_UNKNOWN: flowai_outcome = 0;
/// The service took it.
pub const FLOWAI_OUTCOME_SENT: flowai_outcome = 1;
/// It left, and nobody knows whether the service took it.
pub const FLOWAI_OUTCOME_MAYBE_SENT: flowai_outcome = 2;
/// The service did not take it, and it is not tried again.
pub const FLOWAI_OUTCOME_FAILED: flowai_outcome = 3;

fn outcome_of(outcome: Outcome) -> flowai_outcome {
    match outcome {
        Outcome::Sent => FLOWAI_OUTCOME_SENT,
        Outcome::MaybeSent => FLOWAI_OUTCOME_MAYBE_SENT,
        Outcome::Failed => FLOWAI_OUTCOME_FAILED,
        _ => FLOWAI_OUTCOME_UNKNOWN,
    }
}

/// The name of an outcome: "sent", "maybe_sent" or "failed".
///
/// @param outcome  Any number.
/// @return         A string that lives for ever; "unknown" for a number that is none of them. Never NULL.
/// @par Thread safety  Any thread; async-signal-safe.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outcome_name(outcome: flowai_outcome) -> *const c_char {
    let name = match outcome {
        FLOWAI_OUTCOME_SENT => c"sent",
        FLOWAI_OUTCOME_MAYBE_SENT => c"maybe_sent",
        FLOWAI_OUTCOME_FAILED => c"failed",
        _ => c"unknown",
    };
    name.as_ptr()
}

/// The number of the message, as in its receipt.
///
/// @param report  A report.
/// @param out     Receives the number.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_report_id(
    report: flowai_outbox_report,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(report, out, |told| Ok(told.report.id))
}

/// What became of the message.
///
/// @param report  A report.
/// @param out     Receives one of FLOWAI_OUTCOME_... .
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_report_outcome(
    report: flowai_outbox_report,
    out: Option<&mut MaybeUninit<flowai_outcome>>,
) -> flowai_status {
    read(report, out, |told| Ok(outcome_of(told.report.outcome)))
}

/// The thread that the message was for.
///
/// @param report  A report.
/// @param out     Receives text that lives as long as the report.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_report_thread_id(
    report: flowai_outbox_report,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(report, out, |told| Ok(told.thread_id.lend()))
}

/// The trace id that went along; the delivery event carries it too.
///
/// @param report  A report.
/// @param out     Receives the number; FLOWAI_NONE if there was none.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_report_trace_id(
    report: flowai_outbox_report,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(report, out, |told| Ok(number(told.report.trace_id)))
}

/// What went wrong last, in words for a person.
///
/// @param report  A report.
/// @param out     Receives text that lives as long as the report; empty if nothing went wrong.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_report_error(
    report: flowai_outbox_report,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(report, out, |told| Ok(told.error.lend()))
}

/// What the message said, to send it again with flowai_outbox_send() or flowai_client_send(). Its trace id goes along
/// again, unless the options have another one.
///
/// @param report  A report.
/// @param out     Receives the message, which the caller frees.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_report_message(
    report: flowai_outbox_report,
    out: Option<&mut MaybeUninit<flowai_message>>,
) -> flowai_status {
    read(report, out, |told| registry::insert(told.report.message.clone()))
}

/// Everything that is known.
///
/// Fields of OutboxReport: "number", of the report; "id", "thread_id", "trace_id"; "outcome", which is "sent",
/// "maybe_sent" or "failed"; "message", as a document; "error" and "error_kind", the name of the error, or "expired";
/// "status", the HTTP status of the answer that refused it, and "request_id", which the service gave; "attempts", how
/// often it was tried; "ambiguous_attempts", those of which nobody knows whether it was taken: as often, and once more,
/// it may have arrived; "enqueued_at_ms", "attempted_at_ms", "settled_at_ms", and "confirmed_at_ms", when a delivery
/// event said that it had arrived, in milliseconds since 1970 UTC.
///
/// @param report  A report.
/// @param out     Receives a document named OutboxReport, which the caller frees.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_report_document(
    report: flowai_outbox_report,
    out: Option<&mut MaybeUninit<flowai_document>>,
) -> flowai_status {
    read(report, out, |told| document(&told.report))
}

/// Removes the report from the outbox. A message that may have been sent can still be settled by a delivery event for
/// 24 hours, which makes a new report.
///
/// @param report  A report, which is still to be freed.
/// @param err     Receives an error on failure; may be NULL.
/// @return        FLOWAI_OK, FLOWAI_ERR_STORAGE, FLOWAI_ERR_CLOSED, FLOWAI_ERR_FORKED, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, several times too.
/// @par Blocking       While the disk works.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_report_ack(
    report: flowai_outbox_report,
    err: Option<&mut MaybeUninit<flowai_error>>,
) -> flowai_status {
    waiting(err, || {
        let told = registry::get(report)?;
        told.outbox.acknowledge(told.report.number).map(|_| ())
    })
}

/// Frees a report and every text read from it. {0} and one that was freed before are left alone.
///
/// @param report  A report.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_outbox_report_free(report: flowai_outbox_report) {
    free(report);
}
