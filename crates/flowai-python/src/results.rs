//! What calls give back.

use std::hash::{DefaultHasher, Hasher};

use pyo3::{
    prelude::*,
    types::{PyBool, PyDict, PyTuple, PyType},
};
use serde_json::{Value, json};

use crate::{
    errors::{Failure, Outcome},
    json, models,
    repr::Repr,
};

/// A class around a result of the core: its fields, and what all results can do.
macro_rules! result_class {
    (
        $(#[$doc:meta])*
        $class:ident($core:ty), knows $known:expr;
        $($(#[$field_doc:meta])* $field:ident: $type:ty = |$this:ident, $py:ident| $get:expr;)*
    ) => {
        $(#[$doc])*
        #[pyclass(module = "flowai", frozen)]
        pub struct $class(pub $core);

        #[pymethods]
        impl $class {
            #[classattr]
            fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
                PyTuple::new(py, [$(stringify!($field)),*])
            }

            $(
                $(#[$field_doc])*
                #[getter]
                fn $field<'py>(&self, py: Python<'py>) -> PyResult<$type> {
                    let ($this, $py) = (&self.0, py);
                    let _ = $py;
                    Ok($get)
                }
            )*

            /// The document as it came.
            ///
            /// >>> client.send_text("thread-1", "Hello").to_dict()["status"]
            /// 'ok'
            fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                json::to_python(py, &self.document())
            }

            /// Makes an instance of such a document. What is missing or of the wrong shape is absent.
            ///
            /// >>> receipt = client.send_text("thread-1", "Hello")
            /// >>> flowai.Receipt.from_dict(receipt.to_dict()) == receipt
            /// True
            #[classmethod]
            fn from_dict(_cls: &Bound<'_, PyType>, document: &Bound<'_, PyDict>) -> Outcome<$class> {
                $class::read(Value::Object(json::object(document, "document")?), "")
            }

            #[classmethod]
            fn _restore(_cls: &Bound<'_, PyType>, document: &Bound<'_, PyAny>, thread_id: &str) -> Outcome<$class> {
                $class::read(json::from_python(document, "document")?, thread_id)
            }

            /// The fields of the document that this version does not know.
            #[getter]
            fn extra<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
                let extra = PyDict::new(py);
                for (name, value) in self.document().as_object().into_iter().flatten() {
                    if !$known.contains(&name.as_str()) {
                        extra.set_item(name, json::to_python(py, value)?)?;
                    }
                }
                Ok(extra)
            }

            fn __eq__<'py>(&self, other: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
                let py = other.py();
                let Ok(other) = other.cast::<$class>() else {
                    return py.NotImplemented().into_bound(py);
                };
                let other = other.get();
                let same = json::same(&self.document(), &other.document()) && self.thread() == other.thread();
                PyBool::new(py, same).to_owned().into_any()
            }

            fn __hash__(&self) -> u64 {
                let mut state = DefaultHasher::new();
                json::hash(&self.document(), &mut state);
                state.finish()
            }

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                let mut repr = Repr::new(stringify!($class));
                $(repr.field(stringify!($field), &self.$field(py)?.into_pyobject(py).map_err(Into::<PyErr>::into)?.into_any())?;)*
                Ok(repr.finish())
            }

            fn __reduce__<'py>(
                slf: &Bound<'py, $class>,
            ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyAny>, String))> {
                let restore = slf.get_type().getattr(interned!(slf.py(), "_restore"))?;
                Ok((restore, (slf.get().to_dict(slf.py())?, slf.get().thread().to_owned())))
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

result_class! {
    /// What the service says when it took something over.
    ///
    /// >>> receipt = client.send_text("thread-1", "Hello", trace_id=7)
    /// >>> receipt.thread_id, receipt.trace_id, receipt.status
    /// ('thread-1', 7, 'ok')
    Receipt(flowai::Receipt), knows ["threadId", "traceId", "status", "requestId"];
    /// str: The thread that it was about.
    thread_id: &str = |this, py| &this.thread_id;
    /// int or None: The trace id that went along; delivery events carry it too.
    trace_id: Option<u64> = |this, py| this.trace_id;
    /// str: ``ok``.
    status: &str = |this, py| &this.status;
    /// str or None: The request id that the service gave (header x-request-id).
    request_id: Option<&str> = |this, py| this.request_id.as_deref();
}

result_class! {
    /// One page of a thread's history, at most 20 entries ("Thread messages" of the API document).
    ///
    /// >>> page = client.history("thread-1")
    /// >>> page.page, page.pages
    /// (1, 1)
    HistoryPage(flowai::HistoryPage), knows ["history", "page", "pages", "threadId"];
    /// tuple of HistoryEntry: What was said, in the order of the service.
    entries: Bound<'py, PyTuple> = |this, py| models::documents(py, this.entries.clone())?;
    /// int or None: The number of this page.
    page: Option<u64> = |this, py| this.page;
    /// int or None: How many pages there are.
    pages: Option<u64> = |this, py| this.pages;
    /// str: The thread, as the service names it, else as it was asked for.
    thread_id: &str = |this, py| &this.thread_id;
}

result_class! {
    /// One page of the ids of a project's threads, at most 20 (later versions of the API).
    ///
    /// >>> receipt = client.send_text("thread-1", "Hello")
    /// >>> "thread-1" in client.threads().threads
    /// True
    ThreadsPage(flowai::ThreadsPage), knows ["threads", "page", "pages"];
    /// tuple of str: The ids, in the order of the service.
    threads: Bound<'py, PyTuple> = |this, py| PyTuple::new(py, &this.threads)?;
    /// int or None: The number of this page.
    page: Option<u64> = |this, py| this.page;
    /// int or None: How many pages there are.
    pages: Option<u64> = |this, py| this.pages;
}

result_class! {
    /// Whether the bot of a thread is paused ("Bot status" of the API document).
    ///
    /// >>> receipt = client.pause("thread-1")
    /// >>> client.bot_status("thread-1").is_paused
    /// True
    BotStatus(flowai::BotStatus), knows ["status", "isPaused", "isPaued", "threadId"];
    /// bool or None: Whether it is paused; None if the service did not say.
    is_paused: Option<bool> = |this, py| this.is_paused;
    /// str: The thread, as the service names it, else as it was asked for.
    thread_id: &str = |this, py| &this.thread_id;
}

impl Receipt {
    fn thread(&self) -> &str {
        &self.0.thread_id
    }

    fn document(&self) -> Value {
        let receipt = &self.0;
        json!({
            "threadId": receipt.thread_id,
            "traceId": receipt.trace_id,
            "status": receipt.status,
            "requestId": receipt.request_id,
        })
    }

    fn read(document: Value, _thread_id: &str) -> Outcome<Receipt> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = text("status").ok_or_else(|| Failure::argument("status", "must be a string"))?;
        Ok(Receipt(flowai::Receipt {
            thread_id: text("threadId").unwrap_or_default(),
            trace_id: document.get("traceId").and_then(Value::as_u64),
            status,
            request_id: text("requestId"),
        }))
    }
}

impl HistoryPage {
    fn thread(&self) -> &str {
        &self.0.thread_id
    }

    fn document(&self) -> Value {
        self.0.to_value()
    }

    fn read(document: Value, thread_id: &str) -> Outcome<HistoryPage> {
        Ok(HistoryPage(flowai::HistoryPage::from_value(document, thread_id)))
    }
}

impl ThreadsPage {
    /// It is about no thread of its own.
    fn thread(&self) -> &str {
        ""
    }

    fn document(&self) -> Value {
        self.0.to_value()
    }

    fn read(document: Value, _thread_id: &str) -> Outcome<ThreadsPage> {
        Ok(ThreadsPage(flowai::ThreadsPage::from_value(document)))
    }
}

impl BotStatus {
    fn thread(&self) -> &str {
        &self.0.thread_id
    }

    fn document(&self) -> Value {
        self.0.raw.clone()
    }

    fn read(document: Value, thread_id: &str) -> Outcome<BotStatus> {
        Ok(BotStatus(flowai::BotStatus::from_value(document, thread_id)))
    }
}
