//! The seed: what is in it, and what is wrong with it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_sandbox::{Bot, Seed, ThreadState};
use serde_json::{Value, json};
use support::*;

/// Every template there is, and one of its required fields each; of those without any, none.
const TEMPLATES: &[(&str, &[&str])] = &[
    ("text", &["text"]),
    ("image", &["title", "url"]),
    ("video", &["title", "url"]),
    ("audio", &["title", "url"]),
    ("file", &["url"]),
    ("location", &["title", "lat", "long"]),
    ("card", &["title"]),
    ("carousel", &["cards"]),
    ("list", &["items"]),
    ("buttons", &["title", "buttons"]),
    ("webview", &["label", "url"]),
    ("handover", &["resetContext", "indefinitePause", "setBotToPause"]),
    ("note", &["note"]),
    ("custom", &[]),
    ("event", &["name"]),
    ("system_reply", &["text"]),
    ("khoros_priority", &["priority"]),
    ("agent_text", &["text"]),
    ("phone_say", &["speech"]),
    ("phone_ask", &["url"]),
    ("phone_dial", &["phoneNumber"]),
    ("phone_pause", &["seconds"]),
    ("phone_hangup", &[]),
    ("phone_handover", &[]),
    ("rbm_card", &["cardOrientation", "thumbnailImageAlignment"]),
    ("rbm_carousel", &["cards"]),
    ("gbm_text", &["text"]),
    ("gbm_card", &["title"]),
    ("gbm_carousel", &["cards"]),
    ("whatsapp_text", &["text"]),
    ("whatsapp_image", &["url"]),
    ("whatsapp_video", &["url"]),
    ("whatsapp_audio", &["url"]),
    ("whatsapp_document", &["url"]),
    ("whatsapp_sticker", &["stickerId"]),
    ("whatsapp_location", &["lat", "long"]),
    ("whatsapp_contacts", &["contacts"]),
    ("whatsapp_buttons", &["body", "action"]),
    ("whatsapp_list", &["body", "action"]),
    ("whatsapp_template", &["name", "language"]),
    ("messenger_otn", &["title"]),
    ("messenger_products", &["productIds"]),
    (
        "messenger_receipt",
        &[
            "recipientName",
            "orderNumber",
            "currency",
            "paymentMethod",
            "summary",
        ],
    ),
    ("facebook_public_reply", &["text"]),
    ("twitter_public_reply", &["text"]),
    ("sticker", &["packageId", "stickerId"]),
    ("apple_list_picker", &["sections"]),
    ("apple_time_picker", &["event"]),
    ("apple_rich_link", &["title", "url"]),
    ("apple_pay_request", &["merchant", "total"]),
    ("apple_auth_request", &["oauth2"]),
    ("apple_custom_interactive_data", &[]),
    ("a_type_of_tomorrow", &[]),
];

fn reason(document: &Value) -> String {
    let error = Seed::from_value(document).err();
    error.map_or_else(|| panic!("accepted: {document}"), |error| error.to_string())
}

fn rule(template: &Value) -> Value {
    json!({"rules": [{"any": true, "replies": [template]}]})
}

fn example() -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sandbox-seed.json");
    Seed::from_file(&path).unwrap();
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The template that the example shows for `show KIND`.
fn shown(example: &Value, kind: &str) -> Value {
    let rules = example["rules"].as_array().unwrap();
    let found = rules.iter().find(|rule| rule["text"] == format!("show {kind}"));
    found.unwrap_or_else(|| panic!("no {kind}"))["replies"][0].clone()
}

#[test]
fn the_example_shows_every_template_as_it_is() {
    let example = example();
    let seed = Seed::from_value(&example).unwrap();
    let sandbox = builder().seed(seed).bot(Bot::None).start().unwrap();
    for (kind, _) in TEMPLATES {
        say(&sandbox, kind, &text(&format!("Show {kind}")));
        let expected = json!([shown(&example, kind)]);
        let reply = sandbox.deliveries().pop().unwrap().event;
        assert_eq!(reply["type"], "message.reply");
        assert_eq!(reply["messages"][0]["responses"], expected);
        assert!(!reply["messages"][0]["fallback"].as_str().unwrap().is_empty());
        let entry = &history(&sandbox, kind)["history"][1];
        assert_eq!(entry["messages"][0]["responses"], expected);
        let asked = format!("messages/{kind}?sync=true");
        let (_, answer) = call(&sandbox, "POST", &asked, &text(&format!("show {kind}"))).api();
        assert_eq!(answer["messages"][0]["responses"], expected);
    }
    let templates = example["rules"].as_array().unwrap().iter();
    let shows = templates.filter(|rule| rule["text"].as_str().unwrap_or_default().starts_with("show "));
    assert_eq!(shows.count(), TEMPLATES.len());
}

