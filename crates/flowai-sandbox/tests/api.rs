//! The HTTP side of the API, byte by byte: the samples of the document, keys, errors, CORS, validation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_sandbox::{Bot, Sandbox, SandboxError};
use serde_json::{Value, json};
use support::*;

const TEXT: &str = r#"
POST rest/v1/messages/6ecfd199-853a-448f-9f91-ef397588ff87 HTTP/1.1
Host: api.flow.ai
Content-Type: application/json
Authorization: Bearer MY_MESSAGING_API_KEY
{
	"payload": {
		"type": "text",
		"speech": "Hello",
		"originator": {
			"name": "John Doe",
			"role": "external"
		}
	}
}"#;

const EVENT: &str = r#"
POST rest/v1/messages/6ecfd199-853a-448f-9f91-ef397588ff87 HTTP/1.1
Host: api.flow.ai
Content-Type: application/json
Authorization: Bearer MY_MESSAGING_API_KEY
{
	"payload": {
		"type": "event",
		"eventName": "MY_EVENT",
		"originator": {
			"name": "John Doe",
			"role": "external"
		}
	}
}"#;

const LOCATION: &str = r#"
POST rest/v1/messages/6ecfd199-853a-448f-9f91-ef397588ff87 HTTP/1.1
Host: api.flow.ai
Content-Type: application/json
Authorization: Bearer MY_MESSAGING_API_KEY
{
	"payload": {
		"type": "location",
		"lat": "1232122422",
		"long": "2433343343",
		"originator": {
			"name": "John Doe",
			"role": "external"
		}
	}
}"#;

/// Neither a Content-Type nor an Authorization is printed here.
const MEDIA: &str = r#"
POST rest/v1/messages/6ecfd199-853a-448f-9f91-ef397588ff87 HTTP/1.1
Host: api.flow.ai
{
	"payload": {
		"type": "media",
		"mediaType": "image",
		"mimetype": "image/png",
		"url": "https://source.unsplash.com/random/880x400",
		"originator": {
			"name": "John Doe",
			"role": "external"
		}
	}
}"#;

fn sample(line: &str, body: &str) -> String {
    printed(&format!(
        "{line} HTTP/1.1\nHost: api.flow.ai\nContent-Type: application/json\n\
         Authorization: Bearer MY_MESSAGING_API_KEY\n{body}"
    ))
}

#[test]
fn every_sample_is_answered_on_one_connection() {
    let sandbox = builder().start().unwrap();
    let mut wire = connect(&sandbox);
    let ok = (200, json!({"status": "ok"}));
    for message in [TEXT, EVENT, LOCATION, MEDIA] {
        assert_eq!(wire.exchange(printed(message)).api(), ok, "{message}");
    }
    for (line, body) in [
        ("GET rest/v1/messages/6ecfd199-853a-448f-9f91-ef397588ff87", ""),
        ("GET rest/v1/businesshours", ""),
        ("POST rest/v1/pause/6ecfd199-853a-448f-9f91-ef397588ff87", "{}"),
        ("DELETE rest/v1/pause/6ecfd199-853a-448f-9f91-ef397588ff87", "{}"),
        ("GET rest/v1/pause/6ecfd199-853a-448f-9f91-ef397588ff87", ""),
        // The JavaScript sample has a body on this GET.
        ("GET rest/v1/pause/6ecfd199-853a-448f-9f91-ef397588ff87", "{}"),
        // The browser example sends these without a body.
        ("POST rest/v1/pause/USER_THREAD_ID", ""),
        ("DELETE rest/v1/pause/USER_THREAD_ID", ""),
    ] {
        assert_eq!(wire.exchange(sample(line, body)).api(), ok, "{line}");
    }

    let (status, body) = wire
        .exchange(sample(
            "GET rest/v1/pause/6ecfd199-853a-448f-9f91-ef397588ff87?sync=true",
            "",
        ))
        .api();
    assert_eq!(
        (status, body),
        (200, json!({"status": "ok", "isPaued": false, "threadId": THREAD}))
    );

    let (_, body) = wire
        .exchange(sample(
            &format!("GET rest/v1/messages/{THREAD}?sync=true&page=1&events=true"),
            "",
        ))
        .api();
    assert_eq!(body["status"], "ok");
    assert_eq!(body["result"]["threadId"], THREAD);
    assert_eq!(
        (&body["result"]["page"], &body["result"]["pages"]),
        (&json!(1), &json!(1))
    );
    let said: Vec<&Value> = body["result"]["history"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["originator"]["role"] == "user")
        .map(|entry| &entry["messages"][0]["responses"][0])
        .collect();
    assert_eq!(said[0], &json!({"type": "text", "payload": {"text": "Hello"}}));
    assert_eq!(said[1]["payload"]["name"], "MY_EVENT");
    assert_eq!(said[2]["payload"]["lat"], "1232122422");
    assert_eq!(
        said[3]["payload"]["url"],
        "https://source.unsplash.com/random/880x400"
    );
    assert_eq!(said[3]["type"], "image");

    let requests = sandbox.requests();
    assert_eq!(requests.len(), 14);
    assert!(requests.iter().all(|request| request.status == Some(200)));
}

