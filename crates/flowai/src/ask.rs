//! A message and its reply in one call (later versions of the API: "synchronous mode").
//!
//! A service that answers the message itself is done with one request. One that only acknowledges is asked for the
//! history of the thread until the bot's answer shows up there, or the deadline passes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::{
    call::{Answered, Call, Follow, Following},
    client::Client,
    error::{Error, ErrorKind, Result},
    history::{HISTORY, HistoryOptions, HistoryPage, history_request},
    model::{Document, tolerant_u64},
    models::{HistoryEntry, ReplyMessage, Template},
    operation::Operation,
    payload::Message,
    templates::QuickReply,
    transport::Sent,
    webhook::{Event, parse_event, time},
};

static ASK: Operation = Operation::send("ask");

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// The service's clock is read to the second, and its machines may not agree on the time.
const CLOCKS_DIFFER: Duration = Duration::from_secs(2);

/// What the bot replied to [`Client::ask`].
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    event: Event,
    thread_id: String,
    trace_id: Option<u64>,
}

impl Reply {
    /// A reply from its parts, for programs that keep replies and read them again.
    pub fn new(event: Event, thread_id: impl Into<String>, trace_id: Option<u64>) -> Reply {
        Reply {
            event,
            thread_id: thread_id.into(),
            trace_id,
        }
    }

    /// What was said: the texts of all messages, one a line, where a message without text has its fallback.
    pub fn text(&self) -> String {
        self.event.text()
    }

    /// The messages of the reply, none when the bot had nothing to say.
    pub fn messages(&self) -> Vec<ReplyMessage> {
        self.event.messages()
    }

    /// The parts of all messages, in their order.
    pub fn templates(&self) -> Vec<Template> {
        let messages = self.messages();
        messages.iter().flat_map(ReplyMessage::responses).collect()
    }

    /// What the bot suggests to answer, from the last message that suggests something.
    pub fn quick_replies(&self) -> Vec<QuickReply> {
        let messages = self.messages();
        let suggested = messages.iter().rev().map(ReplyMessage::quick_replies);
        suggested
            .into_iter()
            .find(|replies| !replies.is_empty())
            .unwrap_or_default()
    }

    /// The thread that was asked.
    pub fn thread_id(&self) -> &str {
        &self.thread_id
    }

    /// The trace id that went along with the message.
    pub fn trace_id(&self) -> Option<u64> {
        self.trace_id
    }

    /// The reply as the event that a webhook would have received.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The document that the reply was read from.
    pub fn raw(&self) -> &Bytes {
        self.event.raw()
    }
}

impl Client {
    /// Sends a message and waits for the reply of the bot.
    ///
    /// The service is asked to answer at once. When it only acknowledges, the history of the thread is read until a
    /// message of the bot shows up that answers this one: it carries its trace id, or is not older and replies to what
    /// was said. The message itself is never sent twice.
    ///
    /// ```no_run
    /// # let client = flowai::Client::builder().build()?;
    /// println!("{}", client.ask("thread-1", "What are your opening hours?").wait()?.text());
    /// # Ok::<_, flowai::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`send`](Client::send). When the service took the message and no reply came in time, the error is a
    /// `Timeout` whose delivery is [`Sent`](crate::Delivery::Sent).
    pub fn ask(&self, thread_id: &str, message: impl Into<Message>) -> Call<Reply> {
        let message = message.into();
        let said = message.said().map(str::to_owned);
        let request = self.message_request(&ASK, thread_id, message);
        let request = request.map(|request| request.with_query("sync", true));
        Call::followed(self, &ASK, request, ReplyTo { said })
    }
}

/// Waits for the answer to what was said.
struct ReplyTo {
    said: Option<String>,
}

impl Follow<Reply> for ReplyTo {
    fn follow<'a>(&'a self, client: &'a Client, answered: Answered<'a>) -> Following<'a, Reply> {
        Box::pin(async move {
            let (request, response) = (answered.request, &answered.response);
            let reply = |event| Reply {
                event,
                thread_id: request.thread_id.clone(),
                trace_id: request.trace_id,
            };
            if let Ok(event) = parse_event(response.body.clone())
                && event.has_messages()
            {
                return Ok(reply(event));
            }
            let slack = answered.took.saturating_add(CLOCKS_DIFFER);
            let at = response.date().unwrap_or_else(SystemTime::now);
            let search = Search {
                client,
                thread_id: &request.thread_id,
                trace_id: request.trace_id,
                said: self.said.as_deref(),
                since: milliseconds(at).saturating_sub(slack.as_millis().try_into().unwrap_or(i64::MAX)),
                deadline: answered.deadline,
            };
            let messages = search.until_found().await?;
            let document = json!({
                "type": "message",
                "threadId": request.thread_id,
                "traceId": request.trace_id,
                "messages": messages,
            });
            Ok(reply(parse_event(document.to_string())?))
        })
    }
}

fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(i64::MAX)
}

/// Looks for the answer in the history of a thread.
struct Search<'a> {
    client: &'a Client,
    thread_id: &'a str,
    trace_id: Option<u64>,
    said: Option<&'a str>,
    /// Nothing older can be the answer, in milliseconds since 1970 by the clock of the service.
    since: i64,
    deadline: Instant,
}

impl Search<'_> {
    /// The messages of the bot, once two looks in a row have found the same.
    async fn until_found(&self) -> Result<Vec<ReplyMessage>> {
        let mut pause = FIRST_PAUSE;
        let mut found = Vec::new();
        let mut trouble = None;
        loop {
            let next = Instant::now() + pause;
            if next >= self.deadline && !found.is_empty() {
                return Ok(found);
            }
            sleep_until(next.min(self.deadline)).await;
            match self.look().await {
                Ok(now) if !now.is_empty() && now == found => return Ok(found),
                Ok(now) if !now.is_empty() => {
                    found = now;
                    pause = FIRST_PAUSE;
                }
                Ok(_) => {}
                Err(error) if passes(&error) => trouble = Some(error),
                Err(error) => return Err(error),
            }
            if Instant::now() >= self.deadline {
                if !found.is_empty() {
                    return Ok(found);
                }
                let error = Error::new(
                    ErrorKind::Timeout,
                    "the message was taken, but no reply came in time",
                );
                return Err(match trouble {
                    Some(trouble) => error.with_source(trouble),
                    None => error,
                });
            }
            if found.is_empty() {
                pause = pause.mul_f32(1.6).min(LONGEST_PAUSE);
            }
        }
    }

    /// One look at the history. The order of its pages is not documented, so both ends are looked at.
    async fn look(&self) -> Result<Vec<ReplyMessage>> {
        let first = self.page(None).await?;
        let mut entries = first.entries;
        if let Some(last) = first.pages.filter(|&last| last > 1 && first.page != Some(last)) {
            entries.extend(self.page(Some(last)).await?.entries);
        }
        Ok(self.answers(&entries))
    }

    async fn page(&self, page: Option<u64>) -> Result<HistoryPage> {
        let options = HistoryOptions::from(page);
        let request = history_request(&HISTORY, self.thread_id, options, true)?;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let mut sent = Sent::default();
        let response = self.client.execute(&request, Some(left), &mut sent).await?;
        HistoryPage::read(&request, response)
    }

    fn answers(&self, entries: &[HistoryEntry]) -> Vec<ReplyMessage> {
        let messages = || {
            entries
                .iter()
                .flat_map(|e| e.messages().into_iter().map(move |m| (e, m)))
        };
        // The same thing may have been said a moment ago: what was answered then is older than what is said now.
        let asked = messages()
            .filter(|(entry, message)| !is_bot(entry, message) && self.is_own(message))
            .filter_map(|(_, message)| created_at(&message))
            .filter(|&at| at >= self.since)
            .max();
        let since = asked.unwrap_or(self.since);
        let answers = |(entry, message): &(&HistoryEntry, ReplyMessage)| {
            is_bot(entry, message)
                && match (trace_id(message), self.trace_id) {
                    (Some(theirs), Some(ours)) => theirs == ours,
                    _ => created_at(message).is_some_and(|at| at >= since) && self.is_replied_to(message),
                }
        };
        messages().filter(answers).map(|(_, message)| message).collect()
    }

    /// Whether a message of the thread is the one that was sent.
    fn is_own(&self, message: &ReplyMessage) -> bool {
        match (trace_id(message), self.trace_id) {
            (Some(theirs), Some(ours)) => theirs == ours,
            _ => self.said.is_some_and(|said| message.text().trim() == said.trim()),
        }
    }

    fn is_replied_to(&self, message: &ReplyMessage) -> bool {
        match (message.reply_to(), self.said) {
            (Some(Value::String(theirs)), Some(said)) => theirs.trim() == said.trim(),
            _ => true,
        }
    }
}

/// An error that may be gone at the next look. A thread that nobody knows yet is one of them.
fn passes(error: &Error) -> bool {
    error.is_retryable() || matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Timeout)
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
