//! The models: one native base class; their names, fields and words come from the tables of the core.
//!
//! `table` says which classes there are, `spec` what their constructors take, `classes` makes them.

mod classes;
mod examples;
mod spec;
mod table;

use std::{
    hash::{DefaultHasher, Hasher},
    sync::Mutex,
};

use flowai::{
    Document, Object, Template, TemplateKind,
    model::{Field, Model as Table},
};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyDict, PyList, PyTuple, PyType},
};
use serde_json::Value;

use self::{spec::Spec, table::SPECS};
pub use classes::add_classes;
use classes::{class_at, place_of};

use crate::{errors::Outcome, fields, json, repr::Repr};

/// The base of every model: a document of the API that cannot be changed. Models are equal when their documents are.
#[pyclass(module = "flowai._flowai", frozen, subclass)]
pub struct Model {
    spec: &'static Spec,
    object: Object,
}

/// A document on its way into a new instance.
#[pyclass(module = "flowai._flowai", frozen)]
struct Wire(Mutex<Option<Object>>);

impl Model {
    /// The description of the whole document.
    pub fn table(&self) -> &'static Table {
        self.spec.table
    }

    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Whether it can be sent.
    pub fn is_message(&self) -> bool {
        self.spec.is_message
    }
}

#[pymethods]
impl Model {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **kwargs))]
    pub fn new(
        cls: &Bound<'_, PyType>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> Outcome<Model> {
        let spec = spec_of(cls)?;
        let wire = args
            .get_item(0)
            .ok()
            .and_then(|first| first.cast_into::<Wire>().ok());
        let object = match wire {
            Some(wire) => wire
                .get()
                .0
                .lock()
                .ok()
                .and_then(|mut object| object.take())
                .unwrap_or_default(),
            None => spec.build(args, kwargs)?,
        };
        Ok(Model { spec, object })
    }

    /// The document as it came or will go: names as on the wire, nothing left out.
    ///
    /// >>> flowai.Profile(full_name="John Doe").to_dict()
    /// {'fullName': 'John Doe'}
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::dict(py, &self.object)
    }

    /// Makes an instance of a document in the form of the wire, and checks the fields that are known. Those of the payload
    /// of a template are not checked, since they come in more shapes than one: what cannot be read is absent, and kept.
    ///
    /// Raises InvalidArgumentError, naming the field, when one has the wrong shape or a required one is missing.
    ///
    /// >>> flowai.Profile.from_dict({"fullName": "John Doe", "shoeSize": 44}).extra
    /// {'shoeSize': 44}
    #[classmethod]
    fn from_dict<'py>(cls: &Bound<'py, PyType>, document: &Bound<'py, PyDict>) -> Outcome<Bound<'py, PyAny>> {
        let object = json::object(document, "document")?;
        let spec = spec_of(cls)?;
        spec.check_document(&object)?;
        // A template is of the class of its type, unless its user has a class for it.
        let class = class_for(cls.py(), spec.table, &object)?;
        let class = if class.is_subclass(cls)? { class } else { cls };
        Ok(wrap(class, object)?)
    }

    /// An instance of a document that is not checked, since it comes from another instance.
    #[classmethod]
    fn _restore<'py>(cls: &Bound<'py, PyType>, document: &Bound<'py, PyDict>) -> Outcome<Bound<'py, PyAny>> {
        Ok(wrap(cls, json::object(document, "document")?)?)
    }

    /// The fields of the document that this version does not know, names as on the wire. Those of the payload of a
    /// template are among them.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let extra = PyDict::new(py);
        for (wire, value) in self.spec.extra(&self.object) {
            extra.set_item(wire, json::to_python(py, value)?)?;
        }
        Ok(extra)
    }

    fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
        let py = other.py();
        let Ok(other) = other.cast::<Model>() else {
            return py.NotImplemented().into_bound(py);
        };
        let other = other.get();
        let same = self.table().name == other.table().name && json::same_objects(&self.object, &other.object);
        pyo3::types::PyBool::new(py, same).to_owned().into_any()
    }

    fn __hash__(&self) -> u64 {
        let mut state = DefaultHasher::new();
        json::hash_object(&self.object, &mut state);
        state.finish()
    }

    fn __repr__(slf: &Bound<'_, Model>) -> PyResult<String> {
        let (py, this) = (slf.py(), slf.get());
        let mut repr = Repr::new(&slf.get_type().name()?.to_string());
        let content = this.spec.content(&this.object).into_iter();
        let shown =
            content.flat_map(|content| this.spec.own().fields.iter().map(move |field| (field, content)));
        for (field, object) in shown.chain(this.spec.around().map(|field| (field, &this.object))) {
            let is_constant = this.spec.template.is_none() && this.spec.is_constant(field);
            if !is_constant && object.contains_key(field.wire) {
                repr.field(python_name(field), &fields::from_wire(py, field, object)?)?;
            }
        }
        let extra = this.extra(py)?;
        if !extra.is_empty() {
            repr.field("extra", extra.as_any())?;
        }
        Ok(repr.finish())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Model>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyDict>,))> {
        let restore = slf.get_type().getattr(interned!(slf.py(), "_restore"))?;
        Ok((restore, (slf.get().to_dict(slf.py())?,)))
    }

    /// A copy with other values for these arguments of the constructor, as copy.replace makes it (Python 3.13); None takes
    /// one away.
    #[pyo3(signature = (**changes))]
    fn __replace__<'py>(
        slf: &Bound<'py, Model>,
        changes: Option<&Bound<'py, PyDict>>,
    ) -> Outcome<Bound<'py, PyAny>> {
        let this = slf.get();
        let object = this.spec.change(&this.object, changes)?;
        Ok(wrap(&slf.get_type(), object)?)
    }

    fn __copy__(slf: Bound<'_, Model>) -> Bound<'_, Model> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Model>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Model> {
        slf
    }
}

