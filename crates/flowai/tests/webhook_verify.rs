//! Who is let in by a verifier, and what the refusal says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use flowai::{ErrorKind, EventKind, JwtOptions, Verifier};
use ring::hmac;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "another secret, also of 32 bytes";
const NOW: u64 = 1_700_000_000;
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW)
}

fn sign_parts(secret: &str, header: &str, claims: &str) -> String {
    let signed = format!("{header}.{claims}");
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        signed.as_bytes(),
    );
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn sign(secret: &str, header: &str, claims: &str) -> String {
    sign_parts(
        secret,
        &URL_SAFE_NO_PAD.encode(header),
        &URL_SAFE_NO_PAD.encode(claims),
    )
}

/// What is wrong with a call that has this token, if anything.
fn check(verifier: &Verifier, token: &str) -> Option<String> {
    refused(
        verifier,
        b"{}",
        &[("Authorization", format!("Bearer {token}").as_bytes())],
    )
}

fn refused(verifier: &Verifier, body: &[u8], headers: &[(&str, &[u8])]) -> Option<String> {
    let error = verifier.verify_at(body, headers, now()).err()?;
    assert_eq!(error.kind(), ErrorKind::WebhookVerification);
    for secret in [SECRET, OTHER, "eyJ", "hunter2"] {
        assert!(
            !format!("{error} {error:?} {verifier:?}").contains(secret),
            "a secret in {error:?}"
        );
    }
    Some(error.message().to_owned())
}

#[test]
fn the_example_of_rfc_7515_is_accepted_until_it_expires() {
    let key = URL_SAFE_NO_PAD
        .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
        .unwrap();
    let token: &[u8] =
        b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog\
        Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let verifier = Verifier::jwt(key).unwrap();
    let at = |seconds| {
        verifier.verify_at(
            b"",
            &[("x-access-token", token)],
            UNIX_EPOCH + Duration::from_secs(seconds),
        )
    };
    assert!(at(1_300_819_380 + 59).is_ok());
    assert!(at(1_300_819_380 + 60).is_err());
}

