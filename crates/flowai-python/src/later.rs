//! Methods that are written in Python, of native classes: their modules are imported when one of them is first asked for.

use pyo3::prelude::*;

use crate::{
    aio::AsyncClient,
    client::Client,
    delivery::{AsyncDelivery, Delivery},
    inbox::{AsyncInbox, Inbox},
};

/// A method before its module is imported, which puts the function itself in this place.
#[pyclass(module = "flowai._flowai", frozen)]
struct Later {
    module: &'static str,
    function: &'static str,
}

#[pymethods]
impl Later {
    /// What the function would give. Who has kept this, as those who patch methods do, goes on to get it.
    fn __get__<'py>(
        &self,
        py: Python<'py>,
        instance: Bound<'py, PyAny>,
        owner: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let function = py.import(self.module)?.getattr(self.function)?;
        function.call_method1(interned!(py, "__get__"), (instance, owner))
    }
}

/// Gives the classes these methods.
pub fn add_methods(py: Python<'_>) -> PyResult<()> {
    let (handling, many) = ("flowai._handling", "flowai._many");
    put::<Client>(py, "send_many", many, "send_many")?;
    put::<Client>(py, "iter_send_many", many, "iter_send_many")?;
    put::<AsyncClient>(py, "send_many", many, "send_many_awaited")?;
    put::<AsyncClient>(py, "iter_send_many", many, "iter_send_many_awaited")?;
    put::<Inbox>(py, "handle", handling, "handle")?;
    put::<Delivery>(py, "__exit__", handling, "leave")?;
    put::<AsyncInbox>(py, "handle", handling, "handle_awaited")?;
    put::<AsyncDelivery>(py, "__aexit__", handling, "leave_awaited")
}

fn put<C: pyo3::PyClass>(
    py: Python<'_>,
    name: &str,
    module: &'static str,
    function: &'static str,
) -> PyResult<()> {
    py.get_type::<C>().setattr(name, Later { module, function })
}
