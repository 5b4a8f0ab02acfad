//! Broadcasts to an audience and to segments.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_sandbox::{Sandbox, Seed};
use serde_json::{Value, json};
use support::*;

fn seeded() -> Sandbox {
    let seed = json!({
        "segments": [
            {"id": "seg_1", "name": "Customers", "members": [
                {"name": "John Doe", "phoneNumber": "+31612345678"},
                {"name": "Jane Roe", "identifier": "jane", "profile": {"locale": "nl"}},
            ]},
            {"id": "seg_2", "name": "Early birds", "members": [{"name": "Jane Roe", "identifier": "jane"}]},
            {"id": "seg_3", "name": "Customers"},
        ],
        "rules": [{"event": "SALE", "replies": [{"type": "text", "payload": {"text": "Everything must go!"}}]}],
    });
    builder().seed(Seed::from_value(&seed).unwrap()).start().unwrap()
}

fn sale() -> Value {
    json!({
        "audience": [
            {"name": "John Doe", "phoneNumber": "+31612345678"},
            {"name": "Jane Roe", "identifier": "jane", "profile": {"locale": "nl"}},
            {"name": "Jane Roe", "identifier": "jane"},
        ],
        "channel": {"channelName": "whatsapp", "externalId": "+31201234567"},
        "payload": {"type": "event", "eventName": "SALE", "metadata": {"language": "nl", "timezone": "-2", "params": {}}},
    })
}

fn events(sandbox: &Sandbox) -> Vec<Value> {
    sandbox
        .deliveries()
        .into_iter()
        .map(|delivery| delivery.event)
        .collect()
}

#[test]
fn every_recipient_has_a_conversation_once() {
    let sandbox = seeded();
    let answer = call(&sandbox, "POST", "broadcast/instant", &sale().to_string()).api();
    assert_eq!(answer, (200, json!({"status": "ok"})));
    let told = events(&sandbox);
    assert_eq!(told.len(), 2);
    for (event, (who, user)) in told.iter().zip([
        (
            "+31612345678",
            json!({"name": "John Doe", "role": "external", "profile": {"fullName": "John Doe"}}),
        ),
        (
            "jane",
            json!({"name": "Jane Roe", "role": "external", "profile": {"locale": "nl"}}),
        ),
    ]) {
        let thread = format!("{who}|whatsapp_+31201234567");
        assert_eq!(
            (&event["type"], &event["threadId"], &event["channelName"]),
            (&json!("outbound"), &json!(thread), &json!("whatsapp"))
        );
        assert_eq!(event["messages"][0]["fallback"], "Everything must go!");
        assert_eq!(event["user"], user);
        let entries = history(&sandbox, &thread.replace('|', "%7C"))["history"].clone();
        assert_eq!(entries.as_array().unwrap().len(), 2);
        assert_eq!(
            entries[0]["messages"][0]["responses"][0]["payload"]["name"],
            "SALE"
        );
        assert_eq!(entries[0]["originator"]["name"], user["name"]);
    }
    // The conversation goes on.
    let thread = "jane%7Cwhatsapp_+31201234567";
    say(&sandbox, thread, &text("Too expensive"));
    assert_eq!(history(&sandbox, thread)["history"].as_array().unwrap().len(), 4);

    let mut spoken = sale();
    spoken["payload"] = json!({"type": "text", "speech": "Hello"});
    spoken["channel"] = json!({"channelName": "a channel of tomorrow", "externalId": "x"});
    assert_eq!(
        call(&sandbox, "POST", "broadcast/instant", &spoken.to_string())
            .api()
            .0,
        200
    );
    let event = events(&sandbox).pop().unwrap();
    assert_eq!(event["messages"][0]["replyTo"], "Hello");
    assert_eq!(event["channelName"], "a channel of tomorrow");
}

#[test]
fn an_audience_that_makes_no_sense_is_refused() {
    let sandbox = seeded();
    let put = |path: &[&str], value: Value| {
        let mut body = sale();
        let mut at = &mut body;
        for step in path {
            at = match step.parse::<usize>() {
                Ok(index) => &mut at[index],
                Err(_) => &mut at[*step],
            };
        }
        *at = value;
        body
    };
    let audience = |value: Value| put(&["audience", "1"], value);
    for (body, place) in [
        (json!([]), "The body must be an object"),
        (put(&["audience"], Value::Null), "audience is missing"),
        (put(&["audience"], json!({})), "audience must be a list"),
        (put(&["audience"], json!([])), "audience must not be empty"),
        (audience(json!("jane")), "audience[1] must be an object"),
        (audience(json!({"name": "x"})), "audience[1] must have either"),
        (
            audience(json!({"name": "x", "phoneNumber": "+316", "identifier": "x"})),
            "audience[1] must have either",
        ),
        (
            audience(json!({"name": "x", "phoneNumber": "0612345678"})),
            "audience[1].phoneNumber must be a plus",
        ),
        (
            audience(json!({"identifier": "x"})),
            "audience[1].name is missing",
        ),
        (
            audience(json!({"name": "", "identifier": "x"})),
            "audience[1].name must not be empty",
        ),
        (
            audience(json!({"name": "x", "identifier": "x", "profile": []})),
            "audience[1].profile must be an object",
        ),
        (put(&["channel"], Value::Null), "channel is missing"),
        (put(&["channel"], json!("whatsapp")), "channel must be an object"),
        (
            put(&["channel", "externalId"], Value::Null),
            "channel.externalId is missing",
        ),
        (
            put(&["channel", "channelName"], json!("")),
            "channel.channelName must not be empty",
        ),
        (put(&["payload"], Value::Null), "payload must be an object"),
        (
            put(&["payload", "type"], json!("media")),
            "payload.type must be one of text, event",
        ),
        (
            put(&["payload", "eventName"], Value::Null),
            "payload.eventName is missing",
        ),
        (
            put(&["payload"], json!({"type": "text", "speech": "x".repeat(256)})),
            "The text has 256",
        ),
        (
            put(&["payload", "metadata"], json!(1)),
            "payload.metadata must be",
        ),
    ] {
        let (status, answer) = call(&sandbox, "POST", "broadcast/instant", &body.to_string()).api();
        assert_eq!((status, &answer["status"]), (400, &json!("error")), "{body}");
        let message = answer["payload"]["message"].as_str().unwrap();
        assert!(message.starts_with(place), "{message}, not {place}");
    }
    assert_eq!(call(&sandbox, "POST", "broadcast/instant", "").api().0, 400);
    assert!(sandbox.deliveries().is_empty(), "nobody was written to");
    let (_, threads) = call(&sandbox, "GET", "threads?sync=true", "").api();
    assert_eq!(threads["result"]["threads"], json!([]));
}

