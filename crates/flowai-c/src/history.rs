//! What was said in a thread ("Thread messages" of the API document).

use std::{mem::MaybeUninit, sync::Mutex};

use flowai::{Call, HistoryEntry, HistoryIter, HistoryPage};

use crate::{
    client::flowai_client,
    config::in_use,
    error::flowai_error,
    guard::{Operation, blocking, call, free, read},
    registry::{self, handle},
    status::flowai_status,
    strings::{Lazy, Owned, Text, flowai_str, number, place},
};

/// One page of the history of a thread, at most 20 entries. Free it with flowai_history_page_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_history_page {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_history_page => Page, 7);

/// One entry of a history. Free it with flowai_history_entry_free(); it does not need the page or iterator it came
/// from.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_history_entry {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_history_entry => Entry, 8);

/// Goes through the history of a thread. Free it with flowai_history_iter_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_history_iter {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_history_iter => Mutex<HistoryIter>, 9);

pub(crate) struct Page {
    page: HistoryPage,
    thread_id: Owned,
    json: Lazy,
}

#[derive(Default)]
pub(crate) struct Entry {
    entry: HistoryEntry,
    text: Lazy,
    role: Lazy,
    name: Lazy,
    created_at: Lazy,
    json: Lazy,
}

impl From<HistoryEntry> for Entry {
    fn from(entry: HistoryEntry) -> Entry {
        Entry {
            entry,
            ..Entry::default()
        }
    }
}

/// The page that a number stands for; FLOWAI_NONE is none.
pub(crate) fn page_number(page: i64) -> Option<u64> {
    u64::try_from(page).ok()
}

/// Reads a page of the history of a thread. Reading does no harm, so it is retried.
///
/// @param client     A client.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param page       The number of a page, or FLOWAI_NONE for the first one.
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
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_history_page>>,
) -> flowai_status {
    blocking(Operation::call("history"), err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let thread_id = thread_id.required("thread_id")?;
        let page = client.client.history(thread_id, page_number(page)).wait()?;
        out.write(registry::insert(Page {
            thread_id: Owned::new(page.thread_id.as_str()),
            page,
            json: Lazy::default(),
        })?);
        Ok(())
    })
}

/// The number of a page.
///
/// @param page  A page.
/// @param out   Receives the number; FLOWAI_NONE if the service did not say.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_page_number(
    page: flowai_history_page,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(page, out, |page| Ok(number(page.page.page)))
}

/// How many pages there are.
///
/// @param page  A page.
/// @param out   Receives the number; FLOWAI_NONE if the service did not say.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_page_pages(
    page: flowai_history_page,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(page, out, |page| Ok(number(page.page.pages)))
}

/// The thread, as the service names it.
///
/// @param page  A page.
/// @param out   Receives text that lives as long as the page; empty if the service did not say.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_page_thread_id(
    page: flowai_history_page,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(page, out, |page| Ok(page.thread_id.lend()))
}

/// The whole result as a JSON document, as it came.
///
/// @param page  A page.
/// @param out   Receives text that lives as long as the page.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_page_json(
    page: flowai_history_page,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(page, out, |page| Ok(page.json.lend_json(|| page.page.to_value())))
}

/// How many entries a page has.
///
/// @param page  A page.
/// @param out   Receives the number.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_page_count(
    page: flowai_history_page,
    out: Option<&mut MaybeUninit<usize>>,
) -> flowai_status {
    read(page, out, |page| Ok(page.page.entries.len()))
}

/// An entry of a page, in the order of the service.
///
/// @param page   A page.
/// @param index  From 0.
/// @param out    Receives the entry, which the caller frees; {0} if the page has no such entry.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_page_entry(
    page: flowai_history_page,
    index: usize,
    out: Option<&mut MaybeUninit<flowai_history_entry>>,
) -> flowai_status {
    read(page, out, |page| {
        entry_handle(page.page.entries.get(index).cloned())
    })
}

