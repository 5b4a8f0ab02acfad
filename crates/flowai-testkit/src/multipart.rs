//! The parts of an upload, held against those of a vector.

use bytes::Bytes;
use http_body_util::{BodyDataStream, Full};
use multer::Multipart;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::matching::exact_mismatches;
use crate::vector::content;

struct Part {
    name: String,
    filename: Option<String>,
    content_type: Option<String>,
    body: Bytes,
}

/// What of the body is not as the list of parts says.
pub(crate) async fn problems(expected: &[Value], content_type: &str, body: Vec<u8>) -> Vec<String> {
    let parts = match read(content_type, body).await {
        Ok(parts) => parts,
        Err(error) => return vec![format!("the multipart body cannot be read: {error}")],
    };
    let mut problems = Vec::new();
    for wanted in expected {
        let name = wanted.get("name").and_then(Value::as_str).unwrap_or_default();
        let mut same = parts.iter().filter(|part| part.name == name);
        match (same.next(), same.next()) {
            (Some(part), None) => compare(wanted, part, &mut problems),
            (None, _) => problems.push(format!("no part is named {name}")),
            (Some(_), Some(_)) => problems.push(format!("several parts are named {name}")),
        }
    }
    let known = |part: &&Part| {
        expected
            .iter()
            .any(|w| w.get("name").and_then(Value::as_str) == Some(&part.name))
    };
    for part in parts.iter().filter(|part| !known(part)) {
        problems.push(format!("there should be no part {}", part.name));
    }
    problems
}

fn compare(wanted: &Value, part: &Part, problems: &mut Vec<String>) {
    let mut note = |what: &str, list: Vec<String>| {
        problems.extend(
            list.into_iter()
                .map(|problem| format!("part {}, {what}: {problem}", part.name)),
        );
    };
    for (member, found) in [("filename", &part.filename), ("content_type", &part.content_type)] {
        if let Some(wanted) = wanted.get(member) {
            note(
                member,
                exact_mismatches(wanted, found.as_ref().map(|f| json!(f)).as_ref()),
            );
        }
    }
    if let Some(document) = wanted.get("json") {
        match serde_json::from_slice::<Value>(&part.body) {
            Ok(found) => note("json", exact_mismatches(document, Some(&found))),
            Err(error) => note("json", vec![error.to_string()]),
        }
    }
    if let Some(bytes) = content(wanted, "text")
        && bytes != part.body
    {
        let found = part.body.len();
        note(
            "content",
            vec![format!("differs: {found} bytes came, {} expected", bytes.len())],
        );
    }
}

async fn read(content_type: &str, body: Vec<u8>) -> multer::Result<Vec<Part>> {
    let boundary = multer::parse_boundary(content_type)?;
    let stream = BodyDataStream::new(Full::<Bytes>::from(body));
    let mut multipart = Multipart::new(stream, boundary);
    let mut parts = Vec::new();
    while let Some(field) = multipart.next_field().await? {
        let header = |name: &str| {
            let value = field.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let extended = header("content-disposition").and_then(|value| extended_filename(&value));
        parts.push(Part {
            name: field.name().unwrap_or_default().to_owned(),
            filename: extended.or_else(|| field.file_name().map(str::to_owned)),
            content_type: header("content-type"),
            body: field.bytes().await?,
        });
    }
    Ok(parts)
}

/// `filename*=utf-8''caf%C3%A9.png`, the form in which some libraries write names outside ASCII.
fn extended_filename(disposition: &str) -> Option<String> {
    let (_, value) = disposition.split_once("filename*=")?;
    let value = value.split(';').next()?.trim();
    let encoded = value
        .strip_prefix("utf-8''")
        .or_else(|| value.strip_prefix("UTF-8''"))?;
    percent_decode_str(encoded)
        .decode_utf8()
        .ok()
        .map(|name| name.into_owned())
}
