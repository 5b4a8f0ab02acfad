//! JSON documents with names: what a field is called, on the wire and in every language, is written once, here and in `models`.
//!
//! A model keeps the document it was read from. Accessors of known fields are typed; a field that is missing, null
//! or of the wrong shape reads as absent, and a field that nobody knew stays in [`Document::extra`]. Numbers and
//! truth values are also read from the strings that hold them (`"600"`, `"true"`), since the service is known to send
//! both; the document keeps what came.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::error::{Error, Result};

/// A JSON object.
pub type Object = Map<String, Value>;

/// The shape of a field's value.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A string.
    String,
    /// A number.
    Number,
    /// A number without a fraction.
    Integer,
    /// `true` or `false`.
    Bool,
    /// An object of any fields.
    Object,
    /// An array of anything.
    Array,
    /// Anything, since the service is known to vary it.
    Any,
    /// One other model.
    Model(&'static Model),
    /// An array of another model.
    List(&'static Model),
}

/// One field of a model.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The name in Rust, Python, C and on the command line.
    pub name: &'static str,
    /// The name in the JSON document.
    pub wire: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// Whether a document that is sent must have it.
    pub required: bool,
    /// What it means, in words, for the help texts of every language.
    pub doc: &'static str,
}

impl Field {
    /// What the field holds in this document: a value of its shape, or nothing. This is how every language reads it.
    ///
    /// Items of a [`Shape::List`] that are no objects are still among its items: skip them.
    pub fn read<'a>(&self, object: &'a Object) -> Option<Cow<'a, Value>> {
        let value = object.get(self.wire).filter(|value| !value.is_null())?;
        let fits = match self.shape {
            Shape::Any => true,
            Shape::String => value.is_string(),
            Shape::Object | Shape::Model(_) => value.is_object(),
            Shape::Array | Shape::List(_) => value.is_array(),
            Shape::Bool => return read_bool(value).map(|truth| Cow::Owned(Value::Bool(truth))),
            Shape::Number => return read_number(value).map(|number| Cow::Owned(Value::Number(number))),
            Shape::Integer => return read_integer(value).map(|number| Cow::Owned(Value::Number(number))),
        };
        fits.then_some(Cow::Borrowed(value))
    }
}

/// The description of one kind of document.
#[derive(Debug)]
pub struct Model {
    /// The name of the class in every language.
    pub name: &'static str,
    /// Its fields, in the order in which they are shown.
    pub fields: &'static [Field],
    /// What it is, in words, for the help texts of every language.
    pub doc: &'static str,
}

impl Model {
    /// The field with this name (not its name on the wire).
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// Checks a document that is going to be sent; `path` names it in the error.
    pub fn check(&self, object: &Object, path: &str) -> Result<()> {
        for field in self.fields {
            let value = object.get(field.wire).unwrap_or(&Value::Null);
            let name = || {
                if path.is_empty() {
                    field.wire.to_owned()
                } else {
                    format!("{path}.{}", field.wire)
                }
            };
            if value.is_null() {
                if field.required {
                    return Err(Error::argument(name(), "is required"));
                }
                continue;
            }
            if field.required && value.as_str() == Some("") {
                return Err(Error::argument(name(), "is empty"));
            }
            let wanted = match (field.shape, value) {
                (Shape::String, Value::String(_))
                | (Shape::Number, Value::Number(_))
                | (Shape::Bool, Value::Bool(_))
                | (Shape::Object, Value::Object(_))
                | (Shape::Array, Value::Array(_))
                | (Shape::Any, _) => continue,
                (Shape::Integer, Value::Number(n)) if n.is_i64() || n.is_u64() => continue,
                (Shape::Model(model), Value::Object(inner)) => {
                    model.check(inner, &name())?;
                    continue;
                }
                (Shape::List(model), Value::Array(items)) => {
                    for (index, item) in items.iter().enumerate() {
                        let path = format!("{}[{index}]", name());
                        let Value::Object(inner) = item else {
                            return Err(Error::argument(path, "must be an object"));
                        };
                        model.check(inner, &path)?;
                    }
                    continue;
                }
                (Shape::String, _) => "a string",
                (Shape::Number, _) => "a number",
                (Shape::Integer, _) => "a whole number",
                (Shape::Bool, _) => "true or false",
                (Shape::Object | Shape::Model(_), _) => "an object",
                (Shape::Array | Shape::List(_), _) => "an array",
            };
            return Err(Error::argument(name(), format_args!("must be {wanted}")));
        }
        Ok(())
    }
}

/// What all models have in common.
pub trait Document: Sized + Clone + PartialEq {
    /// The description of this kind of document.
    const MODEL: &'static Model;

    /// Takes a document as it is; its fields are not checked.
    fn from_object(object: Object) -> Self;

    /// The document as it came or will go.
    fn as_object(&self) -> &Object;

    /// The document itself.
    fn into_object(self) -> Object;

    /// The document as a JSON value: equal to the one that it was read from.
    ///
    /// Equal means: the same members and items, the same text, whole numbers from -2^63 to 2^64 - 1 exactly, and
    /// other numbers as the nearest `f64` (`1.0` stays a number with a fraction). The order of members is not kept.
    fn to_value(&self) -> Value {
        Value::Object(self.as_object().clone())
    }

