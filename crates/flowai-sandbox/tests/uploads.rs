//! Messages as multipart/form-data: part orders and names, limits, hostile forms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_sandbox::{Bot, Sandbox};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use support::*;

const BOUNDARY: &str = "------------------------d74496d66958873e";

fn head(length: &str, boundary: &str) -> String {
    format!(
        "POST /rest/v1/messages/{THREAD} HTTP/1.1\r\nHost: api.flow.ai\r\n\
         Authorization: Bearer {KEY}\r\nContent-Type: multipart/form-data; boundary={boundary}\r\n{length}\r\n\r\n"
    )
}

fn part(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut part = format!("--{BOUNDARY}\r\n{headers}\r\n\r\n").into_bytes();
    part.extend_from_slice(body);
    part.extend_from_slice(b"\r\n");
    part
}

fn file(bytes: &[u8]) -> Vec<u8> {
    part(
        "Content-Disposition: form-data; name=\"file\"; filename=\"test.png\"\r\nContent-Type: image/png",
        bytes,
    )
}

fn named(name: &str, json: &Value) -> Vec<u8> {
    part(
        &format!("Content-Disposition: form-data; name=\"{name}\""),
        json.to_string().as_bytes(),
    )
}

/// The JSON of the document's JavaScript sample, without the address.
fn media() -> Value {
    json!({"payload": {"type": "media", "mediaType": "image", "mimeType": "image/png",
        "originator": {"name": "John Doe", "role": "external"}}})
}

fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut form = parts.concat();
    form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    form
}

