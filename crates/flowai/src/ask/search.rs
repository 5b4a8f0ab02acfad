//! The answer to a message, looked for in the history of its thread.

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use std::time::Duration;

use crate::{
    client::Client,
    error::{Error, ErrorKind, Result},
    history::{HISTORY, HistoryOptions, HistoryPage, history_request},
    model::{Document, Object, tolerant_u64},
    models::{HistoryEntry, ReplyMessage},
    payload::Message,
    transport::Sent,
    webhook::time,
};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long our own message is waited for in the history, before an answer is taken without it.
const OWN_MESSAGE: Duration = Duration::from_secs(2);

/// What was said, as far as a history can show it.
#[derive(Debug)]
pub(super) enum Said {
    Text(String),
    Event(String),
    Place(String, String),
    Media(String),
    Other,
}

impl Said {
    pub(super) fn by(message: &Message) -> Said {
        let object = message.as_object();
        let text = |wire: &str| object.get(wire).map(plain);
        match (message.kind(), text("lat"), text("long")) {
            ("text", ..) => Said::Text(text("speech").unwrap_or_default()),
            ("event", ..) => Said::Event(text("eventName").unwrap_or_default()),
            ("location", Some(lat), Some(long)) => Said::Place(lat, long),
            ("media", ..) => text("url").map_or(Said::Other, Said::Media),
            _ => Said::Other,
        }
    }

    /// Whether a message of the history shows this.
    fn is_in(&self, message: &ReplyMessage) -> bool {
        let shows = |kinds: &[&str], is: &dyn Fn(&Object) -> bool| {
            let parts = message.responses();
            let mut parts = parts
                .iter()
                .filter(|part| part.r#type().is_some_and(|kind| kinds.contains(&kind)));
            parts.any(|part| part.payload().is_some_and(is))
        };
        let equal = |payload: &Object, wire: &str, ours: &str| {
            payload
                .get(wire)
                .is_some_and(|theirs| plain(theirs).trim() == ours.trim())
        };
        match self {
            Said::Text(text) => message.text().trim() == text.trim(),
            Said::Event(name) => {
                shows(&["event"], &|payload| equal(payload, "name", name))
                    || message.text().trim() == name.trim()
            }
            Said::Place(lat, long) => shows(&["location"], &|payload| {
                equal(payload, "lat", lat) && equal(payload, "long", long)
            }),
            Said::Media(url) => shows(&["image", "file", "audio", "video", "media"], &|payload| {
                equal(payload, "url", url)
            }),
            Said::Other => false,
        }
    }

    /// Whether a message of the bot says that it answers something else.
    fn is_not_quoted(&self, message: &ReplyMessage) -> bool {
        match (message.reply_to(), self) {
            (Some(Value::String(theirs)), Said::Text(said) | Said::Event(said)) => {
                theirs.trim() != said.trim()
            }
            _ => false,
        }
    }
}

/// A string or a number as text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Looks for the answer in the history of a thread.
pub(super) struct Search<'a> {
    pub(super) client: &'a Client,
    pub(super) thread_id: &'a str,
    pub(super) trace_id: Option<u64>,
    pub(super) said: &'a Said,
    /// Nothing older can be the answer, in milliseconds since 1970 by the clock of the service.
    pub(super) since: i64,
    pub(super) deadline: Instant,
}

/// What one look has found.
#[derive(PartialEq)]
struct Found {
    /// Our own message, if it is there.
    own: Option<String>,
    /// Whether the answers can be to nothing else: they come after our own message, or carry its trace id.
    certain: bool,
    answers: Vec<ReplyMessage>,
}

