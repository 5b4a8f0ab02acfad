//! Mutated bodies, held against serde_json: the same are accepted, the same values are read, and nothing panics.
//!
//! What differs on purpose: a body whose root is no object or has a key twice is refused; a number that no `f64` can
//! hold is accepted, which serde_json refuses; depth 128 is accepted, where serde_json ends at 127.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::collections::HashSet;
use std::fmt;

use flowai::{ErrorKind, Event, parse_event, parse_events};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

const MUTATIONS: usize = 250_000;

const SEEDS: [&str; 8] = [
    r#"{"type":"message.reply","threadId":"u|c","messages":[{"fallback":"f","responses":[{"type":"text","payload":{"text":"a\n\u00e9"},"delay":1e3}],"meta":{"msgId":"m"}}],"user":{"name":"n"}}"#,
    r#"{"type":"message.delivered","threadId":"t","traceId":9007199254740991,"speech":"\ud83d\ude00 hi","createdAt":"2021-09-20T19:31:12.031Z"}"#,
    r#"{"event":"history","payload":{"history":[{"originator":{"role":"bot"},"messages":[]}],"page":3,"pages":"4","threadId":"t"}}"#,
    r#"{"status":"ok","result":{"threads":["a|b","c"],"page":"1","pages":100}}"#,
    r#"{"isPaued":false,"isPaused":null,"threadId":"é|ü"}"#,
    r#"[{"type":"paused"},{"businessHours":[{"label":"x","weekdays":[{"weekday":"Monday","content":[{"from":"0:20"}]}]}]}]"#,
    r#"{"type":"x","a":[[],{},[[{"b":[-0.5e-7,0,true,false,null]}]],"\\\"\/\b\f\r\t"],"":{}}"#,
    "{ \"items\" :\r\n\t[ \"EVENT 1\" , 12 ] , \"originator\" : { \"profile\" : { \"timezone\" : 0 } } }",
];

const TOKENS: [&str; 38] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u",
    "\\ud800",
    "\\udc00",
    "\\u0000",
    "\\\"",
    "0",
    "-",
    "1e999",
    "1E+2",
    ".5",
    "01",
    "true",
    "null",
    "fals",
    "\"a\":1,",
    "\"type\":\"message\",",
    "\"payload\":{},",
    "\"result\":{",
    "\"threadId\":\"x\"",
    " ",
    "\n",
    "\u{1f}",
    "\u{0}",
    "é",
    "\u{feff}",
    "[[[[[[[[",
    "]]]]]]]]",
    "{\"a\":",
    "18446744073709551616",
    "\"|\"",
];

/// xorshift64*, so that every run sees the same bodies.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize) % sides.max(1)
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.roll(length + 1);
        start..(start + self.roll(24)).min(length)
    }

    fn mutate(&mut self, body: &mut Vec<u8>) {
        let place = self.roll(body.len() + 1);
        match self.roll(8) {
            0 if place < body.len() => body[place] ^= 1 << self.roll(8),
            1 if place < body.len() => body[place] = self.roll(256) as u8,
            2 => drop(body.drain(self.range(body.len()))),
            3 => {
                let copy = body[self.range(body.len())].to_vec();
                body.splice(place..place, copy);
            }
            4 => {
                let other = SEEDS[self.roll(SEEDS.len())].as_bytes();
                let part = other[self.range(other.len())].to_vec();
                body.splice(place..place, part);
            }
            5 => body.truncate(place),
            _ => {
                let token = TOKENS[self.roll(TOKENS.len())];
                body.splice(place..place, token.bytes());
            }
        }
    }
}

/// What serde_json says about the keys of a document.
#[derive(Clone, Copy, Default)]
struct Keys {
    is_object: bool,
    twice_here: bool,
    twice_below: bool,
}

struct KeysVisitor;

