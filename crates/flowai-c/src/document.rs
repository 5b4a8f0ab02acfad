//! JSON documents whose fields have names: parts of a reply, buttons, messages, entries of a history, segments.

use std::mem::MaybeUninit;

use flowai::{Result, model::Shape};
use serde_json::Value;

use crate::{
    bot::{answer, flowai_answer},
    error::flowai_error,
    guard::{call, free, make, read},
    list::{Items, flowai_list},
    record::{Found, Record, misread},
    registry::{self, handle},
    status::flowai_status,
    strings::{NONE, Text, flowai_str, place},
    templates::flowai_template_kind,
};

/// A JSON document whose fields have names: a part of a reply (a template), a button, a message, an entry of a history,
/// a segment and so on. Free it with flowai_document_free(); it does not need what it came from.
///
/// A field has the name that it has in every language, such as "thumbnail_url". A template has the fields "type",
/// "payload", "delay" (milliseconds) and "fallback", and all those of its payload. A dot leads into a field that is a
/// document itself: "media.url", "originator.role". A member that this version does not know is read by its name in
/// the JSON document.
///
/// A field that is missing, null or of the wrong shape is absent. A name that neither this version nor the document
/// knows is refused, and so is reading a field as what it never is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_document {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_document => Record, 8);

/// A function that reads a field.
fn field<T>(
    document: flowai_document,
    name: &Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<T>>,
    value: impl FnOnce(&Record, Found<'_>) -> Result<T>,
) -> flowai_status {
    call(err, || {
        let out = place(out, "out")?;
        let record = registry::get(document)?;
        let found = record.find(name.required("field")?)?;
        out.write(value(&record, found)?);
        Ok(())
    })
}

/// The name of the kind of document, such as "Template", "Button" or "HistoryEntry", as in the other languages. That of
/// the payload of a template follows from flowai_document_template_kind().
///
/// @param document  A document.
/// @param out       Receives text that lives as long as the document; empty if the document has no known fields.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_name(
    document: flowai_document,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(document, out, |record| Ok(record.name()))
}

/// Which template a document is. Its type as it came is the field "type".
///
/// @param document  A document.
/// @param out       Receives one of FLOWAI_TEMPLATE_...; FLOWAI_TEMPLATE_UNKNOWN for what is no template, too.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_template_kind(
    document: flowai_document,
    out: Option<&mut MaybeUninit<flowai_template_kind>>,
) -> flowai_status {
    read(document, out, |record| Ok(record.kind().code()))
}

/// What a document says in words: a template, a message (the texts of its parts, one a line; where it has none, its
/// fallback) or an entry of a history.
///
/// @param document  A document.
/// @param out       Receives text that lives as long as the document; empty if it says nothing.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_text(
    document: flowai_document,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(document, out, |record| Ok(record.text()))
}

/// Reads a field that is a text. One that may be text or a number, such as the time "created_at" of a message, reads as
/// text.
///
/// @param document  A document.
/// @param field     The name of the field, such as "title".
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives text that lives as long as the document; empty if the field is absent.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is no text),
///                  FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_string(
    document: flowai_document,
    field: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    self::field(document, &field, err, out, |record, found| {
        if !matches!(found.shape, Shape::String | Shape::Any) {
            return Err(misread(found.shape));
        }
        Ok(record.text_of(&found))
    })
}

/// Reads a field that is a number, also where the service sends it as text.
///
/// @param document  A document.
/// @param field     The name of the field, such as "lat".
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives the number; NAN if the field is absent.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is no number),
///                  FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_number(
    document: flowai_document,
    field: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<f64>>,
) -> flowai_status {
    self::field(document, &field, err, out, |_, found| {
        let value = found.number()?;
        Ok(value.and_then(|value| value.as_f64()).unwrap_or(f64::NAN))
    })
}

