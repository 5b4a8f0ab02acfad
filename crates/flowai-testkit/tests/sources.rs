//! Every row and sample of the API document has a vector, and the vectors have the form that their README says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::collections::BTreeSet;

use flowai_testkit::{Vector, event_body, load_dir, load_sources};
use serde_json::{Value, json};
use support::vectors_dir;

const OPERATIONS: &[&str] = &[
    "send_text",
    "send_event",
    "send_location",
    "send_media",
    "upload_media",
    "send",
    "history",
    "iter_history",
    "business_hours",
    "pause",
    "resume",
    "bot_status",
    "request_history",
    "request_business_hours",
    "request_bot_status",
    "threads",
    "iter_threads",
    "request_threads",
    "create_thread",
    "handover",
    "resolve",
    "takeover",
    "trigger_events",
    "request_trigger_events",
    "trigger_event",
    "broadcast",
    "broadcast_to_segments",
    "segments",
    "ask",
    "request",
];
const SENDS: &[&str] = &[
    "send_text",
    "send_event",
    "send_location",
    "send_media",
    "upload_media",
    "send",
    "handover",
    "takeover",
    "trigger_event",
    "broadcast",
    "broadcast_to_segments",
    "ask",
];

/// A send says what became of it when it fails.
fn is_send(vector: &Vector) -> bool {
    match vector.op() {
        "request" => matches!(
            vector.get("call")["args"]["method"].as_str(),
            Some("POST" | "PATCH")
        ),
        op => SENDS.contains(&op),
    }
}

fn vectors() -> Vec<Vector> {
    load_dir(vectors_dir()).unwrap()
}

#[test]
fn every_row_of_the_document_has_a_vector() {
    let rows = load_sources(vectors_dir()).unwrap();
    let named: BTreeSet<String> = vectors().into_iter().flat_map(|v| v.source).collect();
    let missing: Vec<&String> = rows.iter().filter(|row| !named.contains(*row)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "rows without a vector");
    let known: BTreeSet<&String> = rows.iter().collect();
    let unknown: Vec<&String> = named.iter().filter(|name| !known.contains(name)).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "sources that are no rows");
    assert_eq!(known.len(), rows.len(), "a row is listed twice");
}

/// The numbers of the document itself, so that a row cannot vanish from the list together with its vector.
#[test]
fn the_list_is_as_long_as_the_document() {
    let rows = load_sources(vectors_dir()).unwrap();
    let count = |part: &str| rows.iter().filter(|row| row.contains(part)).count();
    assert_eq!(count("> Profile object >"), 9);
    assert_eq!(count("> Attributes >"), 4);
    assert_eq!(count("> Arguments >"), 6 + 6 + 7 + 8);
    assert_eq!(count("> Parameters >"), 8);
    assert_eq!(count("> Query parameters >"), 4);
    assert_eq!(
        count("Type of Events > message.") + count("Type of Events > control."),
        5
    );
    assert_eq!(count("> Example Request (http)"), 12);
    assert_eq!(count("> Example Request (javascript)"), 12);
    assert_eq!(count("> Example Response"), 12);
    assert_eq!(count("Originator > Example Message"), 3);
    assert_eq!(
        rows.iter().filter(|row| row.starts_with("Example > ")).count(),
        12
    );
    let endpoints = rows.iter().filter(|row| {
        let last = row.rsplit(" > ").next().unwrap();
        ["GET ", "POST ", "DELETE "].iter().any(|m| last.starts_with(m))
    });
    let (later, own): (Vec<&String>, Vec<&String>) = endpoints.partition(|row| row.starts_with("Later > "));
    assert_eq!((own.len(), later.len()), (12, 13));
}

fn only_members(id: &str, document: &Value, known: &[&str]) {
    for name in document
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys())
    {
        assert!(known.contains(&name.as_str()), "{id}: {name}");
    }
}

#[test]
fn every_vector_has_the_documented_form() {
    for vector in vectors() {
        let id = &vector.id;
        assert!(
            id.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "{id}"
        );
        let has = |name: &str| vector.document.get(name).is_some();
        if matches!(vector.area.as_str(), "events" | "templates") {
            event_body(&vector).unwrap();
            assert!(has("expect") != has("error"), "{id}");
            continue;
        }
        if vector.area == "opening_hours" {
            assert!(
                vector.get("hours").is_object() && has("at") && has("expect"),
                "{id}"
            );
            continue;
        }
        assert!(OPERATIONS.contains(&vector.op()), "{id}");
        only_members(id, vector.get("call"), &["op", "args", "options"]);
        only_members(
            id,
            &vector.get("call")["options"],
            &["timeout", "max_retries", "originator"],
        );
        for exchange in vector.get("exchanges").as_array().into_iter().flatten() {
            only_members(id, exchange, &["times", "request", "response"]);
            match &exchange["times"] {
                Value::Object(_) => only_members(id, &exchange["times"], &["min", "max"]),
                times => assert!(times.is_null() || times.as_u64().is_some_and(|n| n > 0), "{id}"),
            }
        }
        let client = vector.get("client").as_object().unwrap();
        let is_send = is_send(&vector);
        let error = match vector.area.as_str() {
            "outcomes" => vector.get("expect").get("error"),
            _ => vector.document.get("error"),
        };
        if let Some(error) = error {
            let refused_client =
                vector.area == "arguments" && !error.as_object().unwrap().contains_key("delivery");
            let delivery = error.get("delivery").unwrap_or(&Value::Null);
            assert!(
                refused_client || !is_send || delivery.is_string() || error.get("status").is_some(),
                "{id}"
            );
            assert!(is_send || delivery.is_null(), "{id}: only sends have a delivery");
        }
        match vector.area.as_str() {
            "outcomes" => {
                assert!(
                    client["base_url"].as_str().unwrap().contains("${run}/rest/v1/"),
                    "{id}"
                );
                assert!(
                    vector.get("expect").get("ok").is_some() != error.is_some(),
                    "{id}"
                );
            }
            "arguments" => {
                assert_eq!(error.unwrap()["kind"], json!("invalid_argument"), "{id}");
                assert!(vector.exchanges().is_empty(), "{id}");
            }
            _ => {
                assert!(!vector.exchanges().is_empty(), "{id}");
                assert!(has("result") != has("error"), "{id}");
                for exchange in vector.exchanges() {
                    assert!(exchange.min <= exchange.max && exchange.max > 0, "{id}");
                    let target = exchange.request["target"].as_str().unwrap();
                    assert!(target.starts_with("/rest/v1/"), "{id}");
                }
            }
        }
    }
}

#[test]
fn dedupe_keys_are_compared_with_vectors_that_exist() {
    let vectors = vectors();
    for vector in &vectors {
        for member in ["same_dedupe_key_as", "other_dedupe_key_than"] {
            if let Some(other) = vector.get("expect").get(member) {
                let found = vectors.iter().any(|v| json!(v.id) == *other);
                assert!(found, "{}: {other}", vector.id);
            }
        }
    }
}