fn spec_of(cls: &Bound<'_, PyType>) -> PyResult<&'static Spec> {
    let place = cls
        .getattr(interned!(cls.py(), "_spec"))
        .and_then(|place| place.extract::<usize>());
    place
        .ok()
        .and_then(|place| SPECS.get(place))
        .ok_or_else(|| PyTypeError::new_err("Model is the base of the models, not one itself"))
}

/// A new instance of a class, whatever its users made of `__init__`.
fn wrap<'py>(cls: &Bound<'py, PyType>, object: Object) -> PyResult<Bound<'py, PyAny>> {
    let wire = Bound::new(cls.py(), Wire(Mutex::new(Some(object))))?;
    cls.call_method1(interned!(cls.py(), "__new__"), (cls, wire))
}

/// The class of a document of this table: a template may be one that has a class of its own.
fn class_for<'py>(
    py: Python<'py>,
    table: &'static Table,
    object: &Object,
) -> PyResult<&'py Bound<'py, PyType>> {
    let kind = match object.get("type").and_then(Value::as_str) {
        Some(name) if table.name == Template::MODEL.name => Some(TemplateKind::of_type(name)),
        _ => None,
    };
    let typed = kind.and_then(|kind| SPECS.iter().position(|spec| spec.template == Some(kind)));
    let place = typed
        .or_else(|| place_of(table.name))
        .ok_or_else(|| PyTypeError::new_err(format!("there is no class {}", table.name)))?;
    class_at(py, place)
}

/// A document of the core as an instance of its class.
pub fn instance<'py>(py: Python<'py>, table: &'static Table, object: Object) -> PyResult<Bound<'py, PyAny>> {
    wrap(class_for(py, table, &object)?, object)
}

/// Documents of the core as a tuple.
pub fn instances<'py>(
    py: Python<'py>,
    table: &'static Table,
    objects: impl IntoIterator<Item = Object>,
) -> PyResult<Bound<'py, PyTuple>> {
    let one = |object| instance(py, table, object);
    let items: Vec<_> = objects.into_iter().map(one).collect::<PyResult<_>>()?;
    PyTuple::new(py, items)
}

/// Documents of one type as a tuple.
pub fn documents<'py, D: Document>(py: Python<'py>, documents: Vec<D>) -> PyResult<Bound<'py, PyTuple>> {
    instances(py, D::MODEL, documents.into_iter().map(D::into_object))
}

/// The same as a list, for what a call returns: its users may sort it.
/// Documents of one model, as a list of its instances.
pub struct List<D>(pub Vec<D>);

impl<'py, D: Document> IntoPyObject<'py> for List<D> {
    type Target = PyList;
    type Output = Bound<'py, PyList>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let one = |document: D| instance(py, D::MODEL, document.into_object());
        let documents: Vec<_> = self.0.into_iter().map(one).collect::<PyResult<_>>()?;
        PyList::new(py, documents)
    }
}

/// The name of a field, except where that is a word of the language.
fn python_name(field: &Field) -> &'static str {
    if field.name == "from" { "from_" } else { field.name }
}
