//! JSON values as Python values and back.

use std::hash::{Hash, Hasher};

use flowai::Object;
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple},
};
use serde_json::{Number, Value};

use crate::{
    convert::text,
    errors::{Failure, Outcome},
    models::Model,
};

/// The depth of the core's parser: what nests deeper could not be read back.
const MAX_DEPTH: usize = 128;

pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Value::Number(number) => number_to_python(py, number)?,
        Value::String(value) => PyString::new(py, value).into_any(),
        Value::Array(items) => list(py, items)?.into_any(),
        Value::Object(object) => dict(py, object)?.into_any(),
    })
}

pub fn number_to_python<'py>(py: Python<'py>, number: &Number) -> PyResult<Bound<'py, PyAny>> {
    if let Some(value) = number.as_i64() {
        Ok(value.into_pyobject(py)?.into_any())
    } else if let Some(value) = number.as_u64() {
        Ok(value.into_pyobject(py)?.into_any())
    } else {
        Ok(PyFloat::new(py, number.as_f64().unwrap_or(f64::NAN)).into_any())
    }
}

pub fn dict<'py>(py: Python<'py>, object: &Object) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, value) in object {
        dict.set_item(key, to_python(py, value)?)?;
    }
    Ok(dict)
}

/// Headers by their names. Of one that comes twice the first counts, as in the core.
pub fn headers<'py>(py: Python<'py>, headers: &[(String, String)]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in headers {
        if !dict.contains(name)? {
            dict.set_item(name, value)?;
        }
    }
    Ok(dict)
}

fn list<'py>(py: Python<'py>, items: &[Value]) -> PyResult<Bound<'py, PyList>> {
    let items: Vec<_> = items
        .iter()
        .map(|item| to_python(py, item))
        .collect::<PyResult<_>>()?;
    PyList::new(py, items)
}

/// A tuple, since what belongs to a model cannot be changed.
pub fn tuple<'py>(py: Python<'py>, items: &[Value]) -> PyResult<Bound<'py, PyTuple>> {
    let items: Vec<_> = items
        .iter()
        .map(|item| to_python(py, item))
        .collect::<PyResult<_>>()?;
    PyTuple::new(py, items)
}

/// Any value that JSON can hold; `name` says in errors where it was found.
pub fn from_python(value: &Bound<'_, PyAny>, name: &str) -> Outcome<Value> {
    read(value, name, 0)
}

/// A dict as a JSON object.
pub fn object(value: &Bound<'_, PyDict>, name: &str) -> Outcome<Object> {
    read_dict(value, name, 0)
}

fn read(value: &Bound<'_, PyAny>, name: &str, depth: usize) -> Outcome<Value> {
    if value.is_none() {
        return Ok(Value::Null);
    }
    if value.is_instance_of::<PyString>() {
        return Ok(Value::String(text(value, name)?));
    }
    if let Ok(value) = value.cast::<PyBool>() {
        return Ok(Value::Bool(value.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        return integer(value, name).map(Value::Number);
    }
    if let Ok(value) = value.cast::<PyFloat>() {
        let number = Number::from_f64(value.value());
        return number
            .map(Value::Number)
            .ok_or_else(|| Failure::argument(name, "must be a finite number"));
    }
    if depth >= MAX_DEPTH {
        return Err(Failure::argument(
            name,
            format_args!("nests deeper than {MAX_DEPTH}"),
        ));
    }
    if let Ok(value) = value.cast::<PyDict>() {
        return read_dict(value, name, depth + 1).map(Value::Object);
    }
    if let Ok(model) = value.cast::<Model>() {
        return Ok(Value::Object(model.get().object().clone()));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items: Outcome<Vec<Value>> = value
            .try_iter()?
            .map(|item| read(&item?, name, depth + 1))
            .collect();
        return items.map(Value::Array);
    }
    Err(Failure::wrong_type(name, "something that JSON can hold", value))
}

fn read_dict(value: &Bound<'_, PyDict>, name: &str, depth: usize) -> Outcome<Object> {
    let mut object = Object::new();
    for (key, item) in value.iter() {
        if !key.is_instance_of::<PyString>() {
            let problem = format!("the keys of {name} must be str");
            return Err(PyTypeError::new_err(problem).into());
        }
        object.insert(text(&key, name)?, read(&item, name, depth)?);
    }
    Ok(object)
}

/// A whole number of up to 64 bits.
pub fn integer(value: &Bound<'_, PyAny>, name: &str) -> Outcome<Number> {
    if let Ok(value) = value.extract::<i64>() {
        return Ok(value.into());
    }
    let value = value.extract::<u64>();
    value
        .map(Number::from)
        .map_err(|_| Failure::argument(name, "is too large"))
}

/// Equality as Python has it: 1 equals 1.0.
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64()
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => same_objects(a, b),
        _ => one == other,
    }
}

pub fn same_objects(one: &Object, other: &Object) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .all(|(key, value)| other.get(key).is_some_and(|found| same(value, found)))
}

/// A hash that agrees with [`same`].
pub fn hash(value: &Value, state: &mut impl Hasher) {
    match value {
        Value::Null => 0_u8.hash(state),
        Value::Bool(value) => value.hash(state),
        Value::Number(number) => (number.as_f64().unwrap_or_default() + 0.0).to_bits().hash(state),
        Value::String(value) => value.hash(state),
        Value::Array(items) => items.iter().for_each(|item| hash(item, state)),
        Value::Object(object) => hash_object(object, state),
    }
}

pub fn hash_object(object: &Object, state: &mut impl Hasher) {
    // The order of keys is not part of what an object says.
    let mut keys: Vec<_> = object.keys().collect();
    keys.sort_unstable();
    for key in keys {
        key.hash(state);
        hash(object.get(key).unwrap_or(&Value::Null), state);
    }
}