/// Reads a field that is a whole number, such as the "delay" of a template, which is in milliseconds.
///
/// @param document  A document.
/// @param field     The name of the field.
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives the number; FLOWAI_NONE if the field is absent or has a fraction.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is no number),
///                  FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_integer(
    document: flowai_document,
    field: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    self::field(document, &field, err, out, |_, found| {
        let value = found.number()?;
        Ok(value.and_then(|value| value.as_i64()).unwrap_or(NONE))
    })
}

/// Reads a field that is true or false, also where the service sends it as text.
///
/// @param document  A document.
/// @param field     The name of the field, such as "new_tab".
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives FLOWAI_YES, FLOWAI_NO, or FLOWAI_UNKNOWN if the field is absent.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is neither),
///                  FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_boolean(
    document: flowai_document,
    field: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_answer>>,
) -> flowai_status {
    self::field(document, &field, err, out, |_, found| {
        if !matches!(found.shape, Shape::Bool | Shape::Any) {
            return Err(misread(found.shape));
        }
        Ok(answer(found.value.and_then(|value| value.as_bool())))
    })
}

/// Reads a field that is a document itself, such as the "media" of a card.
///
/// @param document  A document.
/// @param field     The name of the field.
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives the inner document, which the caller frees; {0} if the field is absent.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is no document),
///                  FLOWAI_ERR_BAD_HANDLE.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_document(
    document: flowai_document,
    field: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_document>>,
) -> flowai_status {
    self::field(document, &field, err, out, |_, found| {
        let model = match found.shape {
            Shape::Model(model) => Some(model),
            Shape::Object | Shape::Any => None,
            other => return Err(misread(other)),
        };
        match found.value.as_deref() {
            Some(Value::Object(inner)) => registry::insert(Record::new(inner.clone(), model)),
            _ => Ok(flowai_document { id: 0 }),
        }
    })
}

/// Reads a field that is a list, such as the "buttons" of a card.
///
/// @param document  A document.
/// @param field     The name of the field.
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives the list, which the caller frees; an empty one if the field is absent.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown, a field that is no list),
///                  FLOWAI_ERR_BAD_HANDLE.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_list(
    document: flowai_document,
    field: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    make(err, out, || {
        let record = registry::get(document)?;
        let found = record.find(field.required("field")?)?;
        let model = match found.shape {
            Shape::List(model) => Some(model),
            Shape::Array | Shape::Any => None,
            other => return Err(misread(other)),
        };
        let items = match found.value.as_deref() {
            Some(Value::Array(items)) => items.clone(),
            _ => Vec::new(),
        };
        Ok(Items::of_field(items, model))
    })
}

/// The answers that are offered with a template of any kind, or with a message.
///
/// @param document  A document.
/// @param out       Receives a list of documents named QuickReply, which the caller frees; an empty one for any other
///                  document.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_quick_replies(
    document: flowai_document,
    out: Option<&mut MaybeUninit<flowai_list>>,
) -> flowai_status {
    read(document, out, |record| {
        registry::insert(Items::of_documents(record.quick_replies()))
    })
}

/// Reads a field of any shape as JSON.
///
/// @param document  A document.
/// @param field     The name of the field.
/// @param err       Receives an error on failure; may be NULL.
/// @param out       Receives JSON; empty if the field is absent. It lives as long as the
///                  document.
/// @return          FLOWAI_OK, FLOWAI_ERR_INVALID_ARGUMENT (a name that is unknown), FLOWAI_ERR_BAD_HANDLE.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_field_json(
    document: flowai_document,
    field: Text,
    err: Option<&mut MaybeUninit<flowai_error>>,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    self::field(document, &field, err, out, |record, found| {
        Ok(record.json_of(&found))
    })
}

/// The whole document as JSON, equal to what it was read from.
///
/// @param document  A document.
/// @param out       Receives text that lives as long as the document.
/// @return          FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_json(
    document: flowai_document,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(document, out, |record| Ok(record.json()))
}

/// Frees a document and every text read from it; the documents and lists inside it that were asked for live on. {0} and
/// one that was freed before are left alone.
///
/// @param document  A document.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_document_free(document: flowai_document) {
    free(document);
}