#[test]
fn what_a_template_must_have_is_missed_at_its_place() {
    let example = example();
    for (kind, required) in TEMPLATES {
        let whole = shown(&example, kind);
        assert_eq!(whole["type"], *kind);
        for field in *required {
            let mut template = whole.clone();
            template["payload"].as_object_mut().unwrap().remove(*field);
            let reason = reason(&rule(&template));
            assert!(
                reason.starts_with("seed: rules[0].replies[0].payload."),
                "{reason}"
            );
            assert!(
                reason.contains(field) && reason.ends_with(" is missing"),
                "{kind} {field}: {reason}"
            );
            // Null is absence, and the wrong type is told as such.
            template["payload"][*field] = Value::Null;
            assert!(Seed::from_value(&rule(&template)).is_err());
        }
        let mut template = whole.clone();
        template.as_object_mut().unwrap().remove("payload");
        assert_eq!(
            reason(&rule(&template)),
            "seed: rules[0].replies[0].payload is missing"
        );
    }
    let mut vertical = shown(&example, "rbm_card");
    vertical["payload"] = json!({"cardOrientation": "VERTICAL"});
    Seed::from_value(&rule(&vertical)).unwrap();
}

#[test]
fn components_are_checked_where_they_are() {
    for (payload, place) in [
        (
            json!({"title": "x", "buttons": [{"type": "url", "value": "x"}]}),
            "buttons[0].label is missing",
        ),
        (
            json!({"title": "x", "buttons": [1]}),
            "buttons[0] must be an object",
        ),
        (
            json!({"title": "x", "buttons": [{"type": "url", "label": "x", "value": "x", "trigger": {"type": "event"}}]}),
            "buttons[0].trigger.value is missing",
        ),
        (
            json!({"title": "x", "action": {"type": "url"}}),
            "action.value is missing",
        ),
        (
            json!({"title": "x", "media": {"url": "https://x"}}),
            "media.type is missing",
        ),
        (
            json!({"title": "x", "media": "https://x"}),
            "media must be an object",
        ),
        (
            json!({"title": "x", "quickReplies": [{"value": "x"}]}),
            "quickReplies[0].label is missing",
        ),
        (json!({"title": 5}), "title must be a string"),
    ] {
        let card = json!({"type": "card", "payload": payload});
        assert_eq!(
            reason(&rule(&card)),
            format!("seed: rules[0].replies[0].payload.{place}")
        );
        let carousel = json!({"type": "carousel", "payload": {"cards": [{"title": "x"}, payload]}});
        if !place.starts_with("quickReplies") {
            assert_eq!(
                reason(&rule(&carousel)),
                format!("seed: rules[0].replies[0].payload.cards[1].{place}")
            );
        }
    }
    // The same names mean other things to other templates.
    let list = json!({"type": "whatsapp_list", "payload": {"body": {}, "action": {"button": "Choose"}}});
    Seed::from_value(&rule(&list)).unwrap();
    let quick = json!({"type": "text", "payload": {"text": "x", "quickReplies": [{"type": "user_email"}]}});
    Seed::from_value(&rule(&quick)).unwrap();
}

