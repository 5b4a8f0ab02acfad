//! What the service says when it took something over.

use std::mem::MaybeUninit;

use flowai::Receipt;

use crate::{
    guard::{free, read},
    registry::handle,
    status::flowai_status,
    strings::{Owned, flowai_str, number},
};

/// What the service says when it took something over. Free it with flowai_receipt_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_receipt {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_receipt => Receipted, 4);

pub(crate) struct Receipted {
    trace_id: Option<u64>,
    thread_id: Owned,
    status: Owned,
    request_id: Owned,
}

impl From<Receipt> for Receipted {
    fn from(receipt: Receipt) -> Receipted {
        Receipted {
            trace_id: receipt.trace_id,
            thread_id: Owned::new(receipt.thread_id),
            status: Owned::new(receipt.status),
            request_id: Owned::new(receipt.request_id.unwrap_or_default()),
        }
    }
}

/// The thread that the call was about.
///
/// @param receipt  A receipt.
/// @param out      Receives text that lives as long as the receipt; empty if the call was about no thread.
/// @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receipt_thread_id(
    receipt: flowai_receipt,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(receipt, out, |receipt| Ok(receipt.thread_id.lend()))
}

/// The trace id that went along; the delivery event carries it too.
///
/// @param receipt  A receipt.
/// @param out      Receives the number; FLOWAI_NONE if there was none.
/// @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receipt_trace_id(
    receipt: flowai_receipt,
    out: Option<&mut MaybeUninit<i64>>,
) -> flowai_status {
    read(receipt, out, |receipt| Ok(number(receipt.trace_id)))
}

/// What the service said: "ok".
///
/// @param receipt  A receipt.
/// @param out      Receives text that lives as long as the receipt.
/// @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receipt_status(
    receipt: flowai_receipt,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(receipt, out, |receipt| Ok(receipt.status.lend()))
}

/// The request id that the service gave (header x-request-id).
///
/// @param receipt  A receipt.
/// @param out      Receives text that lives as long as the receipt; empty if the service gave none.
/// @return         FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receipt_request_id(
    receipt: flowai_receipt,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(receipt, out, |receipt| Ok(receipt.request_id.lend()))
}

/// Frees a receipt and every text read from it. {0} and one that was freed before are left alone.
///
/// @param receipt  A receipt.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_receipt_free(receipt: flowai_receipt) {
    free(receipt);
}
