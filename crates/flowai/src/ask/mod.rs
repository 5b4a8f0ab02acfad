//! A message and its reply in one call (later versions of the API: "synchronous mode").
//!
//! A service that answers the message itself is done with one request. One that only acknowledges is asked for the
//! history of the thread until the bot's answer shows up there, or the deadline passes.

mod answered;
mod search;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::json;

pub(crate) use self::answered::Answered as AnsweredMessages;
use self::search::{Said, Search};
use crate::{
    call::{Answered, Call, Follow, Following},
    client::Client,
    models::{ReplyMessage, Template},
    operation::Operation,
    payload::Message,
    templates::QuickReply,
    webhook::{Event, parse_event},
};

static ASK: Operation = Operation::send("ask");

/// The machines of the service may not agree on the time.
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);

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

    /// The reply as an event. Its type is empty when the service answered at once, without naming one.
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
        let said = Said::by(&message);
        let request = self.message_request(&ASK, thread_id, message);
        let request = request.map(|request| request.with_query("sync", true));
        Call::followed(self, &ASK, request, ReplyTo { said })
    }
}

/// Waits for the answer to what was said.
struct ReplyTo {
    said: Said,
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
                said: &self.said,
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