fn entry_handle(entry: Option<HistoryEntry>) -> flowai::Result<flowai_history_entry> {
    entry.map_or(Ok(flowai_history_entry { id: 0 }), |entry| {
        registry::insert(entry.into())
    })
}

/// Frees a page and every text read from it; its entries live on. {0} and one that was freed before are left alone.
///
/// @param page  A page.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_page_free(page: flowai_history_page) {
    free(page);
}

/// Begins to go through the whole history of a thread. Nothing is asked yet: pages are fetched as they are needed.
///
/// @param client     A client; the iterator works on when it is freed.
/// @param thread_id  The thread; any text of at most 1,024 bytes without control characters.
/// @param limit      How many entries at most, or FLOWAI_NONE for all.
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
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_history_iter>>,
) -> flowai_status {
    call(err, || {
        let out = place(out, "out")?;
        let client = registry::get(client)?;
        let limit = usize::try_from(limit).ok();
        let entries = client
            .client
            .iter_history(thread_id.required("thread_id")?, limit);
        out.write(registry::insert(Mutex::new(entries))?);
        Ok(())
    })
}

/// The next entry, in the order of the service. After an error the same page is tried again.
///
/// @param iter  An iterator.
/// @param err   Receives an error on failure; may be NULL.
/// @param out   Receives the entry, which the caller frees; {0} when there are no more.
/// @return      FLOWAI_OK or any FLOWAI_ERR_... .
/// @par Thread safety  One thread at a time; a second one gets FLOWAI_ERR_INVALID_ARGUMENT.
/// @par Blocking       When a page is needed: until the service has answered, at most for the deadline of the client.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_iter_next(
    iter: flowai_history_iter,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_history_entry>>,
) -> flowai_status {
    blocking(Operation::call("history"), err, || {
        let out = place(out, "out")?;
        let entries = registry::get(iter)?;
        let mut entries = entries.try_lock().map_err(|_| in_use("iter"))?;
        out.write(entry_handle(entries.next_item(Call::wait)?)?);
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

/// What was said: the texts of all messages of an entry, one a line.
///
/// @param entry  An entry.
/// @param out    Receives text that lives as long as the entry.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_entry_text(
    entry: flowai_history_entry,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(entry, out, |entry| Ok(entry.text.lend(|| entry.entry.text())))
}

/// Who spoke, such as "user" or "bot".
///
/// @param entry  An entry.
/// @param out    Receives text that lives as long as the entry; empty if the service did not say.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_entry_role(
    entry: flowai_history_entry,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(entry, out, |entry| {
        Ok(entry.role.lend(|| {
            let originator = entry.entry.originator().unwrap_or_default();
            originator.role().unwrap_or_default().to_owned()
        }))
    })
}

/// The name of who spoke.
///
/// @param entry  An entry.
/// @param out    Receives text that lives as long as the entry; empty if the service did not say.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_entry_name(
    entry: flowai_history_entry,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(entry, out, |entry| {
        Ok(entry.name.lend(|| {
            let originator = entry.entry.originator().unwrap_or_default();
            originator.name().unwrap_or_default().to_owned()
        }))
    })
}

/// When the first message of an entry was said, as it came: ISO 8601 text, or milliseconds since 1970.
///
/// @param entry  An entry.
/// @param out    Receives text that lives as long as the entry; empty if the service did not say.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_entry_created_at(
    entry: flowai_history_entry,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(entry, out, |entry| {
        Ok(entry.created_at.lend(|| {
            let messages = entry.entry.messages();
            match messages.iter().find_map(|message| message.created_at()) {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            }
        }))
    })
}

/// The whole entry as a JSON document, as it came.
///
/// @param entry  An entry.
/// @param out    Receives text that lives as long as the entry.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_entry_json(
    entry: flowai_history_entry,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(entry, out, |entry| {
        Ok(entry
            .json
            .lend(|| serde_json::to_vec(&entry.entry).unwrap_or_default()))
    })
}

/// Frees an entry and every text read from it. {0} and one that was freed before are left alone.
///
/// @param entry  An entry.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_history_entry_free(entry: flowai_history_entry) {
    free(entry);
}
