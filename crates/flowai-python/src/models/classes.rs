//! The classes themselves, made of the tables when they are first asked for: each takes a tenth of a millisecond, and few
//! programs use them all.

use flowai::{
    BusinessHours, Document, Object,
    model::{Field, Shape},
};
use pyo3::{
    exceptions::PyAttributeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyCFunction, PyDict, PyTuple, PyType},
};

use super::{Model, Wire, examples::example, python_name, spec::Spec, table::SPECS};
use crate::{fields, once::get_or_make, opening::OpeningHours};

static CLASSES: [PyOnceLock<Py<PyType>>; SPECS.len()] = [const { PyOnceLock::new() }; SPECS.len()];

/// Adds the classes to the module, which makes them later.
pub fn add_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<Model>()?;
    module.add_class::<OpeningHours>()?;
    // Native classes are not made later, when a thread may be forked in the middle of it.
    py.get_type::<Wire>();
    let names: Vec<_> = SPECS.iter().map(|spec| spec.own().name).collect();
    for name in &names {
        module.index()?.append(name)?;
    }
    module.setattr("_MODELS", PyTuple::new(py, names)?)?;
    module.setattr("__getattr__", wrap_pyfunction!(__getattr__, module)?)
}

/// An attribute of the module that is not there yet: a class that is made now.
#[pyfunction]
fn __getattr__<'py>(py: Python<'py>, name: &str) -> PyResult<&'py Bound<'py, PyType>> {
    let place = place_of(name).ok_or_else(|| {
        PyAttributeError::new_err(format!("module 'flowai._flowai' has no attribute '{name}'"))
    })?;
    let class = class_at(py, place)?;
    // Who has the class of all templates may ask it which there are.
    for (other, spec) in SPECS.iter().enumerate() {
        if spec.template.is_some() && spec.table.name == name {
            class_at(py, other)?;
        }
    }
    Ok(class)
}

/// Where in the table a class is.
pub fn place_of(name: &str) -> Option<usize> {
    SPECS.iter().position(|spec| spec.own().name == name)
}

/// A class by its place in the table.
pub fn class_at(py: Python<'_>, place: usize) -> PyResult<&Bound<'_, PyType>> {
    let none = || PyAttributeError::new_err("there is no such class");
    let (spec, cell) = (SPECS.get(place), CLASSES.get(place));
    let (spec, cell) = (spec.ok_or_else(none)?, cell.ok_or_else(none)?);
    let class = get_or_make(py, cell, || {
        let general = place_of(spec.table.name).filter(|_| spec.template.is_some());
        let base = match general {
            Some(general) => class_at(py, general)?.clone(),
            None if spec.table.name == BusinessHours::MODEL.name => py.get_type::<OpeningHours>(),
            None => py.get_type::<Model>(),
        };
        Ok(make_class(place, spec, &base)?.unbind())
    })?;
    Ok(class.bind(py))
}

fn make_class<'py>(
    place: usize,
    spec: &'static Spec,
    base: &Bound<'py, PyType>,
) -> PyResult<Bound<'py, PyType>> {
    let py = base.py();
    let property = py
        .import(interned!(py, "builtins"))?
        .getattr(interned!(py, "property"))?;
    let table = spec.own();
    let example = example(table.name).map(|example| format!("\n\n{example}"));
    let words = words(table.doc) + &example.unwrap_or_default();
    let members = PyDict::new(py);
    // Python finds the signature of a native class in front of its documentation, at the time when it is made.
    members.set_item(
        "__doc__",
        format!("{}({})\n--\n\n{words}", table.name, spec.signature()),
    )?;
    members.set_item("__slots__", PyTuple::empty(py))?;
    members.set_item("__module__", "flowai")?;
    let names: Vec<_> = spec.arguments().map(python_name).collect();
    members.set_item("__match_args__", PyTuple::new(py, names)?)?;
    members.set_item("_spec", place)?;
    let shapes: Vec<_> = spec
        .arguments()
        .map(|field| (python_name(field), shape_of(field)))
        .collect();
    members.set_item("_shapes", PyTuple::new(py, shapes)?)?;
    let derived: Vec<_> = spec
        .derived
        .iter()
        .map(|derived| (derived.name, derived.kind))
        .collect();
    members.set_item("_derived", PyTuple::new(py, derived)?)?;
    // What every template has is read in one way.
    let own = table
        .fields
        .iter()
        .filter(|field| spec.template.is_none() || !base.hasattr(field.name).unwrap_or(false));
    for field in own {
        let getter = getter(py, move |py, object| match spec.content(object) {
            Some(content) => fields::from_wire(py, field, content),
            None => fields::from_wire(py, field, &Object::new()),
        })?;
        members.set_item(
            python_name(field),
            property.call1((getter, py.None(), py.None(), describe(field)))?,
        )?;
    }
    for derived in spec.derived {
        let getter = getter(py, derived.read)?;
        let made = property.call1((getter, py.None(), py.None(), derived.doc))?;
        members.set_item(derived.name, made)?;
    }
    let class = py.get_type::<PyType>().call1((table.name, (base,), members))?;
    class.setattr("__doc__", words)?;
    Ok(class.cast_into::<PyType>()?)
}

fn getter<'py, F>(py: Python<'py>, read: F) -> PyResult<Bound<'py, PyCFunction>>
where
    F: for<'a> Fn(Python<'a>, &Object) -> PyResult<Bound<'a, PyAny>> + Send + Sync + 'static,
{
    PyCFunction::new_closure(py, None, None, move |args, _| -> PyResult<Py<PyAny>> {
        let instance = args.get_item(0)?.cast_into::<Model>()?;
        Ok(read(args.py(), instance.get().object())?.unbind())
    })
}

/// The words of the core, without the links of its documentation.
fn words(doc: &str) -> String {
    let lines: Vec<_> = doc.lines().map(str::trim).collect();
    lines
        .join("\n")
        .replace("[`", "`")
        .replace("`]", "`")
        .trim()
        .to_owned()
}

/// The type of a field, what it means, and its name on the wire.
fn describe(field: &Field) -> String {
    format!(
        "{}: {} On the wire: {}.",
        type_of(field),
        words(field.doc),
        field.wire
    )
}

/// The shape of a field and the model that it holds, for those who write the type stubs.
fn shape_of(field: &Field) -> (&'static str, Option<&'static str>) {
    match field.shape {
        Shape::String => ("str", None),
        Shape::Number => ("float", None),
        Shape::Integer => ("int", None),
        Shape::Bool => ("bool", None),
        Shape::Object => ("dict", None),
        Shape::Array => ("tuple", None),
        Shape::Any => ("any", None),
        Shape::Model(table) => ("model", Some(table.name)),
        Shape::List(table) => ("models", Some(table.name)),
    }
}

fn type_of(field: &Field) -> String {
    match field.shape {
        Shape::String => "str or None".to_owned(),
        Shape::Number => "int, float or None".to_owned(),
        Shape::Integer => "int or None".to_owned(),
        Shape::Bool => "bool or None".to_owned(),
        Shape::Object => "dict or None".to_owned(),
        Shape::Array => "tuple".to_owned(),
        Shape::Any => "any JSON value or None".to_owned(),
        Shape::Model(table) => format!("{} or None", table.name),
        Shape::List(table) => format!("tuple of {}", table.name),
    }
}
