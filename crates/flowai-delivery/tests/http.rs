//! Every status that the receiver answers, over raw sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::time::Duration;

use flowai::webhook::EventKind;
use flowai_delivery::Limits;
use support::*;

#[test]
fn a_call_is_acknowledged_and_its_event_handed_out() {
    let receiver = open().start().unwrap();
    assert_eq!(receiver.url(), format!("http://{}/hook", receiver.local_addr()));
    let mut client = Client::new(&receiver);
    let answer = client
        .send(post(REPLY, "Content-Type: application/json\r\n"))
        .answer();
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"ok"}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(!answer.closes());
    // The event is there as soon as the acknowledgement is.
    let event = receiver.next(Some(Duration::ZERO)).unwrap().unwrap();
    assert_eq!((event.kind(), &*event.thread_id()), (EventKind::Reply, "t1"));

    // The same connection serves the next calls, pipelined too.
    client
        .send(post(&event_of("x"), "") + &post(&event_of("y"), "") + "GET /hook HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!([(); 3].map(|()| client.answer().status), [200; 3]);
    let threads = [(); 2].map(|()| {
        receiver
            .next(Some(LONG))
            .unwrap()
            .unwrap()
            .thread_id()
            .into_owned()
    });
    assert_eq!(threads, ["x", "y"]);
    let stats = receiver.stats().unwrap();
    assert_eq!((stats.accepted, stats.queued, stats.rejected.len()), (3, 0, 0));
}

fn event_of(thread_id: &str) -> String {
    event("control.pause", thread_id)
}

#[test]
fn the_check_of_the_webhook_is_answered() {
    let receiver = verified().start().unwrap();
    let answer = ask(&receiver, "GET /hook?challenge=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"ok"}"#));
    let mut client = Client::new(&receiver);
    client.send("HEAD /hook HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut client.stream, &mut text).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n"),
        "{text}"
    );
}

#[test]
fn other_paths_and_methods_are_refused_before_the_body() {
    let receiver = open().start().unwrap();
    for path in ["/", "/hook/", "/hook/x", "/HOOK", "/%68ook", "/x?/hook", "*"] {
        let answer = ask(
            &receiver,
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"),
        );
        assert_eq!((answer.status, answer.closes()), (404, true), "{path}");
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
        let answer = ask(
            &receiver,
            format!("{method} /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"),
        );
        assert_eq!((answer.status, answer.closes()), (405, true), "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
        assert!(answer.body.contains("only GET and POST"));
    }
    // A proxy may send the whole URL.
    assert_eq!(
        ask(&receiver, "GET http://a/hook HTTP/1.1\r\nHost: a\r\n\r\n").status,
        200
    );
    assert_eq!(receiver.stats().unwrap().rejected, [(404, 7), (405, 5)].into());
}

#[test]
fn only_verified_calls_are_taken() {
    let receiver = verified().start().unwrap();
    let good = token(r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"data":null}"#, SECRET);
    let wrong = token(
        r#"{"alg":"HS256","typ":"JWT"}"#,
        "{}",
        "another secret of thirty-two bytes",
    );
    let none = token(r#"{"alg":"none"}"#, "{}", SECRET);
    let expired = token(r#"{"alg":"HS256"}"#, r#"{"exp":1}"#, SECRET);
    for headers in [
        format!("Authorization: Bearer {good}\r\n"),
        format!("authorization: {good}\r\n"),
        format!("X-Access-Token: {good}\r\n"),
    ] {
        assert_eq!(ask(&receiver, post(REPLY, &headers)).status, 200, "{headers}");
    }
    assert_eq!(receiver.stats().unwrap().queued, 3);
    for headers in [
        String::new(),
        "Authorization: Bearer\r\n".into(),
        format!("Authorization: Bearer {wrong}\r\n"),
        format!("Authorization: Bearer {none}\r\n"),
        format!("Authorization: Bearer {expired}\r\n"),
        format!("Authorization: Bearer {good}x\r\n"),
    ] {
        let answer = ask(&receiver, post(REPLY, &headers));
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, Some("Bearer")),
            "{headers}"
        );
        assert!(!answer.body.contains("expired"), "{}", answer.body);
    }
    // A body that nobody vouches for is not even parsed.
    assert_eq!(ask(&receiver, post("not json", "")).status, 401);
    assert_eq!(
        ask(&receiver, post("not json", &format!("Authorization: {good}\r\n"))).status,
        400
    );
    let stats = receiver.stats().unwrap();
    assert_eq!((stats.accepted, stats.queued), (3, 3));
    assert_eq!(stats.rejected, [(400, 1), (401, 7)].into());
}

#[test]
fn bodies_hold_one_event_or_several() {
    let receiver = open().start().unwrap();
    let many = format!(
        "[{},{},{}]",
        event("paused", "a"),
        event("brand.new", "b"),
        event("resumed", "c")
    );
    assert_eq!(ask(&receiver, post(&many, "")).status, 200);
    let kinds = [(); 3].map(|()| {
        let event = receiver.next(Some(Duration::ZERO)).unwrap().unwrap();
        (event.kind(), event.thread_id().into_owned())
    });
    let expected = [
        (EventKind::Paused, "a"),
        (EventKind::Unknown, "b"),
        (EventKind::Resumed, "c"),
    ];
    assert_eq!(kinds, expected.map(|(kind, thread)| (kind, thread.to_owned())));
    for bad in ["", "{", "1", "null", "[1]", "{\"a\":\"\u{0}\"}"] {
        assert_eq!(ask(&receiver, post(bad, "")).status, 400, "{bad:?}");
    }
    assert_eq!(
        ask(
            &receiver,
            b"POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n\xff\xfe"
        )
        .status,
        400
    );
    assert!(receiver.next(Some(Duration::ZERO)).unwrap().is_none());
}

#[test]
fn chunked_bodies_are_taken_and_end_the_connection() {
    let receiver = open().start().unwrap();
    let mut client = Client::new(&receiver);
    let body = event("paused", "chunked");
    let (one, two) = body.split_at(7);
    client.send(format!(
        "POST /hook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n\
         GET /hook HTTP/1.1\r\nHost: a\r\n\r\n",
        one.len(),
        two.len()
    ));
    let answer = client.answer();
    assert_eq!((answer.status, answer.closes()), (200, true));
    client.assert_closed();
    assert_eq!(
        receiver.next(Some(Duration::ZERO)).unwrap().unwrap().thread_id(),
        "chunked"
    );
    let broken = "POST /hook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    assert_eq!(ask(&receiver, broken).status, 400);
}

#[test]
fn large_bodies_are_refused_whether_announced_or_not() {
    let mut limits = Limits::default();
    limits.body_bytes = 1000;
    let receiver = open().limits(limits).start().unwrap();
    let fits = format!("{}{}", " ".repeat(1000 - REPLY.len()), REPLY);
    assert_eq!(ask(&receiver, post(&fits, "")).status, 200);
    // Announced: refused before anything of it is sent, and a client that waits is not told to go on.
    let waiting = "POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n";
    let answer = ask(&receiver, waiting);
    assert_eq!((answer.status, answer.closes()), (413, true));
    assert!(answer.body.contains("1000 bytes"));
    // A client that sends it all the same still sees the answer and not a reset.
    let answer = ask(&receiver, post(&"x".repeat(4 << 20), ""));
    assert_eq!((answer.status, answer.closes()), (413, true));
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1000));
    let chunked =
        "POST /hook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned() + &chunk.repeat(99);
    assert_eq!(ask(&receiver, chunked + "0\r\n\r\n").status, 413);
    assert_eq!(receiver.stats().unwrap().rejected, [(413, 3)].into());
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    let receiver = open().start().unwrap();
    let mut client = Client::new(&receiver);
    client.send(format!(
        "POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        REPLY.len()
    ));
    assert_eq!(client.answer().status, 100);
    assert_eq!(client.send(REPLY).answer().status, 200);
}

