//! The models: one native base class; their names, fields and words come from the tables of the core.

use std::{
    hash::{DefaultHasher, Hasher},
    sync::Mutex,
};

use flowai::{
    BusinessHours, Document, EventMessage, HistoryEntry, Holiday, Interval, LocationMessage, MediaMessage,
    Object, Originator, Profile, ReplyMessage, Template, TextMessage, Weekday,
    model::{Field, Model as Table, Shape},
};
use pyo3::{
    exceptions::PyTypeError,
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyCFunction, PyDict, PyTuple, PyType},
};

use crate::{
    errors::{Failure, Outcome},
    fields, json,
    repr::Repr,
};

/// What the constructor of a class adds to the table of its fields.
pub struct Spec {
    table: &'static Table,
    /// Arguments that can be given without their name.
    positional: &'static [&'static str],
    /// The field that says what kind of document it is, and what it says.
    constant: Option<(&'static str, &'static str)>,
    /// Arguments that can be left out although the document must have them.
    default: Option<(&'static str, &'static str)>,
    /// The words that a document says, where the core knows them.
    text: Option<fn(&Object) -> String>,
}

const fn plain(table: &'static Table) -> Spec {
    Spec {
        table,
        positional: &[],
        constant: None,
        default: None,
        text: None,
    }
}

const fn message(table: &'static Table, kind: &'static str, positional: &'static [&'static str]) -> Spec {
    Spec {
        positional,
        constant: Some(("type", kind)),
        ..plain(table)
    }
}

const SPECS: &[Spec] = &[
    plain(Profile::MODEL),
    Spec {
        positional: &["name", "role"],
        default: Some(("role", "external")),
        ..plain(Originator::MODEL)
    },
    message(TextMessage::MODEL, "text", &["text"]),
    message(EventMessage::MODEL, "event", &["event_name"]),
    message(LocationMessage::MODEL, "location", &["lat", "long"]),
    message(MediaMessage::MODEL, "media", &["url"]),
    Spec {
        text: Some(|object| {
            Template::from_object(object.clone())
                .text()
                .unwrap_or_default()
                .to_owned()
        }),
        ..plain(Template::MODEL)
    },
    Spec {
        text: Some(|object| ReplyMessage::from_object(object.clone()).text()),
        ..plain(ReplyMessage::MODEL)
    },
    Spec {
        text: Some(|object| HistoryEntry::from_object(object.clone()).text()),
        ..plain(HistoryEntry::MODEL)
    },
    plain(Interval::MODEL),
    plain(Weekday::MODEL),
    plain(Holiday::MODEL),
    plain(BusinessHours::MODEL),
];

static CLASSES: PyOnceLock<Vec<Py<PyType>>> = PyOnceLock::new();

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
    pub fn table(&self) -> &'static Table {
        self.spec.table
    }

    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Whether it can be sent: those models say what they are.
    pub fn is_message(&self) -> bool {
        self.spec.constant.is_some()
    }
}

#[pymethods]
impl Model {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*args, **kwargs))]
    fn new(
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
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        json::dict(py, &self.object)
    }

    /// Makes an instance of a document in the form of the wire, and checks the fields that are known.
    ///
    /// Raises InvalidArgumentError, naming the field, when one has the wrong shape or a required one is missing.
    #[classmethod]
    fn from_dict<'py>(cls: &Bound<'py, PyType>, document: &Bound<'py, PyDict>) -> Outcome<Bound<'py, PyAny>> {
        let object = json::object(document, "document")?;
        spec_of(cls)?.table.check(&object, "")?;
        Ok(wrap(cls, object)?)
    }

    /// An instance of a document that is not checked, since it comes from another instance.
    #[classmethod]
    fn _restore<'py>(cls: &Bound<'py, PyType>, document: &Bound<'py, PyDict>) -> Outcome<Bound<'py, PyAny>> {
        Ok(wrap(cls, json::object(document, "document")?)?)
    }

    /// The fields of the document that this version does not know, names as on the wire.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let extra = PyDict::new(py);
        for (wire, value) in &self.object {
            if !self.table().fields.iter().any(|field| field.wire == wire) {
                extra.set_item(wire, json::to_python(py, value)?)?;
            }
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
        for field in this.table().fields {
            if !this.spec.is_constant(field) && this.object.contains_key(field.wire) {
                repr.field(python_name(field), &fields::from_wire(py, field, &this.object)?)?;
            }
        }
        let extra = this.extra(py)?;
        if !extra.is_empty() {
            repr.field("extra", extra.as_any())?;
        }
        Ok(repr.finish())
    }

    fn __reduce__<'py>(slf: &Bound<'py, Model>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyDict>,))> {
        let restore = slf.get_type().getattr(intern!(slf.py(), "_restore"))?;
        Ok((restore, (slf.get().to_dict(slf.py())?,)))
    }

    fn __copy__(slf: Bound<'_, Model>) -> Bound<'_, Model> {
        slf
    }

    fn __deepcopy__<'py>(slf: Bound<'py, Model>, _memo: &Bound<'py, PyAny>) -> Bound<'py, Model> {
        slf
    }
}

