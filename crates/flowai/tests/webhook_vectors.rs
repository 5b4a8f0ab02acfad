//! The shared vectors of webhook bodies (tests/vectors/events.json and templates.json).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::HashMap;

use base64::Engine;
use flowai::model::{Model, Shape};
use flowai::{Document, Event, Object, Originator, ReplyMessage, Template, parse_event};
use serde_json::{Value, json};

fn vectors() -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    let file = |name| std::fs::read(format!("{folder}/{name}.json")).expect("the vectors");
    let cases = |name| serde_json::from_slice::<Vec<Value>>(&file(name)).expect("vectors are JSON");
    [cases("events"), cases("templates")].concat()
}

fn body(vector: &Value) -> Vec<u8> {
    if let Some(event) = vector.get("event") {
        return event.to_string().into_bytes();
    }
    if let Some(text) = vector["body"].as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(text) = vector["base64"].as_str() {
        return base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    }
    let parts = vector["parts"].as_array().expect("a vector has a body");
    let part = |p: &Value| {
        p["text"]
            .as_str()
            .unwrap()
            .repeat(p["times"].as_u64().unwrap_or(1) as usize)
    };
    parts.iter().map(part).collect::<String>().into_bytes()
}

/// Whether `actual` has everything that `expected` gives; null is absent.
fn covers(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => expected
            .iter()
            .all(|(key, value)| covers(actual.get(key).unwrap_or(&Value::Null), value)),
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(a, e)| covers(a, e))
        }
        (Value::Number(actual), Value::Number(expected)) => actual.as_f64() == expected.as_f64(),
        _ => actual == expected,
    }
}

fn wire<D: Document>(documents: Vec<D>) -> Value {
    documents
        .into_iter()
        .map(|d| Value::Object(d.into_object()))
        .collect()
}

fn person(originator: Option<Originator>) -> Value {
    originator.map_or(Value::Null, |o| Value::Object(o.into_object()))
}

/// A document by the names of its model, lists that are absent as empty ones.
fn by_our_names(model: &Model, object: &Object) -> Value {
    let field = |field: &flowai::model::Field| {
        let value = field.read(object);
        match (field.shape, value.as_deref()) {
            (Shape::Model(inner), Some(Value::Object(value))) => by_our_names(inner, value),
            (Shape::List(inner), Some(Value::Array(items))) => items
                .iter()
                .filter_map(Value::as_object)
                .map(|item| by_our_names(inner, item))
                .collect(),
            (Shape::List(_) | Shape::Array, None) => json!([]),
            (_, value) => value.cloned().unwrap_or_default(),
        }
    };
    let members = model.fields.iter().map(|f| (f.name.to_owned(), field(f)));
    Value::Object(members.collect())
}

/// One part of a reply as the vectors have it.
fn template(template: &Template) -> Value {
    let (kind, content) = (template.kind(), template.content());
    assert_eq!(content.kind(), kind);
    assert_eq!(
        content.as_object(),
        &template.payload().cloned().unwrap_or_default()
    );
    let fields = kind
        .model()
        .map_or(json!({}), |model| by_our_names(model, content.as_object()));
    let missing: Vec<&String> = fields
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| value.is_null() || **value == json!([]))
        .map(|(name, _)| name)
        .collect();
    for (name, value) in fields.as_object().unwrap() {
        let absent = value.is_null() || *value == json!([]);
        assert!(template.field(name).is_some() || absent, "{name}");
    }
    json!({
        "type": template.r#type(),
        "kind": kind.code(),
        "missing": missing,
        "payload": template.payload(),
        "fields": fields,
    })
}

/// What of the templates is not as the vectors say.
fn template_problems(event: &Event, expected: &Value) -> Vec<String> {
    let messages = event.messages();
    let templates: Vec<_> = messages.iter().flat_map(ReplyMessage::responses).collect();
    let actual: Vec<_> = templates.iter().map(template).collect();
    let expected = expected.as_array().unwrap();
    let mut problems = Vec::new();
    if actual.len() != expected.len() {
        problems.push(format!(
            "{} templates instead of {}",
            actual.len(),
            expected.len()
        ));
    }
    for (actual, expected) in actual.iter().zip(expected) {
        for (member, expected) in expected.as_object().unwrap() {
            let right = match member.as_str() {
                "missing" => {
                    let missing = actual["missing"].as_array().unwrap();
                    expected
                        .as_array()
                        .unwrap()
                        .iter()
                        .all(|name| missing.contains(name))
                }
                "payload" => actual["payload"] == *expected,
                _ => covers(actual.get(member).expect("a member that is known"), expected),
            };
            if !right {
                problems.push(format!("{member} is {}, not {expected}", actual[member]));
            }
        }
    }
    problems
}