macro_rules! scalars {
    ($($name:ident: $kind:ty),*) => {$(
        fn $name<E: Error>(self, _: $kind) -> Result<Keys, E> { Ok(Keys::default()) }
    )*};
}

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);

    fn visit_unit<E: Error>(self) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Keys, A::Error> {
        let mut keys = Keys::default();
        while let Some(item) = items.next_element::<Keys>()? {
            keys.twice_below |= item.twice_here || item.twice_below;
        }
        Ok(keys)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Keys, A::Error> {
        let mut keys = Keys {
            is_object: true,
            ..Keys::default()
        };
        let mut seen = HashSet::new();
        while let Some((key, value)) = members.next_entry::<String, Keys>()? {
            keys.twice_here |= !seen.insert(key);
            keys.twice_below |= value.twice_here || value.twice_below;
        }
        Ok(keys)
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

/// Calls everything that an event has; returns something, so that no call is left out.
fn read_all(event: &Event) -> usize {
    let strings = [
        event.type_name().into_owned(),
        event.thread_id().into_owned(),
        event.thread_user().into_owned(),
        event.thread_channel().unwrap_or_default().into_owned(),
        event.trace_id_text().unwrap_or_default().into_owned(),
        event.text(),
        event.dedupe_key().unwrap_or_default(),
        format!(
            "{event:?}{:?}{:?}{:?}",
            event.kind(),
            event.is_paused(),
            event.trace_id()
        ),
        format!("{:?}{:?}{:?}", event.created_at(), event.page(), event.pages()),
        format!(
            "{:?}{:?}{:?}",
            event.created_at_ms(),
            event.originator(),
            event.user()
        ),
        format!("{:?}{:?}", event.history(), event.business_hours()),
        format!("{:?}{:?}", event.threads(), event.triggers()),
    ];
    let messages: usize = event.messages().iter().map(|message| message.text().len()).sum();
    let id = event.thread_id();
    assert_ne!(event.is_for(&id), id.is_empty(), "an event is for its own thread");
    strings.iter().map(String::len).sum::<usize>() + messages
}

/// Where a body is judged; the counts prove that all cases occur.
#[derive(Default, Debug)]
struct Tally {
    accepted: usize,
    refused: usize,
    compared: usize,
    open: usize,
}

fn compare(body: &[u8], tally: &mut Tally) {
    let ours = parse_event(body.to_vec());
    if let Ok(event) = &ours {
        assert_eq!(&event.raw()[..], body);
        read_all(event);
    } else if let Err(error) = &ours {
        assert_eq!(error.kind(), ErrorKind::WebhookParse);
    }
    for event in parse_events(body.to_vec()).unwrap_or_default() {
        assert_eq!(
            parse_event(event.raw().clone()).as_ref().map(read_all).ok(),
            Some(read_all(&event))
        );
    }
    let shown = || String::from_utf8_lossy(body).into_owned();
    match serde_json::from_slice::<Keys>(body) {
        Ok(keys) if !keys.is_object || keys.twice_here => {
            tally.refused += 1;
            assert!(ours.is_err(), "accepted: {}", shown());
        }
        Ok(keys) if keys.twice_below => tally.open += 1,
        Ok(_) => {
            tally.accepted += 1;
            let event = ours.unwrap_or_else(|error| panic!("{error}: {}", shown()));
            let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(body) else {
                panic!("{}", shown())
            };
            if object.contains_key("payload") || object.contains_key("result") {
                return;
            }
            tally.compared += 1;
            for (key, value) in object {
                assert_eq!(event.get(&key).unwrap_or_default(), value, "{key} of {}", shown());
            }
        }
        Err(error) if error.to_string().starts_with("number out of range") => tally.open += 1,
        Err(error) => {
            tally.refused += 1;
            assert!(ours.is_err(), "accepted, though {error}: {}", shown());
        }
    }
}

#[test]
fn mutated_bodies_are_judged_and_read_as_by_serde_json() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut tally = Tally::default();
    for seed in SEEDS {
        compare(seed.as_bytes(), &mut tally);
    }
    for round in 0..MUTATIONS {
        let mut body = SEEDS[round % SEEDS.len()].as_bytes().to_vec();
        for _ in 0..=dice.roll(3) {
            dice.mutate(&mut body);
        }
        compare(&body, &mut tally);
    }
    println!("{tally:?}");
    assert!(
        tally.accepted > MUTATIONS / 20 && tally.compared > MUTATIONS / 40,
        "{tally:?}"
    );
    assert!(
        tally.refused > MUTATIONS / 4 && tally.open < MUTATIONS / 10,
        "{tally:?}"
    );
}

#[test]
fn every_prefix_and_every_changed_byte_is_judged_as_by_serde_json() {
    let mut tally = Tally::default();
    for seed in SEEDS {
        for place in 0..seed.len() {
            compare(&seed.as_bytes()[..place], &mut tally);
            let mut body = seed.as_bytes().to_vec();
            for byte in [
                0, b'"', b'\\', b'}', b']', b',', b':', b'0', b'e', b'.', b'-', 0x7f, 0x80, 0xff,
            ] {
                body[place] = byte;
                compare(&body, &mut tally);
            }
        }
    }
    assert!(tally.accepted > 1000, "{tally:?}");
}
