//! Facts that inbox and outbox give out: values with names.

use flowai::{Document, EventMessage, LocationMessage, MediaMessage, Message, TextMessage};
use pyo3::{exceptions::PyValueError, prelude::*};
use serde_json::Value;

use crate::{errors::Failure, fields, json, models};

/// Declares a class of such facts, made of a type of the core: its fields, and what every value can do.
macro_rules! record_class {
    (
        $(#[$doc:meta])*
        $class:ident($core:ty) $(, shown by $shown:ident)?;
        $($(#[$field_doc:meta])* $field:ident: $type:ty = |$this:ident| $get:expr;)*
    ) => {
        $(#[$doc])*
        #[pyclass(module = "flowai", frozen, eq)]
        #[derive(Clone, PartialEq)]
        pub struct $class {
            $($field: $type,)*
        }

        impl From<$core> for $class {
            fn from(core: $core) -> $class {
                $(let $field = { let $this = &core; $get };)*
                $class { $($field),* }
            }
        }

        impl $class {
            fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
                use pyo3::IntoPyObjectExt;
                pyo3::types::PyTuple::new(py, [$(self.$field.clone().into_bound_py_any(py)?),*])
            }
        }

        #[pymethods]
        impl $class {
            #[classattr]
            fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, pyo3::types::PyTuple>> {
                pyo3::types::PyTuple::new(py, [$(stringify!($field)),*])
            }

            $(
                $(#[$field_doc])*
                #[getter]
                fn $field(&self) -> $type {
                    self.$field.clone()
                }
            )*

            fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
                // What is equal has equal hashes without its dicts too.
                let values = self.values(py)?.into_iter().filter(|value| !value.is_instance_of::<pyo3::types::PyDict>());
                pyo3::types::PyTuple::new(py, values.collect::<Vec<_>>())?.hash()
            }

            #[allow(unreachable_code, reason = "for classes that have a form of their own")]
            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                $(return self.$shown(py);)?
                let mut repr = $crate::repr::Repr::new(stringify!($class));
                let names = [$(stringify!($field)),*];
                for (name, value) in names.iter().zip(self.values(py)?) {
                    repr.field(name, &value)?;
                }
                Ok(repr.finish())
            }

            #[classmethod]
            fn _restore(
                _cls: &Bound<'_, pyo3::types::PyType>,
                values: &Bound<'_, pyo3::types::PyTuple>,
            ) -> PyResult<$class> {
                let mut values = values.iter();
                Ok($class {
                    $($field: $crate::delivery_record::next(&mut values)?.extract()?),*
                })
            }

            fn __reduce__<'py>(
                slf: &Bound<'py, $class>,
            ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, pyo3::types::PyTuple>,))> {
                let restore = slf.get_type().getattr(interned!(slf.py(), "_restore"))?;
                Ok((restore, (slf.get().values(slf.py())?,)))
            }

            fn __copy__(slf: Bound<'_, $class>) -> Bound<'_, $class> {
                slf
            }

            fn __deepcopy__<'py>(slf: Bound<'py, $class>, _memo: &Bound<'py, PyAny>) -> Bound<'py, $class> {
                slf
            }
        }
    };
}

/// The next value of those that a record is restored from.
pub fn next<'py>(values: &mut impl Iterator<Item = Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
    values
        .next()
        .ok_or_else(|| PyValueError::new_err("a value is missing"))
}

/// A message that was given to an outbox, as an instance of its class.
#[derive(Clone, PartialEq)]
pub struct Content(pub Message);

impl<'py> IntoPyObject<'py> for Content {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let object = self.0.into_object();
        let table = match object.get("type").and_then(Value::as_str) {
            Some("text") => TextMessage::MODEL,
            Some("event") => EventMessage::MODEL,
            Some("location") => LocationMessage::MODEL,
            Some("media") => MediaMessage::MODEL,
            _ => return Ok(json::dict(py, &object)?.into_any()),
        };
        models::instance(py, table, object)
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Content {
    type Error = PyErr;

    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Content> {
        let message: Result<Message, Failure> = fields::message(&value, "a message or dict");
        Ok(Content(message?))
    }
}