#[test]
fn history_has_exactly_the_documented_shape() {
    let sandbox = builder().bot(Bot::None).start().unwrap();
    let body = json!({"payload": {"type": "text", "speech": "test", "params": {"a": [{"value": 1}]},
        "originator": {"name": "visitor_abc", "role": "external", "metadata": {"clientNumber": "1"}}}});
    say(&sandbox, "t", &body.to_string());
    let mut result = history(&sandbox, "t");
    let created = result["history"][0]["messages"][0]["createdAt"].take();
    let ids = [
        result["history"][0]["interactionId"].take(),
        result["history"][0]["messages"][0]["meta"]["msgId"].take(),
    ];
    assert!(ids.iter().all(|id| id.as_str().unwrap().len() == 36), "{ids:?}");
    let created = created.as_str().unwrap();
    assert_eq!(
        (created.len(), &created[10..11], &created[23..]),
        (24, "T", "Z"),
        "{created}"
    );
    assert_eq!(
        result,
        json!({
            "history": [{
                "originator": {"name": "visitor_abc", "role": "user", "profile": {}},
                "messages": [{
                    "fallback": "test",
                    "replyTo": null,
                    "contexts": [],
                    "params": {"a": [{"value": 1}]},
                    "intents": [],
                    "createdAt": null,
                    "responses": [{"type": "text", "payload": {"text": "test"}}],
                    "meta": {"msgId": null}
                }],
                "interactionId": null
            }],
            "threadId": "t",
            "page": 1,
            "pages": 1
        })
    );
}

#[test]
fn history_comes_in_pages_of_twenty() {
    let sandbox = builder().bot(Bot::None).start().unwrap();
    let mut wire = connect(&sandbox);
    for n in 1..=45 {
        assert_eq!(
            wire.exchange(request("POST", "messages/t", &text(&n.to_string())))
                .status(),
            200
        );
    }
    let mut seen = Vec::new();
    for (page, size) in [(1, 20), (2, 20), (3, 5), (4, 0)] {
        let (_, body) = wire
            .exchange(request("GET", &format!("messages/t?page={page}&sync=true"), ""))
            .api();
        let result = &body["result"];
        assert_eq!((&result["page"], &result["pages"]), (&json!(page), &json!(3)));
        let entries = result["history"].as_array().unwrap();
        assert_eq!(entries.len(), size);
        seen.extend(
            entries
                .iter()
                .map(|entry| entry["messages"][0]["fallback"].as_str().unwrap().to_owned()),
        );
    }
    let expected: Vec<String> = (1..=45).map(|n| n.to_string()).collect();
    assert_eq!(seen, expected);
    for bad in ["0", "-1", "x", "", "1.5"] {
        let (status, _) = wire
            .exchange(request("GET", &format!("messages/t?page={bad}"), ""))
            .api();
        assert_eq!(status, 400, "{bad}");
    }
}

#[test]
fn business_hours_have_the_documented_shape_at_the_root() {
    let sandbox = builder().start().unwrap();
    let (status, body) = call(&sandbox, "GET", "businesshours?sync=true", "").api();
    assert_eq!((status, &body["status"]), (200, &json!("ok")));
    let first = &body["businessHours"][0];
    assert_eq!(first["weekdays"][0]["weekday"], "Monday");
    assert_eq!(
        first["weekdays"][0]["content"][0],
        json!({"from": "8:30", "to": "12:00"})
    );
    assert!(
        first["holidays"][0]["date"]
            .as_str()
            .unwrap()
            .ends_with("T00:00:00.000Z")
    );
    assert!(first["timezone"].as_str().unwrap().starts_with("(UTC+"));
    assert!(first["label"].is_string());

    let own = json!([{"label": "mine", "weekdays": [], "holidays": [], "timezone": "(UTC+03:00) Minsk"}]);
    let sandbox = builder().business_hours(own.clone()).start().unwrap();
    let (_, body) = call(&sandbox, "GET", "businesshours?sync=true", "").api();
    assert_eq!(body, json!({"status": "ok", "businessHours": own}));
}