#[test]
fn segments_are_listed_without_their_members() {
    let sandbox = seeded();
    let segments = json!([
        {"id": "seg_1", "name": "Customers"},
        {"id": "seg_2", "name": "Early birds"},
        {"id": "seg_3", "name": "Customers"},
    ]);
    let (_, answer) = call(&sandbox, "GET", "broadcast/segments?sync=true", "").api();
    assert_eq!(answer, json!({"status": "ok", "segments": segments}));
    let (_, answer) = call(&sandbox, "GET", "broadcast/segments", "").api();
    assert_eq!(answer, json!({"status": "ok"}));
    assert_eq!(
        events(&sandbox),
        [json!({"type": "segments", "segments": segments})]
    );
    let empty = builder().start().unwrap();
    let (_, answer) = call(&empty, "GET", "broadcast/segments?sync=true", "").api();
    assert_eq!(answer, json!({"status": "ok", "segments": []}));
}

#[test]
fn segments_are_written_to_by_id_or_name() {
    let cast = |audience: Value, payload: Value| {
        let sandbox = seeded();
        let body = json!({"audience": audience, "payload": payload});
        let answer = call(&sandbox, "POST", "broadcast/instant/segment", &body.to_string()).api();
        (answer, events(&sandbox))
    };
    let event = json!({"type": "event", "eventName": "SALE"});
    for (audience, people) in [
        (json!([{"id": "seg_1"}]), 2),
        (json!([{"name": "Customers"}]), 2),
        (json!([{"id": "seg_1", "name": "Customers"}]), 2),
        (json!([{"id": "seg_1"}, {"name": "Early birds"}]), 2),
        (json!([{"name": "Early birds"}]), 1),
        // However often it is named: it is one segment, and is not copied each time.
        (json!(vec![json!({"id": "seg_2"}); 50_000]), 1),
        (json!([{"id": "seg_3", "name": "Customers"}]), 0),
    ] {
        let (answer, told) = cast(audience.clone(), event.clone());
        assert_eq!(answer, (200, json!({"status": "ok"})), "{audience}");
        assert_eq!(told.len(), people, "{audience}");
    }
    for payload in [
        json!({"type": "text", "speech": "Hello"}),
        json!({"type": "location", "lat": "1", "long": "2", "title": "Home"}),
        json!({"type": "media", "mediaType": "image", "url": "https://x"}),
    ] {
        let (answer, told) = cast(json!([{"id": "seg_2"}]), payload);
        assert_eq!(answer.0, 200);
        assert_eq!(told[0]["type"], "outbound");
        assert!(told[0]["threadId"].as_str().unwrap().starts_with("jane|o_"));
    }
    for (audience, payload, status) in [
        (json!([{"id": "seg_9"}]), event.clone(), 404),
        (
            json!([{"id": "seg_1", "name": "Early birds"}]),
            event.clone(),
            404,
        ),
        (
            json!([{"id": "seg_1"}, {"name": "customers"}]),
            event.clone(),
            404,
        ),
        (json!([{}]), event.clone(), 400),
        (json!([{"id": ""}]), event.clone(), 400),
        (json!([{"id": 1}]), event.clone(), 400),
        (json!([]), event.clone(), 400),
        (json!(["seg_1"]), event, 400),
        (json!([{"id": "seg_1"}]), json!({"type": "poem"}), 400),
        (
            json!([{"id": "seg_1"}]),
            json!({"events": [{"name": "SALE"}]}),
            400,
        ),
    ] {
        let ((got, answer), told) = cast(audience.clone(), payload);
        assert_eq!((got, &answer["status"]), (status, &json!("error")), "{audience}");
        assert!(told.is_empty());
    }
}

#[test]
fn many_recipients_are_written_to_while_others_are_served() {
    let sandbox = seeded();
    let audience: Vec<Value> = (0..5000)
        .map(|n| json!({"name": "x", "identifier": n.to_string()}))
        .collect();
    let mut body = sale();
    body["audience"] = json!(audience);
    let mut broadcasting = connect(&sandbox);
    broadcasting.send(request("POST", "broadcast/instant", &body.to_string()));
    say(&sandbox, "t", &text("Hello"));
    assert_eq!(broadcasting.receive().unwrap().api().0, 200);
    let answered: Vec<String> = sandbox
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(answered, ["/rest/v1/messages/t", "/rest/v1/broadcast/instant"]);
    let outbound = events(&sandbox)
        .iter()
        .filter(|event| event["type"] == "outbound")
        .count();
    assert_eq!(outbound, 5000);
}