impl Spec {
    fn is_constant(&self, field: &Field) -> bool {
        self.constant.is_some_and(|(name, _)| name == field.name)
    }

    /// The fields in the order of the constructor's arguments.
    fn arguments(&self) -> impl Iterator<Item = &'static Field> {
        let first = self.positional.iter().filter_map(|name| self.table.field(name));
        let others = self.table.fields.iter();
        first.chain(others.filter(|field| !self.is_constant(field) && !self.positional.contains(&field.name)))
    }

    fn must_be_given(&self, field: &Field) -> bool {
        field.required && self.default.is_none_or(|(name, _)| name != field.name)
    }

    fn build(&self, args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> Outcome<Object> {
        let class = self.table.name;
        let refuse = |problem: String| Failure::from(PyTypeError::new_err(format!("{class}() {problem}")));
        if args.len() > self.positional.len() {
            let most = self.positional.len();
            let given = args.len();
            return Err(refuse(format!(
                "takes at most {most} positional arguments ({given} given)"
            )));
        }
        let mut object = Object::new();
        for (name, value) in self.constant.into_iter().chain(self.default) {
            if let Some(field) = self.table.field(name) {
                object.insert(field.wire.to_owned(), value.into());
            }
        }
        for (name, value) in self.positional.iter().zip(args.iter()) {
            let value = Some(value).filter(|value| !value.is_none());
            fields::fill(&mut object, self.table, [(*name, value)])?;
        }
        for (name, value) in kwargs.into_iter().flat_map(|kwargs| kwargs.iter()) {
            let name: String = name.extract()?;
            if self
                .positional
                .iter()
                .take(args.len())
                .any(|taken| *taken == name)
            {
                return Err(refuse(format!("got multiple values for argument '{name}'")));
            }
            let field = self.arguments().find(|field| python_name(field) == name);
            let field =
                field.ok_or_else(|| refuse(format!("got an unexpected keyword argument '{name}'")))?;
            if !value.is_none() {
                object.insert(field.wire.to_owned(), fields::to_wire(field, &value)?);
            }
        }
        for field in self.table.fields {
            if self.must_be_given(field) && !object.contains_key(field.wire) {
                return Err(refuse(format!(
                    "missing required argument: '{}'",
                    python_name(field)
                )));
            }
        }
        self.table
            .check(&object, "")
            .map_err(|error| self.renamed(error))?;
        Ok(object)
    }

    /// The core names fields as they are on the wire, the constructor's arguments have other names.
    fn renamed(&self, error: flowai::Error) -> Failure {
        let wire = error.argument_name().unwrap_or_default();
        let known = self
            .table
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
    }

    fn signature(&self) -> String {
        let mut parts = Vec::new();
        for (place, field) in self.arguments().enumerate() {
            if place == self.positional.len() {
                parts.push("*".to_owned());
            }
            let name = python_name(field);
            parts.push(match self.default {
                Some((with_default, value)) if with_default == field.name => format!("{name}='{value}'"),
                _ if self.must_be_given(field) || self.positional.contains(&field.name) => name.to_owned(),
                _ => format!("{name}=None"),
            });
        }
        parts.join(", ")
    }
}

