//! What is read and written back is what came: nothing is lost, whatever a document says.
//!
//! Equal means equal as JSON: the same members and items, the same text, whole numbers from -2^63 to 2^64 - 1 exactly,
//! other numbers as the nearest `f64`. The order of members is not kept.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use flowai::{
    BusinessHours, Button, Document, HistoryEntry, HistoryPage, ListItem, Originator, QuickReply,
    ReplyMessage, Template, parse_event,
};
use flowai_testkit::load_dir;
use proptest::prelude::*;
use serde_json::{Map, Number, Value, json};

/// Names that mean something, and others that do not.
const NAMES: [&str; 34] = [
    "type",
    "payload",
    "responses",
    "messages",
    "originator",
    "fallback",
    "delay",
    "replyTo",
    "createdAt",
    "profile",
    "metadata",
    "title",
    "text",
    "url",
    "lat",
    "buttons",
    "quickReplies",
    "cards",
    "items",
    "media",
    "action",
    "label",
    "value",
    "newTab",
    "trigger",
    "params",
    "weekdays",
    "content",
    "from",
    "to",
    "holidays",
    "date",
    "x",
    "",
];

const TYPES: [&str; 8] = [
    "text",
    "card",
    "carousel",
    "list",
    "event",
    "whatsapp_list",
    "hologram",
    "true",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (i64::MAX as u64..).prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(|number| Number::from_f64(number).into()),
        prop_oneof![Just(0.0), Just(-0.0), Just(1.0), Just(5e-324), Just(f64::MAX)]
            .prop_map(|number| Number::from_f64(number).into()),
        ".*".prop_map(Value::String),
        proptest::sample::select(&TYPES[..]).prop_map(Value::from),
        any::<i32>().prop_map(|number| Value::String(number.to_string())),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![9 => proptest::sample::select(&NAMES[..]).prop_map(str::to_owned), 1 => ".*"]
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    proptest::collection::btree_map(name(), inner, 0..7).prop_map(|members| members.into_iter().collect())
}

fn document() -> impl Strategy<Value = Map<String, Value>> {
    let value = leaf().prop_recursive(8, 96, 6, |inner| {
        prop_oneof![
            object(inner.clone()).prop_map(Value::Object),
            proptest::collection::vec(inner, 0..6).prop_map(Value::Array),
        ]
    });
    object(value)
}

/// Equal as JSON, and with the same digits: `0.0` and `-0.0` differ.
fn same(actual: &Value, expected: &Value) -> bool {
    let digits = |value: &Value| value.to_string();
    actual == expected && digits(actual) == digits(expected)
}

fn survives<D: Document + serde::Serialize + serde::de::DeserializeOwned>(original: &Value) -> bool {
    let model = D::from_value(original.clone()).unwrap();
    let text = serde_json::to_string(&model).unwrap();
    let again: D = serde_json::from_str(&text).unwrap();
    let object = Value::Object(model.clone().into_object());
    same(&model.to_value(), original) && same(&object, original) && same(&again.to_value(), original)
}

/// Reads whatever can be read, which must not change anything and not fail.
fn read_everything(original: &Value) -> bool {
    let message = ReplyMessage::from_value(original.clone()).unwrap();
    let template = Template::from_value(original.clone()).unwrap();
    let entry = HistoryEntry::from_value(original.clone()).unwrap();
    let hours = BusinessHours::from_value(original.clone()).unwrap();
    let at = "2026-11-23T10:00:00+01:00".parse().unwrap();
    let read = (
        message.text(),
        message.quick_replies(),
        template.text(),
        entry.text(),
    );
    let open = (hours.is_open(at), hours.next_opening(at), hours.next_closing(at));
    drop((read, open));
    for (position, part) in message.responses().iter().enumerate() {
        let objects = original["responses"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item.is_object());
        assert!(same(&part.to_value(), objects.clone().nth(position).unwrap()));
    }
    let payload = original.get("payload").filter(|payload| payload.is_object());
    let content = Value::Object(template.content().as_object().clone());
    same(&content, payload.unwrap_or(&json!({})))
}

fn every_way(original: &Value) -> bool {
    let page = HistoryPage::from_value(original.clone(), "t");
    survives::<Template>(original)
        && survives::<ReplyMessage>(original)
        && survives::<HistoryEntry>(original)
        && survives::<Originator>(original)
        && survives::<BusinessHours>(original)
        && survives::<Button>(original)
        && survives::<QuickReply>(original)
        && survives::<ListItem>(original)
        && same(&page.to_value(), original)
        && read_everything(original)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_document_survives(document in document()) {
        prop_assert!(every_way(&Value::Object(document)));
    }

    #[test]
    fn any_message_survives_the_webhook(document in document(), kind in name()) {
        let message = Value::Object(document);
        let body = json!({"type": "message.reply", "threadId": kind, "messages": [message], "originator": message});
        let event = parse_event(body.to_string()).unwrap();
        prop_assert!(same(&event.messages()[0].to_value(), &message));
        prop_assert!(same(&event.originator().unwrap().to_value(), &message));
    }
}

/// Every object in a document, however deep.
fn objects<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            found.push(value);
            members.values().for_each(|member| objects(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
        _ => {}
    }
}

#[test]
fn every_document_of_the_vectors_survives() {
    let vectors = load_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors")).unwrap();
    let mut found = Vec::new();
    for vector in &vectors {
        for member in ["event", "hours", "response", "exchanges"] {
            objects(vector.get(member), &mut found);
        }
    }
    assert!(found.len() > 1_000, "{}", found.len());
    for document in found {
        assert!(every_way(document), "{document}");
    }
}

#[test]
fn numbers_are_what_they_were() {
    for (text, expected) in [
        ("1", "1"),
        ("1.0", "1.0"),
        ("-0", "-0.0"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("0.1", "0.1"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        // Numbers that come out one digit wrong when they are read in haste.
        ("51.248178375505404", "51.248178375505404"),
        ("97.45365320034685", "97.45365320034685"),
        ("12345678901234567.5", "1.2345678901234568e+16"),
    ] {
        let body = format!(r#"{{"messages": [{{"n": {text}}}]}}"#);
        let messages = parse_event(body.clone()).unwrap().messages();
        assert_eq!(
            serde_json::to_string(&messages[0]).unwrap(),
            format!(r#"{{"n":{expected}}}"#)
        );
        let document: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(document["messages"][0], messages[0].to_value(), "{text}");
    }
}
