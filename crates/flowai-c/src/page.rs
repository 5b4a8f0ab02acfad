//! One page of a list.

use std::mem::MaybeUninit;

use flowai::{Document, HistoryPage, ThreadsPage, model::Model};
use serde_json::Value;

use crate::{
    guard::{free, read},
    list::{Items, flowai_list},
    registry::{self, handle},
    status::flowai_status,
    strings::{Lazy, Owned, flowai_str, number},
};

/// One page of a history or of the threads of a project. Free it with flowai_page_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_page {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_page => Page, 7);

pub(crate) struct Page {
    number: Option<u64>,
    pages: Option<u64>,
    thread_id: Owned,
    items: Vec<Value>,
    model: Option<&'static Model>,
    raw: Value,
    json: Lazy,
}

impl From<HistoryPage> for Page {
    fn from(page: HistoryPage) -> Page {
        let raw = page.to_value();
        let values = page
            .entries
            .into_iter()
            .map(|entry| Value::Object(entry.into_object()));
        Page {
            number: page.page,
            pages: page.pages,
            thread_id: Owned::new(page.thread_id),
            items: values.collect(),
            model: Some(flowai::HistoryEntry::MODEL),
            raw,
            json: Lazy::default(),
        }
    }
}

impl From<ThreadsPage> for Page {
    fn from(page: ThreadsPage) -> Page {
        let raw = page.to_value();
        Page {
            number: page.page,
            pages: page.pages,
            thread_id: Owned::new(""),
            items: page.threads.into_iter().map(Value::String).collect(),
            model: None,
            raw,
            json: Lazy::default(),
        }
    }
}

/// The number of a page.
///
/// @param page  A page.
/// @param out   Receives the number; FLOWAI_NONE if the service did not say.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_page_number(page: flowai_page, out: Option<&mut MaybeUninit<i64>>) -> flowai_status {
    read(page, out, |page| Ok(number(page.number)))
}

/// How many pages there are.
///
/// @param page  A page.
/// @param out   Receives the number; FLOWAI_NONE if the service did not say.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_page_pages(page: flowai_page, out: Option<&mut MaybeUninit<i64>>) -> flowai_status {
    read(page, out, |page| Ok(number(page.pages)))
}

/// The thread whose history it is, as the service names it.
///
/// @param page  A page.
/// @param out   Receives text that lives as long as the page; empty for a page of threads.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_page_thread_id(
    page: flowai_page,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(page, out, |page| Ok(page.thread_id.lend()))
}

/// What is on a page, in the order of the service: documents named HistoryEntry, or thread ids as texts.
///
/// @param page  A page.
/// @param out   Receives the list, which the caller frees.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_page_items(
    page: flowai_page,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    read(page, out, |page| {
        registry::insert(Items::of_field(page.items.clone(), page.model))
    })
}

/// The whole result as a JSON document, as it came.
///
/// @param page  A page.
/// @param out   Receives text that lives as long as the page.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_page_json(
    page: flowai_page,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(page, out, |page| Ok(page.json.lend(|| page.raw.to_string())))
}

/// Frees a page and every text read from it; its items live on. {0} and one that was freed before are left alone.
///
/// @param page  A page.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_page_free(page: flowai_page) {
    free(page);
}
