//! Lists of documents or texts.

use std::mem::MaybeUninit;

use flowai::{Document, model::Model};
use serde_json::Value;

use crate::{
    document::flowai_document,
    guard::{free, read},
    record::Record,
    registry::{self, handle},
    status::flowai_status,
    strings::{Lazy, flowai_str},
};

/// A list of documents or of texts. Free it with flowai_list_free(); it does not need what it came from.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_list {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_list => Items, 17);

pub(crate) struct Items {
    items: Vec<Item>,
    model: Option<&'static Model>,
    json: Lazy,
}

struct Item {
    value: Value,
    text: Lazy,
}

impl Items {
    fn new(items: impl IntoIterator<Item = Value>, model: Option<&'static Model>) -> Items {
        let item = |value| Item {
            value,
            text: Lazy::default(),
        };
        Items {
            items: items.into_iter().map(item).collect(),
            model,
            json: Lazy::default(),
        }
    }

    pub(crate) fn of_documents<D: Document>(documents: Vec<D>) -> Items {
        let values = documents
            .into_iter()
            .map(|document| Value::Object(document.into_object()));
        Items::new(values, Some(D::MODEL))
    }

    pub(crate) fn of_texts(texts: Vec<String>) -> Items {
        Items::new(texts.into_iter().map(Value::String), None)
    }

    /// What a field holds. Where documents belong, whatever else came is left out.
    pub(crate) fn of_field(items: Vec<Value>, model: Option<&'static Model>) -> Items {
        let belongs = |item: &Value| model.is_none() || item.is_object();
        Items::new(items.into_iter().filter(belongs), model)
    }

    fn to_json(&self) -> String {
        let items: Vec<&Value> = self.items.iter().map(|item| &item.value).collect();
        serde_json::to_string(&items).unwrap_or_default()
    }
}

/// How many items a list has.
///
/// @param list  A list.
/// @param out   Receives the number.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_list_count(
    list: flowai_list,
    out: Option<&mut MaybeUninit<usize>>,
) -> flowai_status {
    read(list, out, |list| Ok(list.items.len()))
}

/// An item that is a document.
///
/// @param list   A list.
/// @param index  From 0.
/// @param out    Receives the document, which the caller frees; {0} if there is no such item or it is no document.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_list_document(
    list: flowai_list,
    index: usize,
    out: Option<&mut MaybeUninit<flowai_document>>,
) -> flowai_status {
    read(list, out, |list| {
        match list.items.get(index).map(|item| &item.value) {
            Some(Value::Object(object)) => registry::insert(Record::new(object.clone(), list.model)),
            _ => Ok(flowai_document { id: 0 }),
        }
    })
}

/// An item that is a text.
///
/// @param list   A list.
/// @param index  From 0.
/// @param out    Receives text that lives as long as the list; empty if there is no such item or it is no text.
/// @return       FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_list_string(
    list: flowai_list,
    index: usize,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(list, out, |list| {
        let text = list
            .items
            .get(index)
            .and_then(|item| Some((&item.text, item.value.as_str()?)))
            .map(|(kept, text)| kept.lend(|| text));
        Ok(text.unwrap_or_else(flowai_str::empty))
    })
}

/// The whole list as a JSON array, equal to what it was read from.
///
/// @param list  A list.
/// @param out   Receives text that lives as long as the list.
/// @return      FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_list_json(
    list: flowai_list,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(list, out, |list| Ok(list.json.lend(|| list.to_json())))
}

/// Frees a list and every text read from it; its documents live on. {0} and one that was freed before are left alone.
///
/// @param list  A list.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_list_free(list: flowai_list) {
    free(list);
}