/// What the event says of one member of `expect`.
fn read(event: &Event, member: &str) -> Value {
    match member {
        "type" => json!(event.type_name()),
        "kind" => json!(event.kind().code()),
        "thread_id" => json!(event.thread_id()),
        "thread" => json!({"user": event.thread_user(), "channel": event.thread_channel()}),
        "text" => json!(event.text()),
        "trace_id" => json!(event.trace_id_text()),
        "is_paused" => json!(event.is_paused()),
        "created_at_ms" => json!(event.created_at_ms()),
        "originator" => person(event.originator()),
        "user" => person(event.user()),
        "messages" => json!(event.messages().len()),
        "responses" => event
            .messages()
            .iter()
            .map(|m| m.responses().iter().map(|r| json!(r.r#type())).collect::<Value>())
            .collect(),
        "delays" => event
            .messages()
            .iter()
            .map(|m| m.responses().iter().map(|r| json!(r.delay())).collect::<Value>())
            .collect(),
        "history" => wire(event.history()),
        "business_hours" => wire(event.business_hours()),
        "threads" => json!(event.threads()),
        "triggers" => json!(event.triggers()),
        _ => panic!("the vectors expect {member}, which this runner does not know"),
    }
}

fn check(id: &str, event: &Event, expect: &Value, keys: &HashMap<String, Option<String>>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut want = |ok: bool, problem: String| {
        if !ok {
            problems.push(format!("{id}: {problem}"));
        }
    };
    for (member, expected) in expect.as_object().unwrap() {
        match member.as_str() {
            "is_for" => {
                for (answer, ids) in [(true, &expected["yes"]), (false, &expected["no"])] {
                    for other in ids.as_array().into_iter().flatten().filter_map(Value::as_str) {
                        want(
                            event.is_for(other) == answer,
                            format!("is_for({other:?}) is not {answer}"),
                        );
                    }
                }
            }
            "templates" => {
                for problem in template_problems(event, expected) {
                    want(false, problem);
                }
            }
            "dedupe_key" => {
                let present = event.dedupe_key().is_some();
                want(
                    present == (expected == "present"),
                    format!("dedupe key present: {present}"),
                );
            }
            "same_dedupe_key_as" | "other_dedupe_key_than" => {
                let other = &keys[expected.as_str().unwrap()];
                let same = event.dedupe_key() == *other;
                let right = event.dedupe_key().is_some() && same == (member == "same_dedupe_key_as");
                want(right, format!("{member} {expected} does not hold"));
            }
            "trace_id" => {
                let expected = match expected {
                    Value::Number(number) => json!(number.to_string()),
                    other => other.clone(),
                };
                let actual = read(event, member);
                want(
                    actual == expected,
                    format!("trace_id is {actual}, not {expected}"),
                );
                if let Some(number) = expected.as_str().and_then(|text| text.parse::<u64>().ok()) {
                    want(
                        event.trace_id() == Some(number),
                        "trace_id is no number".to_owned(),
                    );
                }
            }
            _ => {
                let actual = read(event, member);
                want(
                    covers(&actual, expected),
                    format!("{member} is {actual}, not {expected}"),
                );
            }
        }
    }
    problems
}

#[test]
fn every_vector_reads_as_expected() {
    let vectors = vectors();
    assert!(vectors.len() > 30, "only {} vectors", vectors.len());
    let parsed: Vec<_> = vectors
        .iter()
        .map(|v| (v, v["id"].as_str().unwrap(), parse_event(body(v))))
        .collect();
    let keys: HashMap<String, Option<String>> = parsed
        .iter()
        .map(|(_, id, event)| (id.to_string(), event.as_ref().ok().and_then(Event::dedupe_key)))
        .collect();
    let mut problems = Vec::new();
    for (vector, id, result) in &parsed {
        match (result, vector.get("expect")) {
            (Ok(event), Some(expect)) => problems.extend(check(id, event, expect, &keys)),
            (Err(error), None) if vector["error"]["kind"] == error.kind().name() => {}
            (Ok(_), None) => problems.push(format!("{id}: accepted")),
            (Err(error), _) => problems.push(format!("{id}: {error}")),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
