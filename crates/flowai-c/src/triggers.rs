//! Events that may be triggered by hand (later versions of the API).

use std::mem::MaybeUninit;

use crate::{
    client::{acknowledged, flowai_client},
    error::flowai_error,
    guard::{Operation, blocking},
    list::{Items, flowai_list},
    receipt::flowai_receipt,
    registry,
    status::flowai_status,
    strings::{Text, place},
};

/// Reads the names of the events that may be triggered: those with "enable manual trigger" in the dashboard. Reading
/// does no harm, so it is retried.
///
/// @param client  A client.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives a list of texts, which the caller frees.
/// @return        FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_trigger_events(
    client: flowai_client,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    blocking(Operation::call("trigger_events"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let names = client.client.trigger_events().wait()?;
        out.write(registry::insert(Items::of_texts(names))?);
        Ok(())
    })
}

/// Asks for the names of the events that may be triggered, which arrive as a webhook event of the kind
/// FLOWAI_EVENT_TRIGGER_EVENTS.
///
/// @param client  A client.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives a receipt, which the caller frees.
/// @return        FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_request_trigger_events(
    client: flowai_client,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    acknowledged(
        Operation::call("request_trigger_events"),
        client,
        err,
        out,
        |client| Ok(client.request_trigger_events()),
    )
}

/// Triggers an event in a thread.
///
/// @param client      A client.
/// @param thread_id   The thread; any text of at most 1,024 bytes without control characters.
/// @param event_name  One of the names that flowai_client_trigger_events() gives.
/// @param err         Receives an error on failure; may be NULL.
/// @param out         Receives a receipt, which the caller frees.
/// @return            FLOWAI_OK or any FLOWAI_ERR_...; flowai_error_delivery() says what became of the event.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_trigger_event(
    client: flowai_client,
    thread_id: Text,
    event_name: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    acknowledged(Operation::send("trigger_event"), client, err, out, |client| {
        Ok(client.trigger_event(
            thread_id.required("thread_id")?,
            event_name.required("event_name")?,
        ))
    })
}
