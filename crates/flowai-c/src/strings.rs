//! Text and bytes in both directions. The types are the contract: an exported function takes nothing that is not
//! checked here.

use std::{
    ffi::{CStr, c_char, c_void},
    mem::MaybeUninit,
    slice,
};

use flowai::{Error, Result};
use once_cell::race::OnceBox;
use serde_json::Value;

/// Text that the library hands out. It belongs to the object it was read from, lives until that is freed, and must not
/// be freed or changed. It is UTF-8 and ends with a NUL that len does not count; text from a JSON document may hold a
/// NUL inside too, so rely on len where that matters. Text that is not there is empty: after a successful call ptr is
/// never NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowai_str {
    /// The first byte.
    pub ptr: *const c_char,
    /// The number of bytes, without the NUL at the end.
    pub len: usize,
}

impl flowai_str {
    pub(crate) fn empty() -> flowai_str {
        flowai_str {
            ptr: c"".as_ptr(),
            len: 0,
        }
    }
}

/// Text that an object owns, in the form in which it is handed out.
pub(crate) struct Owned(Box<[u8]>);

impl Owned {
    pub(crate) fn new(text: impl Into<Vec<u8>>) -> Owned {
        let mut bytes = text.into();
        bytes.reserve_exact(1);
        bytes.push(0);
        Owned(bytes.into_boxed_slice())
    }

    pub(crate) fn json(value: &impl serde::Serialize) -> Owned {
        Owned::new(serde_json::to_vec(value).unwrap_or_default())
    }

    pub(crate) fn lend(&self) -> flowai_str {
        flowai_str {
            ptr: self.0.as_ptr().cast(),
            len: self.0.len().saturating_sub(1),
        }
    }
}

/// Text that is made when it is first asked for. Without a lock: see `registry`.
#[derive(Default)]
pub(crate) struct Lazy(OnceBox<Owned>);

impl Lazy {
    pub(crate) fn lend<T: Into<Vec<u8>>>(&self, make: impl FnOnce() -> T) -> flowai_str {
        self.0.get_or_init(|| Box::new(Owned::new(make()))).lend()
    }
}

/// Text that a C program hands in. In the header this is `const char *`.
///
/// Only a call from C makes one, and the rules of the header promise that it is NULL or points to bytes that end with
/// a NUL and stay as they are during the call.
#[repr(transparent)]
pub struct Text(*const c_char);

impl Text {
    /// The bytes up to the NUL; nothing for NULL.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        if self.0.is_null() {
            return None;
        }
        // SAFETY: not NULL, so by the rules of the header it ends with a NUL and lives longer than `self`, an argument.
        Some(unsafe { CStr::from_ptr(self.0) }.to_bytes())
    }

    /// Text, or nothing for NULL.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<&str>> {
        self.bytes().map(|bytes| utf8(bytes, name)).transpose()
    }

    /// Text; NULL is refused.
    pub(crate) fn required(&self, name: &'static str) -> Result<&str> {
        self.optional(name)?
            .ok_or_else(|| Error::argument(name, "is NULL"))
    }

    /// A JSON document.
    pub(crate) fn json(&self, name: &'static str) -> Result<Value> {
        serde_json::from_str(self.required(name)?)
            .map_err(|error| Error::argument(name, format_args!("is not JSON: {error}")))
    }
}

/// Bytes that a C program hands in as a pointer; their number is the argument after it. In the header this is
/// `const void *`.
///
/// Only a call from C makes one, and the rules of the header promise that that many bytes can be read there, or that
/// it is NULL.
#[repr(transparent)]
pub struct Data(*const c_void);

impl Data {
    /// The bytes. NULL with a length is refused.
    pub(crate) fn bytes(&self, len: usize, name: &'static str) -> Result<&[u8]> {
        if len == 0 {
            return Ok(&[]);
        }
        if self.0.is_null() {
            return Err(Error::argument(name, "is NULL"));
        }
        if isize::try_from(len).is_err() {
            return Err(Error::argument(name, "is longer than the memory"));
        }
        // SAFETY: not NULL, and by the rules of the header `len` bytes can be read there as long as `self`, an
        // argument, lives.
        Ok(unsafe { slice::from_raw_parts(self.0.cast(), len) })
    }
}

/// A name and a value: a header of an HTTP request, or a parameter of a query.
#[repr(C)]
pub struct flowai_pair {
    /// The name. Not NULL.
    pub name: *const c_char,
    /// The value. Not NULL.
    pub value: *const c_char,
}

/// The first of several pairs; their number is the argument after it. In the header this is `const flowai_pair *`.
///
/// Only a call from C makes one, and the rules of the header promise that that many pairs can be read there.
#[repr(transparent)]
pub struct Pairs(*const flowai_pair);

impl Pairs {
    /// Names, which are text, and values, which need not be.
    pub(crate) fn read(&self, count: usize, argument: &'static str) -> Result<Vec<(&str, &[u8])>> {
        if count == 0 {
            return Ok(Vec::new());
        }
        // More would be a length of something else.
        if self.0.is_null() || count > 100_000 {
            return Err(Error::argument(argument, "is NULL, or has too many pairs"));
        }
        // SAFETY: not NULL, and by the rules of the header `count` of them can be read there while `self`, an
        // argument, lives.
        let pairs = unsafe { slice::from_raw_parts(self.0, count) };
        let mut read = Vec::with_capacity(count);
        for pair in pairs {
            if pair.name.is_null() || pair.value.is_null() {
                return Err(Error::argument(argument, "has a name or a value that is NULL"));
            }
            // SAFETY: not NULL, so by the rules of the header both end with a NUL and live as long as the array.
            let (name, value) = unsafe { (CStr::from_ptr(pair.name), CStr::from_ptr(pair.value)) };
            read.push((utf8(name.to_bytes(), argument)?, value.to_bytes()));
        }
        Ok(read)
    }

    /// Names and values, both of which are text.
    pub(crate) fn texts(&self, count: usize, argument: &'static str) -> Result<Vec<(&str, &str)>> {
        let pairs = self.read(count, argument)?.into_iter();
        pairs
            .map(|(name, value)| Ok((name, utf8(value, argument)?)))
            .collect()
    }
}

fn utf8<'a>(bytes: &'a [u8], name: &'static str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|_| Error::argument(name, "is not UTF-8"))
}

/// Where a result is written; NULL is refused before anything is done.
pub(crate) fn place<'a, T>(
    out: Option<&'a mut MaybeUninit<T>>,
    name: &'static str,
) -> Result<&'a mut MaybeUninit<T>> {
    out.ok_or_else(|| Error::argument(name, "is NULL"))
}

/// A number that may be absent; FLOWAI_NONE stands for that.
pub(crate) fn number(value: Option<u64>) -> i64 {
    value.and_then(|value| value.try_into().ok()).unwrap_or(NONE)
}

/// A number that may be left out by FLOWAI_NONE.
pub(crate) fn optional_number(value: i64, name: &'static str) -> Result<Option<u64>> {
    if value == NONE {
        return Ok(None);
    }
    let number = u64::try_from(value).map_err(|_| Error::argument(name, "must not be negative"))?;
    Ok(Some(number))
}

/// How many items at most; FLOWAI_NONE for all.
pub(crate) fn optional_limit(value: i64) -> Result<Option<usize>> {
    let limit = optional_number(value, "limit")?;
    Ok(limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)))
}

/// FLOWAI_NONE in the header.
pub(crate) const NONE: i64 = i64::MIN;