    /// A field by its name in this library (`reply_to`), if it has the shape that it should have.
    fn get(&self, name: &str) -> Option<Cow<'_, Value>> {
        Self::MODEL.field(name)?.read(self.as_object())
    }

    /// Takes any JSON value; anything but an object is an error that names the model.
    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Object(object) => Ok(Self::from_object(object)),
            _ => Err(Error::argument(Self::MODEL.name, "must be an object")),
        }
    }

    /// The fields that this version does not know.
    fn extra(&self) -> Object {
        self.as_object()
            .iter()
            .filter(|(key, _)| !Self::MODEL.fields.iter().any(|f| f.wire == key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

/// A number, or a string that holds one: the service sends both for the same field.
pub(crate) fn tolerant_u64(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A number, or a string that holds one.
pub(crate) fn read_number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => {
            let text = text.trim();
            let whole = text.parse::<i64>().ok().map(Number::from);
            whole.or_else(|| Number::from_f64(text.parse().ok()?))
        }
        _ => None,
    }
}

/// A number without a fraction, or a string that holds one.
pub(crate) fn read_integer(value: &Value) -> Option<Number> {
    read_number(value).filter(|number| number.is_i64() || number.is_u64())
}

/// A truth value, or a string that holds one.
pub(crate) fn read_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" => Some(false),
        _ => None,
    }
}

/// The items of an array that are objects.
pub(crate) fn read_list<D: Document>(value: Option<&Value>) -> Vec<D> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_object().cloned().map(D::from_object))
        .collect()
}

/// The items of an array that are strings.
pub(crate) fn strings(value: Option<&Value>) -> Vec<String> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

/// The name of a field whose Rust name is a keyword: `r#type` is `type`.
pub(crate) const fn plain(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

macro_rules! shape {
    (String) => {
        $crate::model::Shape::String
    };
    (Number) => {
        $crate::model::Shape::Number
    };
    (Integer) => {
        $crate::model::Shape::Integer
    };
    (Bool) => {
        $crate::model::Shape::Bool
    };
    (Object) => {
        $crate::model::Shape::Object
    };
    (Array) => {
        $crate::model::Shape::Array
    };
    (Any) => {
        $crate::model::Shape::Any
    };
    ([$model:ident]) => {
        $crate::model::Shape::List(<$model as $crate::model::Document>::MODEL)
    };
    ({$model:ident}) => {
        $crate::model::Shape::Model(<$model as $crate::model::Document>::MODEL)
    };
}

macro_rules! accessor {
    ($(#[$doc:meta])* $name:ident, $wire:literal, String) => {
        $(#[$doc])*
        pub fn $name(&self) -> Option<&str> { self.0.get($wire)?.as_str() }
    };
    ($(#[$doc:meta])* $name:ident, $wire:literal, Number) => {
        $(#[$doc])*
        pub fn $name(&self) -> Option<f64> { $crate::model::read_number(self.0.get($wire)?)?.as_f64() }
    };
    ($(#[$doc:meta])* $name:ident, $wire:literal, Integer) => {
        $(#[$doc])*
        pub fn $name(&self) -> Option<i64> { $crate::model::read_integer(self.0.get($wire)?)?.as_i64() }
    };
    ($(#[$doc:meta])* $name:ident, $wire:literal, Bool) => {
        $(#[$doc])*
        pub fn $name(&self) -> Option<bool> { $crate::model::read_bool(self.0.get($wire)?) }
    };
    ($(#[$doc:meta])* $name:ident, $wire:literal, Object) => {
        $(#[$doc])*
        pub fn $name(&self) -> Option<&$crate::model::Object> { self.0.get($wire)?.as_object() }
    };
    ($(#[$doc:meta])* $name:ident, $wire:literal, Array) => {
        $(#[$doc])*
        pub fn $name(&self) -> &[serde_json::Value] {
            self.0.get($wire).and_then(|v| v.as_array()).map_or(&[], Vec::as_slice)
        }
    };
    ($(#[$doc:meta])* $name:ident, $wire:literal, Any) => {
        $(#[$doc])*
        pub fn $name(&self) -> Option<&serde_json::Value> { self.0.get($wire).filter(|v| !v.is_null()) }
    };
    ($(#[$doc:meta])* $name:ident, $wire:literal, [$model:ident]) => {
        $(#[$doc])*
        pub fn $name(&self) -> Vec<$model> { $crate::model::read_list(self.0.get($wire)) }
    };
    ($(#[$doc:meta])* $name:ident, $wire:literal, {$model:ident}) => {
        $(#[$doc])*
        pub fn $name(&self) -> Option<$model> {
            let object = self.0.get($wire)?.as_object()?.clone();
            Some(<$model as $crate::model::Document>::from_object(object))
        }
    };
}

macro_rules! is_required {
    () => {
        false
    };
    (required) => {
        true
    };
}

/// Declares models: their names, fields, wire names and shapes, once.
macro_rules! models {
    ($($(#[doc = $doc:literal])* $model:ident {
        $($(#[doc = $fdoc:literal])* $name:ident : $shape:tt = $wire:literal $($req:ident)?,)*
    })*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $model(pub(crate) $crate::model::Object);

        impl $crate::model::Document for $model {
            const MODEL: &'static $crate::model::Model = &$crate::model::Model {
                name: stringify!($model),
                fields: &[$($crate::model::Field {
                    name: $crate::model::plain(stringify!($name)),
                    wire: $wire,
                    shape: shape!($shape),
                    required: is_required!($($req)?),
                    doc: concat!($($fdoc, "\n"),*),
                },)*],
                doc: concat!($($doc, "\n"),*),
            };
            fn from_object(object: $crate::model::Object) -> Self { $model(object) }
            fn as_object(&self) -> &$crate::model::Object { &self.0 }
            fn into_object(self) -> $crate::model::Object { self.0 }
        }

        impl $model { $(accessor!($(#[doc = $fdoc])* $name, $wire, $shape);)* }
    )*};
}
