//! What was said in a thread ("Thread messages" of the API document).

use std::{mem::MaybeUninit, sync::Mutex};

use flowai::{Call, HistoryIter, HistoryOptions, Result};

use crate::{
    client::{acknowledged, flowai_client},
    config::in_use,
    document::flowai_document,
    error::flowai_error,
    guard::{Operation, blocking, call, free},
    page::flowai_page,
    receipt::flowai_receipt,
    record::Record,
    registry::{self, handle},
    status::flowai_status,
    strings::{NONE, Text, optional_limit, optional_number, place},
};

/// Goes through the history of a thread. Free it with flowai_history_iter_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_history_iter {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_history_iter => Mutex<HistoryIter>, 9);

fn options(page: i64, events: bool) -> Result<HistoryOptions> {
    Ok(HistoryOptions::from(optional_number(page, "page")?).events(events))
}

/// Reads a page of the history of a thread, at most 20 entries. They are documents named HistoryEntry. Reading does no
/// harm, so it is retried.
///
/// @param client     A client.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param page       The number of a page, or FLOWAI_NONE for the first one.
/// @param events     Whether the events that were triggered are among the entries (later versions of the API).
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives the page, which the caller frees.
/// @return           FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_history(
    client: flowai_client,
    thread_id: Text,
    page: i64,
    events: bool,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_page>>,
) -> flowai_status {
    blocking(Operation::call("history"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let thread_id = thread_id.required("thread_id")?;
        let page = client.client.history(thread_id, options(page, events)?).wait()?;
        out.write(registry::insert(page.into())?);
        Ok(())
    })
}

/// Asks for a page of the history of a thread, which arrives as a webhook event of the kind FLOWAI_EVENT_HISTORY
/// ("Thread messages" of the API document).
///
/// @param client     A client.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param page       The number of a page, or FLOWAI_NONE for the first one.
/// @param events     Whether the events that were triggered are among the entries (later versions of the API).
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives a receipt, which the caller frees.
/// @return           FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_request_history(
    client: flowai_client,
    thread_id: Text,
    page: i64,
    events: bool,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    acknowledged(Operation::call("request_history"), client, err, out, |client| {
        Ok(client.request_history(thread_id.required("thread_id")?, options(page, events)?))
    })
}

/// Begins to go through the whole history of a thread. Nothing is asked yet: pages are fetched as they are needed, one ahead.
///
/// @param client     A client; the iterator works on when it is freed.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param limit      How many entries at most, or FLOWAI_NONE for all.
/// @param events     Whether the events that were triggered are among the entries (later versions of the API).
/// @param err        Receives an error on failure; may be NULL.
/// @param out        Receives the iterator, which the caller frees.
/// @return           FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, the same client from several at once.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_iter_history(
    client: flowai_client,
    thread_id: Text,
    limit: i64,
    events: bool,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_history_iter>>,
) -> flowai_status {
    call(err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let limit = optional_limit(limit)?;
        let thread_id = thread_id.required("thread_id")?;
        let entries = client
            .client
            .iter_history_with(thread_id, limit, options(NONE, events)?);
        out.write(registry::insert(Mutex::new(entries))?);
        Ok(())
    })
}

/// The next entry, in the order of the service. After an error the same page is tried again.
///
/// @param iter  An iterator.
/// @param err   Receives an error on failure; may be NULL.
/// @param out   Receives the entry, a document named HistoryEntry, which the caller frees; {0} when there are no more.
/// @return      FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  One thread at a time; a second one gets FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Blocking       When a page is needed: until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_iter_next(
    iter: flowai_history_iter,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_document>>,
) -> flowai_status {
    blocking(Operation::call("history"), err, || {
        let out = place(out, "out")?;
        let entries = registry::get(iter)?;
        let mut entries = entries.try_lock().map_err(|_| in_use("iter"))?;
        let entry = entries.next_item(Call::wait)?;
        out.write(entry.map_or(Ok(flowai_document { id: 0 }), |entry| {
            registry::insert(Record::of(entry))
        })?);
        Ok(())
    })
}

/// Frees an iterator; its entries live on. {0} and one that was freed before are left alone.
///
/// @param iter  An iterator.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_iter_free(iter: flowai_history_iter) {
    free(iter);
}
