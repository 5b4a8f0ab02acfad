//! The webhook side: what is delivered, how it is signed, retried and given up, over http and https.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::collections::VecDeque;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flowai_sandbox::{Bot, DeliveryState, SandboxError};
use ring::hmac;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use support::*;

/// Checks the token of a webhook call with a verifier of its own and returns the claims.
fn claims(call: &Message, secret: &str) -> Value {
    let token = call
        .header("authorization")
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap();
    let (signed, tag) = token.rsplit_once('.').unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).unwrap()).expect("a good signature");
    let (header, claims) = signed.split_once('.').unwrap();
    let decode =
        |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(decode(header), json!({"alg": "HS256", "typ": "JWT"}));
    decode(claims)
}

#[test]
fn a_message_comes_back_as_delivered_and_reply() {
    let hook = Hook::start([]);
    let sandbox = builder().webhook_url(&hook.url).start().unwrap();
    let body = json!({"payload": {"type": "text", "speech": "Hello", "traceId": 7,
        "originator": {"name": "John Doe", "role": "external"}}});
    say(&sandbox, "a%7Cb", &body.to_string());

    let call = hook.next();
    assert_eq!(call.start, "POST /hook?x=1 HTTP/1.1");
    assert_eq!(call.header("content-type"), Some("application/json"));
    assert_eq!(call.header("host"), hook.url["http://".len()..].split('/').next());
    let claims = claims(&call, SECRET);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!(claims["iat"].as_u64().unwrap().abs_diff(now) < 600);
    assert!(claims["agentId"].is_string() && claims["channelId"].is_string());
    assert_eq!(claims.get("exp"), None);
    assert_eq!(
        call.json(),
        json!({"type": "message.delivered", "threadId": "a|b", "traceId": 7, "speech": "Hello",
            "originator": {"name": "John Doe", "role": "external"}})
    );

    let reply = hook.next_event();
    assert_eq!(
        (&reply["type"], &reply["threadId"]),
        (&json!("message.reply"), &json!("a|b"))
    );
    assert_eq!(
        reply["messages"][0]["responses"],
        json!([{"type": "text", "payload": {"text": "Hello"}}])
    );
    assert_eq!(reply["messages"][0]["replyTo"], "Hello");
    assert_eq!(reply["originator"]["role"], "bot");
    assert_eq!(reply["messages"][0]["meta"]["msgId"].as_str().unwrap().len(), 36);

    assert!(sandbox.wait_delivered(LONG));
    let deliveries = sandbox.deliveries();
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.state == DeliveryState::Delivered)
    );
    assert!(
        deliveries
            .iter()
            .all(|delivery| delivery.url.as_ref() == Some(&hook.url))
    );
    assert_eq!(deliveries[1].event, reply);
    assert_eq!(deliveries[1].attempts.len(), 1);
    assert_eq!(deliveries[1].attempts[0].status, Some(200));
}

#[test]
fn asynchronous_queries_are_answered_by_the_webhook() {
    let hook = Hook::start([]);
    let sandbox = builder().bot(Bot::None).webhook_url(&hook.url).start().unwrap();
    say(&sandbox, "t", &text("Hello"));
    assert_eq!(hook.next_event()["type"], "message.delivered");
    let mut events = Vec::new();
    for path in ["messages/t?page=1", "businesshours", "pause/t"] {
        assert_eq!(
            call(&sandbox, "GET", path, "").api(),
            (200, json!({"status": "ok"}))
        );
        events.push(hook.next_event());
    }
    assert_eq!(events[0]["type"], "history");
    assert_eq!(events[0]["history"][0]["messages"][0]["fallback"], "Hello");
    assert_eq!(
        (&events[0]["threadId"], &events[0]["page"], &events[0]["pages"]),
        (&json!("t"), &json!(1), &json!(1))
    );
    assert_eq!(events[1]["type"], "businessHours");
    assert!(events[1]["businessHours"][0]["weekdays"].is_array());
    assert_eq!(
        events[2],
        json!({"type": "isPaused", "threadId": "t", "isPaused": false})
    );
    // The synchronous form answers instead of the webhook.
    call(&sandbox, "GET", "pause/t?sync=true", "");
    assert!(sandbox.wait_delivered(LONG));
    assert_eq!(sandbox.deliveries().len(), 4);
}