#[test]
fn what_is_wrong_is_named() {
    let text = json!([{"type": "text", "payload": {"text": "x"}}]);
    for (document, expected) in [
        (json!([]), "the seed must be an object"),
        (json!({"rule": []}), "rule is not known here; known are segments"),
        (json!({"rules": {}}), "rules must be a list"),
        (json!({"rules": [1]}), "rules[0] must be an object"),
        (
            json!({"rules": [{"replies": text}]}),
            "rules[0] must have exactly one of text, pattern, event and any",
        ),
        (
            json!({"rules": [{"any": true, "text": "x"}]}),
            "rules[0] must have exactly one of",
        ),
        (json!({"rules": [{"any": false}]}), "rules[0].any must be true"),
        (
            json!({"rules": [{"text": ""}]}),
            "rules[0].text must not be empty",
        ),
        (
            json!({"rules": [{"event": 1}]}),
            "rules[0].event must be a string",
        ),
        (
            json!({"rules": [{"pattern": "(x"}]}),
            "rules[0].pattern is not a pattern: ",
        ),
        (
            json!({"rules": [{"pattern": "\\w{1000}{1000}"}]}),
            "rules[0].pattern is not a pattern: ",
        ),
        (
            json!({"rules": [{"any": true, "replies": []}]}),
            "rules[0].replies must not be empty",
        ),
        (
            json!({"rules": [{"any": true, "repiles": []}]}),
            "rules[0].repiles is not known here",
        ),
        (
            json!({"rules": [{"any": true, "replies": text, "messages": []}]}),
            "rules[0].messages cannot stand beside replies",
        ),
        (
            json!({"rules": [{"any": true, "messages": [{}]}]}),
            "rules[0].messages[0].replies is missing",
        ),
        (
            json!({"rules": [{"any": true, "messages": [{"replies": text, "delay": -1}]}]}),
            "rules[0].messages[0].delay must be a whole number of milliseconds",
        ),
        (
            json!({"rules": [{"any": true, "messages": [{"replies": text, "delay": 86_400_001}]}]}),
            "rules[0].messages[0].delay must be",
        ),
        (
            json!({"rules": [{"any": true, "quickReplies": ["x"]}]}),
            "rules[0].quickReplies needs a reply",
        ),
        (
            json!({"rules": [{"any": true, "replies": [{"type": "text", "payload": {"text": "x"}, "delay": "1"}]}]}),
            "rules[0].replies[0].delay must be a number of milliseconds",
        ),
        (
            json!({"rules": [{"any": true, "replies": [{"type": "text", "payload": {"text": "x"}, "paylaod": 1}]}]}),
            "rules[0].replies[0].paylaod is not known here",
        ),
        (
            json!({"rules": [{"any": true, "replies": [{"type": "khoros_priority", "payload": {"priority": 6}}]}]}),
            "rules[0].replies[0].payload.priority must be a whole number from 0 to 5",
        ),
        (
            json!({"rules": [{"any": true, "pushEvents": [{}]}]}),
            "rules[0].pushEvents[0].type is missing",
        ),
        (
            json!({"rules": [{"any": true, "handover": 5}]}),
            "rules[0].handover must be true or false",
        ),
        (
            json!({"rules": [{"any": true, "handover": {"secondsToPause": 0}}]}),
            "rules[0].handover.secondsToPause must be a whole number above zero",
        ),
        (
            json!({"rules": [{"any": true, "pause": true, "resolve": true}]}),
            "rules[0].resolve cannot go with another change",
        ),
        (
            json!({"handoverSeconds": -1}),
            "handoverSeconds must be a whole number above zero",
        ),
        (
            json!({"triggerEvents": ["A", ""]}),
            "triggerEvents[1] must not be empty",
        ),
        (json!({"segments": [{"id": "a"}]}), "segments[0].name is missing"),
        (
            json!({"segments": [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}]}),
            "segments[1].id is the id of another segment",
        ),
        (
            json!({"segments": [{"id": "a", "name": "A", "members": [{"name": "x", "phoneNumber": "12"}]}]}),
            "segments[0].members[0].phoneNumber must be a plus and 2 to 15 digits",
        ),
        (
            json!({"segments": [{"id": "a", "name": "A", "members": [{"name": "x"}]}]}),
            "segments[0].members[0] must have either a phoneNumber or an identifier",
        ),
        (
            json!({"threads": [{"history": []}]}),
            "threads[0].threadId is missing",
        ),
        (
            json!({"threads": [{"threadId": "t", "state": "closed"}]}),
            "threads[0].state must be open, handover or resolved",
        ),
        (
            json!({"threads": [{"threadId": "t", "history": [{"messages": []}]}]}),
            "threads[0].history[0].originator is missing",
        ),
        (
            json!({"threads": [{"threadId": "t", "history": [{"originator": {"name": "x", "role": "bot"},
                "messages": [{"responses": [{"type": "text", "payload": {}}]}]}]}]}),
            "threads[0].history[0].messages[0].responses[0].payload.text is missing",
        ),
        (
            json!({"businessHours": [{"weekdays": [{"weekday": "Monday", "content": [{"from": "8:30"}]}]}]}),
            "businessHours[0].weekdays[0].content[0].to is missing",
        ),
    ] {
        let reason = reason(&document);
        assert!(reason.starts_with(&format!("seed: {expected}")), "{reason}");
    }
    let broken = Seed::from_json("{\"rules\": [}").unwrap_err().to_string();
    assert!(
        broken.starts_with("seed: not valid JSON: ") && broken.contains("line 1"),
        "{broken}"
    );
    assert!(Seed::from_json(&"[".repeat(100_000)).is_err());
}