#[test]
fn only_the_literal_true_turns_sync_on() {
    let sandbox = builder().start().unwrap();
    for (query, sync) in [
        ("sync=true", true),
        ("sync=TRUE", false),
        ("sync=1", false),
        ("sync", false),
        ("x=1&sync=true", true),
    ] {
        let (_, body) = call(&sandbox, "GET", &format!("businesshours?{query}"), "").api();
        assert_eq!(body.get("businessHours").is_some(), sync, "{query}");
    }
    let sandbox = builder().fix_is_paued(true).start().unwrap();
    let (_, body) = call(&sandbox, "GET", "pause/t?sync=true", "").api();
    assert_eq!(body, json!({"status": "ok", "isPaused": false, "threadId": "t"}));
}

#[test]
fn thread_ids_are_one_decoded_segment() {
    let sandbox = builder().start().unwrap();
    for (segment, id) in [
        ("a%7Cb", "a|b"),
        ("a|b", "a|b"),
        ("a%2Fb", "a/b"),
        ("%C3%BC+%20", "ü+ "),
        ("100%", "100%"),
    ] {
        let (status, body) = call(&sandbox, "GET", &format!("pause/{segment}?sync=true"), "").api();
        assert_eq!((status, &body["threadId"]), (200, &json!(id)));
    }
    for (path, status) in [
        ("pause/", 404),
        ("pause", 404),
        ("pause/a/b", 404),
        ("pause/a/", 404),
        ("pause/..", 404),
        ("pause/%2e%2E", 404),
        ("messages/", 404),
        ("trigger", 404),
        ("broadcast/instant/", 404),
        ("nothing/t", 404),
        ("", 404),
        ("businesshours/t", 404),
        ("pause/%FF", 400),
    ] {
        let (got, body) = call(&sandbox, "GET", path, "").api();
        assert_eq!((got, &body["status"]), (status, &json!("error")), "{path}");
        assert!(body["payload"]["message"].is_string());
    }
    let outside = format!("GET /other HTTP/1.1\r\nHost: x\r\nAuthorization: {KEY}\r\n\r\n");
    assert_eq!(connect(&sandbox).exchange(outside).api().0, 404);
}

#[test]
fn wrong_methods_are_told_the_right_ones() {
    let sandbox = builder().start().unwrap();
    for (method, path, allow) in [
        ("PUT", "messages/t", "GET, POST"),
        ("DELETE", "messages/t", "GET, POST"),
        ("POST", "businesshours", "GET"),
        ("PATCH", "pause/t", "DELETE, GET, POST"),
        ("GET", "messages", "POST"),
        ("POST", "threads", "GET"),
        ("GET", "handover/t", "POST"),
        ("DELETE", "takeover/t", "POST"),
        ("GET", "resolve/t", "POST"),
        ("POST", "trigger/event", "GET"),
        ("GET", "trigger/event/t", "POST"),
        ("GET", "broadcast/instant", "POST"),
        ("PUT", "broadcast/instant/segment", "POST"),
        ("POST", "broadcast/segments", "GET"),
    ] {
        let answer = call(&sandbox, method, path, "{}");
        assert_eq!(answer.header("allow"), Some(allow));
        assert_eq!(answer.api().0, 405);
    }
}

