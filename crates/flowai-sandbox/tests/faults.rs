//! Failures on request, hostile clients, and the end of a sandbox.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::net::TcpStream;
use std::time::{Duration, Instant};

use flowai_sandbox::Failure;
use serde_json::json;
use support::*;

#[test]
fn the_next_requests_fail_as_told_and_then_no_more() {
    let sandbox = builder().start().unwrap();
    sandbox
        .fail_next(Failure::status(503).times(2).retry_after("7"))
        .unwrap();
    sandbox.fail_next(Failure::status(200).body("not JSON")).unwrap();
    let mut wire = connect(&sandbox);
    // A preflight is no API request.
    assert_eq!(
        wire.exchange("OPTIONS /rest/v1/x HTTP/1.1\r\nHost: x\r\n\r\n")
            .status(),
        204
    );
    for _ in 0..2 {
        let answer = wire.exchange(request("POST", "messages/t", &text("Hello")));
        assert_eq!(answer.header("retry-after"), Some("7"));
        let (status, body) = answer.api();
        assert_eq!((status, &body["status"]), (503, &json!("error")));
    }
    let odd = wire.exchange(request("POST", "messages/t", &text("Hello")));
    assert_eq!((odd.status(), odd.body.as_slice()), (200, b"not JSON".as_slice()));
    assert!(sandbox.deliveries().is_empty(), "a failed request has no effect");
    assert_eq!(
        wire.exchange(request("POST", "messages/t", &text("Hello")))
            .api()
            .0,
        200
    );

    let statuses: Vec<_> = sandbox.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(204), Some(503), Some(503), Some(200), Some(200)]);
    let recorded = &sandbox.requests()[1];
    assert_eq!(
        (recorded.method.as_str(), recorded.path.as_str()),
        ("POST", "/rest/v1/messages/t")
    );
    assert_eq!(recorded.body, text("Hello").as_bytes());
}

#[test]
fn failures_that_cannot_happen_are_refused() {
    let sandbox = builder().start().unwrap();
    for failure in [
        Failure::status(99),
        Failure::status(100),
        Failure::status(600),
        Failure::status(503).times(0),
        Failure::status(503).retry_after("1\r\nX: y"),
    ] {
        assert!(sandbox.fail_next(failure).is_err());
    }
    assert_eq!(call(&sandbox, "GET", "businesshours", "").api().0, 200);
}

#[test]
fn connections_close_reset_and_stall_on_request() {
    let sandbox = builder().start().unwrap();
    for (failure, fin) in [(Failure::close(), true), (Failure::reset(), false)] {
        sandbox.fail_next(failure).unwrap();
        let mut wire = connect(&sandbox);
        wire.send(request("POST", "messages/t", &text("Hello")));
        assert_eq!(wire.ends_with_fin(), fin);
    }
    sandbox.fail_next(Failure::stall()).unwrap();
    let mut wire = connect(&sandbox);
    wire.send(request("POST", "messages/t", &text("Hello")));
    wire.0
        .get_ref()
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let waited = std::io::Read::read(&mut wire.0, &mut [0; 1]).unwrap_err();
    assert!(matches!(
        waited.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    ));
    assert!(sandbox.deliveries().is_empty());
    let statuses: Vec<_> = sandbox.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [None, None, None]);
}

#[test]
fn an_answer_can_be_lost_after_the_fact() {
    let sandbox = builder().start().unwrap();
    sandbox.fail_next(Failure::reset().processed(true)).unwrap();
    let mut wire = connect(&sandbox);
    wire.send(request("POST", "messages/t", &text("Hello")));
    assert!(!wire.ends_with_fin());
    assert_eq!(
        event_names(&sandbox.deliveries()),
        ["message.delivered", "message.reply"]
    );
    assert_eq!(history(&sandbox, "t")["history"].as_array().unwrap().len(), 2);
}

#[test]
fn hostile_bytes_end_only_their_own_connection() {
    let sandbox = builder().start().unwrap();
    let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
    for hostile in [
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET /rest/v1/businesshours HTTP/1.1\r\nBad Header: x\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(100_000)),
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(100_000)),
        format!("GET / HTTP/1.1\r\n{many}\r\n"),
        "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n".to_owned(),
        "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx".to_owned(),
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n".to_owned(),
    ] {
        let answer = connect(&sandbox).exchange(&hostile);
        assert!((400..500).contains(&answer.status()), "{hostile:.60}: {answer:?}");
    }
    assert_eq!(call(&sandbox, "GET", "businesshours", "").api().0, 200);
}