#[test]
fn heads_that_can_be_read_in_two_ways_are_refused() {
    let receiver = open().start().unwrap();
    let length = format!("Content-Length: {}\r\n", REPLY.len());
    for (name, request) in [
        ("no Host", format!("POST /hook HTTP/1.1\r\n{length}\r\n{REPLY}")),
        (
            "two Hosts",
            format!("POST /hook HTTP/1.1\r\nHost: a\r\nHost: a\r\n{length}\r\n{REPLY}"),
        ),
        (
            "bare LF",
            format!("POST /hook HTTP/1.1\nHost: a\r\n{length}\r\n{REPLY}"),
        ),
        (
            "only LF",
            format!(
                "POST /hook HTTP/1.1\nHost: a\nContent-Length: {}\n\n{REPLY}",
                REPLY.len()
            ),
        ),
        ("CL and TE", post(REPLY, "Transfer-Encoding: chunked\r\n")),
        (
            "TE and CL",
            format!("POST /hook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n{length}\r\n0\r\n\r\n"),
        ),
        ("two CL", post(REPLY, &length)),
        (
            "signed CL",
            "POST /hook HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n1".into(),
        ),
        (
            "TE gzip",
            "POST /hook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n".into(),
        ),
        ("HTTP/1.0 without Host", "GET /hook HTTP/1.0\r\n\r\n".into()),
        (
            "folded",
            "GET /hook HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n".into(),
        ),
        ("NUL", "GET /hook HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n".into()),
        ("nonsense", "\x16\x03\x01\r\n\r\n".into()),
    ] {
        let mut client = Client::new(&receiver);
        let answer = client.send(request).answer();
        assert_eq!((answer.status, answer.closes()), (400, true), "{name}");
        // Whatever follows on the connection is not served.
        let _ = std::io::Write::write_all(&mut client.stream, post(REPLY, "").as_bytes());
        assert!(client.try_answer().is_err(), "{name}");
    }
    eventually(|| receiver.stats().unwrap().rejected == [(400, 13)].into());
    assert_eq!(receiver.stats().unwrap().accepted, 0);
}

#[test]
fn a_bad_head_after_good_requests_is_refused_too() {
    let receiver = open().start().unwrap();
    let mut client = Client::new(&receiver);
    client.send(
        post(REPLY, "")
            + &post(REPLY, "")
            + "GET /hook HTTP/1.1\nHost: a\n\nGET /hook HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!([(); 3].map(|()| client.answer().status), [200, 200, 400]);
    client.assert_closed();
    assert_eq!(receiver.stats().unwrap().accepted, 2);
}

#[test]
fn large_heads_are_refused() {
    let mut limits = Limits::default();
    limits.head_bytes = 10_000;
    let receiver = open().limits(limits).start().unwrap();
    let with = |headers: String| format!("GET /hook HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    assert_eq!(
        ask(&receiver, with(format!("X: {}\r\n", "y".repeat(9900)))).status,
        200
    );
    assert_eq!(
        ask(&receiver, with(format!("X: {}\r\n", "y".repeat(9970)))).status,
        431
    );
    assert_eq!(
        ask(&receiver, with(format!("X: {}\r\n", "y".repeat(100_000)))).status,
        431
    );
    assert_eq!(ask(&receiver, with("X: y\r\n".repeat(99))).status, 200);
    assert_eq!(ask(&receiver, with("X: y\r\n".repeat(100))).status, 431);
    eventually(|| receiver.stats().unwrap().rejected == [(431, 3)].into());
}
