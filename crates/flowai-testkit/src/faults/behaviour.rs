//! The words with which a behaviour is asked for: `fin`, `status-503.retry-after-1.times-2`.

use std::time::{Duration, SystemTime};

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Behaviour {
    pub(crate) word: Word,
    /// Only for the first so many requests of the run, then [`Word::Ok`].
    pub(crate) times: Option<u64>,
    /// The value of Retry-After.
    pub(crate) retry_after: Option<RetryAfter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RetryAfter {
    Text(String),
    /// So many seconds ahead.
    Date(u64),
    Past,
}

impl RetryAfter {
    fn parse(text: &str) -> RetryAfter {
        match text {
            "past" => RetryAfter::Past,
            "empty" => RetryAfter::Text(String::new()),
            "minus5" => RetryAfter::Text("-5".into()),
            _ => match text.strip_prefix("date").map(str::parse) {
                Some(Ok(seconds)) => RetryAfter::Date(seconds),
                _ => RetryAfter::Text(text.into()),
            },
        }
    }

    pub(crate) fn value(&self) -> String {
        let date = |seconds: u64| SystemTime::now() + Duration::from_secs(seconds);
        match self {
            RetryAfter::Text(text) => text.clone(),
            RetryAfter::Date(seconds) => httpdate::fmt_http_date(date(*seconds)),
            RetryAfter::Past => "Sun, 06 Nov 1994 08:49:37 GMT".into(),
        }
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// Without a word about reading: the request is read whole first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Word {
            $($(#[$doc])* $variant,)*
            /// An error answer with this status, JSON body and connection kept.
            Status(u16),
        }

        impl Word {
            fn parse(text: &str) -> Option<Word> {
                match text {
                    $($name => Some(Word::$variant),)*
                    _ => text.strip_prefix("status-")?.parse().ok().map(Word::Status),
                }
            }
        }
    };
}

words! {
    /// 200 `{"status":"ok"}`, the connection stays open.
    Ok = "ok";
    /// RST.
    Reset = "reset";
    /// FIN; on TLS without close_notify.
    Fin = "fin";
    /// Nothing, the connection stays open.
    Stall = "stall";
    /// Half of an answer's head, then nothing.
    StallHead = "stall-head";
    /// The head of an answer and half of its body, then nothing.
    StallBody = "stall-body";
    /// A header every 50 ms, for a minute.
    TrickleHead = "trickle-head";
    /// A byte of the body every 50 ms, for a minute.
    TrickleBody = "trickle-body";
    /// Half of an answer's head, then FIN.
    CutHead = "cut-head";
    /// 200 and half of the body that was announced, then FIN.
    CutBody = "cut-body";
    /// 200 and chunks without the last, then FIN.
    CutChunks = "cut-chunks";
    /// 400 and half of the body that was announced, then FIN.
    CutErrorBody = "cut-error-body";
    /// Bytes that are not HTTP, then FIN.
    Garbage = "garbage";
    /// 200 `{"status":"error","payload":{"message":"refused by the server"}}`.
    NotOk = "not-ok";
    /// 200 with an empty body.
    Empty = "empty";
    /// 204.
    NoContent = "no-content";
    /// 200 with text.
    NotJson = "not-json";
    /// 200 with JSON of depth 200.
    DeepJson = "deep-json";
    /// 200 with `content-encoding: gzip`, though nobody asked.
    Gzip = "gzip";
    /// 200 with a body of 17 MiB.
    OversizedBody = "oversized-body";
    /// The same in chunks.
    OversizedChunks = "oversized-chunks";
    /// 400 with a body of 17 MiB.
    OversizedErrorBody = "oversized-error-body";
    /// 200 with one header of 4 MiB.
    OversizedHeaders = "oversized-headers";
    /// 200 with 100,000 headers.
    EndlessHeaders = "endless-headers";
    /// 200 with two different content lengths.
    ConflictingLengths = "conflicting-lengths";
    /// 200 with `content-length: -5`.
    NegativeLength = "negative-length";
    /// 100, then 200.
    Interim100 = "interim-100";
    /// 103, then 200.
    Interim103 = "interim-103";
    /// 200 in chunks of one byte.
    Chunked = "chunked";
    /// 200 without a length, ended by a polite close.
    UntilClose = "until-close";
    /// The same as HTTP/1.0.
    Http10 = "http-1-0";
    /// 200 with `connection: close`, then a polite close.
    ConnectionClose = "connection-close";
    /// 413 when the head is read; the body is read and not looked at.
    Early413 = "early-413";
    /// Reads the head and then nothing more.
    StopReading = "stop-reading";
    /// 200; the next request on the connection is not read but answered with RST.
    SecondUnread = "second-unread";
    /// 200; after 20 ms of silence FIN.
    IdleFin = "idle-fin";
    /// 200; after 20 ms of silence RST.
    IdleReset = "idle-reset";
    /// 200; after 20 ms of silence close_notify and FIN.
    IdleCloseNotify = "idle-close-notify";
    /// 200; after 20 ms of silence close_notify, the socket stays open.
    IdleCloseNotifyOpen = "idle-close-notify-open";
    /// 200; after 20 ms of silence a 408, then FIN.
    Idle408 = "idle-408";
    /// 200; after 20 ms of silence a 408, close_notify and FIN.
    Idle408CloseNotify = "idle-408-close-notify";
    /// 200; after 20 ms of silence bytes that are not HTTP, then FIN.
    IdleGarbage = "idle-garbage";
    /// 200; after 20 ms of silence a second answer to the same request, the connection stays open.
    StaleAnswer = "stale-answer";
}

impl Behaviour {
    /// None for words that nobody knows.
    pub(crate) fn parse(text: &str) -> Option<Behaviour> {
        let mut words = text.split('.');
        let mut behaviour = Behaviour {
            word: Word::parse(words.next()?)?,
            times: None,
            retry_after: None,
        };
        for word in words {
            if let Some(times) = word.strip_prefix("times-") {
                behaviour.times = Some(times.parse().ok()?);
            } else if let Some(value) = word.strip_prefix("retry-after-") {
                behaviour.retry_after = Some(RetryAfter::parse(value));
            } else {
                return None;
            }
        }
        Some(behaviour)
    }

    /// What to do with the request after `served` others of the run.
    pub(crate) fn word_for(&self, served: u64) -> Word {
        match self.times {
            Some(times) if served >= times => Word::Ok,
            _ => self.word,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_their_additions() {
        let behaviour = Behaviour::parse("status-503.retry-after-1.times-2").unwrap();
        assert_eq!(behaviour.word, Word::Status(503));
        assert_eq!(behaviour.retry_after, Some(RetryAfter::Text("1".into())));
        assert_eq!(behaviour.word_for(1), Word::Status(503));
        assert_eq!(behaviour.word_for(2), Word::Ok);
        assert_eq!(Behaviour::parse("idle-fin").unwrap().word_for(9), Word::IdleFin);
        for wrong in ["", "idle", "fin.sometimes", "fin.times-x", "status-", "status-x"] {
            assert_eq!(Behaviour::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn retry_after_values() {
        assert_eq!(RetryAfter::parse("minus5").value(), "-5");
        assert_eq!(RetryAfter::parse("empty").value(), "");
        assert_eq!(RetryAfter::parse("soon").value(), "soon");
        let date = httpdate::parse_http_date(&RetryAfter::parse("date60").value()).unwrap();
        assert!(date > SystemTime::now() + Duration::from_secs(50));
    }
}
