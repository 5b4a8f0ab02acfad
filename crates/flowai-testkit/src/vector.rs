//! The vector files, as their README describes them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// One case of one file.
#[derive(Clone, Debug)]
pub struct Vector {
    /// The name of the file without its ending.
    pub area: String,
    /// Unique over all files.
    pub id: String,
    /// The rows of the API document that the case stands for.
    pub source: Vec<String>,
    /// The whole case; members that have no accessor are read from here.
    pub document: Value,
}

/// One request and the answer to it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What must arrive.
    pub request: Value,
    /// What is answered.
    pub response: Value,
    /// How often at least.
    pub min: usize,
    /// How often at most.
    pub max: usize,
}

impl Exchange {
    fn new(document: &Value) -> Exchange {
        let member = |name: &str| document.get(name).cloned().unwrap_or(Value::Null);
        let times = member("times");
        let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        let bound = |name: &str| number(times.get(name).unwrap_or(&Value::Null));
        let (min, max) = match &times {
            Value::Null => (1, 1),
            Value::Object(_) => (bound("min").unwrap_or(0), bound("max").unwrap_or(usize::MAX)),
            exactly => {
                let exactly = number(exactly).unwrap_or(1);
                (exactly, exactly)
            }
        };
        Exchange {
            request: member("request"),
            response: member("response"),
            min,
            max,
        }
    }
}

impl Vector {
    fn new(area: &str, document: Value) -> io::Result<Vector> {
        let id = document.get("id").and_then(Value::as_str);
        let id = id
            .ok_or_else(|| invalid(format!("{area}: a vector without id")))?
            .to_owned();
        let source = document.get("source").and_then(Value::as_array);
        let source = source
            .into_iter()
            .flatten()
            .filter_map(|s| s.as_str().map(str::to_owned));
        Ok(Vector {
            area: area.to_owned(),
            source: source.collect(),
            id,
            document,
        })
    }

    /// A member of the case, null if it has none.
    pub fn get(&self, name: &str) -> &Value {
        self.document.get(name).unwrap_or(&Value::Null)
    }

    /// The name of the operation, empty for an event.
    pub fn op(&self) -> &str {
        self.get("call")
            .get("op")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The requests of the case in their order; none if nothing may be sent.
    pub fn exchanges(&self) -> Vec<Exchange> {
        match self.document.get("exchanges").and_then(Value::as_array) {
            Some(list) => list.iter().map(Exchange::new).collect(),
            None if self.document.get("request").is_some() => vec![Exchange {
                request: self.get("request").clone(),
                response: self.get("response").clone(),
                min: 1,
                max: 1,
            }],
            None => Vec::new(),
        }
    }
}

/// All vectors of a folder, in the order of the file names.
///
/// # Errors
/// A file that cannot be read, is not an array of objects with an `id`, or an `id` that comes twice.
pub fn load_dir(dir: impl AsRef<Path>) -> io::Result<Vec<Vector>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let is_json = path.extension().is_some_and(|e| e == "json");
        if is_json && path.file_stem().is_some_and(|s| s != "sources") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut seen = BTreeMap::new();
    let mut all = Vec::new();
    for path in paths {
        for vector in load_file(&path)? {
            if let Some(other) = seen.insert(vector.id.clone(), vector.area.clone()) {
                return Err(invalid(format!(
                    "{} is in {other} and in {}",
                    vector.id, vector.area
                )));
            }
            all.push(vector);
        }
    }
    Ok(all)
}

/// The vectors of one file.
///
/// # Errors
/// As [`load_dir`].
pub fn load_file(path: impl AsRef<Path>) -> io::Result<Vec<Vector>> {
    let path = path.as_ref();
    let area = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let list: Vec<Value> = serde_json::from_slice(&std::fs::read(path)?)
        .map_err(|error| invalid(format!("{}: {error}", path.display())))?;
    list.into_iter()
        .map(|document| Vector::new(&area, document))
        .collect()
}

/// The rows of the API document, by name, as `sources.json` lists them.
///
/// # Errors
/// As [`load_dir`].
pub fn load_sources(dir: impl AsRef<Path>) -> io::Result<Vec<String>> {
    let path = dir.as_ref().join("sources.json");
    let list: Vec<Map<String, Value>> = serde_json::from_slice(&std::fs::read(&path)?)
        .map_err(|error| invalid(format!("{}: {error}", path.display())))?;
    list.iter()
        .map(|row| match row.get("source") {
            Some(Value::String(name)) => Ok(name.clone()),
            _ => Err(invalid("sources.json: a row without source".into())),
        })
        .collect()
}

/// The value with every `${name}` in its strings replaced; names that nobody knows stay as they are.
pub fn fill_in(value: &Value, names: &dyn Fn(&str) -> Option<String>) -> Value {
    match value {
        Value::String(text) => Value::String(fill_in_text(text, names)),
        Value::Array(items) => items.iter().map(|item| fill_in(item, names)).collect(),
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(k, v)| (k.clone(), fill_in(v, names)))
                .collect(),
        ),
        other => other.clone(),
    }
}

fn fill_in_text(text: &str, names: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        match after.split_once('}').map(|(name, tail)| (names(name), tail)) {
            Some((Some(value), tail)) => {
                out.push_str(&value);
                rest = tail;
            }
            _ => {
                out.push_str("${");
                rest = after;
            }
        }
    }
    out + rest
}

/// The bytes of a webhook body: `event`, `body`, `base64` or `parts` of an event vector.
///
/// # Errors
/// A vector that has none of them, or a wrong form of one.
pub fn event_body(vector: &Vector) -> io::Result<Vec<u8>> {
    if let Some(event) = vector.document.get("event") {
        return Ok(event.to_string().into_bytes());
    }
    if let Some(parts) = vector.get("parts").as_array() {
        let mut body = Vec::new();
        for part in parts {
            let text = part.get("text").and_then(Value::as_str).unwrap_or_default();
            let times = part.get("times").and_then(Value::as_u64).unwrap_or(1);
            for _ in 0..times {
                body.extend_from_slice(text.as_bytes());
            }
        }
        return Ok(body);
    }
    content(&vector.document, "body").ok_or_else(|| invalid(format!("{} has no body", vector.id)))
}

/// Content as text under `text_name`, as `base64`, or as `fill`.
pub(crate) fn content(object: &Value, text_name: &str) -> Option<Vec<u8>> {
    if let Some(text) = object.get(text_name).and_then(Value::as_str) {
        return Some(text.as_bytes().to_vec());
    }
    if let Some(encoded) = object.get("base64").and_then(Value::as_str) {
        return STANDARD.decode(encoded).ok();
    }
    let size = object.get("fill").and_then(Value::as_u64)?;
    Some(vec![b'x'; usize::try_from(size).ok()?])
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