#[test]
fn keys_are_checked() {
    let sandbox = builder().start().unwrap();
    let ask = |authorization: &str| {
        let text = format!("GET /rest/v1/businesshours HTTP/1.1\r\nHost: x\r\n{authorization}\r\n");
        connect(&sandbox).exchange(text).api()
    };
    for good in [
        "Bearer MY_MESSAGING_API_KEY",
        "MY_MESSAGING_API_KEY",
        "bEARER  MY_MESSAGING_API_KEY",
        " MY_MESSAGING_API_KEY ",
    ] {
        assert_eq!(ask(&format!("Authorization: {good}\r\n")).0, 200, "{good}");
    }
    let twice = "Authorization: MY_MESSAGING_API_KEY\r\nAuthorization: MY_MESSAGING_API_KEY\r\n";
    for bad in [
        "",
        "Authorization:\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer MY_MESSAGING_API_KE\r\n",
        "Authorization: Bearer MY_MESSAGING_API_KEYS\r\n",
        "Authorization: Basic MY_MESSAGING_API_KEY\r\n",
        "Authorization: Bearer my_messaging_api_key\r\n",
        twice,
    ] {
        let (status, body) = ask(bad);
        assert_eq!((status, &body["status"]), (401, &json!("error")), "{bad}");
        assert!(body["payload"]["message"].as_str().unwrap().contains("API key"));
        assert!(!body.to_string().contains(KEY));
    }
    // Without a key nobody learns which endpoints there are, and nothing happens.
    let (status, _) = connect(&sandbox)
        .exchange("POST /rest/v1/pause/t HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        .api();
    assert_eq!(status, 401);
    assert_eq!(
        call(&sandbox, "GET", "pause/t?sync=true", "").json()["isPaued"],
        false
    );
    let journal = format!("{:?}", sandbox.requests());
    assert!(journal.contains("[redacted]") && !journal.contains(KEY));
}

#[test]
fn keys_and_secrets_are_made_when_not_given_and_never_printed() {
    let sandbox = Sandbox::builder().start().unwrap();
    assert!(sandbox.api_key().len() >= 32 && sandbox.api_key().bytes().all(|b| b.is_ascii_graphic()));
    assert!(sandbox.webhook_secret().len() >= 32);
    let debug = format!("{sandbox:?} {:?}", builder());
    assert!(!debug.contains(sandbox.api_key()) && !debug.contains(&sandbox.webhook_secret()));
    assert!(!debug.contains(KEY) && !debug.contains(SECRET));
    for key in ["", "two words", "schlüssel"] {
        let refused = Sandbox::builder().api_key(key).start().unwrap_err();
        assert!(
            matches!(
                refused,
                SandboxError::InvalidArgument {
                    argument: "api_key",
                    ..
                }
            ),
            "{refused}"
        );
    }
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(Sandbox::builder().speed(speed).start().is_err(), "{speed}");
    }
}

#[test]
fn an_address_that_cannot_be_listened_on_is_named() {
    for address in ["nonsense", "8080", "127.0.0.1:99999"] {
        let refused = Sandbox::builder().listen(address).start().unwrap_err();
        assert!(
            matches!(&refused, SandboxError::InvalidArgument { argument: "listen", reason }
                if reason.contains(address) && reason.contains("HOST:PORT")),
            "{refused}"
        );
    }
    let taken = Sandbox::builder().start().unwrap();
    let address = taken.base_url().split('/').nth(2).unwrap();
    let refused = Sandbox::builder().listen(address).start().unwrap_err();
    assert!(refused.to_string().contains(address), "{refused}");
    assert!(
        matches!(&refused, SandboxError::Io(error) if error.kind() == std::io::ErrorKind::AddrInUse),
        "{refused:?}"
    );
}

#[test]
fn a_webhook_secret_that_no_verifier_accepts_is_refused() {
    let started = |secret: &str| Sandbox::builder().webhook_secret(secret).start();
    for secret in ["", "short", &"x".repeat(31)] {
        let refused = started(secret).unwrap_err();
        assert!(
            matches!(&refused, SandboxError::InvalidArgument { argument: "webhook_secret", reason }
                if reason.contains("32 bytes")),
            "{refused}"
        );
    }
    started(&"x".repeat(32)).unwrap();
}

#[test]
fn it_can_be_shared_by_threads() {
    fn shared<T: Send + Sync + 'static>(_: &T) {}
    let sandbox = builder().start().unwrap();
    shared(&sandbox);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let sandbox = &sandbox;
            scope.spawn(move || {
                for _ in 0..25 {
                    say(sandbox, &format!("t{n}"), &text("Hello"));
                }
            });
        }
    });
    assert_eq!(sandbox.requests().len(), 200);
    assert_eq!(sandbox.deliveries().len(), 400);
    for n in 0..8 {
        let entries = history(&sandbox, &format!("t{n}"));
        assert_eq!(entries["pages"], 3);
        for (at, entry) in entries["history"].as_array().unwrap().iter().enumerate() {
            assert_eq!(
                entry["originator"]["role"],
                if at % 2 == 0 { "user" } else { "bot" }
            );
        }
    }
}

