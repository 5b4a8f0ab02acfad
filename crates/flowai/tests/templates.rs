//! Templates as typed values. What is read from each type is in tests/vectors/templates.json; here is what holds for all.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::{BTreeMap, BTreeSet};

use flowai::model::{Model, Shape};
use flowai::{Button, Content, Document, QuickReply, ReplyMessage, Template, TemplateKind};
use serde_json::{Value, json};

fn template(document: Value) -> Template {
    Template::from_value(document).unwrap()
}

#[test]
fn numbers_and_names_never_change() {
    let table: Vec<_> = TemplateKind::ALL
        .iter()
        .map(|kind| {
            (
                kind.code(),
                kind.name(),
                kind.model().map_or("", |model| model.name),
            )
        })
        .collect();
    assert_eq!(
        table,
        [
            (0, "unknown", ""),
            (1, "text", "TextTemplate"),
            (2, "image", "ImageTemplate"),
            (3, "video", "VideoTemplate"),
            (4, "audio", "AudioTemplate"),
            (5, "file", "FileTemplate"),
            (6, "location", "LocationTemplate"),
            (7, "card", "CardTemplate"),
            (8, "carousel", "CarouselTemplate"),
            (9, "list", "ListTemplate"),
            (10, "buttons", "ButtonsTemplate"),
            (11, "webview", "WebviewTemplate"),
            (12, "handover", "HandoverTemplate"),
            (13, "note", "NoteTemplate"),
            (14, "custom", "CustomTemplate"),
            (15, "event", "EventTemplate"),
            (16, "system_reply", "SystemReplyTemplate"),
            (17, "khoros_priority", "KhorosPriorityTemplate"),
            (18, "agent_text", "AgentTextTemplate"),
            (19, "channel", "ChannelTemplate"),
        ]
    );
    for kind in TemplateKind::ALL.iter().copied() {
        assert_eq!(TemplateKind::from_code(kind.code()), Some(kind));
        assert_eq!(kind.to_string(), kind.name());
    }
    assert_eq!(TemplateKind::from_code(20), None);
}

/// The models of all templates, and all that they are made of.
fn models() -> BTreeMap<&'static str, &'static Model> {
    let mut found = BTreeMap::new();
    let mut open: Vec<_> = TemplateKind::ALL.iter().filter_map(|kind| kind.model()).collect();
    while let Some(model) = open.pop() {
        if found.insert(model.name, model).is_none() {
            open.extend(model.fields.iter().filter_map(|field| match field.shape {
                Shape::Model(inner) | Shape::List(inner) => Some(inner),
                _ => None,
            }));
        }
    }
    found
}

#[test]
fn every_field_has_one_name_and_is_described() {
    let models = models();
    for name in [
        "Action",
        "Button",
        "ButtonTrigger",
        "Card",
        "CardMedia",
        "ExpirationTime",
        "ListItem",
        "QuickReply",
    ] {
        assert!(models.contains_key(name), "{name}");
    }
    // What a template has itself must not be hidden by a field of its payload.
    let own: BTreeSet<_> = Template::MODEL.fields.iter().map(|field| field.name).collect();
    for (name, model) in models {
        assert!(model.doc.len() > 5, "{name}");
        let names: BTreeSet<_> = model.fields.iter().map(|field| field.name).collect();
        let wires: BTreeSet<_> = model.fields.iter().map(|field| field.wire).collect();
        assert_eq!(
            (names.len(), wires.len()),
            (model.fields.len(), model.fields.len()),
            "{name}"
        );
        assert!(
            model
                .fields
                .iter()
                .all(|field| field.doc.len() > 5 && !field.required),
            "{name}"
        );
        if name.ends_with("Template") {
            assert!(names.is_disjoint(&own), "{name}");
        }
    }
}

#[test]
fn content_is_matched_by_type() {
    let said = |document: Value| match template(document).content() {
        Content::Text(text) => text.text().unwrap_or_default().to_owned(),
        Content::Carousel(carousel) => {
            let titles: Vec<_> = carousel
                .cards()
                .iter()
                .map(|card| card.title().unwrap_or("-").to_owned())
                .collect();
            titles.join(" | ")
        }
        Content::List(list) => list
            .items()
            .iter()
            .map(|item| if item.featured() == Some(true) { '*' } else { '.' })
            .collect(),
        Content::Location(place) => format!("{:?} {:?}", place.lat(), place.long()),
        Content::KhorosPriority(urgent) => format!("{:?}", urgent.priority()),
        Content::Channel(of_channel) => format!("channel, {} answers", of_channel.quick_replies().len()),
        Content::Other(payload) => format!("{} fields", payload.len()),
        other => other.kind().to_string(),
    };
    for (document, expected) in [
        (json!({"type": "text", "payload": {"text": "Hi"}}), "Hi"),
        (
            json!({"type": "carousel", "payload": {"cards": [{"title": "A"}, {}, {"title": "B"}]}}),
            "A | - | B",
        ),
        (
            json!({"type": "list", "payload": {"items": [{"featured": true}, {"featured": "true"}, {"featured": 1}]}}),
            "**.",
        ),
        (
            json!({"type": "location", "payload": {"lat": " 52.5 ", "long": 4}}),
            "Some(52.5) Some(4.0)",
        ),
        (
            json!({"type": "location", "payload": {"lat": "NaN", "long": "inf"}}),
            "None None",
        ),
        (
            json!({"type": "khoros_priority", "payload": {"priority": "4"}}),
            "Some(4)",
        ),
        (
            json!({"type": "khoros_priority", "payload": {"priority": 1e3}}),
            "None",
        ),
        (
            json!({"type": "rbm_card", "payload": {"quickReplies": [{}, 1]}}),
            "channel, 1 answers",
        ),
        (
            json!({"type": "hologram", "payload": {"a": 1, "b": null}}),
            "2 fields",
        ),
        (json!({"type": "note", "payload": []}), "note"),
        (json!({}), "0 fields"),
    ] {
        assert_eq!(said(document.clone()), expected, "{document}");
    }
}

