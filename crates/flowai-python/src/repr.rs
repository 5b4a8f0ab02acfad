//! Short forms for people: a class, its fields, and nothing longer than a line or two.

use pyo3::{prelude::*, types::PyString};

/// Characters of one value that are shown.
const MAX_VALUE: usize = 80;
/// Characters of the whole that are shown.
const MAX_WHOLE: usize = 400;

/// `Class(field=value, ...)`, cut.
pub struct Repr {
    out: String,
    first: bool,
}

impl Repr {
    pub fn new(class: &str) -> Repr {
        Repr {
            out: format!("{class}("),
            first: true,
        }
    }

    pub fn field(&mut self, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let shown = match value.cast::<PyString>() {
            // The end of a long text is not worth the work of quoting it.
            Ok(text) => PyString::new(value.py(), &cut(&text.to_string_lossy(), MAX_VALUE)).repr()?,
            Err(_) => value.repr()?,
        };
        let shown = cut(&shown.to_string_lossy(), MAX_VALUE + 16);
        self.part(&format!("{name}={shown}"));
        Ok(())
    }

    /// What is no field, or is written as Python has it already.
    pub fn part(&mut self, shown: &str) {
        let separator = if self.first { "" } else { ", " };
        self.first = false;
        self.out.push_str(separator);
        self.out.push_str(shown);
    }

    pub fn finish(self) -> String {
        let mut out = cut(&self.out, MAX_WHOLE);
        out.push(')');
        out
    }
}

/// Of a value that is shown by itself.
pub fn short(text: &str) -> String {
    cut(text, MAX_VALUE)
}

fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
