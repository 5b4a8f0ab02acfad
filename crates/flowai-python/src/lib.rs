//! The native module of the Python package flowai.
//!
//! It converts and delegates; it decides nothing. `client`, `models`, `results`, `event`, `verifier`, `receiver` and
//! `sandbox` are the classes; `convert`, `json` and `fields` turn Python values into those of the core and back; `wait`
//! waits without holding the interpreter; `errors` makes exceptions of errors.

mod cli;
mod client;
mod convert;
mod errors;
mod event;
mod fields;
mod history;
mod json;
mod models;
mod receiver;
mod repr;
mod results;
mod sandbox;
mod sandbox_journal;
mod sends;
mod upload;
mod verifier;
mod wait;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
fn _flowai(module: &Bound<'_, PyModule>) -> PyResult<()> {
    errors::find_classes(module.py())?;
    models::add_classes(module)?;
    module.add("__version__", flowai::VERSION)?;
    module.setattr("_EVENT_KINDS", event::kinds())?;
    module.add_class::<client::Client>()?;
    module.add_class::<history::HistoryIterator>()?;
    module.add_class::<results::Receipt>()?;
    module.add_class::<results::HistoryPage>()?;
    module.add_class::<results::BotStatus>()?;
    module.add_class::<event::Event>()?;
    module.add_class::<event::ThreadId>()?;
    module.add_class::<verifier::Verifier>()?;
    module.add_class::<receiver::Receiver>()?;
    module.add_class::<sandbox::Sandbox>()?;
    module.add_class::<sandbox_journal::RecordedRequest>()?;
    module.add_class::<sandbox_journal::UploadedFile>()?;
    module.add_class::<sandbox_journal::RecordedDelivery>()?;
    module.add_class::<sandbox_journal::DeliveryAttempt>()?;
    module.add_function(wrap_pyfunction!(cli::run_cli, module)?)?;
    module.add_function(wrap_pyfunction!(event::parse_event, module)?)?;
    module.add_function(wrap_pyfunction!(event::parse_events, module)?)?;
    module.setattr("_panic", wrap_pyfunction!(errors::_panic, module)?)?;
    Ok(())
}