impl Search<'_> {
    /// The messages of the bot, once two looks in a row have found the same.
    pub(super) async fn until_found(&self) -> Result<Vec<ReplyMessage>> {
        let own_until = Instant::now() + OWN_MESSAGE;
        let mut pause = FIRST_PAUSE;
        let mut last = None;
        let mut trouble = None;
        loop {
            let next = Instant::now() + pause;
            sleep_until(next.min(self.deadline)).await;
            let is_over = Instant::now() >= self.deadline;
            match self.look().await {
                Ok(found) if !found.certain && Instant::now() < own_until => {}
                Ok(found) if !found.answers.is_empty() => {
                    if last.as_ref() == Some(&found) || is_over {
                        return Ok(self.remembered(found));
                    }
                    last = Some(found);
                    pause = FIRST_PAUSE;
                }
                Ok(_) => {}
                Err(error) if passes(&error) => trouble = Some(error),
                Err(error) => return Err(error),
            }
            if Instant::now() >= self.deadline {
                if let Some(found) = last {
                    return Ok(self.remembered(found));
                }
                let problem = "the message was taken, but no reply came in time";
                let error = Error::new(ErrorKind::Timeout, problem);
                return Err(match trouble {
                    Some(trouble) => error.with_source(trouble),
                    None => error,
                });
            }
            if last.is_none() {
                pause = pause.mul_f32(1.6).min(LONGEST_PAUSE);
            }
        }
    }

    /// The answers; what was said and answered now is not taken for another message and its answer later.
    fn remembered(&self, found: Found) -> Vec<ReplyMessage> {
        let answers = found.answers.iter().map(fingerprint);
        self.client
            .answered()
            .add(self.thread_id, found.own.into_iter().chain(answers));
        found.answers
    }

    /// One look at the history. The order of its pages is not documented, so both ends are looked at.
    async fn look(&self) -> Result<Found> {
        let first = self.page(None).await?;
        let mut entries = first.entries;
        if let Some(last) = first.pages.filter(|&last| last > 1 && first.page != Some(last)) {
            entries.extend(self.page(Some(last)).await?.entries);
        }
        Ok(self.answers(&entries))
    }

    async fn page(&self, page: Option<u64>) -> Result<HistoryPage> {
        let events = matches!(self.said, Said::Event(_));
        let options = HistoryOptions::from(page).events(events);
        let request = history_request(&HISTORY, self.thread_id, options, true)?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let mut sent = Sent::default();
        let response = self.client.execute(&request, Some(left), None, &mut sent).await?;
        HistoryPage::read(&request, response)
    }

    fn answers(&self, entries: &[HistoryEntry]) -> Found {
        let mut messages: Vec<(&HistoryEntry, ReplyMessage)> = entries
            .iter()
            .flat_map(|entry| entry.messages().into_iter().map(move |message| (entry, message)))
            .collect();
        let known = self.client.answered();
        messages.retain(|(_, message)| !known.has(self.thread_id, &fingerprint(message)));

        // The same thing may have been said before: the last time is this one.
        let own = messages
            .iter()
            .filter(|(entry, message)| !is_bot(entry, message) && self.is_own(message))
            .filter_map(|(entry, message)| {
                Some((
                    created_at(message).filter(|&at| at >= self.since)?,
                    *entry,
                    message,
                ))
            })
            .max_by_key(|(at, ..)| *at);
        let since = own.map_or(self.since, |(at, ..)| at);
        let exchange = own.and_then(|(_, entry, _)| entry.interaction_id());
        let is_answer = |(entry, message): &(&HistoryEntry, ReplyMessage)| {
            if !is_bot(entry, message) {
                return false;
            }
            if let (Some(theirs), Some(ours)) = (trace_id(message), self.trace_id) {
                return theirs == ours;
            }
            // Entries of one exchange have the same id; those of another have another.
            let same_exchange = match (exchange, entry.interaction_id()) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => true,
            };
            same_exchange
                && created_at(message).is_some_and(|at| at >= since)
                && !self.said.is_not_quoted(message)
        };
        let own = own.map(|(_, _, message)| fingerprint(message));
        let answers = messages.iter().filter(|found| is_answer(found));
        let answers: Vec<_> = answers.map(|(_, message)| message.clone()).collect();
        let traced = || answers.iter().all(|message| trace_id(message).is_some());
        Found {
            certain: own.is_some() || (self.trace_id.is_some() && traced()),
            own,
            answers,
        }
    }

    /// Whether a message of the thread is the one that was sent.
    fn is_own(&self, message: &ReplyMessage) -> bool {
        match (trace_id(message), self.trace_id) {
            (Some(theirs), Some(ours)) => theirs == ours,
            _ => self.said.is_in(message),
        }
    }
}

/// An error that may be gone at the next look. A thread that nobody knows yet is one of them.
fn passes(error: &Error) -> bool {
    error.is_retryable() || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Timeout)
}

/// What tells one message of a thread from all others.
fn fingerprint(message: &ReplyMessage) -> String {
    let id = message.meta().and_then(|meta| meta.get("msgId")?.as_str());
    id.map_or_else(|| message.to_value().to_string(), str::to_owned)
}

fn is_bot(entry: &HistoryEntry, message: &ReplyMessage) -> bool {
    let originator = message.originator().or_else(|| entry.originator());
    originator.is_some_and(|originator| originator.role() == Some("bot"))
}

/// The trace id, when it is a number of ours; those of the platform are other text.
fn trace_id(message: &ReplyMessage) -> Option<u64> {
    message.as_object().get("traceId").and_then(tolerant_u64)
}

fn created_at(message: &ReplyMessage) -> Option<i64> {
    let at = message
        .created_at()
        .or_else(|| message.meta()?.get("createdAt"))?;
    match at {
        Value::String(text) => time::milliseconds(text),
        other => other.as_i64(),
    }
}