#[test]
fn only_a_2xx_acknowledges() {
    let hook = Hook::start([500, 307, 304, 404, 201]);
    let sandbox = builder().webhook_url(&hook.url).start().unwrap();
    sandbox.push(json!({"type": "anything", "n": 1}));
    let calls: Vec<Message> = (0..5).map(|_| hook.next()).collect();
    for call in &calls {
        assert_eq!(call.start, "POST /hook?x=1 HTTP/1.1", "no redirect is followed");
        assert_eq!(call.json(), json!({"type": "anything", "n": 1}));
        claims(call, SECRET);
    }
    assert!(sandbox.wait_delivered(LONG));
    let delivery = sandbox.deliveries().remove(0);
    assert_eq!(delivery.state, DeliveryState::Delivered);
    let statuses: Vec<_> = delivery
        .attempts
        .iter()
        .map(|attempt| attempt.status.unwrap())
        .collect();
    assert_eq!(statuses, [500, 307, 304, 404, 201]);
    assert!(hook.calls.try_recv().is_err());
}

#[test]
fn an_event_is_given_up_after_four_hours_of_the_sandboxs_clock() {
    let hook = Hook::start(vec![503; 1000]);
    let sandbox = builder().speed(1e6).webhook_url(&hook.url).start().unwrap();
    sandbox.push(json!({"type": "first", "threadId": "t"}));
    sandbox.push(json!({"type": "second", "threadId": "t"}));
    assert!(sandbox.wait_delivered(LONG));
    let deliveries = sandbox.deliveries();
    // 1, 2, 4 ... 512 seconds, then ten minutes each: 32 waits fit into four hours.
    assert_eq!(deliveries.len(), 2);
    for delivery in deliveries {
        assert_eq!(delivery.state, DeliveryState::Failed);
        assert_eq!(delivery.attempts.len(), 33);
        assert!(
            delivery
                .attempts
                .iter()
                .all(|attempt| attempt.status == Some(503))
        );
    }
    let order: Vec<Value> = (0..66).map(|_| hook.next_event()["type"].clone()).collect();
    assert!(
        order[..33].iter().all(|name| name == "first") && order[33..].iter().all(|name| name == "second")
    );
}

#[test]
fn threads_do_not_wait_for_each_other_and_keep_their_order() {
    let hook = Hook::start([500]);
    let sandbox = builder().speed(0.001).webhook_url(&hook.url).start().unwrap();
    sandbox.push(json!({"type": "stuck", "threadId": "a"}));
    assert_eq!(hook.next_event()["type"], "stuck");
    sandbox.push(json!({"type": "behind it", "threadId": "a"}));
    for n in 0..20 {
        sandbox.push(json!({"type": "free", "threadId": "b", "n": n}));
    }
    for n in 0..20 {
        assert_eq!(hook.next_event()["n"], n);
    }
    assert!(!sandbox.wait_delivered(Duration::from_millis(50)));
    let deliveries = sandbox.deliveries();
    assert_eq!(
        (deliveries[0].state, deliveries[0].attempts.len()),
        (DeliveryState::Pending, 1)
    );
    assert_eq!(
        (deliveries[1].state, deliveries[1].attempts.len()),
        (DeliveryState::Pending, 0)
    );

    // Stopping does not wait for what is pending, and ends the wait for it.
    let begun = Instant::now();
    sandbox.stop();
    assert!(!sandbox.wait_delivered(LONG));
    assert!(begun.elapsed() < LONG);
    assert_eq!(sandbox.deliveries()[0].state, DeliveryState::Pending);
    sandbox.push(json!({"type": "too late"}));
    assert_eq!(sandbox.deliveries().pop().unwrap().state, DeliveryState::Failed);
    let refused = sandbox.set_webhook(&hook.url, None).unwrap_err();
    assert!(matches!(refused, SandboxError::Stopped), "{refused}");
}

