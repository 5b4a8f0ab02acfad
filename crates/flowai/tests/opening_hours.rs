//! Whether it is open: the shared vectors, and the same answers as a look at every minute gives.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use flowai::{BusinessHours, Document, LocalTime};
use flowai_testkit::load_file;
use proptest::prelude::*;
use serde_json::{Value, json};

fn hours(document: Value) -> BusinessHours {
    BusinessHours::from_value(document).unwrap()
}

fn time(text: &str) -> LocalTime {
    text.parse().unwrap()
}

#[test]
fn every_vector_is_answered_as_expected() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/opening_hours.json"
    );
    let vectors = load_file(path).unwrap();
    assert!(vectors.len() > 40);
    let mut problems = Vec::new();
    for vector in vectors {
        let hours = hours(vector.get("hours").clone());
        let at = time(vector.get("at").as_str().unwrap());
        assert_eq!(at.to_string(), vector.get("at").as_str().unwrap());
        let text = |moment: Option<LocalTime>| moment.map(|moment| moment.to_string());
        let actual = json!({
            "is_open": hours.is_open(at),
            "next_opening": text(hours.next_opening(at)),
            "next_closing": text(hours.next_closing(at)),
        });
        if actual != *vector.get("expect") {
            problems.push(format!(
                "{}: {actual} instead of {}",
                vector.id,
                vector.get("expect")
            ));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn times_are_what_the_clock_shows() {
    let at = time("2026-11-23T10:05:07.999+01:00");
    assert_eq!(at.to_string(), "2026-11-23T10:05:07+01:00");
    assert_eq!((at.year(), at.month(), at.day()), (2026, 11, 23));
    assert_eq!((at.hour(), at.minute(), at.second()), (10, 5, 7));
    assert_eq!((at.unix_seconds(), at.offset_seconds()), (1_795_424_707, 3600));
    assert_eq!(LocalTime::from_unix(1_795_424_707, 3600).unwrap(), at);
    let civil = LocalTime::new(2026, 11, 23, 10, 5, 7).unwrap();
    assert_eq!(civil.to_string(), "2026-11-23T10:05:07+00:00");
    assert_eq!(civil.with_offset(3600).unwrap(), at);
    assert_eq!(format!("{at:?}"), "LocalTime(2026-11-23T10:05:07+01:00)");
    let before = LocalTime::from_unix(-1, -(5 * 3600 + 90)).unwrap();
    assert_eq!(before.to_string(), "1969-12-31T18:58:29-05:01:30");
    assert_eq!((before.hour(), before.second()), (18, 29));
    assert_eq!(
        time("2024-12-31T23:59:60Z").to_string(),
        "2025-01-01T00:00:00+00:00"
    );
}

#[test]
fn times_that_do_not_exist_are_refused() {
    let name = |result: flowai::Result<LocalTime>| result.unwrap_err().argument_name().unwrap().to_owned();
    for (year, month, day, hour, minute, second) in [
        (0, 1, 1, 0, 0, 0),
        (10_000, 1, 1, 0, 0, 0),
        (i32::MIN, 1, 1, 0, 0, 0),
        (2026, 0, 1, 0, 0, 0),
        (2026, 13, 1, 0, 0, 0),
        (2026, 2, 29, 0, 0, 0),
        (2026, 1, 32, 0, 0, 0),
        (2026, 1, 1, 24, 0, 0),
        (2026, 1, 1, 0, 60, 0),
        (2026, 1, 1, 0, 0, 60),
    ] {
        let time = LocalTime::new(year, month, day, hour, minute, second);
        assert_eq!(name(time), "at", "{year}-{month}-{day} {hour}:{minute}:{second}");
    }
    for seconds in [i64::MIN, i64::MAX, -62_135_596_801, 253_402_300_800] {
        assert_eq!(name(LocalTime::from_unix(seconds, 0)), "unix_seconds");
    }
    for offset in [i32::MIN, -86_400, 86_400, i32::MAX] {
        assert_eq!(name(LocalTime::from_unix(0, offset)), "offset_seconds");
    }
    for text in [
        "",
        "now",
        "2026-11-23",
        "2026-11-23T10:00:00",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:60Z",
    ] {
        assert_eq!(name(text.parse()), "at", "{text}");
    }
    for edge in ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-23:59"] {
        assert_eq!(time(edge).to_string(), edge);
        assert!(!hours(json!({})).is_open(time(edge)));
    }
}

#[test]
fn a_hostile_document_is_answered_in_bounded_time() {
    let interval = |i: u64| json!({"from": format!("{}:{:02}", i / 60 % 24, i % 60), "to": format!("{}:{:02}", i / 7 % 24, i % 59)});
    let weekday = |i: u64| json!({"weekday": "Sunday", "content": [interval(i * 13)]});
    let holiday = |i: u64| json!({"date": 1_795_392_000_000 + i * 86_400_000});
    let document = hours(json!({
        "weekdays": (0..100_000).map(weekday).collect::<Value>(),
        "holidays": (0..100_000).map(holiday).collect::<Value>(),
    }));
    let start = std::time::Instant::now();
    let at = time("2026-11-24T10:00:00Z");
    assert_eq!(document.next_opening(at), None);
    assert_eq!(document.next_closing(at), Some(at));
    assert!(start.elapsed() < std::time::Duration::from_secs(60));
}

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Monday, 2026-11-23, minus a day: the night before counts too.
const FIRST_DAY: i64 = 20_779;

/// For each minute of two weeks from Monday, 2026-11-23, whether it is open, by drawing the intervals on the minutes.
fn drawn(week: &[(usize, i64, i64)], holidays: &[i64]) -> Vec<bool> {
    let mut open = vec![false; 17 * 1440];
    for day in 0..16_i64 {
        if holidays.contains(&day) {
            continue;
        }
        for (_, from, to) in week
            .iter()
            .filter(|(weekday, _, _)| (*weekday as i64 + 1) % 7 == day % 7)
        {
            let length = match (*from, *to) {
                (from, 1439 | 1440) => 1440 - from,
                (from, to) if to > from => to - from,
                (from, to) => 1440 - from + to,
            };
            for minute in 0..length {
                open[(day * 1440 + from + minute) as usize] = true;
            }
        }
    }
    open.drain(1440..15 * 1440).collect()
}

fn clock(minutes: i64) -> String {
    format!("{}:{:02}", minutes / 60, minutes % 60)
}

fn document(week: &[(usize, i64, i64)], holidays: &[i64]) -> BusinessHours {
    let weekday = |(day, from, to): &(usize, i64, i64)| json!({"weekday": DAYS[*day], "content": [{"from": clock(*from), "to": clock(*to)}]});
    let holiday = |day: &i64| json!({"date": (FIRST_DAY + day) * 86_400_000});
    hours(json!({
        "weekdays": week.iter().map(weekday).collect::<Value>(),
        "holidays": holidays.iter().map(holiday).collect::<Value>(),
    }))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(8) })]

    #[test]
    fn the_answers_are_those_of_every_minute(
        week in proptest::collection::vec((0..7_usize, 0..1440_i64, prop_oneof![0..=1440_i64, 1436..=1440_i64]), 0..9),
        holidays in proptest::collection::vec(0..16_i64, 0..4),
        offset in -43_200..50_400_i32,
        second in 0..60_i64,
    ) {
        let hours = document(&week, &holidays);
        let minutes = drawn(&week, &holidays);
        let moment = |minute: usize, second| {
            let shown = (FIRST_DAY + 1) * 86_400 + minute as i64 * 60 + second;
            LocalTime::from_unix(shown - i64::from(offset), offset).unwrap()
        };
        // The next minute of the two weeks that is open, and that is closed, from the last minute backwards.
        let (mut opening, mut closing) = (None, None);
        for (minute, open) in minutes.iter().copied().enumerate().rev() {
            let at = moment(minute, second);
            let (this, other) = if open { (&mut opening, closing) } else { (&mut closing, opening) };
            *this = Some(moment(minute, 0));
            prop_assert_eq!(hours.is_open(at), open, "{}", at);
            // Asking every minute for what lies far ahead takes too long.
            if minute % 97 == 0 || minutes.get(minute.wrapping_sub(1)) != Some(&open) {
                let (next, now) = if open {
                    (hours.next_closing(at), hours.next_opening(at))
                } else {
                    (hours.next_opening(at), hours.next_closing(at))
                };
                prop_assert_eq!(now, Some(at));
                match other {
                    Some(_) => prop_assert_eq!(next, other, "{}", at),
                    // What is not in the two weeks is after them.
                    None => prop_assert!(next.is_none_or(|next| next.unix_seconds() >= moment(minutes.len(), 0).unix_seconds()), "{}", at),
                }
            }
        }
    }
}
