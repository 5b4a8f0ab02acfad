//! Arguments from Python: a wrong type is a `TypeError`, a wrong value an error of the core that names the argument.

use std::time::Duration;

use bytes::Bytes;
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyMemoryView, PyString},
};

use crate::{
    errors::{Failure, Outcome},
    json,
};

/// A str. Lone surrogates, which Python allows and UTF-8 does not, are a wrong value.
pub fn text(value: &Bound<'_, PyAny>, name: &str) -> Outcome<String> {
    let Ok(value) = value.cast::<PyString>() else {
        return Err(Failure::wrong_type(name, "a str", value));
    };
    // Before 3.12 the encoding error is all there is to know; it quotes the text, so it is not passed on.
    value
        .to_cow()
        .map(String::from)
        .map_err(|_| Failure::argument(name, "has characters that are not Unicode (lone surrogates)"))
}

pub fn optional<T>(
    value: Option<&Bound<'_, PyAny>>,
    name: &str,
    convert: impl FnOnce(&Bound<'_, PyAny>, &str) -> Outcome<T>,
) -> Outcome<Option<T>> {
    value.map(|value| convert(value, name)).transpose()
}

/// Seconds as a duration of more than zero.
pub fn seconds(value: &Bound<'_, PyAny>, name: &str) -> Outcome<Duration> {
    let duration = seconds_or_zero(value, name)?;
    if duration.is_zero() {
        return Err(Failure::argument(name, "must be more than zero"));
    }
    Ok(duration)
}

/// Seconds as a duration, where zero means not to wait.
pub fn seconds_or_zero(value: &Bound<'_, PyAny>, name: &str) -> Outcome<Duration> {
    if !is_number(value) {
        return Err(Failure::wrong_type(name, "seconds as a float", value));
    }
    let refuse = || Failure::argument(name, "must be a positive and finite number of seconds");
    let seconds = value.extract::<f64>().map_err(|_| refuse())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| refuse())
}

/// A bool, and nothing that only counts as one: "no" would be true.
pub fn truth(value: &Bound<'_, PyAny>, name: &str) -> Outcome<bool> {
    match value.cast::<PyBool>() {
        Ok(value) => Ok(value.is_true()),
        Err(_) => Err(Failure::wrong_type(name, "a bool", value)),
    }
}

/// Arguments that are bools: each says its name when it is given something else.
pub mod flag {
    use pyo3::prelude::*;

    macro_rules! flags {
        ($($name:ident),*) => {
            $(pub fn $name(value: &Bound<'_, PyAny>) -> PyResult<bool> {
                Ok(super::truth(value, stringify!($name))?)
            })*
        };
    }

    flags!(events, processed, skip_after_failure, write_concern);
}

/// A number that is not a bool.
pub fn is_number(value: &Bound<'_, PyAny>) -> bool {
    (value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>())
        && !value.is_instance_of::<PyBool>()
}

/// A whole number from zero.
pub fn count(value: &Bound<'_, PyAny>, name: &str) -> Outcome<u64> {
    if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() {
        return Err(Failure::wrong_type(name, "an int", value));
    }
    let number = json::integer(value, name)?;
    number
        .as_u64()
        .ok_or_else(|| Failure::argument(name, "must not be negative"))
}

/// A whole number from zero that fits wherever the core wants it.
pub fn small_count<T: TryFrom<u64>>(value: &Bound<'_, PyAny>, name: &str) -> Outcome<T> {
    T::try_from(count(value, name)?).map_err(|_| Failure::argument(name, "is too large"))
}

/// What can be given as bytes: bytes, bytearray, memoryview. Nothing if it is something else.
pub fn buffer<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let py = value.py();
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Some(bytes.clone()));
    }
    if let Ok(array) = value.cast::<PyByteArray>() {
        return Ok(Some(PyBytes::new(py, &array.to_vec())));
    }
    if value.is_instance_of::<PyMemoryView>() {
        return Ok(Some(value.call_method0("tobytes")?.cast_into::<PyBytes>()?));
    }
    Ok(None)
}

/// The body of a webhook call: bytes, or their text. What is no text is for the parser to refuse.
pub fn body(value: &Bound<'_, PyAny>) -> Outcome<Bytes> {
    if let Ok(value) = value.cast::<PyString>() {
        let encoded = value
            .call_method1("encode", ("utf-8", "surrogatepass"))?
            .cast_into::<PyBytes>();
        return Ok(Bytes::copy_from_slice(encoded.map_err(PyErr::from)?.as_bytes()));
    }
    match buffer(value)? {
        Some(bytes) => Ok(Bytes::copy_from_slice(bytes.as_bytes())),
        None => Err(Failure::wrong_type(
            "body",
            "bytes, bytearray, memoryview or str",
            value,
        )),
    }
}

/// A secret: bytes, or text in UTF-8.
pub fn secret(value: &Bound<'_, PyAny>, name: &str) -> Outcome<Vec<u8>> {
    if value.is_instance_of::<PyString>() {
        return text(value, name).map(String::into_bytes);
    }
    match buffer(value)? {
        Some(bytes) => Ok(bytes.as_bytes().to_vec()),
        None => Err(Failure::wrong_type(name, "a str or bytes", value)),
    }
}

/// Headers as a framework gives them: a mapping or pairs, names and values as str or bytes.
pub fn headers(value: &Bound<'_, PyAny>) -> Outcome<Vec<(String, Vec<u8>)>> {
    let pairs = match value.cast_exact::<PyDict>() {
        Ok(dict) => dict.items().into_any(),
        Err(_) if value.hasattr("items")? => value.call_method0("items")?,
        Err(_) => value.clone(),
    };
    let wrong = || PyTypeError::new_err("headers must be a mapping or pairs of str or bytes");
    let mut headers = Vec::new();
    for pair in pairs.try_iter().map_err(|_| wrong())? {
        let (name, value) = pair?
            .extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()
            .map_err(|_| wrong())?;
        let name = header_bytes(&name)?.ok_or_else(wrong)?;
        let value = header_bytes(&value)?.ok_or_else(wrong)?;
        headers.push((String::from_utf8_lossy(&name).into_owned(), value));
    }
    Ok(headers)
}

/// Frameworks decode headers as Latin-1, so that is how the bytes come back.
fn header_bytes(value: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    if let Ok(text) = value.cast::<PyString>() {
        if let Ok(text) = text.to_cow()
            && text.is_ascii()
        {
            return Ok(Some(text.as_bytes().to_vec()));
        }
        let encoded = value.call_method1("encode", ("latin-1",));
        let encoded = encoded.or_else(|_| value.call_method1("encode", ("utf-8", "surrogateescape")));
        let encoded = encoded.or_else(|_| value.call_method1("encode", ("utf-8", "replace")))?;
        return Ok(Some(encoded.cast_into::<PyBytes>()?.as_bytes().to_vec()));
    }
    Ok(buffer(value)?.map(|bytes| bytes.as_bytes().to_vec()))
}