#[test]
fn a_webhook_that_cannot_be_reached_is_tried_again() {
    let sandbox = builder().start().unwrap();
    sandbox.push(json!({"type": "before any webhook"}));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}/");
    let sandbox2 = builder()
        .speed(1e6)
        .webhook_url(&url)
        .check_webhook(false)
        .start()
        .unwrap();
    sandbox2.push(json!({"type": "x"}));
    assert!(sandbox2.wait_delivered(LONG));
    let delivery = sandbox2.deliveries().remove(0);
    assert_eq!(delivery.state, DeliveryState::Failed);
    assert!(delivery.attempts.len() > 10);
    assert!(
        delivery.attempts[0]
            .error
            .as_ref()
            .unwrap()
            .starts_with("could not connect")
    );

    let nowhere = sandbox.deliveries().remove(0);
    assert_eq!(
        (nowhere.state, nowhere.url, nowhere.attempts.len()),
        (DeliveryState::Failed, None, 0)
    );
}

#[test]
fn registering_needs_a_2xx_to_a_get() {
    let sandbox = builder().start().unwrap();
    let refusing = |answer: &'static str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut wire = Wire(std::io::BufReader::new(stream));
            let asked = wire.receive().unwrap();
            wire.send(answer);
            asked.start
        });
        url
    };
    for (url, expected) in [
        (
            refusing("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
            "302",
        ),
        (refusing("HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n"), "405"),
        (refusing("nonsense\r\n\r\n"), "no answer"),
        ("http://127.0.0.1:1/".to_owned(), "could not connect"),
    ] {
        let refused = sandbox.set_webhook(&url, None).unwrap_err();
        assert!(matches!(refused, SandboxError::Webhook { .. }));
        assert!(refused.to_string().contains(expected), "{refused}");
        assert!(builder().webhook_url(&url).start().is_err());
    }
    for url in [
        "",
        "nonsense",
        "ftp://127.0.0.1/",
        "http://user:secret@127.0.0.1/",
    ] {
        let refused = sandbox.set_webhook(url, None).unwrap_err();
        assert!(
            matches!(refused, SandboxError::InvalidArgument { .. }),
            "{refused}"
        );
    }
    assert!(sandbox.set_webhook("http://127.0.0.1:1/", Some("")).is_err());

    // None of these became the webhook; one that answers does, with its secret.
    let hook = Hook::start([]);
    let secret = "another secret, which is as long as the first one was";
    sandbox.set_webhook(&hook.url, Some(secret)).unwrap();
    sandbox.push(json!({"type": "x"}));
    claims(&hook.next(), secret);
    assert_eq!(sandbox.webhook_secret(), secret);
}

/// A webhook over https and the PEM file of the authority that vouches for it.
fn https_hook(name: &str) -> (Hook, std::path::PathBuf) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();

    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
    let config = Arc::new(config);
    let wrap = move |mut stream: TcpStream| {
        let mut connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).ok()?;
        }
        Some(rustls::StreamOwned::new(connection, stream))
    };
    let path = std::env::temp_dir().join(format!("flowai-sandbox-{}-{name}.pem", std::process::id()));
    std::fs::write(&path, authority.pem()).unwrap();
    (Hook::serve("https", VecDeque::new(), wrap), path)
}

#[test]
fn webhooks_are_called_over_https_by_the_authority_given() {
    let (hook, ca_file) = https_hook("localhost");
    let sandbox = builder()
        .webhook_ca_file(&ca_file)
        .webhook_url(&hook.url)
        .start()
        .unwrap();
    say(&sandbox, "t", &text("Hello"));
    let call = hook.next();
    claims(&call, SECRET);
    assert_eq!(call.json()["type"], "message.delivered");
    assert_eq!(hook.next_event()["type"], "message.reply");
    assert!(sandbox.wait_delivered(LONG));

    // Nobody else vouches for it, and it is not the one for another name.
    let refused = builder().webhook_url(&hook.url).start().unwrap_err();
    assert!(refused.to_string().contains("TLS failed"), "{refused}");
    let (other, other_ca) = https_hook("other.example.org");
    let refused = builder()
        .webhook_ca_file(&other_ca)
        .webhook_url(&other.url)
        .start()
        .unwrap_err();
    assert!(refused.to_string().contains("TLS failed"), "{refused}");

    std::fs::write(&other_ca, "not a certificate").unwrap();
    let refused = builder().webhook_ca_file(&other_ca).start().unwrap_err();
    assert!(matches!(refused, SandboxError::Tls(_)), "{refused}");
    std::fs::remove_file(other_ca).unwrap();
    std::fs::remove_file(ca_file).unwrap();
}
