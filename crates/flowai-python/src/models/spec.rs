//! What the constructor of a model takes, and which fields its document has.

use flowai::{
    Document, Error, Object, Template, TemplateKind,
    model::{Field, Model as Table},
};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyDict, PyTuple},
};
use serde_json::Value;

use super::python_name;
use crate::{
    errors::{Failure, Outcome},
    fields,
};

/// Where a typed template keeps its own fields.
const PAYLOAD: &str = "payload";

/// What is read from a document in other ways than as one of its fields: its name, its type, what it means.
pub struct Derived {
    pub name: &'static str,
    pub kind: &'static str,
    pub doc: &'static str,
    pub read: for<'py> fn(Python<'py>, &Object) -> PyResult<Bound<'py, PyAny>>,
}

/// What a class of models adds to the tables of the core.
pub struct Spec {
    /// The fields of the document.
    pub table: &'static Table,
    /// Of a typed template which one it is: it has the fields of its payload too.
    pub template: Option<TemplateKind>,
    /// Arguments that can be given without their name.
    pub positional: &'static [&'static str],
    /// The field that says what kind of document it is, and what it says.
    pub constant: Option<(&'static str, &'static str)>,
    /// Arguments that can be left out although the document must have them.
    pub default: Option<(&'static str, &'static str)>,
    /// Whether it can be sent.
    pub is_message: bool,
    pub derived: &'static [Derived],
}

impl Spec {
    pub const fn plain(table: &'static Table) -> Spec {
        Spec {
            table,
            template: None,
            positional: &[],
            constant: None,
            default: None,
            is_message: false,
            derived: &[],
        }
    }

