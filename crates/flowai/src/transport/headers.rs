//! The headers of an answer.

use std::ops::Range;

/// Headers in their order, names in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers {
    /// Every name and value, one after another.
    text: Vec<u8>,
    fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    start: usize,
    middle: usize,
    end: usize,
}

impl Headers {
    pub(super) fn with_capacity(fields: usize, bytes: usize) -> Headers {
        Headers {
            text: Vec::with_capacity(bytes),
            fields: Vec::with_capacity(fields),
        }
    }

    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(name);
        let middle = self.text.len();
        if let Some(name) = self.text.get_mut(start..) {
            name.make_ascii_lowercase();
        }
        self.text.extend_from_slice(value);
        let end = self.text.len();
        self.fields.push(Field { start, middle, end });
    }

    fn part(&self, range: Range<usize>) -> &[u8] {
        self.text.get(range).unwrap_or_default()
    }

    fn name(&self, field: &Field) -> &[u8] {
        self.part(field.start..field.middle)
    }

    fn value(&self, field: &Field) -> &[u8] {
        self.part(field.middle..field.end)
    }

    /// The values of every header with this name (lower case).
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| self.name(field) == name.as_bytes())
            .map(|field| self.value(field))
    }

    /// The value of the first header with this name (lower case), if it is visible ASCII.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let field = self
            .fields
            .iter()
            .find(|field| self.name(field) == name.as_bytes())?;
        let value = self.value(field);
        let visible = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t');
        value
            .iter()
            .all(visible)
            .then(|| std::str::from_utf8(value).ok())?
    }

    /// Every name and value as text.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs = self.fields.iter();
        pairs
            .map(|field| (text(self.name(field)), text(self.value(field))))
            .collect()
    }
}

#[cfg(feature = "upload")]
impl From<&http::HeaderMap> for Headers {
    fn from(map: &http::HeaderMap) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in map {
            headers.push(name.as_str().as_bytes(), value.as_bytes());
        }
        headers
    }
}
