//! The native module of the Python package flowai.
//!
//! It converts and delegates; it decides nothing. `client` is the class Client and what it shares with AsyncClient: their
//! methods, which are in one file for each area of the API: `sends`, `many`, `upload`, `ask`, `history`, `threads`,
//! `business_hours`, `bot`, `handover`, `triggers`, `broadcast` and `request`. `aio` is AsyncClient, and how event loops
//! wait for its calls. `models`, `opening`, `results`, `pages`, `event`, `verifier`, `receiver` and `sandbox` are other
//! classes. `many` is the native half of `flowai._many`. `inbox` hands out `delivery`, and `inbox_handle` is the native half of `flowai._handling`, which runs
//! functions for events; `later` has both imported when they are needed. `outbox` has its sends in `outbox_sends` and what became of them in `outbox_reports`; the facts
//! that both give are in `inbox_records` and `outbox_records`, and how these are declared in `delivery_record`. `intake` is
//! the native half of `flowai._webhook`, the part of web applications.
//!
//! `convert`, `json` and `fields` turn Python values into those of the core and back; `wait` waits without holding the
//! interpreter; `errors` makes exceptions of errors; `logging` passes on what the core logs; `once` keeps what is made late, and is safe when the program forks.

#[macro_use]
mod docs;
#[macro_use]
mod once;
#[macro_use]
mod delivery_record;

mod aio;
mod ask;
mod bot;
mod broadcast;
mod business_hours;
mod cli;
mod client;
mod convert;
mod delivery;
mod errors;
mod event;
mod face;
mod fields;
mod handover;
mod history;
mod inbox;
mod inbox_handle;
mod inbox_records;
mod intake;
mod json;
mod later;
mod logging;
mod many;
mod models;
mod notebook;
mod opening;
mod outbox;
mod outbox_records;
mod outbox_reports;
mod outbox_sends;
mod pages;
mod receiver;
mod repr;
mod request;
mod results;
mod sandbox;
mod sandbox_journal;
mod sandbox_script;
mod sends;
mod threads;
mod triggers;
mod upload;
mod verifier;
mod wait;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
fn _flowai(module: &Bound<'_, PyModule>) -> PyResult<()> {
    logging::start();
    errors::keep_module(module.py())?;
    models::add_classes(module)?;
    module.add("__version__", flowai::VERSION)?;
    module.setattr("_EVENT_KINDS", event::kinds())?;
    module.setattr("_EVENT_TYPES", event::types())?;
    module.setattr("_CHANNEL_NAMES", flowai::CHANNEL_NAMES.to_vec())?;
    module.add_class::<client::Client>()?;
    module.add_class::<aio::AsyncClient>()?;
    module.add_class::<aio::AsyncHistoryIterator>()?;
    module.add_class::<aio::AsyncThreadIterator>()?;
    module.add_class::<pages::HistoryIterator>()?;
    module.add_class::<pages::ThreadIterator>()?;
    module.add_class::<results::Receipt>()?;
    module.add_class::<results::HistoryPage>()?;
    module.add_class::<results::ThreadsPage>()?;
    module.add_class::<results::BotStatus>()?;
    module.add_class::<ask::Reply>()?;
    module.add_class::<request::Response>()?;
    module.add_class::<event::Event>()?;
    module.add_class::<event::ThreadId>()?;
    module.add_class::<verifier::Verifier>()?;
    module.add_class::<receiver::Receiver>()?;
    module.add_class::<receiver::AsyncReceiver>()?;
    module.add_class::<inbox::Inbox>()?;
    module.add_class::<inbox::AsyncInbox>()?;
    module.add_class::<delivery::Delivery>()?;
    module.add_class::<delivery::AsyncDelivery>()?;
    module.add_class::<inbox_records::StoredEvent>()?;
    module.add_class::<inbox_records::InboxEntry>()?;
    module.add_class::<inbox_records::InboxStats>()?;
    module.add_class::<outbox::Outbox>()?;
    module.add_class::<outbox::AsyncOutbox>()?;
    module.add_class::<outbox_reports::ReportIterator>()?;
    module.add_class::<outbox_reports::AsyncReportIterator>()?;
    module.add_class::<outbox_records::OutboxReceipt>()?;
    module.add_class::<outbox_records::OutboxEntry>()?;
    module.add_class::<outbox_records::OutboxReport>()?;
    module.add_class::<outbox_records::OutboxStats>()?;
    module.add_class::<sandbox::Sandbox>()?;
    module.add_class::<sandbox_script::WebhookCall>()?;
    module.add_class::<sandbox_journal::RecordedRequest>()?;
    module.add_class::<sandbox_journal::UploadedFile>()?;
    module.add_class::<sandbox_journal::RecordedDelivery>()?;
    module.add_class::<sandbox_journal::DeliveryAttempt>()?;
    later::add_methods(module.py())?;
    module.add_function(wrap_pyfunction!(cli::run_cli, module)?)?;
    module.add_function(wrap_pyfunction!(event::parse_event, module)?)?;
    module.add_function(wrap_pyfunction!(event::parse_events, module)?)?;
    module.setattr("_log_entries", wrap_pyfunction!(logging::_log_entries, module)?)?;
    module.setattr(
        "_log_descriptor",
        wrap_pyfunction!(logging::_log_descriptor, module)?,
    )?;
    module.setattr("_log_mute", wrap_pyfunction!(logging::_log_mute, module)?)?;
    module.setattr("_kind", wrap_pyfunction!(event::_kind, module)?)?;
    module.setattr("_Intake", module.py().get_type::<intake::Intake>())?;
    module.setattr("_panic", wrap_pyfunction!(errors::_panic, module)?)?;
    Ok(())
}
