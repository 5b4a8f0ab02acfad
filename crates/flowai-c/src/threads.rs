//! The threads of a project (later versions of the API).

use std::{mem::MaybeUninit, sync::Mutex};

use flowai::{Call, ThreadIter};

use crate::{
    client::{acknowledged, flowai_client},
    config::in_use,
    error::flowai_error,
    guard::{Operation, blocking, call, free},
    page::flowai_page,
    receipt::flowai_receipt,
    registry::{self, handle},
    status::flowai_status,
    string::flowai_string,
    strings::{Owned, optional_limit, optional_number, place},
};

/// Goes through the threads of a project. Free it with flowai_thread_iter_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_thread_iter {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_thread_iter => Mutex<ThreadIter>, 24);

/// Reads a page of the ids of the project's threads, at most 20. Reading does no harm, so it is retried.
///
/// @param client  A client.
/// @param page    The number of a page, or FLOWAI_NONE for the first one.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives the page, whose items are texts, and which the caller frees.
/// @return        FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_threads(
    client: flowai_client,
    page: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_page>>,
) -> flowai_status {
    blocking(Operation::call("threads"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let page = client.client.threads(optional_number(page, "page")?).wait()?;
        out.write(registry::insert(page.into())?);
        Ok(())
    })
}

/// Asks for a page of the ids of the project's threads, which arrives as a webhook event of the kind
/// FLOWAI_EVENT_THREADS.
///
/// @param client  A client.
/// @param page    The number of a page, or FLOWAI_NONE for the first one.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives a receipt, which the caller frees.
/// @return        FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_request_threads(
    client: flowai_client,
    page: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_receipt>>,
) -> flowai_status {
    acknowledged(Operation::call("request_threads"), client, err, out, |client| {
        Ok(client.request_threads(optional_number(page, "page")?))
    })
}

/// Begins to go through the ids of all threads of the project. Nothing is asked yet: pages are fetched as they are
/// needed.
///
/// @param client  A client; the iterator works on when it is freed.
/// @param limit   How many threads at most, or FLOWAI_NONE for all.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives the iterator, which the caller frees.
/// @return        FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT, FLOWAI_ERR_BAD_HANDLE.
/// @par Thread safety  Any thread, the same client from several at once.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_iter_threads(
    client: flowai_client,
    limit: i64,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_thread_iter>>,
) -> flowai_status {
    call(err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let threads = client.client.iter_threads(optional_limit(limit)?);
        out.write(registry::insert(Mutex::new(threads))?);
        Ok(())
    })
}

/// The next thread id, in the order of the service. After an error the same page is tried again.
///
/// @param iter  An iterator.
/// @param err   Receives an error on failure; may be NULL.
/// @param out   Receives the thread id, which the caller frees; {0} when there are no more.
/// @return      FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  One thread at a time; a second one gets FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Blocking       When a page is needed: until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_thread_iter_next(
    iter: flowai_thread_iter,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_string>>,
) -> flowai_status {
    blocking(Operation::call("threads"), err, || {
        let out = place(out, "out")?;
        let threads = registry::get(iter)?;
        let mut threads = threads.try_lock().map_err(|_| in_use("iter"))?;
        out.write(match threads.next_item(Call::wait)? {
            Some(thread_id) => registry::insert(Owned::new(thread_id))?,
            None => flowai_string { id: 0 },
        });
        Ok(())
    })
}

/// Frees an iterator; the thread ids live on. {0} and one that was freed before are left alone.
///
/// @param iter  An iterator.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_thread_iter_free(iter: flowai_thread_iter) {
    free(iter);
}

/// Has the service make the id of a new thread. An id that is never used costs nothing, so it is retried.
///
/// @param client  A client.
/// @param err     Receives an error on failure; may be NULL.
/// @param out     Receives the thread id, which the caller frees.
/// @return        FLOWAI_OK or any FLOWAI_ERR_...; FLOWAI_ERR_RESPONSE when the answer names no thread.
/// @par Thread safety  Any thread, the same client from several at once.
/// @par Blocking       Until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_client_create_thread(
    client: flowai_client,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_string>>,
) -> flowai_status {
    blocking(Operation::call("create_thread"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let thread_id = client.client.create_thread().wait()?;
        out.write(registry::insert(Owned::new(thread_id))?);
        Ok(())
    })
}