#[test]
fn times_count_with_leeway() {
    let verifier = Verifier::jwt(SECRET).unwrap();
    let expired = Some("the token has expired (authorization)");
    let not_yet = Some("the token is not valid yet (authorization)");
    let future = Some("the token was issued in the future (authorization)");
    let odd = Some("a time in the token is not a number (authorization)");
    for (claims, problem) in [
        ("{}".to_owned(), None),
        (r#"{"data":null,"agentId":"a","iat":1565271700}"#.to_owned(), None),
        (format!(r#"{{"exp":{}}}"#, NOW + 1), None),
        (format!(r#"{{"exp":{}}}"#, NOW - 59), None),
        (format!(r#"{{"exp":{}.5}}"#, NOW - 60), None),
        (format!(r#"{{"exp":{}}}"#, NOW - 60), expired),
        (format!(r#"{{"exp":{}}}"#, NOW - 1_000_000), expired),
        (r#"{"exp":0}"#.to_owned(), expired),
        (r#"{"exp":-1e300}"#.to_owned(), expired),
        (r#"{"exp":1e300}"#.to_owned(), None),
        (r#"{"exp":1e999}"#.to_owned(), odd),
        (r#"{"exp":"2000000000"}"#.to_owned(), odd),
        (r#"{"exp":null}"#.to_owned(), odd),
        (r#"{"exp":true}"#.to_owned(), odd),
        (r#"{"nbf":[1]}"#.to_owned(), odd),
        (r#"{"iat":{}}"#.to_owned(), odd),
        (format!(r#"{{"nbf":{}}}"#, NOW), None),
        (format!(r#"{{"nbf":{}}}"#, NOW + 60), None),
        (format!(r#"{{"nbf":{}}}"#, NOW + 61), not_yet),
        (format!(r#"{{"iat":{}}}"#, NOW + 60), None),
        (format!(r#"{{"iat":{}}}"#, NOW + 61), future),
        (
            format!(r#"{{"exp":{},"nbf":{},"iat":{}}}"#, NOW + 9, NOW, NOW - 9),
            None,
        ),
    ] {
        assert_eq!(
            check(&verifier, &sign(SECRET, HEADER, &claims)).as_deref(),
            problem,
            "{claims}"
        );
    }
    let strict = JwtOptions::default().require_exp(true).leeway(Duration::ZERO);
    let strict = Verifier::jwt_with([SECRET], strict).unwrap();
    let exp = |exp: u64| check(&strict, &sign(SECRET, HEADER, &format!(r#"{{"exp":{exp}}}"#)));
    assert_eq!(exp(NOW + 1), None);
    assert_eq!(exp(NOW).as_deref(), expired);
    let without = check(&strict, &sign(SECRET, HEADER, "{}"));
    assert_eq!(
        without.as_deref(),
        Some("the token has no expiry (authorization)")
    );
}

#[test]
fn the_algorithm_is_ours_to_choose() {
    let verifier = Verifier::jwt(SECRET).unwrap();
    for header in [
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS256 "}"#,
        r#"{"alg":"HS384"}"#,
        r#"{"alg":"HS512"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"ES256"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":null}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","cty":"JWT"}"#,
        r#"["HS256"]"#,
        r#""HS256""#,
        "",
        "{}",
        "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\"} x",
        "\u{feff}{\"alg\":\"HS256\"}",
    ] {
        assert!(
            check(&verifier, &sign(SECRET, header, "{}")).is_some(),
            "{header}"
        );
    }
    for header in [
        HEADER,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"\u0048S256","kid":"1","typ":"jwt"}"#,
    ] {
        assert_eq!(check(&verifier, &sign(SECRET, header, "{}")), None, "{header}");
    }
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    for unsigned in [format!("{header}.e30."), format!("{header}.e30")] {
        assert!(check(&verifier, &unsigned).is_some());
    }
}

#[test]
fn claims_are_one_object() {
    let verifier = Verifier::jwt(SECRET).unwrap();
    for claims in [
        "",
        "null",
        "[]",
        "1",
        "{",
        "{}{}",
        r#"{"exp":9999999999,"exp":1}"#,
        "\"{}\"",
    ] {
        assert!(
            check(&verifier, &sign(SECRET, HEADER, claims)).is_some(),
            "{claims}"
        );
    }
    let nested = sign(SECRET, HEADER, "{}");
    assert!(check(&verifier, &sign(SECRET, HEADER, &nested)).is_some());
    let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
    assert!(check(&verifier, &sign(SECRET, HEADER, &deep)).is_some());
}

#[test]
fn a_damaged_token_is_refused() {
    let verifier = Verifier::jwt(SECRET).unwrap();
    let good = sign(SECRET, HEADER, r#"{"iat":1565271700}"#);
    assert_eq!(check(&verifier, &good), None);
    assert!(check(&verifier, &sign(OTHER, HEADER, "{}")).is_some());
    for length in 0..good.len() {
        assert!(check(&verifier, &good[..length]).is_some(), "cut at {length}");
    }
    for place in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        assert!(
            check(&verifier, &String::from_utf8(bytes).unwrap()).is_some(),
            "changed at {place}"
        );
    }
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let padded = |text: &str| URL_SAFE.encode(text);
    for bad in [
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{header}..{claims}.{signature}"),
        "..".to_owned(),
        format!("{header}.{claims}."),
        format!("{good}="),
        format!("{good}\n"),
        format!("{good} "),
        format!(" {good}"),
        format!("{header}\n.{claims}.{signature}"),
        format!("{header}.{claims}.{}", signature.replace(['-', '_'], "+") + "+"),
        format!("{header}.{claims}.{signature}AAAA"),
        format!("\"{good}\""),
        format!("{good},{good}"),
        format!("Bearer {good}"),
        "\u{e9}.\u{e9}.\u{e9}".to_owned(),
        sign_parts(SECRET, &padded(r#"{"alg":"HS256" }"#), "e30"),
        sign_parts(SECRET, header, &padded(r#"{"a":1}"#)),
        sign_parts(SECRET, "eyJhbGciOiJIUzI1NiJ9", "e31"),
        sign_parts(SECRET, "eyJhbGciOiJIUzI1NiJ9", "e3/9"),
    ] {
        assert!(check(&verifier, &bad).is_some(), "{bad:?}");
    }
    assert_eq!(
        check(&verifier, &sign_parts(SECRET, "eyJhbGciOiJIUzI1NiJ9", "e30")),
        None
    );
    let big = |size: usize| sign(SECRET, HEADER, &format!(r#"{{"x":"{}"}}"#, "x".repeat(size)));
    assert_eq!(check(&verifier, &big(6000)), None);
    let problem = check(&verifier, &big(7000));
    assert_eq!(problem.as_deref(), Some("the token is too long (authorization)"));
    assert!(check(&verifier, &"x.".repeat(1 << 20)).is_some());
}

#[test]
fn a_token_comes_in_one_of_two_headers_once() {
    let verifier = Verifier::jwt(SECRET).unwrap();
    let token = sign(SECRET, HEADER, "{}");
    let wrong = sign(OTHER, HEADER, "{}");
    let bearer = |scheme: &str| format!("{scheme}{token}");
    for (name, value) in [
        ("Authorization", bearer("Bearer ")),
        ("AUTHORIZATION", bearer("bEARER ")),
        ("authorization", bearer("")),
        ("x-access-token", bearer("")),
        ("X-Access-Token", bearer("Bearer ")),
    ] {
        assert_eq!(
            refused(&verifier, b"", &[(name, value.as_bytes())]),
            None,
            "{name} {value}"
        );
    }
    for (name, value) in [
        ("authorization", bearer("Basic ")),
        ("authorization", bearer("Bearer")),
        ("authorization", "Bearer ".to_owned()),
        ("authorization", String::new()),
        ("x-token", bearer("")),
    ] {
        assert!(
            refused(&verifier, b"", &[(name, value.as_bytes())]).is_some(),
            "{name} {value}"
        );
    }
    let (token, wrong) = (token.as_bytes(), wrong.as_bytes());
    assert_eq!(
        refused(&verifier, b"", &[]).as_deref(),
        Some("the call has no token")
    );
    assert_eq!(
        refused(
            &verifier,
            b"",
            &[("authorization", b"Basic dTpw"), ("x-access-token", token)]
        ),
        None
    );
    assert_eq!(
        refused(
            &verifier,
            b"",
            &[("x-access-token", wrong), ("authorization", token)]
        ),
        None
    );
    assert!(
        refused(
            &verifier,
            b"",
            &[("x-access-token", wrong), ("authorization", wrong)]
        )
        .is_some()
    );
    let twice = refused(
        &verifier,
        b"",
        &[("authorization", token), ("Authorization", token)],
    );
    assert_eq!(
        twice.as_deref(),
        Some("the header authorization comes more than once")
    );
    let twice = [
        ("authorization", token),
        ("x-access-token", token),
        ("X-ACCESS-TOKEN", wrong),
    ];
    assert!(refused(&verifier, b"", &twice).is_some());
    assert!(refused(&verifier, b"", &[("authorization", b"\xff\xfe")]).is_some());
}

#[test]
fn secrets_rotate_and_have_a_least_length() {
    let both = Verifier::jwt_rotating([SECRET, OTHER]).unwrap();
    for secret in [SECRET, OTHER] {
        assert_eq!(check(&both, &sign(secret, HEADER, "{}")), None);
    }
    assert!(check(&both, &sign("a third secret that is 32 bytes!", HEADER, "{}")).is_some());
    let short = JwtOptions::default().min_secret_bytes(7);
    assert!(Verifier::jwt_with(["hunter2"], short).is_ok());
    let none: [&str; 0] = [];
    let empty = JwtOptions::default().min_secret_bytes(0);
    for error in [
        Verifier::jwt("hunter2").unwrap_err(),
        Verifier::jwt(&SECRET[..31]).unwrap_err(),
        Verifier::jwt_rotating([SECRET, "hunter2"]).unwrap_err(),
        Verifier::jwt_rotating(none).unwrap_err(),
        Verifier::jwt_with([""], empty).unwrap_err(),
        Verifier::jwt("-----BEGIN PUBLIC KEY-----\nhunter2").unwrap_err(),
        Verifier::header("x-key", "").unwrap_err(),
        Verifier::body_key("").unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(error.argument_name(), Some("secret"));
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    assert_eq!(
        Verifier::header("x key", "a").unwrap_err().argument_name(),
        Some("name")
    );
    assert_eq!(Verifier::any([]).unwrap_err().argument_name(), Some("verifiers"));
}

#[test]
fn a_header_or_the_body_may_hold_the_secret() {
    let header = Verifier::header("X-Flow-Key", "hunter2").unwrap();
    assert_eq!(refused(&header, b"", &[("x-flow-key", b"hunter2")]), None);
    for value in [
        &b"hunter"[..],
        b"hunter22",
        b"Hunter2",
        b"",
        b" hunter2",
        b"hunter2\0",
    ] {
        let problem = refused(&header, b"", &[("x-flow-key", value)]);
        assert_eq!(
            problem.as_deref(),
            Some("the header x-flow-key has the wrong secret")
        );
    }
    assert_eq!(
        refused(&header, b"", &[]).as_deref(),
        Some("the header x-flow-key is missing")
    );
    let twice: [(&str, &[u8]); 2] = [("x-flow-key", b"hunter2"), ("X-Flow-Key", b"hunter2")];
    assert!(refused(&header, b"", &twice).is_some());

    let body = Verifier::body_key("hunter2").unwrap();
    for good in [
        r#"{"verifyKey":"hunter2"}"#,
        r#"{"verifyToken":"\u0068unter2","type":"message"}"#,
        r#"{"verifyKey":"old","verifyToken":"hunter2"}"#,
    ] {
        assert_eq!(refused(&body, good.as_bytes(), &[]), None, "{good}");
    }
    for bad in [
        "",
        "hunter2",
        "[]",
        "{}",
        r#"[{"verifyKey":"hunter2"}]"#,
        r#"{"payload":{"verifyKey":"hunter2"}}"#,
        r#"{"verifyKey":"hunter"}"#,
        r#"{"verifyKey":["hunter2"]}"#,
        r#"{"verifyKey":"wrong","verifyKey":"hunter2"}"#,
        r#"{"verifyKey":"hunter2"} "#.trim_end_matches("} "),
        r#"{"VerifyKey":"hunter2"}"#,
    ] {
        assert!(refused(&body, bad.as_bytes(), &[]).is_some(), "{bad}");
    }
}

#[test]
fn one_of_several_is_enough_and_its_event_is_read() {
    let verifier = Verifier::any([
        Verifier::jwt(SECRET).unwrap(),
        Verifier::header("x-key", "hunter2").unwrap(),
    ])
    .unwrap();
    let shared = verifier.clone();
    let body = br#"{"type":"paused","threadId":"t"}"#;
    let event = std::thread::spawn(move || shared.unwrap(&body[..], &[("x-key", b"hunter2")]))
        .join()
        .unwrap();
    assert_eq!(event.unwrap().kind(), EventKind::Paused);
    let problem = refused(&verifier, body, &[("x-key", b"hunter")]).unwrap();
    assert_eq!(
        problem,
        "the call has no token; the header x-key has the wrong secret"
    );
    let kind = |result: flowai::Result<flowai::Event>| result.unwrap_err().kind();
    assert_eq!(
        kind(verifier.unwrap(&b"{"[..], &[])),
        ErrorKind::WebhookVerification
    );
    assert_eq!(
        kind(verifier.unwrap(&b"{"[..], &[("x-key", b"hunter2")])),
        ErrorKind::WebhookParse
    );
    let debug = format!("{verifier:?}");
    assert!(
        debug.starts_with("Verifier::Any") && !debug.contains("hunter2"),
        "{debug}"
    );
}
