//! The checking server says yes to what a vector asks for, and no to anything else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use flowai_testkit::{TestServer, Vector, load_dir, mismatches};
use serde_json::json;
use support::{Literal, exchange, get, vectors_dir};

fn server() -> TestServer {
    TestServer::start(vectors_dir()).unwrap()
}

fn vector(id: &str) -> Vector {
    load_dir(vectors_dir())
        .unwrap()
        .into_iter()
        .find(|v| v.id == id)
        .unwrap()
}

/// Sends the request of a vector, changed, and gives the problems.
fn problems(server: &TestServer, id: &str, run: &str, change: impl Fn(&mut Literal)) -> Vec<String> {
    let mut literal = Literal::new(vector(id).get("request"), &format!("/vector/{id}/{run}"));
    change(&mut literal);
    exchange(server.http(), &literal.bytes());
    server.verdict(id, run).problems
}

#[test]
fn every_vector_accepts_its_own_requests_and_answers_as_it_says() {
    let server = server();
    for vector in load_dir(vectors_dir()).unwrap() {
        let id = &vector.id;
        if vector.op().is_empty() || vector.area == "outcomes" {
            continue;
        }
        let pairs = vector.exchanges().into_iter();
        for pair in pairs.flat_map(|pair| std::iter::repeat_n(pair.clone(), pair.min)) {
            let literal = Literal::new(&pair.request, &format!("/vector/{id}/own"));
            let reply = exchange(server.http(), &literal.bytes());
            assert_eq!(json!(reply.status), pair.response["status"], "{id}");
            if let Some(body) = pair.response.get("json")
                && !matches!(reply.status, 204 | 304)
                && !body.to_string().contains("${now")
            {
                assert_eq!(reply.json(), *body, "{id}");
            }
            if let Some(body) = pair.response.get("body") {
                assert_eq!(json!(String::from_utf8_lossy(&reply.body)), *body, "{id}");
            }
            for (name, value) in pair.response["headers"].as_object().into_iter().flatten() {
                assert_eq!(json!(reply.header(name)), *value, "{id}");
            }
        }
        assert_eq!(server.verdict(id, "own").problems, Vec::<String>::new(), "{id}");
    }
}

#[test]
fn a_wrong_request_is_named() {
    let server = server();
    let id = "text-minimal";
    let check = |run: &str, word: &str, change: &dyn Fn(&mut Literal)| {
        let found = problems(&server, id, run, change);
        assert!(found.iter().any(|p| p.contains(word)), "{run}: {found:?}");
    };
    assert_eq!(problems(&server, id, "right", |_| ()), Vec::<String>::new());
    check("method", "method", &|l| l.method = "PUT".into());
    check("target", "target", &|l| l.target += "?sync=true");
    check("case", "target", &|l| {
        l.target = l.target.replace("6ecfd199", "6ECFD199")
    });
    check("key", "header authorization", &|l| {
        l.headers.iter_mut().find(|h| h.0 == "authorization").unwrap().1 = "Bearer Bearer MY".into();
    });
    check("no-key", "header authorization", &|l| {
        l.headers.retain(|h| h.0 != "authorization")
    });
    check("two-keys", "header authorization", &|l| {
        l.headers
            .push(("Authorization".into(), "Bearer MY_MESSAGING_API_KEY".into()));
    });
    check("compressed", "header accept-encoding", &|l| {
        l.headers.push(("Accept-Encoding".into(), "gzip".into()));
    });
    let body = |from: &'static str, to: &'static str| {
        move |l: &mut Literal| l.body = String::from_utf8_lossy(&l.body).replace(from, to).into_bytes()
    };
    check("text", "payload.speech", &body("Hello", "Hallo"));
    check(
        "extra",
        "payload.extra",
        &body("{\"originator\"", "{\"extra\":null,\"originator\""),
    );
    check("missing", "payload.type", &body("\"type\"", "\"kind\""));
    check("empty", "not JSON", &|l| l.body.clear());
}

#[test]
fn a_body_where_none_belongs_is_named() {
    let found = problems(&server(), "history-first-page", "a", |l| l.body = b"{}".to_vec());
    assert!(found[0].contains("there should be no body"), "{found:?}");
}

#[test]
fn too_many_and_too_few_requests_are_named() {
    let server = server();
    assert!(server.verdict("pause", "few").problems[0].contains("0 requests came"));
    problems(&server, "pause", "many", |_| ());
    let found = problems(&server, "pause", "many", |_| ());
    assert!(found[0].contains("was not expected"), "{found:?}");
    let refused = "/vector/refuse-text-empty/x/rest/v1/messages/a";
    get(server.http(), refused);
    let verdict = server.verdict("refuse-text-empty", "x");
    assert_eq!((verdict.problems.len(), verdict.requests), (1, 1));
    assert_eq!(server.verdict("refuse-text-empty", "y").problems.len(), 0);
    assert_eq!(server.verdict("no-such-vector", "y").problems.len(), 1);
}

/// Sends the requests of these exchanges of a vector, one after the other.
fn play(server: &TestServer, id: &str, run: &str, exchanges: &[usize]) -> Vec<String> {
    let pairs = vector(id).exchanges();
    for index in exchanges {
        let literal = Literal::new(&pairs[*index].request, &format!("/vector/{id}/{run}"));
        exchange(server.http(), &literal.bytes());
    }
    server.verdict(id, run).problems
}

