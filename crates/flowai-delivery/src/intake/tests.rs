use super::*;
use crate::{inbox::Filter, testing::Directory};

const SECRET: &str = "a secret of ours";
const GOOD: &Headers<'static> = &[("x-secret", SECRET.as_bytes())];
const BAD: &Headers<'static> = &[("x-secret", b"a guess")];
const PAUSED: &str = r#"{"type":"paused","threadId":"t"}"#;

fn intake() -> Intake {
    Intake::new(Verifier::header("x-secret", SECRET).unwrap())
}

fn header(answer: &Answer, name: &str) -> Option<&'static str> {
    let found = answer.headers.iter().find(|header| header.0 == name);
    found.map(|header| header.1)
}

#[test]
fn the_head_decides_how_a_call_goes_on() {
    let intake = intake().with_max_body(1000).unwrap();
    for method in ["GET", "HEAD"] {
        let Next::Answer(answer) = intake.begin(method, Some(b"12")) else {
            panic!("{method}")
        };
        assert_eq!((answer.status, &*answer.body), (200, r#"{"status":"ok"}"#));
        assert_eq!(header(&answer, "content-type"), Some("application/json"));
    }
    for method in ["PUT", "DELETE", "OPTIONS", "post", ""] {
        let Next::Answer(answer) = intake.begin(method, None) else {
            panic!("{method}")
        };
        assert_eq!(answer.status, 405);
        assert_eq!(header(&answer, "allow"), Some("GET, HEAD, POST"));
    }
    let of = |length: Option<&[u8]>| match intake.begin("POST", length) {
        Next::Read(length) => Ok(length),
        Next::Answer(answer) => Err(answer.status),
    };
    assert_eq!(of(None), Ok(None));
    assert_eq!(of(Some(b"0")), Ok(Some(0)));
    assert_eq!(of(Some(b" 1000 ")), Ok(Some(1000)));
    assert_eq!(of(Some(b"1001")), Err(413));
    assert_eq!(of(Some(b"99999999999999999999999999")), Err(413));
    for malformed in ["", "-1", "+1", "1,1", "1 1", "0x1", "\u{663}"] {
        assert_eq!(of(Some(malformed.as_bytes())), Err(400), "{malformed:?}");
    }
}

#[test]
fn what_cannot_be_seen_in_a_call_has_its_answer() {
    let intake = intake();
    for (fault, status) in [
        (Fault::TooLarge, 413),
        (Fault::Incomplete, 400),
        (Fault::Slow, 408),
        (Fault::Endless, 411),
        (Fault::NotHandled, 500),
    ] {
        let answer = intake.refuse(fault);
        assert_eq!(answer.status, status);
        assert!(answer.body.starts_with(r#"{"message":"#), "{}", answer.body);
    }
    assert_eq!(intake.acknowledge().status, 200);
}

#[test]
fn events_are_handed_out_once_a_call_is_verified_and_read() {
    let intake = intake().with_max_body(200).unwrap();
    let events = intake.events(GOOD, format!("[{PAUSED},{PAUSED}]")).unwrap();
    assert_eq!(events.len(), 2);
    let refused = intake.events(BAD, PAUSED).unwrap_err();
    assert_eq!(refused.status, 401);
    assert_eq!(header(&refused, "www-authenticate"), Some("Bearer"));
    assert!(!refused.body.contains("x-secret"), "{}", refused.body);
    assert_eq!(intake.events(&[], PAUSED).unwrap_err().status, 401);
    assert_eq!(intake.events(GOOD, "{").unwrap_err().status, 400);
    assert_eq!(intake.events(GOOD, " ".repeat(201)).unwrap_err().status, 413);
    assert_eq!(Intake::new(None).events(BAD, PAUSED).unwrap().len(), 1);
}

#[test]
fn a_call_is_acknowledged_once_it_is_stored() {
    let place = Directory::new();
    let inbox = Inbox::open(place.file()).unwrap();
    let intake = intake().with_max_body(200).unwrap();
    assert_eq!(intake.store(&inbox, BAD, PAUSED).status, 401);
    assert_eq!(intake.store(&inbox, GOOD, " ".repeat(201)).status, 413);
    assert_eq!(inbox.stats().unwrap().waiting, 0);
    assert_eq!(intake.store(&inbox, GOOD, PAUSED).status, 200);
    // What cannot be read is kept, since it would only come again.
    assert_eq!(intake.store(&inbox, GOOD, "{").status, 200);
    assert_eq!(inbox.list(&Filter::default()).unwrap().len(), 2);
    assert!(intake.outage().lasts().is_none());

    inbox.close().unwrap();
    let answer = intake.store(&inbox, GOOD, PAUSED);
    assert_eq!((answer.status, header(&answer, "retry-after")), (503, Some("5")));
    assert!(!answer.body.contains("closed"), "{}", answer.body);
    assert!(intake.outage().lasts().is_some());
    let inbox = Inbox::open(place.file()).unwrap();
    assert_eq!(intake.store(&inbox, GOOD, PAUSED).status, 200);
    assert!(intake.outage().lasts().is_none());
    assert_eq!(intake.check(BAD, PAUSED).map(|answer| answer.status), Some(401));
    assert_eq!(intake.check(GOOD, PAUSED), None);
    let answer = intake.unavailable("there is no such file");
    assert_eq!(answer.status, 503);
    assert!(!answer.body.contains("file"), "{}", answer.body);
    assert!(intake.outage().lasts().is_some());
}

#[tokio::test(flavor = "current_thread")]
async fn a_call_can_be_stored_without_blocking() {
    let place = Directory::new();
    let inbox = Inbox::open(place.file()).unwrap();
    let intake = intake();
    assert_eq!(intake.store_async(&inbox, BAD, PAUSED).await.status, 401);
    assert_eq!(intake.store_async(&inbox, GOOD, PAUSED).await.status, 200);
    assert_eq!(inbox.stats().unwrap().waiting, 1);
    inbox.close().unwrap();
    assert_eq!(intake.store_async(&inbox, GOOD, PAUSED).await.status, 503);
}

#[test]
fn a_size_of_zero_is_refused() {
    let error = Intake::new(None).with_max_body(0).unwrap_err();
    assert_eq!(error.argument_name(), Some("max_body"));
}
