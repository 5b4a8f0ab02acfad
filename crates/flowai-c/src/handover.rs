//! Who leads a conversation (later versions of the API).

use std::mem::MaybeUninit;

use crate::{
    client::{acknowledged, flowai_client},
    error::flowai_error,
    guard::Operation,
    receipt::flowai_receipt,
    status::flowai_status,
    strings::{Text, optional_number},
};

/// Hands a conversation over to people: the bot pauses. It may tell people, so it is not repeated once it may have
/// left.
///
/// @param client            A client.
/// @param thread_id         The thread; any text of at most 1,024 bytes without control characters.
/// @param seconds_to_pause  How long the bot pauses, more than 0; FLOWAI_NONE for as long as the dashboard says.
/// @param err               Receives an error on failure; may be NULL.
/// @param out               Receives a receipt, which the caller frees.
/// @return                  FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of it.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_handover(
    client: flowai_client,
    thread_id: Text,
    seconds_to_pause: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    acknowledged(Operation::send("handover"), client, err, out, |client| {
        let seconds = optional_number(seconds_to_pause, "seconds_to_pause")?;
        Ok(client.handover(thread_id.required("thread_id")?, seconds))
    })
}

/// Resolves a conversation: a handover ends, and the bot is resumed. It cannot be undone. Doing it twice changes
/// nothing, so it is retried.
///
/// @param client         A client.
/// @param thread_id      The thread; any text of at most 1,024 bytes without control characters.
/// @param write_concern  Whether the service answers only when the action is completed and saved.
/// @param err            Receives an error on failure; may be NULL.
/// @param out            Receives a receipt, which the caller frees.
/// @return               FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_resolve(
    client: flowai_client,
    thread_id: Text,
    write_concern: bool,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    acknowledged(Operation::call("resolve"), client, err, out, |client| {
        let call = client.resolve(thread_id.required("thread_id")?);
        Ok(call.write_concern(write_concern))
    })
}

/// Takes a conversation over from the bot. The service replaced it by flowai_client_handover(). It is not repeated once
/// it may have left.
///
/// @param client     A client.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of it.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[deprecated = "the service replaced it by flowai_client_handover()"]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_takeover(
    client: flowai_client,
    thread_id: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    acknowledged(Operation::send("takeover"), client, err, out, |client| {
        #[expect(deprecated, reason = "C programs may still call it")]
        Ok(client.takeover(thread_id.required("thread_id")?))
    })
}
