//! A text that is a result by itself.

use std::mem::MaybeUninit;

use crate::{
    guard::{free, read},
    registry::handle,
    status::flowai_status,
    strings::{Owned, flowai_str},
};

/// A text that is a result by itself, such as a new thread id. Free it with flowai_string_free().
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_string {
    /// 0 is none.
    pub id: u64,
}
handle!(flowai_string => Owned, 18);

/// The text.
///
/// @param string  A text.
/// @param out     Receives text that lives as long as the string.
/// @return        FLOWAI_OK, FLOWAI_ERR_BAD_HANDLE or FLOWAI_ERR_INVALID_ARGUMENT (out is NULL).
#[unsafe(no_mangle)]
pub extern "C" fn flowai_string_text(
    string: flowai_string,
    out: Option<&mut MaybeUninit<flowai_str>>,
) -> flowai_status {
    read(string, out, |string| Ok(string.lend()))
}

/// Frees a text. {0} and one that was freed before are left alone.
///
/// @param string  A text.
#[unsafe(no_mangle)]
pub extern "C" fn flowai_string_free(string: flowai_string) {
    free(string);
}