#[test]
fn quick_replies_are_those_of_all_parts() {
    let message = ReplyMessage::from_value(json!({"responses": [
        {"type": "text", "payload": {"text": "?", "quickReplies": [{"label": "Yes", "value": "y"}, {"label": "No"}]}},
        {"type": "image"},
        {"type": "hologram", "payload": {"quickReplies": [{"value": "v"}, {"type": "location"}, null]}},
    ]}))
    .unwrap();
    let offered: Vec<_> = message.quick_replies();
    let shown: Vec<_> = offered.iter().map(QuickReply::label_or_value).collect();
    let sent: Vec<_> = offered.iter().map(QuickReply::value_or_label).collect();
    assert_eq!(shown, ["Yes", "No", "v", ""]);
    assert_eq!(sent, ["y", "No", "v", ""]);
    assert_eq!(message.responses()[2].quick_replies().len(), 2);
}

#[test]
fn fields_are_found_by_either_name() {
    let handover = template(
        json!({"type": "handover", "payload": {"secondsToPause": "600", "resetContext": null, "team": {"id": 1}}}),
    );
    assert_eq!(handover.field("seconds_to_pause").as_deref(), Some(&json!(600)));
    assert_eq!(handover.field("secondsToPause").as_deref(), Some(&json!("600")));
    assert_eq!(handover.field("team").as_deref(), Some(&json!({"id": 1})));
    assert!(handover.field("reset_context").is_none() && handover.field("resetContext").is_none());
    assert!(handover.field("nothing").is_none());
    assert_eq!(handover.get("type").as_deref(), Some(&json!("handover")));
    let button = Button::from_value(json!({"newTab": "true", "label": 1, "icon": "star"})).unwrap();
    assert_eq!(button.new_tab(), Some(true));
    assert_eq!(button.get("new_tab").as_deref(), Some(&json!(true)));
    assert!(button.get("label").is_none() && button.get("icon").is_none());
    assert_eq!(Value::Object(button.extra()), json!({"icon": "star"}));
    assert_eq!(
        button.to_value(),
        json!({"newTab": "true", "label": 1, "icon": "star"})
    );
}

/// A message takes the words of a part exactly when the part says that it is spoken text, and then the same words.
#[test]
fn a_message_says_what_its_parts_say() {
    let generic = TemplateKind::ALL.iter().map(|kind| kind.name());
    let others = [
        "whatsapp_text",
        "gbm_text",
        "phone_say",
        "twitter_public_reply",
        "hologram",
        "hologram_text",
        "",
        "Text",
    ];
    let payloads = [
        json!({"text": "a"}),
        json!({"text": "", "title": "b"}),
        json!({"text": 1, "speech": "c"}),
        json!({"title": "d", "note": "e"}),
        json!({"note": "e"}),
        json!({}),
        Value::Null,
    ];
    for name in generic.chain(others) {
        for payload in &payloads {
            let document = json!({"type": name, "payload": payload});
            let part = template(document.clone());
            let message = ReplyMessage::from_value(json!({"responses": [document]})).unwrap();
            let taken = if part.is_text() {
                part.text().unwrap_or_default()
            } else {
                ""
            };
            assert_eq!(message.text(), taken, "{name} {payload}");
        }
    }
    let text = |document| template(document).text().map(str::to_owned);
    assert_eq!(text(json!({"type": "text", "payload": {"title": "T"}})), None);
    assert_eq!(
        text(json!({"type": "card", "payload": {"title": "T"}})).as_deref(),
        Some("T")
    );
    assert_eq!(
        text(json!({"type": "phone_say", "payload": {"speech": "S"}})).as_deref(),
        Some("S")
    );
    assert_eq!(
        text(json!({"type": "note", "payload": {"note": "N"}})).as_deref(),
        Some("N")
    );
    assert_eq!(text(json!({"type": "handover", "payload": {}})), None);
}