#[test]
fn a_file_is_named_in_what_is_wrong_with_it() {
    let folder = std::env::temp_dir().join(format!("flowai-seed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let missing = Seed::from_file(folder.join("missing.json"))
        .unwrap_err()
        .to_string();
    assert!(
        missing.starts_with("seed: ") && missing.contains("missing.json: "),
        "{missing}"
    );
    let path = folder.join("wrong.json");
    for (content, expected) in [
        (&b"{\"rules\": 1}"[..], "wrong.json: rules must be a list"),
        (&b"\xff"[..], "wrong.json: "),
    ] {
        std::fs::write(&path, content).unwrap();
        let wrong = Seed::from_file(&path).unwrap_err().to_string();
        assert!(wrong.contains(expected), "{wrong}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn conversations_and_hours_are_there_from_the_start() {
    let example = example();
    let sandbox = builder()
        .seed(Seed::from_value(&example).unwrap())
        .start()
        .unwrap();
    let result = history(&sandbox, "thread-before");
    let entries = result["history"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(
        entries[0]["originator"],
        json!({"name": "John Doe", "role": "user", "profile": {}})
    );
    let message = &entries[0]["messages"][0];
    assert_eq!(message["fallback"], "Where is my order?");
    assert_eq!(message["replyTo"], Value::Null);
    assert!(message["createdAt"].is_string() && message["meta"]["msgId"].is_string());
    assert_eq!(entries[1]["messages"][0]["replyTo"], "Where is my order?");
    assert_eq!(sandbox.thread_state("thread-before"), ThreadState::Resolved);

    let (_, hours) = call(&sandbox, "GET", "businesshours?sync=true", "").api();
    assert_eq!(hours["businessHours"], example["businessHours"]);
    let (_, threads) = call(&sandbox, "GET", "threads?sync=true", "").api();
    assert_eq!(threads["result"]["threads"], json!(["thread-before"]));

    let own = builder()
        .seed(Seed::from_value(&example).unwrap())
        .business_hours(json!([]));
    let (_, hours) = call(&own.start().unwrap(), "GET", "businesshours?sync=true", "").api();
    assert_eq!(hours["businessHours"], json!([]));
}

#[test]
fn the_documented_seed_does_what_the_page_says() {
    let page = include_str!("../../../docs/sandbox.md");
    let mut documented = page.split("```json\n").skip(1);
    let json = documented.next().unwrap().split("```").next().unwrap();
    assert!(documented.next().is_none());
    let sandbox = builder()
        .seed(Seed::from_json(json).unwrap())
        .speed(100.0)
        .start()
        .unwrap();
    for (said, answers) in [
        (text("Hello"), &["Hello! How can I help?"][..]),
        (
            text("where is order 99812?"),
            &["Let me see...", "Order 99812 is on its way."],
        ),
        (event("ORDER_SHIPPED"), &["Your order is on its way."]),
        (text("what?"), &["I did not understand that."]),
        (text("human"), &["One moment, please."]),
    ] {
        let before = sandbox.deliveries().len();
        say(&sandbox, "t", &said);
        assert!(sandbox.wait_delivered(LONG));
        let events = sandbox.deliveries().split_off(before);
        let replies = events
            .iter()
            .filter(|delivery| delivery.event["type"] == "message.reply");
        let words: Vec<Value> = replies
            .map(|delivery| delivery.event["messages"][0]["fallback"].clone())
            .collect();
        assert_eq!(words, answers, "{said}");
    }
    assert_eq!(sandbox.thread_state("t"), ThreadState::Handover);
    let body = json!({"audience": [{"name": "Customers"}], "payload": {"type": "text", "speech": "bye"}});
    let answer = call(&sandbox, "POST", "broadcast/instant/segment", &body.to_string());
    assert_eq!(answer.status(), 200);
    let thread = sandbox.deliveries().pop().unwrap().event["threadId"].clone();
    assert_eq!(
        sandbox.thread_state(thread.as_str().unwrap()),
        ThreadState::Resolved
    );
}
