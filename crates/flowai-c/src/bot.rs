//! The bot of a thread ("Bot control" of the API document).

use std::mem::MaybeUninit;

use flowai::BotStatus;

use crate::{
    client::{acknowledged, flowai_client},
    error::flowai_error,
    guard::{Operation, blocking, free, read},
    receipt::flowai_receipt,
    registry::{self, handle},
    status::flowai_status,
    strings::{Owned, Text, flowai_str, place},
};

/// Whether the bot of a thread is paused. Free it with flowai_bot_status_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_bot_status {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_bot_status => Status, 6);

pub(crate) struct Status {
    is_paused: Option<bool>,
    thread_id: Owned,
    json: Owned,
}

impl From<BotStatus> for Status {
    fn from(status: BotStatus) -> Status {
        Status {
            is_paused: status.is_paused,
            thread_id: Owned::new(status.thread_id),
            json: Owned::json(&status.raw),
        }
    }
}

/// A yes or no that may be unknown: FLOWAI_YES, FLOWAI_NO or FLOWAI_UNKNOWN. Compare with these; do not use it as a
/// truth value.
pub type flowai_answer = i32;

/// No.
pub const FLOWAI_NO: flowai_answer = 0;
/// Yes.
pub const FLOWAI_YES: flowai_answer = 1;
/// The service did not say.
pub const FLOWAI_UNKNOWN: flowai_answer = -1;

pub(crate) fn answer(value: Option<bool>) -> flowai_answer {
    value.map_or(FLOWAI_UNKNOWN, i32::from)
}

/// Pauses the bot of a thread ("Bot control" of the API document). It may be repeated at no harm, so it is retried.
///
/// @param client     A client.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_pause(
    client: flowai_client,
    thread_id: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    acknowledged(Operation::call("pause"), client, err, out, |client| {
        Ok(client.pause(thread_id.required("thread_id")?))
    })
}

/// Resumes the bot of a thread. It may be repeated at no harm, so it is retried.
///
/// @param client     A client.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_resume(
    client: flowai_client,
    thread_id: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    acknowledged(Operation::call("resume"), client, err, out, |client| {
        Ok(client.resume(thread_id.required("thread_id")?))
    })
}

/// Asks whether the bot of a thread is paused.
///
/// @param client     A client.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives the status, which the caller frees.
/// @return           FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_bot_status(
    client: flowai_client,
    thread_id: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_bot_status>>,
) -> flowai_status {
    blocking(Operation::call("bot_status"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let status = client
            .client
            .bot_status(thread_id.required("thread_id")?)
            .wait()?;
        out.write(registry::insert(status.into())?);
        Ok(())
    })
}

/// Whether the bot is paused.
///
/// @param status  A status.
/// @param out     Receives FLOWAI_YES, FLOWAI_NO or FLOWAI_UNKNOWN.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_bot_status_is_paused(
    status: flowai_bot_status,
    out: Option<&mut MaybeUninit<flowai_answer>>,
) -> flowai_status {
    read(status, out, |status| Ok(answer(status.is_paused)))
}

/// The thread, as the service names it.
///
/// @param status  A status.
/// @param out     Receives text that lives as long as the status; empty if the service did not say.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_bot_status_thread_id(
    status: flowai_bot_status,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(status, out, |status| Ok(status.thread_id.lend()))
}

/// The whole result as a JSON document, as it came.
///
/// @param status  A status.
/// @param out     Receives text that lives as long as the status.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_bot_status_json(
    status: flowai_bot_status,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(status, out, |status| Ok(status.json.lend()))
}

/// Frees a status and every text read from it. {0} and one that was freed before are left alone.
///
/// @param status  A status.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_bot_status_free(status: flowai_bot_status) {
    free(status);
}

/// Asks whether the bot of a thread is paused; the answer arrives as a webhook event of the kind
/// FLOWAI_EVENT_BOT_STATUS.
///
/// @param client     A client.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_request_bot_status(
    client: flowai_client,
    thread_id: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    acknowledged(
        Operation::call("request_bot_status"),
        client,
        err,
        out,
        |client| Ok(client.request_bot_status(thread_id.required("thread_id")?)),
    )
}
