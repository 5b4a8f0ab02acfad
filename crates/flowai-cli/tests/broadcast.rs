//! Broadcasts against the sandbox.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use serde_json::{Value, json};
use support::{Folder, flowai, last_body, seeded, to, with_input};

const CHANNEL: [&str; 5] = [
    "broadcast",
    "--channel",
    "whatsapp",
    "--external-id",
    "+31201234567",
];

#[test]
fn a_broadcast_goes_to_those_who_were_named_and_those_of_a_file() {
    let (sandbox, folder) = (seeded(), Folder::new());
    let john = json!({"name": "John Doe", "phoneNumber": "+31612345678"});
    let jane = json!({"name": "Jane Roe", "identifier": "jane=1"});
    let named = [
        "--to",
        "John Doe=+31612345678",
        "--to",
        "Jane Roe=jane=1",
        "--text",
        "Hello",
        "--lang",
        "nl",
    ];
    let sent = flowai(&to(&sandbox, &[&CHANNEL[..], &named].concat())).done();
    assert_eq!(sent.stdout, "sent to 2 recipients\n");
    assert_eq!(
        last_body(&sandbox),
        json!({"audience": [john, jane], "channel": {"channelName": "whatsapp", "externalId": "+31201234567"},
            "payload": {"type": "text", "speech": "Hello", "metadata": {"language": "nl"}}})
    );
    let audience = json!([jane]).to_string();
    let file = folder.file("audience.json", &audience);
    let event = [
        "--to",
        "John Doe=+31612345678",
        "--event",
        "ORDER_SHIPPED",
        "--audience",
    ];
    flowai(&to(&sandbox, &[&CHANNEL[..], &event, &[&file]].concat())).done();
    assert_eq!(last_body(&sandbox)["audience"], json!([john, jane]));
    let piped = [&CHANNEL[..], &["--text", "Hello", "--audience", "-", "--json"]].concat();
    let receipt = with_input(&to(&sandbox, &piped), audience.as_bytes())
        .done()
        .document();
    assert_eq!(
        (&receipt["status"], &receipt["thread_id"]),
        (&json!("ok"), &Value::Null)
    );
}

#[test]
fn a_broadcast_that_makes_no_sense_is_refused_by_name() {
    let (sandbox, folder) = (seeded(), Folder::new());
    let text = folder.file("text", "no JSON");
    let object = folder.file("object", "{}");
    let mixed = folder.file("mixed", "[{\"name\": \"A\", \"identifier\": \"a\"}, 7]");
    for (options, argument) in [
        (&["--to", "nobody", "--text", "Hello"][..], "to"),
        (&["--to", "A=+31 6", "--text", "Hello"], "audience[0].phoneNumber"),
        (&["--to", "A=", "--text", "Hello"], "audience[0]"),
        (&["--to", "A=a", "--text", ""], "text"),
        (
            &[
                "--to",
                "A=a",
                "--message",
                r#"{"type": "location", "lat": "1", "long": "2"}"#,
            ],
            "message.type",
        ),
        (&["--audience", "/does/not/exist", "--text", "Hello"], "audience"),
        (&["--audience", "/dev/zero", "--text", "Hello"], "audience"),
        (&["--audience", &text, "--text", "Hello"], "audience"),
        (&["--audience", &object, "--text", "Hello"], "audience"),
        (&["--audience", &mixed, "--text", "Hello"], "audience[1]"),
        (&["--text", "Hello"], "to"),
    ] {
        let refused = flowai(&to(&sandbox, &[&CHANNEL[..], options, &["--json"]].concat()));
        let error = refused.error();
        assert_eq!(
            (refused.code, &error["argument"]),
            (2, &json!(argument)),
            "{error}"
        );
        assert_eq!(error["delivery"], "not_sent");
    }
    for options in [
        &["--to", "A=a"][..],
        &["--to", "A=a", "--text", "a", "--event", "b"],
    ] {
        assert_eq!(flowai(&to(&sandbox, &[&CHANNEL[..], options].concat())).code, 2);
    }
    let misspelt = [
        "broadcast",
        "--channel",
        "WhatsApp",
        "--external-id",
        "1",
        "--to",
        "A=a",
        "--text",
        "Hello",
    ];
    let refused = flowai(&to(&sandbox, &misspelt));
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("is written whatsapp"),
        "{}",
        refused.stderr
    );
    assert!(sandbox.requests().is_empty());
}

#[test]
fn segments_are_listed_and_sent_to() {
    let sandbox = seeded();
    assert_eq!(
        flowai(&to(&sandbox, &["segments"])).done().stdout,
        "seg_1  Customers\nseg_2  Nobody yet\n"
    );
    let list = flowai(&to(&sandbox, &["segments", "--json"])).done();
    assert_eq!(list.document()[0]["id"], "seg_1");
    let named = [
        "broadcast-to-segments",
        "--segment",
        "Customers",
        "--segment-id",
        "seg_2",
        "--text",
        "Sale",
    ];
    assert_eq!(
        flowai(&to(&sandbox, &named)).done().stdout,
        "sent to 2 segments\n"
    );
    assert_eq!(
        last_body(&sandbox),
        json!({"audience": [{"name": "Customers"}, {"id": "seg_2"}], "payload": {"type": "text", "speech": "Sale"}})
    );
    let place = r#"{"type": "location", "lat": "52.3731", "long": "4.8922"}"#;
    let piped = ["broadcast-to-segments", "--segments", "-", "--message", place];
    with_input(&to(&sandbox, &piped), list.stdout.as_bytes()).done();
    assert_eq!(last_body(&sandbox)["payload"]["type"], "location");
    assert_eq!(
        flowai(&to(&sandbox, &["broadcast-to-segments", "--text", "Sale"])).code,
        2
    );
    let unknown = ["broadcast-to-segments", "--segment", "Nobody", "--text", "Sale"];
    assert_eq!(flowai(&to(&sandbox, &unknown)).code, 3);
}
