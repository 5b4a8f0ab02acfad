//! The shared vectors, sent to the sandbox over raw sockets: what the clients of every language send is what the
//! sandbox understands, and what it answers is what they read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowai_sandbox::{Sandbox, Seed};
use serde_json::{Map, Value, json};
use support::*;

const BOUNDARY: &str = "a-boundary-that-no-vector-contains";

/// The vectors of every file that make requests to a server that is well.
fn vectors() -> Vec<Value> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "json"))
        .flat_map(|file| {
            let document: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            document.as_array().cloned().unwrap_or_default()
        })
        .filter(|vector| vector.get("request").is_some() || vector.get("exchanges").is_some())
        .collect()
}

/// What the vectors expect the sandbox to know.
fn seed() -> Seed {
    let seed = json!({
        "segments": [
            {"id": "seg_1", "name": "Customers", "members": [{"name": "John Doe", "identifier": "john"}]},
            {"id": "seg_2", "name": "Früh & spät"},
        ],
        "triggerEvents": ["EVENT 1", "EVENT 2"],
    });
    Seed::from_value(&seed).unwrap()
}

/// The name and argument of a matcher.
fn matcher(value: &Value) -> Option<(&str, &Value)> {
    let (name, argument) = value
        .as_object()
        .filter(|object| object.len() == 1)?
        .iter()
        .next()?;
    name.starts_with('$').then_some((name.as_str(), argument))
}

/// Something that a value with matchers in it matches, none for what may or must be missing.
fn instance(value: &Value) -> Option<Value> {
    if let Some((name, argument)) = matcher(value) {
        return match (name, argument) {
            ("$absent", _) => None,
            ("$optional", argument) => instance(argument),
            ("$one_of", argument) => instance(&argument[0]),
            ("$starts_with" | "$contains", argument) => Some(argument.clone()),
            ("$any", kind) => Some(match kind.as_str().unwrap() {
                "integer" | "number" => json!(1),
                "boolean" => json!(true),
                "array" => json!([]),
                "object" => json!({}),
                _ => json!("anything"),
            }),
            other => panic!("a matcher nobody knows: {other:?}"),
        };
    }
    Some(match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), instance(value)?)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => items.iter().filter_map(instance).collect(),
        other => other.clone(),
    })
}

/// Whether an answer is what a vector says; `$any` is the only matcher in answers.
fn matches(expected: &Value, got: &Value) -> bool {
    match (matcher(expected), expected, got) {
        (Some(("$any", kind)), _, got) => match kind.as_str().unwrap() {
            "integer" => got.is_i64() || got.is_u64(),
            "number" => got.is_number(),
            "string" => got.is_string(),
            "boolean" => got.is_boolean(),
            "array" => got.is_array(),
            "object" => got.is_object(),
            _ => true,
        },
        (Some(other), ..) => panic!("a matcher nobody knows: {other:?}"),
        (None, Value::Object(expected), Value::Object(got)) => {
            expected.len() == got.len()
                && expected
                    .iter()
                    .all(|(name, value)| got.get(name).is_some_and(|got| matches(value, got)))
        }
        (None, Value::Array(expected), Value::Array(got)) => {
            expected.len() == got.len() && expected.iter().zip(got).all(|(value, got)| matches(value, got))
        }
        (None, expected, got) => expected == got,
    }
}

fn content(part: &Value) -> Vec<u8> {
    if let Some(json) = part.get("json") {
        return instance(json).unwrap().to_string().into_bytes();
    }
    if let Some(text) = part.get("text") {
        return text.as_str().unwrap().as_bytes().to_vec();
    }
    if let Some(base64) = part.get("base64") {
        return STANDARD.decode(base64.as_str().unwrap()).unwrap();
    }
    vec![b'x'; usize::try_from(part["fill"].as_u64().unwrap()).unwrap()]
}

fn multipart(parts: &[Value], reversed: bool) -> Vec<u8> {
    let mut order: Vec<&Value> = parts.iter().collect();
    if reversed {
        order.reverse();
    }
    let mut form = Vec::new();
    for part in order {
        let mut head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name={}",
            part["name"]
        );
        for (member, prefix) in [
            ("filename", "; filename="),
            ("content_type", "\r\nContent-Type: "),
        ] {
            if let Some(Value::String(value)) = part.get(member).and_then(instance) {
                let value = if member == "filename" {
                    format!("\"{value}\"")
                } else {
                    value
                };
                head += &format!("{prefix}{value}");
            }
        }
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(b"\r\n\r\n");
        form.extend(content(part));
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    form
}

fn send(sandbox: &Sandbox, request: &Value, reversed: bool) -> (u16, Value) {
    let text = |name: &str| request[name].as_str().unwrap();
    let mut head = format!(
        "{} {} HTTP/1.1\r\nHost: api.flow.ai\r\n",
        text("method"),
        text("target")
    );
    let body = match (request.get("multipart"), request.get("json")) {
        (Some(parts), _) => multipart(parts.as_array().unwrap(), reversed),
        (None, None | Some(Value::Null)) => Vec::new(),
        (None, Some(json)) => instance(json).unwrap().to_string().into_bytes(),
    };
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        let value = match (name.as_str(), instance(value)) {
            ("content-type", Some(_)) if request.get("multipart").is_some() => {
                format!("multipart/form-data; boundary={BOUNDARY}")
            }
            (_, Some(Value::String(value))) => value,
            ("content-length" | "transfer-encoding", _) | (_, None) => continue,
            (_, other) => panic!("{name}: {other:?}"),
        };
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    connect(sandbox)
        .exchange([head.into_bytes(), body].concat())
        .api()
}

#[test]
fn the_sandbox_answers_every_vector_as_it_says() {
    let mut problems = Vec::new();
    let (mut sent, mut skipped) = (0, 0);
    for vector in vectors() {
        let special = vector.get("sandbox");
        if special.is_some_and(|special| special.get("skip").is_some()) {
            skipped += 1;
            continue;
        }
        let Some(request) = vector.get("request") else {
            panic!("{} has no single request and is not skipped", vector["id"]);
        };
        let expected = special.unwrap_or(&vector["response"]);
        // A sandbox of its own: what one vector says is not in the history of another.
        let sandbox = builder().seed(seed()).start().unwrap();
        for reversed in [false, true] {
            let (status, body) = send(&sandbox, request, reversed);
            sent += 1;
            let body_matches = expected.get("json").is_none_or(|json| matches(json, &body));
            if expected["status"] != status || !body_matches {
                problems.push(format!("{}: {status} {body}, not {expected}", vector["id"]));
            }
            if request.get("multipart").is_none() {
                break;
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(sent > 100 && skipped > 0, "{sent} sent, {skipped} skipped");
}