#[test]
fn slow_clients_do_not_keep_others_out() {
    let sandbox = builder().start().unwrap();
    let slow: Vec<_> = (0..300)
        .map(|_| {
            let mut wire = connect(&sandbox);
            wire.send("POST /rest/v1/messages/t HTTP/1.1\r\nHost: x\r\n");
            wire
        })
        .collect();
    assert_eq!(call(&sandbox, "GET", "businesshours", "").api().0, 200);
    drop(slow);
}

#[test]
fn silent_clients_are_sent_away() {
    let sandbox = builder()
        .idle_timeout(Duration::from_millis(300))
        .start()
        .unwrap();
    let mut idle = connect(&sandbox);
    assert_eq!(idle.exchange(request("GET", "businesshours", "")).status(), 200);
    let mut half = connect(&sandbox);
    half.send("GET / HTTP/1.1\r\n");
    let mut mute = connect(&sandbox);
    let mut body = connect(&sandbox);
    let whole = request("POST", "messages/t", &text("Hello"));
    body.send(&whole[..whole.len() - 5]);
    for wire in [&mut idle, &mut half, &mut mute] {
        assert!(wire.receive().is_none());
    }
    assert_eq!(body.receive().unwrap().api().0, 408);
    for timeout in [Duration::ZERO, Duration::MAX] {
        assert!(builder().idle_timeout(timeout).start().is_err());
    }
}

#[test]
fn a_cut_off_body_has_no_effect() {
    let sandbox = builder().start().unwrap();
    let mut wire = connect(&sandbox);
    let whole = request("POST", "messages/t", &text("Hello"));
    wire.send(&whole[..whole.len() - 5]);
    wire.0.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    if let Some(answer) = wire.receive() {
        assert_eq!(answer.api().0, 400);
    }
    assert!(sandbox.deliveries().is_empty());
}

#[test]
fn a_client_that_leaves_early_is_in_the_journal() {
    let sandbox = builder().start().unwrap();
    let whole = request("POST", "messages/t", &text("Hello"));
    let mut wire = connect(&sandbox);
    wire.send(&whole[..whole.len() - 5]);
    drop(wire);
    let begun = Instant::now();
    while sandbox.requests().is_empty() {
        assert!(begun.elapsed() < LONG);
        std::thread::sleep(Duration::from_millis(5));
    }
    let requests = sandbox.requests();
    assert_eq!(requests.len(), 1);
    assert_ne!(requests[0].status, Some(200));
    assert_eq!(requests[0].body_length, text("Hello").len() as u64 - 5);
    assert!(sandbox.deliveries().is_empty());
}

#[test]
fn a_stopped_sandbox_is_gone_and_its_journals_stay() {
    let sandbox = builder().start().unwrap();
    let mut idle = connect(&sandbox);
    assert_eq!(idle.exchange(request("GET", "businesshours", "")).status(), 200);
    let mut half = connect(&sandbox);
    half.send("POST /rest/v1/messages/t HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n");
    sandbox.fail_next(Failure::stall()).unwrap();
    let mut stalled = connect(&sandbox);
    stalled.send(request("GET", "businesshours", ""));
    let begun = Instant::now();
    while sandbox.requests().len() < 2 {
        assert!(begun.elapsed() < LONG);
        std::thread::sleep(Duration::from_millis(5));
    }
    let address = sandbox.base_url()["http://".len()..]
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let begun = Instant::now();
    sandbox.stop();
    sandbox.stop();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(TcpStream::connect(address).is_err());
    assert!(idle.receive().is_none() && half.receive().is_none() && stalled.receive().is_none());
    assert_eq!(sandbox.requests().len(), 2);
    drop(sandbox);
}

#[test]
fn it_lives_inside_an_async_runtime_too() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let hook = Hook::start([]);
        let sandbox = builder().webhook_url(&hook.url).start().unwrap();
        say(&sandbox, "t", &text("Hello"));
        assert!(sandbox.wait_delivered(LONG));
        drop(sandbox);
    });
}
