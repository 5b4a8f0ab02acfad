//! Python values as fields of the core's documents, and back: one rule for each shape.

use flowai::{
    Document, Message, Object, Originator,
    model::{Field, Model as Table, Shape},
};
use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyInt, PyList, PyString, PyTuple},
};
use serde_json::Value;

use crate::{
    convert::{is_number, text},
    errors::{Failure, Outcome},
    json,
    models::{self, Model},
};

/// A value for a field. The type is checked here; whether the value is right is for the core.
pub fn to_wire(field: &Field, value: &Bound<'_, PyAny>) -> Outcome<Value> {
    let name = field.name;
    let wrong = |wanted: &str| Err(Failure::wrong_type(name, wanted, value));
    match field.shape {
        Shape::String if is_coordinate(name) && is_number(value) => coordinate(value, name),
        Shape::String => text(value, name).map(Value::String),
        Shape::Number if !is_number(value) => wrong("a number"),
        Shape::Integer if !value.is_instance_of::<PyInt>() || value.is_instance_of::<PyBool>() => {
            wrong("an int")
        }
        Shape::Bool if !value.is_instance_of::<PyBool>() => wrong("a bool"),
        Shape::Object if !value.is_instance_of::<PyDict>() => wrong("a dict"),
        Shape::Array if !is_sequence(value) => wrong("a list or tuple"),
        Shape::Integer => json::integer(value, name).map(Value::Number),
        Shape::Model(table) => one(table, value, name).map(Value::Object),
        Shape::List(table) => {
            if !is_sequence(value) {
                return wrong("a list or tuple");
            }
            let items: Outcome<Vec<Value>> = value
                .try_iter()?
                .map(|item| one(table, &item?, name).map(Value::Object))
                .collect();
            items.map(Value::Array)
        }
        Shape::Number | Shape::Bool | Shape::Object | Shape::Array | Shape::Any => {
            json::from_python(value, name)
        }
    }
}

/// One document: an instance of its class, a dict in the form in which it is sent, or the name of an originator.
pub fn one(table: &'static Table, value: &Bound<'_, PyAny>, name: &str) -> Outcome<Object> {
    if let Ok(model) = value.cast::<Model>()
        && model.get().table().name == table.name
    {
        return Ok(model.get().object().clone());
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return json::object(dict, name);
    }
    let takes_name = table.name == Originator::MODEL.name;
    if takes_name && value.is_instance_of::<PyString>() {
        return Ok(Originator::new(text(value, name)?).into_object());
    }
    let wanted = if takes_name {
        format!("a str, {} or dict", table.name)
    } else {
        format!("{} or dict", table.name)
    };
    Err(Failure::wrong_type(name, &wanted, value))
}

/// Puts values in a document under the names that they have there; what is `None` is not given.
pub fn fill<'py, V>(
    object: &mut Object,
    table: &'static Table,
    values: impl IntoIterator<Item = (&'static str, Option<V>)>,
) -> Outcome<()>
where
    V: std::borrow::Borrow<Bound<'py, PyAny>>,
{
    for (name, value) in values {
        if let (Some(value), Some(field)) = (value, table.field(name)) {
            object.insert(field.wire.to_owned(), to_wire(field, value.borrow())?);
        }
    }
    Ok(())
}

fn is_sequence(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
}

fn is_coordinate(name: &str) -> bool {
    matches!(name, "lat" | "long")
}

/// A number as the text that the core would send for it.
fn coordinate(value: &Bound<'_, PyAny>, name: &str) -> Outcome<Value> {
    let number: f64 = value
        .extract()
        .map_err(|_| Failure::argument(name, "is too large"))?;
    let message = Message::location(number, number);
    Ok(match message.as_object().get(name) {
        Some(Value::Number(number)) => Value::String(number.to_string()),
        other => other.cloned().unwrap_or_default(),
    })
}

/// What a field holds; absent when it is missing, null or of the wrong shape.
pub fn from_wire<'py>(py: Python<'py>, field: &Field, object: &Object) -> PyResult<Bound<'py, PyAny>> {
    let value = object.get(field.wire).unwrap_or(&Value::Null);
    match (field.shape, value) {
        (Shape::String, Value::String(_))
        | (Shape::Bool, Value::Bool(_))
        | (Shape::Object, Value::Object(_)) => json::to_python(py, value),
        (Shape::Number, Value::Number(number)) => json::number_to_python(py, number),
        (Shape::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {
            json::number_to_python(py, number)
        }
        (Shape::Array, Value::Array(items)) => Ok(json::tuple(py, items)?.into_any()),
        (Shape::Array | Shape::List(_), _) if !value.is_array() => Ok(PyTuple::empty(py).into_any()),
        (Shape::Any, value) => json::to_python(py, value),
        (Shape::Model(table), Value::Object(inner)) => models::instance(py, table, inner.clone()),
        (Shape::List(table), Value::Array(items)) => {
            let objects = items.iter().filter_map(Value::as_object).cloned();
            Ok(models::instances(py, table, objects)?.into_any())
        }
        _ => Ok(py.None().into_bound(py)),
    }
}