#[test]
fn browsers_may_call_from_any_page() {
    let sandbox = builder().start().unwrap();
    let mut wire = connect(&sandbox);
    let answer = wire.exchange(
        "OPTIONS /rest/v1/messages/USER_THREAD_ID HTTP/1.1\r\nHost: x\r\nOrigin: null\r\n\
         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization,content-type\r\n\r\n",
    );
    assert_eq!(answer.status(), 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let allowed = |name| answer.header(name).unwrap().to_ascii_lowercase();
    for method in ["get", "post", "delete"] {
        assert!(allowed("access-control-allow-methods").contains(method));
    }
    assert!(allowed("access-control-allow-headers").contains("authorization"));
    assert!(allowed("access-control-allow-headers").contains("content-type"));
    // The connection goes on, and refusals can be read by the page as well.
    assert_eq!(
        wire.exchange("GET /rest/v1/businesshours HTTP/1.1\r\nHost: x\r\n\r\n")
            .api()
            .0,
        401
    );
}

#[test]
fn messages_are_read_as_clients_write_them() {
    let sandbox = builder().bot(Bot::None).start().unwrap();
    let originator = json!({"name": "John Doe", "role": "external"});
    let long = "ü".repeat(255);
    for payload in [
        json!({"type": "text", "text": "the table's name"}),
        json!({"type": "text", "speech": "wins", "text": "loses"}),
        json!({"type": "text", "speech": long}),
        json!({"type": "text", "speech": "x", "traceId": 12, "lang": "en", "timezone": -5, "params": {}}),
        json!({"type": "text", "speech": "x", "lang": "en", "metadata": {"language": "nl", "timezone": "2"}}),
        json!({"type": "text", "speech": "x", "traceId": null, "lang": null, "unknown": [1]}),
        json!({"type": "location", "lat": 12.3, "long": 0, "title": "Home"}),
        json!({"type": "media", "mediaType": "file", "mimeType": "text/plain", "url": "https://x"}),
    ] {
        let mut body = json!({"payload": payload});
        body["payload"]["originator"] = originator.clone();
        let answer = call(&sandbox, "POST", "messages/t", &body.to_string()).api();
        assert_eq!(answer, (200, json!({"status": "ok"})), "{body}");
    }
    let delivered: Vec<Value> = sandbox
        .deliveries()
        .into_iter()
        .map(|delivery| delivery.event)
        .collect();
    assert_eq!(delivered[0]["speech"], "the table's name");
    assert_eq!(delivered[1]["speech"], "wins");
    assert_eq!(delivered[3]["traceId"], 12);
    assert_eq!(
        delivered[3]["metadata"],
        json!({"language": "en", "timezone": -5, "params": {}})
    );
    assert_eq!(
        delivered[4]["metadata"],
        json!({"language": "nl", "timezone": "2"})
    );
    assert_eq!(delivered[7]["mimeType"], "text/plain");
}

#[test]
fn messages_that_lack_what_is_required_are_refused() {
    let sandbox = builder().start().unwrap();
    let originator = json!({"name": "John Doe", "role": "external"});
    let with = |payload: Value| {
        let mut body = json!({"payload": payload});
        body["payload"]["originator"] = originator.clone();
        body.to_string()
    };
    let from = |originator: Value| {
        json!({"payload": {"type": "text", "speech": "x", "originator": originator}}).to_string()
    };
    for body in [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"payload":"text"}"#.to_owned(),
        "[".repeat(100_000),
        with(json!({})),
        with(json!({"type": "poem"})),
        with(json!({"type": 1})),
        with(json!({"type": "text"})),
        with(json!({"type": "text", "speech": ""})),
        with(json!({"type": "text", "speech": 1})),
        with(json!({"type": "text", "speech": "x".repeat(256)})),
        with(json!({"type": "text", "speech": "x", "traceId": {}})),
        with(json!({"type": "text", "speech": "x", "params": []})),
        with(json!({"type": "text", "speech": "x", "timezone": "noon"})),
        with(json!({"type": "text", "speech": "x", "metadata": 1})),
        with(json!({"type": "event"})),
        with(json!({"type": "location", "lat": "1"})),
        with(json!({"type": "media", "mediaType": "image"})),
        with(json!({"type": "media", "mediaType": "hologram", "url": "https://x"})),
        with(json!({"type": "media", "url": "https://x"})),
        json!({"payload": {"type": "text", "speech": "x"}}).to_string(),
        from(json!("John Doe")),
        from(json!({"role": "external"})),
        from(json!({"name": "John Doe", "role": "king"})),
        from(json!({"name": "John Doe", "role": "external", "profile": "tall"})),
    ] {
        let (status, answer) = call(&sandbox, "POST", "messages/t", &body).api();
        assert_eq!((status, &answer["status"]), (400, &json!("error")), "{body:.200}");
        assert!(!answer["payload"]["message"].as_str().unwrap().is_empty());
    }
    assert!(history(&sandbox, "t")["history"].as_array().unwrap().is_empty());
    assert!(sandbox.deliveries().is_empty());

    let sandbox = builder().max_text_length(1000).start().unwrap();
    say(&sandbox, "t", &text(&"x".repeat(1000)));
}
