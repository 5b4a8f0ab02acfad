//! A turn of a conversation: something is heard, and the bot answers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::bot::{self, Bot, Change, Saying};
use crate::control;
use crate::documents::{GATEWAY, Reply, entry, event, heard};
use crate::messages::Message;
use crate::shared::{Shared, lock};
use crate::threads::Threads;
use crate::webhooks::Webhooks;

/// How something came to be heard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way<'a> {
    /// "Sending messages" of the API document; the answer goes to the webhook.
    Message,
    /// The same, and the answer is wanted at once.
    Synchronous,
    /// An event that the API triggered.
    Trigger,
    /// A broadcast to somebody on another channel.
    Broadcast { channel: &'a str },
}

/// Takes a message in: into the history and to the webhook as delivered, then whatever the bot makes of it.
/// All of it in one step, so that history and events tell the same order; but for what a rule delays. Returns the
/// synchronous answer, if one was wanted and the bot said something.
pub(crate) fn hear(shared: &Arc<Shared>, thread_id: &str, message: &Message, way: Way<'_>) -> Option<Value> {
    let mut threads = lock(&shared.threads);
    let reply_to = message.content.fallback();
    let interaction_id = shared.ids.uuid();
    let said = heard(
        &shared.ids,
        &reply_to,
        message.params(),
        message.content.response(),
    );
    threads.append(
        thread_id,
        entry(message.originator.in_history(), vec![said], &interaction_id),
    );
    if matches!(way, Way::Message | Way::Synchronous) {
        let fields = message.delivered_fields();
        shared
            .webhooks
            .send(event("message.delivered", thread_id, fields));
    }

    let silent = message.originator.is_moderator() || threads.is_paused(thread_id);
    if message.originator.is_moderator() {
        control::step_aside(shared, &mut threads, thread_id);
    }
    // Handing over needs no bot that speaks.
    let answer = if silent {
        bot::answer(&mut [], Bot::None, &message.content)
    } else {
        bot::answer(&mut lock(&shared.rules), shared.options.bot, &message.content)
    };
    let turn = Turn {
        reply: Reply {
            thread_id: thread_id.to_owned(),
            interaction_id,
            channel_name: match way {
                Way::Broadcast { channel } => channel.to_owned(),
                _ => GATEWAY.to_owned(),
            },
            reply_to,
            user: message.originator.sent(),
            sent_params: message.params(),
            params: answer.params,
            step: answer.step,
            step_type: answer.step_type,
        },
        event: match way {
            Way::Broadcast { .. } => "outbound",
            _ => "message.reply",
        },
        push_events: answer.push_events,
        change: answer.change,
    };
    turn.begin(shared, &mut threads, &answer.messages, way == Way::Synchronous)
}

/// What the bot has yet to say and do.
struct Turn {
    reply: Reply,
    /// The name of the webhook event that tells what it says.
    event: &'static str,
    push_events: Vec<Value>,
    change: Option<Change>,
}

impl Turn {
    fn begin(
        self,
        shared: &Arc<Shared>,
        threads: &mut Threads,
        messages: &[Saying],
        synchronous: bool,
    ) -> Option<Value> {
        let first_delayed = messages.iter().position(|message| !message.delay.is_zero());
        let (now, later) = messages.split_at_checked(first_delayed.unwrap_or(messages.len()))?;
        let answer = self.say(shared, threads, now, synchronous);
        if later.is_empty() || synchronous {
            // A synchronous answer cannot wait, so what is delayed is left out.
            self.end(shared, threads);
            return answer;
        }
        let Some(expected) = Expected::new(&shared.webhooks) else {
            log::warn!("too many messages wait for their time; some are left out");
            return answer;
        };
        let later = later.to_vec();
        let shared = Arc::clone(shared);
        let runtime = shared.webhooks.runtime.clone();
        runtime.spawn(async move {
            self.go_on(&shared, &later).await;
            drop(expected);
        });
        answer
    }

    /// Says the rest, each message after its delay; unless the bot is paused meanwhile.
    async fn go_on(self, shared: &Arc<Shared>, messages: &[Saying]) {
        let delayed_or_first = |_: &Saying, next: &Saying| next.delay.is_zero();
        for together in messages.chunk_by(delayed_or_first) {
            let delay = together.first().map_or(Duration::ZERO, |message| message.delay);
            sleep(shared.options.pace.real(delay)).await;
            let mut threads = lock(&shared.threads);
            if threads.is_paused(&self.reply.thread_id) {
                return;
            }
            self.say(shared, &mut threads, together, false);
        }
        self.end(shared, &mut lock(&shared.threads));
    }

    /// Says messages, which are one event or one answer.
    fn say(
        &self,
        shared: &Shared,
        threads: &mut Threads,
        messages: &[Saying],
        synchronous: bool,
    ) -> Option<Value> {
        if messages.is_empty() {
            return None;
        }
        let spoken = self.reply.speak(shared, messages);
        threads.append(&self.reply.thread_id, spoken.entry);
        if synchronous {
            return Some(self.reply.synchronous(shared, spoken.fields));
        }
        let event = event(self.event, &self.reply.thread_id, spoken.fields);
        shared.webhooks.send(event);
        None
    }

    fn end(&self, shared: &Arc<Shared>, threads: &mut Threads) {
        for event in &self.push_events {
            let mut event = event.clone();
            if let Value::Object(fields) = &mut event {
                let thread_id = json!(self.reply.thread_id);
                fields.entry("threadId").or_insert(thread_id);
            }
            shared.webhooks.send(event);
        }
        if let Some(change) = self.change {
            control::apply(shared, threads, &self.reply.thread_id, change);
        }
    }
}

/// A place among what is waited for, given back when dropped: said or not.
struct Expected(Arc<Webhooks>);

impl Expected {
    fn new(webhooks: &Arc<Webhooks>) -> Option<Self> {
        webhooks.log.expect().then(|| Self(Arc::clone(webhooks)))
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.0.log.expected();
    }
}
