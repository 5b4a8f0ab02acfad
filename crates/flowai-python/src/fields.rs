//! Python values as fields of the core's documents, and back: one rule for each shape.

use flowai::{
    Document, Message, Object, Originator, Segment,
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
    let wanted = match named(table) {
        Some(make) if value.is_instance_of::<PyString>() => return Ok(make(text(value, name)?)),
        Some(_) => format!("a str, {} or dict", table.name),
        None => format!("{} or dict", table.name),
    };
    Err(Failure::wrong_type(name, &wanted, value))
}

/// How a document is made of a name alone, of those that may be.
fn named(table: &'static Table) -> Option<fn(String) -> Object> {
    if table.name == Originator::MODEL.name {
        return Some(|name| Originator::new(name).into_object());
    }
    (table.name == Segment::MODEL.name).then_some(|name| Segment::by_name(name).into_object())
}

/// The same as a document of the core.
pub fn document<D: Document>(value: &Bound<'_, PyAny>, name: &str) -> Outcome<D> {
    one(D::MODEL, value, name).map(D::from_object)
}

/// Any number of documents: what can be iterated over and is no document itself.
pub fn documents<D: Document>(value: &Bound<'_, PyAny>, name: &str) -> Outcome<Vec<D>> {
    let is_one = value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyDict>()
        || value.is_instance_of::<Model>();
    let items = value.try_iter().ok().filter(|_| !is_one);
    let items =
        items.ok_or_else(|| Failure::wrong_type(name, &format!("a list of {}", D::MODEL.name), value))?;
    let item =
        |(place, item): (usize, PyResult<Bound<'_, PyAny>>)| document(&item?, &format!("{name}[{place}]"));
    items.enumerate().map(item).collect()
}

/// A message that can be sent: a model, or a dict in the form in which it is sent.
pub fn message(value: &Bound<'_, PyAny>, wanted: &str) -> Outcome<Message> {
    if let Ok(model) = value.cast::<Model>()
        && model.get().is_message()
    {
        return Ok(Message::from_value(model.get().object().clone().into())?);
    }
    match value.cast::<PyDict>() {
        Ok(dict) => Ok(Message::from_value(json::object(dict, "message")?.into())?),
        Err(_) => Err(Failure::wrong_type("message", wanted, value)),
    }
}

/// The same, or a str, which is a text.
pub fn message_or_text(value: &Bound<'_, PyAny>) -> Outcome<Message> {
    match value.is_instance_of::<PyString>() {
        true => Ok(Message::text(text(value, "message")?)),
        false => message(value, "a str, message or dict"),
    }
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
    let value = field.read(object);
    match (field.shape, value.as_deref()) {
        (Shape::Array, Some(Value::Array(items))) => Ok(json::tuple(py, items)?.into_any()),
        (Shape::List(table), Some(Value::Array(items))) => {
            let objects = items.iter().filter_map(Value::as_object).cloned();
            Ok(models::instances(py, table, objects)?.into_any())
        }
        (Shape::Array | Shape::List(_), _) => Ok(PyTuple::empty(py).into_any()),
        (Shape::Model(table), Some(Value::Object(inner))) => models::instance(py, table, inner.clone()),
        (_, Some(value)) => json::to_python(py, value),
        (_, None) => Ok(py.None().into_bound(py)),
    }
}