#[test]
fn requests_that_may_repeat() {
    let server = server();
    let check = |id: &str, run: &str, exchanges: &[usize], word: &str| {
        let found = play(&server, id, run, exchanges);
        match word {
            "" => assert_eq!(found, Vec::<String>::new(), "{id} {run}"),
            word => assert!(found.iter().any(|p| p.contains(word)), "{id} {run}: {found:?}"),
        }
    };
    // A message, then one look at the history or more.
    check("ask-history", "once", &[0, 1], "");
    check("ask-history", "often", &[0, 1, 1, 1, 1], "");
    check("ask-history", "never", &[0], "exchange 2 of 2 did not come");
    check("ask-history", "two-messages", &[0, 0, 1], "request 2: method");
    check(
        "ask-history",
        "message-later",
        &[0, 1, 0],
        "request 3 was not expected",
    );
    check("ask-history", "history-first", &[1, 0, 1], "request 1: method");
    // Exactly two looks, then another answer.
    check("ask-history-same-question-yesterday", "three", &[0, 1, 1, 2], "");
    check(
        "ask-history-same-question-yesterday",
        "two",
        &[0, 1, 1],
        "exchange 3 of 3",
    );
    // Exchanges that need not come are passed over.
    check("ask-history-on-the-last-page", "short", &[0, 1, 2], "");
    check("ask-history-on-the-last-page", "some", &[0, 1, 2, 4], "");
    check("ask-history-on-the-last-page", "long", &[0, 1, 2, 3, 4], "");
    check(
        "ask-history-on-the-last-page",
        "back",
        &[0, 1, 2, 4, 3],
        "was not expected",
    );
}

#[test]
fn times_in_answers_are_relative_to_the_first_request() {
    let server = server();
    let id = "ask-history-clock-of-this-machine";
    let pairs = vector(id).exchanges();
    let ask = |run: &str, index: usize| {
        let literal = Literal::new(&pairs[index].request, &format!("/vector/{id}/{run}"));
        exchange(server.http(), &literal.bytes())
    };
    ask("times", 0);
    ask("times", 1);
    ask("times", 1);
    let first = ask("times", 1).json();
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(first, ask("times", 1).json());
    let at = |entry: usize| {
        let text = &first["result"]["history"][entry]["messages"][0]["createdAt"];
        text.as_str().unwrap().to_owned()
    };
    assert_eq!((at(0).len(), at(2).len()), ("2019-06-25T12:45:11.857Z".len(), 24));
    assert!(at(0)[..10] < at(2)[..10], "a day before: {} {}", at(0), at(2));
    assert_eq!(at(0)[10..], at(2)[10..]);
}

#[test]
fn the_verdict_is_there_over_http_too() {
    let server = server();
    problems(&server, "pause", "web", |_| ());
    let verdict = get(server.http(), "/verdict/pause/web");
    assert_eq!(verdict, json!({"ok": true, "problems": [], "requests": 1}));
    assert_eq!(get(server.http(), "/verdict/pause/other")["ok"], json!(false));
}

#[test]
fn wrong_parts_of_an_upload_are_named() {
    let server = server();
    let check = |run: &str, word: &str, from: &str, to: &str| {
        let found = problems(&server, "upload-guessed-file", run, |l| {
            l.body = String::from_utf8_lossy(&l.body).replace(from, to).into_bytes();
        });
        assert!(found.iter().any(|p| p.contains(word)), "{run}: {found:?}");
    };
    check(
        "name",
        "no part is named file",
        "name=\"file\"",
        "name=\"document\"",
    );
    check(
        "other",
        "there should be no part document",
        "name=\"file\"",
        "name=\"document\"",
    );
    check("filename", "filename", "invoice.pdf", "invoice.txt");
    check("type", "content_type", "application/pdf\r\n", "text/plain\r\n");
    check("content", "content", "%PDF-1.7", "%PDF-1.8");
    check(
        "json",
        "mediaType",
        "\"mediaType\":\"file\"",
        "\"mediaType\":\"image\"",
    );
    check("cut", "cannot be read", "--the-boundary--", "");
}

#[test]
fn names_of_files_in_both_encodings_are_read() {
    let server = server();
    let id = "upload-name-unicode";
    assert_eq!(problems(&server, id, "raw", |_| ()), Vec::<String>::new());
    let found = problems(&server, id, "extended", |l| {
        let name = "filename=\"r\u{e9}sum\u{e9} \u{65e5}\u{672c}.pdf\"";
        let extended = "filename*=utf-8''r%C3%A9sum%C3%A9%20%E6%97%A5%E6%9C%AC.pdf";
        l.body = String::from_utf8_lossy(&l.body)
            .replace(name, extended)
            .into_bytes();
    });
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn matchers() {
    let check = |wanted, found, ok: bool| {
        let problems = mismatches(&json!({"x": wanted}), &json!({"x": found}));
        assert_eq!(problems.is_empty(), ok, "{problems:?}");
    };
    check(json!({"$any": "integer"}), json!(5), true);
    check(json!({"$any": "integer"}), json!(5.5), false);
    check(json!({"$any": "string"}), json!(5), false);
    check(json!({"$one_of": [1, 2]}), json!(2), true);
    check(json!({"$one_of": [1, 2]}), json!(3), false);
    check(json!({"$contains": "b"}), json!("abc"), true);
    check(json!({"$starts_with": "b"}), json!("abc"), false);
    check(json!({"$optional": 3}), json!(null), true);
    check(json!({"$optional": 3}), json!(4), false);
    check(json!({"$optional": {"a": 3}}), json!({"a": 4}), false);
    check(json!({"$unknown": 3}), json!(3), false);
    check(json!([1, null]), json!([1, null]), true);
    check(json!([1, 2]), json!([1]), false);
    check(json!(null), json!(1), false);
    check(json!({"a": 1}), json!({"a": 1, "b": null}), true);
    check(json!({"a": 1}), json!({"a": 1, "b": 2}), false);
    check(json!(1.0), json!(1), true);
    check(json!("1"), json!(1), false);
}