    pub const fn message(
        table: &'static Table,
        kind: &'static str,
        positional: &'static [&'static str],
    ) -> Spec {
        Spec {
            positional,
            constant: Some(("type", kind)),
            is_message: true,
            ..Spec::plain(table)
        }
    }

    pub const fn template(kind: TemplateKind, positional: &'static [&'static str]) -> Spec {
        Spec {
            template: Some(kind),
            positional,
            constant: Some(("type", kind.name())),
            ..Spec::plain(Template::MODEL)
        }
    }

    /// The table that the class is named after, and whose fields come first.
    pub fn own(&self) -> &'static Table {
        self.template.and_then(TemplateKind::model).unwrap_or(self.table)
    }

    pub fn is_constant(&self, field: &Field) -> bool {
        self.constant.is_some_and(|(name, _)| name == field.name)
    }

    /// The fields that the document has around those of a typed template.
    pub fn around(&self) -> impl Iterator<Item = &'static Field> {
        let fields = self.template.map(|_| self.table.fields);
        fields
            .unwrap_or_default()
            .iter()
            .filter(|field| !self.is_constant(field) && field.name != PAYLOAD)
    }

    /// The fields in the order of the constructor's arguments.
    pub fn arguments(&self) -> impl Iterator<Item = &'static Field> {
        let first = self.positional.iter().filter_map(|name| self.own().field(name));
        let is_other = |field: &&Field| {
            (self.template.is_some() || !self.is_constant(field)) && !self.positional.contains(&field.name)
        };
        first
            .chain(self.own().fields.iter().filter(is_other))
            .chain(self.around())
    }

    /// What holds the fields of the class itself.
    pub fn content<'a>(&self, document: &'a Object) -> Option<&'a Object> {
        match self.template {
            Some(_) => document.get(PAYLOAD).and_then(Value::as_object),
            None => Some(document),
        }
    }

    /// The members that no field is for, in the document and in the payload of a typed template.
    pub fn extra<'a>(&'a self, document: &'a Object) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let payload = self.template.and_then(|_| self.content(document));
        let of_payload = payload
            .into_iter()
            .flat_map(|payload| unknown(self.own(), payload));
        of_payload.chain(unknown(self.table, document))
    }

    fn must_be_given(&self, field: &Field) -> bool {
        field.required && self.default.is_none_or(|(name, _)| name != field.name)
    }

    /// The document that the arguments of a constructor make.
    pub fn build(&self, args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> Outcome<Object> {
        let class = self.own().name;
        let refuse = |problem: String| Failure::from(PyTypeError::new_err(format!("{class}() {problem}")));
        if args.len() > self.positional.len() {
            let most = self.positional.len();
            let given = args.len();
            return Err(refuse(format!(
                "takes at most {most} positional arguments ({given} given)"
            )));
        }
        let mut document = Object::new();
        for (name, value) in self.constant.into_iter().chain(self.default) {
            if let Some(field) = self.table.field(name) {
                document.insert(field.wire.to_owned(), value.into());
            }
        }
        let mut content = Object::new();
        let mut put = |field: &Field, value: &Bound<'_, PyAny>| {
            let around = self.around().any(|other| std::ptr::eq(other, field));
            let place = if around { &mut document } else { &mut content };
            if !value.is_none() {
                place.insert(field.wire.to_owned(), fields::to_wire(field, value)?);
            }
            Ok::<_, Failure>(())
        };
        for (name, value) in self.positional.iter().zip(args.iter()) {
            if let Some(field) = self.own().field(name) {
                put(field, &value)?;
            }
        }
        for (name, value) in kwargs.into_iter().flat_map(|kwargs| kwargs.iter()) {
            let name: String = name.extract()?;
            let mut taken = self.positional.iter().take(args.len());
            if taken.any(|taken| *taken == name) {
                return Err(refuse(format!("got multiple values for argument '{name}'")));
            }
            let field = self.arguments().find(|field| python_name(field) == name);
            let field =
                field.ok_or_else(|| refuse(format!("got an unexpected keyword argument '{name}'")))?;
            put(field, &value)?;
        }
        match self.template {
            Some(_) => {
                self.check(self.own(), &content)?;
                document.insert(PAYLOAD.to_owned(), Value::Object(content));
            }
            None => document.extend(content),
        }
        for field in self.table.fields {
            if self.must_be_given(field) && !document.contains_key(field.wire) {
                let name = python_name(field);
                return Err(refuse(format!("missing required argument: '{name}'")));
            }
        }
        self.check(self.table, &document)?;
        Ok(document)
    }

    /// A document with other values for these arguments of the constructor.
    pub fn change(&self, document: &Object, changes: Option<&Bound<'_, PyDict>>) -> Outcome<Object> {
        let class = self.own().name;
        let mut document = document.clone();
        for (name, value) in changes.into_iter().flat_map(|changes| changes.iter()) {
            let name: String = name.extract()?;
            let field = self.arguments().find(|field| python_name(field) == name);
            let field = field.ok_or_else(|| {
                let problem = format!("{class}.__replace__() got an unexpected keyword argument '{name}'");
                Failure::from(PyTypeError::new_err(problem))
            })?;
            let is_own = !self.around().any(|other| std::ptr::eq(other, field));
            let place = match (self.template, document.get_mut(PAYLOAD)) {
                (Some(_), Some(Value::Object(payload))) if is_own => payload,
                _ => &mut document,
            };
            if value.is_none() {
                place.remove(field.wire);
            } else {
                place.insert(field.wire.to_owned(), fields::to_wire(field, &value)?);
            }
        }
        self.check(self.table, &document)?;
        Ok(document)
    }

    /// Checks a document in the form of the wire.
    pub fn check_document(&self, document: &Object) -> flowai::Result<()> {
        self.table.check(document, "")?;
        let kind = document.get("type").and_then(Value::as_str);
        match self.template {
            Some(template) if kind != Some(template.name()) => Err(Error::argument(
                "type",
                format_args!("must be {}", template.name()),
            )),
            _ => Ok(()),
        }
    }

    /// The core names fields as they are on the wire, the constructor's arguments have other names.
    fn check(&self, table: &Table, object: &Object) -> Outcome<()> {
        table.check(object, "").map_err(|error| {
            let wire = error.argument_name().unwrap_or_default();
            let known = table
                .fields
                .iter()
                .find(|field| field.wire == wire && field.name != wire);
            match known {
                Some(field) => {
                    let problem = error.message().strip_prefix(wire).unwrap_or(error.message());
                    Failure::argument(field.name, problem.trim_start_matches(": "))
                }
                None => error.into(),
            }
        })
    }

    pub fn signature(&self) -> String {
        let mut parts = Vec::new();
        for (place, field) in self.arguments().enumerate() {
            if place == self.positional.len() {
                parts.push("*".to_owned());
            }
            let name = python_name(field);
            let is_first = self.is_message && self.positional.contains(&field.name);
            parts.push(match self.default {
                Some((with_default, value)) if with_default == field.name => format!("{name}='{value}'"),
                _ if self.must_be_given(field) || is_first => name.to_owned(),
                _ => format!("{name}=None"),
            });
        }
        parts.join(", ")
    }
}

fn unknown<'a>(table: &'static Table, object: &'a Object) -> impl Iterator<Item = (&'a String, &'a Value)> {
    object
        .iter()
        .filter(|(wire, _)| !table.fields.iter().any(|field| field.wire == *wire))
}