fn spec_of(cls: &Bound<'_, PyType>) -> PyResult<&'static Spec> {
    let place = cls
        .getattr(intern!(cls.py(), "_spec"))
        .and_then(|place| place.extract::<usize>());
    place
        .ok()
        .and_then(|place| SPECS.get(place))
        .ok_or_else(|| PyTypeError::new_err("Model is the base of the models, not one itself"))
}

/// A new instance of a class, whatever its users made of `__init__`.
fn wrap<'py>(cls: &Bound<'py, PyType>, object: Object) -> PyResult<Bound<'py, PyAny>> {
    let wire = Bound::new(cls.py(), Wire(Mutex::new(Some(object))))?;
    cls.call_method1(intern!(cls.py(), "__new__"), (cls, wire))
}

fn class<'py>(py: Python<'py>, table: &'static Table) -> PyResult<&'py Bound<'py, PyType>> {
    let place = SPECS.iter().position(|spec| spec.table.name == table.name);
    let classes = CLASSES.get(py);
    place
        .and_then(|place| classes?.get(place))
        .map(|class| class.bind(py))
        .ok_or_else(|| PyTypeError::new_err(format!("there is no class {}", table.name)))
}

/// A document of the core as an instance of its class.
pub fn instance<'py>(py: Python<'py>, table: &'static Table, object: Object) -> PyResult<Bound<'py, PyAny>> {
    wrap(class(py, table)?, object)
}

/// Documents of the core as a tuple.
pub fn instances<'py>(
    py: Python<'py>,
    table: &'static Table,
    objects: impl IntoIterator<Item = Object>,
) -> PyResult<Bound<'py, PyTuple>> {
    let class = class(py, table)?;
    let items: Vec<_> = objects
        .into_iter()
        .map(|object| wrap(class, object))
        .collect::<PyResult<_>>()?;
    PyTuple::new(py, items)
}

/// Documents of one type as a tuple.
pub fn documents<'py, D: Document>(py: Python<'py>, documents: Vec<D>) -> PyResult<Bound<'py, PyTuple>> {
    instances(py, D::MODEL, documents.into_iter().map(D::into_object))
}

/// Makes the classes and adds them to the module.
pub fn add_classes(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_class::<Model>()?;
    let mut classes = Vec::new();
    for (place, spec) in SPECS.iter().enumerate() {
        let class = make_class(py, place, spec)?;
        module.add(spec.table.name, &class)?;
        classes.push(class.unbind());
    }
    CLASSES.get_or_init(py, || classes);
    Ok(())
}

fn make_class<'py>(py: Python<'py>, place: usize, spec: &'static Spec) -> PyResult<Bound<'py, PyType>> {
    let property = py
        .import(intern!(py, "builtins"))?
        .getattr(intern!(py, "property"))?;
    let names: Vec<_> = spec.arguments().map(python_name).collect();
    let words = words(spec.table.doc);
    let members = PyDict::new(py);
    // Python finds the signature of a native class in front of its documentation, at the time when it is made.
    members.set_item(
        "__doc__",
        format!("{}({})\n--\n\n{words}", spec.table.name, spec.signature()),
    )?;
    members.set_item("__slots__", PyTuple::empty(py))?;
    members.set_item("__module__", "flowai")?;
    members.set_item("__match_args__", PyTuple::new(py, names)?)?;
    members.set_item("_spec", place)?;
    let shapes: Vec<_> = spec
        .arguments()
        .map(|field| (python_name(field), shape_of(field)))
        .collect();
    members.set_item("_shapes", PyTuple::new(py, shapes)?)?;
    for field in spec.table.fields {
        let getter = getter(py, move |py, object| fields::from_wire(py, field, object))?;
        members.set_item(
            python_name(field),
            property.call1((getter, py.None(), py.None(), describe(field)))?,
        )?;
    }
    if let Some(text) = spec.text {
        let getter = getter(py, move |py, object| {
            Ok(text(object).into_pyobject(py)?.into_any())
        })?;
        let doc = "str: What it says as plain text, empty if that is nothing.";
        members.set_item("text", property.call1((getter, py.None(), py.None(), doc))?)?;
    }
    let class = py
        .get_type::<PyType>()
        .call1((spec.table.name, (py.get_type::<Model>(),), members))?;
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

/// The name of a field, except where that is a word of the language.
fn python_name(field: &'static Field) -> &'static str {
    if field.name == "from" { "from_" } else { field.name }
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