fn post(sandbox: &Sandbox, parts: &[Vec<u8>]) -> (u16, Value) {
    let body = form(parts);
    let mut request = head(&format!("Content-Length: {}", body.len()), BOUNDARY).into_bytes();
    request.extend_from_slice(&body);
    connect(sandbox).exchange(request).api()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn parts_come_in_any_order_and_under_either_name() {
    let sandbox = builder().bot(Bot::None).start().unwrap();
    let bytes = b"\x89PNG\r\n--not the boundary\r\n\0\xff";
    let with_url = {
        let mut json = media();
        json["payload"]["url"] = json!("https://source.unsplash.com/random/880x400");
        json
    };
    for parts in [
        [file(bytes), named("query", &media())],
        [named("query", &media()), file(bytes)],
        [named("payload", &media()), file(bytes)],
        [file(bytes), named("query", &with_url)],
    ] {
        assert_eq!(post(&sandbox, &parts), (200, json!({"status": "ok"})));
    }
    let sha256 = hex(digest(&SHA256, bytes).as_ref());
    for request in sandbox.requests() {
        let uploaded = request.file.unwrap();
        assert_eq!(uploaded.name.as_deref(), Some("test.png"));
        assert_eq!(uploaded.content_type.as_deref(), Some("image/png"));
        assert_eq!((uploaded.length, &uploaded.sha256), (bytes.len() as u64, &sha256));
        assert_eq!(request.body.len() as u64, request.body_length);
    }
    let delivered: Vec<Value> = sandbox
        .deliveries()
        .into_iter()
        .map(|delivery| delivery.event)
        .collect();
    assert_eq!(delivered[0]["url"], format!("urn:sha256:{sha256}"));
    assert_eq!(
        (&delivered[0]["title"], &delivered[0]["mimeType"]),
        (&json!("test.png"), &json!("image/png"))
    );
    assert_eq!(delivered[3]["url"], "https://source.unsplash.com/random/880x400");
}

#[test]
fn the_connection_goes_on_after_a_form_and_what_follows_its_end() {
    let sandbox = builder().bot(Bot::None).start().unwrap();
    let mut wire = connect(&sandbox);
    for size in [1, 3 * 1024 * 1024] {
        for epilogue in ["", "an epilogue, which nobody reads"] {
            let mut body = form(&[named("query", &media()), file(&vec![7; size])]);
            body.extend_from_slice(epilogue.as_bytes());
            wire.send(head(&format!("Content-Length: {}", body.len()), BOUNDARY));
            // The last bytes come late.
            let (most, rest) = body.split_at(body.len() - 2);
            wire.send(most);
            std::thread::sleep(std::time::Duration::from_millis(20));
            let answer = wire.exchange(rest);
            assert_eq!(answer.header("connection"), None);
            assert_eq!(answer.api().0, 200);
        }
    }
}

#[test]
fn query_wins_over_payload_and_unknown_parts_are_passed_over() {
    let sandbox = builder().bot(Bot::None).start().unwrap();
    let mut other = media();
    other["payload"]["mediaType"] = json!("video");
    let parts = [
        named("payload", &other),
        named("more", &json!("x")),
        file(b"x"),
        named("query", &media()),
    ];
    assert_eq!(post(&sandbox, &parts).0, 200);
    assert_eq!(sandbox.deliveries()[0].event["mediaType"], "image");
}

#[test]
fn forms_that_make_no_sense_are_refused() {
    let sandbox = builder().start().unwrap();
    let text = json!({"payload": {"type": "text", "speech": "x", "originator": {"name": "x"}}});
    let mut no_type = media();
    no_type["payload"]["mediaType"].take();
    for parts in [
        vec![],
        vec![file(b"x")],
        vec![named("query", &media())],
        vec![named("query", &text), file(b"x")],
        vec![named("query", &no_type), file(b"x")],
        vec![named("query", &media()), file(b"x"), file(b"y")],
        vec![
            part("Content-Disposition: form-data; name=\"query\"", b"{"),
            file(b"x"),
        ],
    ] {
        let (status, body) = post(&sandbox, &parts);
        assert_eq!((status, &body["status"]), (400, &json!("error")), "{parts:?}");
    }
    // No boundary, an overlong one, a body cut off by its own length.
    let body = form(&[file(b"x"), named("query", &media())]);
    let length = format!("Content-Length: {}", body.len());
    for boundary in ["", "\"\"", &"x".repeat(71)] {
        let request = [head(&length, boundary).into_bytes(), body.clone()].concat();
        assert_eq!(connect(&sandbox).exchange(request).api().0, 400, "{boundary}");
    }
    let cut = &body[..body.len() / 2];
    let request = [
        head(&format!("Content-Length: {}", cut.len()), BOUNDARY).as_bytes(),
        cut,
    ]
    .concat();
    assert_eq!(connect(&sandbox).exchange(request).api().0, 400);
    assert!(sandbox.deliveries().is_empty());
}

#[test]
fn an_announced_size_over_the_limit_is_refused_at_once() {
    let sandbox = builder().start().unwrap();
    let announced = 252 * 1024 * 1024;
    let mut wire = connect(&sandbox);
    wire.send(head(&format!("Content-Length: {announced}"), BOUNDARY));
    let answer = wire.receive().unwrap();
    assert_eq!(answer.header("connection"), Some("close"));
    let (status, body) = answer.api();
    assert_eq!((status, &body["status"]), (413, &json!("error")));
    assert!(body["payload"]["message"].as_str().unwrap().contains("262144000"));
}

#[test]
fn a_client_that_waits_for_leave_is_told_before_it_sends() {
    let sandbox = builder().start().unwrap();
    let mut wire = connect(&sandbox);
    wire.send(head(
        &format!("Content-Length: {}\r\nExpect: 100-continue", 300 * 1024 * 1024),
        BOUNDARY,
    ));
    assert_eq!(wire.receive().unwrap().api().0, 413);

    let body = form(&[file(b"x"), named("query", &media())]);
    let mut wire = connect(&sandbox);
    wire.send(head(
        &format!("Content-Length: {}\r\nExpect: 100-continue", body.len()),
        BOUNDARY,
    ));
    assert_eq!(wire.receive().unwrap().status(), 100);
    assert_eq!(wire.exchange(body).api().0, 200);

    let refused = head("Content-Length: 10\r\nExpect: 100-continue", BOUNDARY).replace(KEY, "WRONG");
    let mut wire = connect(&sandbox);
    wire.send(refused);
    assert_eq!(wire.receive().unwrap().api().0, 401);
}

#[test]
fn a_streamed_file_is_counted_as_it_comes() {
    let limit = 3 * 1024 * 1024;
    let sandbox = builder().max_upload(limit as u64).bot(Bot::None).start().unwrap();
    let stream = |size: usize| {
        let mut wire = connect(&sandbox);
        wire.send(head("Transfer-Encoding: chunked", BOUNDARY));
        let bytes = form(&[named("query", &media()), file(&vec![7; size])]);
        for chunk in bytes.chunks(100_000) {
            wire.send(format!("{:x}\r\n", chunk.len()));
            wire.send(chunk);
            wire.send("\r\n");
        }
        wire.exchange("0\r\n\r\n").api()
    };
    assert_eq!(stream(limit), (200, json!({"status": "ok"})));
    let (status, body) = stream(limit + 1);
    assert_eq!((status, &body["status"]), (413, &json!("error")));

    let requests = sandbox.requests();
    assert_eq!(requests[0].file.as_ref().unwrap().length, limit as u64);
    assert_eq!(requests[0].body.len(), 65_536);
    assert!(requests[0].body_length > limit as u64);
    assert_eq!(requests[1].file, None);
    assert_eq!(sandbox.deliveries().len(), 1);
}

#[test]
fn json_is_limited_too() {
    let sandbox = builder().start().unwrap();
    let filler = "x".repeat(1024 * 1024);
    let mut large = media();
    large["payload"]["params"] = json!({"filler": filler});
    assert_eq!(
        call(&sandbox, "POST", "messages/t", &large.to_string()).api().0,
        413
    );
    assert_eq!(post(&sandbox, &[named("query", &large), file(b"x")]).0, 413);

    let mut wire = connect(&sandbox);
    wire.send(request("POST", "messages/t", "").replace("Content-Length: 0", "Transfer-Encoding: chunked"));
    wire.send(format!("{:x}\r\n{}\r\n", large.to_string().len(), large));
    assert_eq!(wire.exchange("0\r\n\r\n").api().0, 413);
}

#[test]
fn headers_of_a_part_that_never_end_use_no_memory() {
    let sandbox = builder().start().unwrap();
    let body = [
        format!("--{BOUNDARY}\r\nX-Long: ").into_bytes(),
        vec![b'a'; 2 * 1024 * 1024],
        format!("\r\n\r\nx\r\n--{BOUNDARY}--\r\n").into_bytes(),
    ]
    .concat();
    let request = [
        head(&format!("Content-Length: {}", body.len()), BOUNDARY).into_bytes(),
        body,
    ]
    .concat();
    let (status, answer) = connect(&sandbox).exchange(request).api();
    assert_eq!(status, 400);
    assert!(
        answer["payload"]["message"]
            .as_str()
            .unwrap()
            .contains("never end"),
        "{answer}"
    );
    assert!(sandbox.requests()[0].body_length < 1024 * 1024);
}

/// The resident memory of this process in KiB, where the platform tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn a_file_of_the_largest_size_streams_through() {
    let sandbox = builder().start().unwrap();
    let size = 250 * 1024 * 1024;
    let before = [named("query", &media()), file(b"")].concat();
    // Without the line end that follows the empty file.
    let before = &before[..before.len() - 2];
    let after = format!("\r\n--{BOUNDARY}--\r\n");
    let mut wire = connect(&sandbox);
    wire.send(head(
        &format!("Content-Length: {}", before.len() + size + after.len()),
        BOUNDARY,
    ));
    wire.send(before);
    let block = vec![0_u8; 1024 * 1024];
    let memory = resident();
    let mut most = memory;
    for _ in 0..250 {
        wire.send(&block);
        most = most.max(resident());
    }
    assert_eq!(wire.exchange(after).api().0, 200);
    assert_eq!(sandbox.requests()[0].file.as_ref().unwrap().length, size as u64);
    if let (Some(memory), Some(most)) = (memory, most) {
        // Other tests of this file share the process; all of them together hold less.
        assert!(
            most.saturating_sub(memory) < 64 * 1024,
            "{} KiB more",
            most - memory
        );
    }
}
