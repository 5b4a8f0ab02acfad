//! The bot: what follows from what was said.

use serde_json::{Map, Value, json};

use crate::clock;
use crate::messages::{Content, Message};
use crate::originator::{bot_in_events, bot_in_history};
use crate::shared::{Shared, lock};

/// Who answers in the sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bot {
    /// Says again what was said: a text as the same text, an event as a text with its name, a location or a
    /// medium as a template of the same type.
    #[default]
    Echo,
    /// Says nothing. Messages are delivered all the same.
    None,
}

/// The event message that makes the bot hand the thread over.
const HANDOVER: &str = "HANDOVER";

/// Takes a message in: into the history and to the webhook as delivered, then whatever the bot makes of it.
/// All of it in one step, so that history and events tell the same order.
pub(crate) fn hear(shared: &Shared, thread_id: &str, message: &Message) {
    let mut threads = lock(&shared.threads);
    let fallback = message.content.fallback();
    threads.append(
        thread_id,
        message.originator.in_history(),
        history_message(
            &fallback,
            Value::Null,
            message.params(),
            message.content.response(),
        ),
    );
    shared
        .webhooks
        .send(event("message.delivered", thread_id, message.delivered_fields()));

    let handover = matches!(&message.content, Content::Event { name } if name == HANDOVER);
    if handover {
        shared
            .webhooks
            .send(event("control.handover", thread_id, Map::new()));
    }
    if (handover || message.originator.is_moderator()) && threads.set_paused(thread_id, true) {
        shared
            .webhooks
            .send(event("control.pause", thread_id, Map::new()));
    }
    if threads.is_paused(thread_id) || shared.options.bot == Bot::None {
        return;
    }

    let response = match &message.content {
        Content::Event { name } => json!({"type": "text", "payload": {"text": name}}),
        other => other.response(),
    };
    threads.append(
        thread_id,
        bot_in_history(),
        history_message(&fallback, json!(fallback), json!({}), response.clone()),
    );
    shared
        .webhooks
        .send(reply(shared, thread_id, message, &fallback, response));
}

/// Pauses or resumes the bot because it was asked to, which is told each time.
pub(crate) fn control(shared: &Shared, thread_id: &str, pause: bool) {
    let mut threads = lock(&shared.threads);
    threads.set_paused(thread_id, pause);
    let name = if pause { "control.pause" } else { "control.resume" };
    shared.webhooks.send(event(name, thread_id, Map::new()));
}

/// One message in the shape of "Thread messages" of the API document.
fn history_message(fallback: &str, reply_to: Value, params: Value, response: Value) -> Value {
    json!({
        "fallback": fallback,
        "replyTo": reply_to,
        "contexts": [],
        "params": params,
        "intents": [],
        "createdAt": clock::iso_now(),
        "responses": [response],
    })
}

/// A webhook event: a flat object with its name under `type`.
fn event(name: &str, thread_id: &str, mut fields: Map<String, Value>) -> Value {
    fields.insert("type".to_owned(), json!(name));
    fields.insert("threadId".to_owned(), json!(thread_id));
    Value::Object(fields)
}

fn reply(shared: &Shared, thread_id: &str, heard: &Message, fallback: &str, response: Value) -> Value {
    json!({
        "type": "message.reply",
        "threadId": thread_id,
        "activityId": shared.ids.uuid(),
        "agentId": shared.webhooks.agent_id(),
        "channelId": shared.webhooks.channel_id(),
        "messages": [{
            "fallback": fallback,
            "silent": false,
            "replyTo": fallback,
            "originator": bot_in_events(),
            "actions": [],
            "responses": [response],
            "intents": [],
            "contexts": [],
            "params": {},
            "createdAt": clock::iso_now(),
            "meta": {"msgId": shared.ids.uuid()},
        }],
        "originator": bot_in_events(),
        "user": heard.originator.sent(),
        "createdAt": clock::iso_now(),
    })
}
