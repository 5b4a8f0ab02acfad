//! The documents that tell of a conversation: entries of the history, webhook events, synchronous answers.

use serde_json::{Map, Value, json};

use crate::bot::Saying;
use crate::clock;
use crate::ids::Ids;
use crate::originator::{bot_in_events, bot_in_history};
use crate::shared::Shared;

/// The channel of the REST API.
pub(crate) const GATEWAY: &str = "gateway";

/// A webhook event: a flat object with its name under `type`.
pub(crate) fn event(name: &str, thread_id: &str, mut fields: Map<String, Value>) -> Value {
    fields.insert("type".to_owned(), json!(name));
    fields.insert("threadId".to_owned(), json!(thread_id));
    Value::Object(fields)
}

/// An entry of "Thread messages" of the API document: what one originator said in one interaction.
pub(crate) fn entry(originator: Value, messages: Vec<Value>, interaction_id: &str) -> Value {
    json!({"originator": originator, "messages": messages, "interactionId": interaction_id})
}

/// A message of a user within an entry.
pub(crate) fn heard(ids: &Ids, fallback: &str, params: Value, response: Value) -> Value {
    json!({
        "fallback": fallback,
        "replyTo": null,
        "contexts": [],
        "params": params,
        "intents": [],
        "createdAt": clock::iso_now(),
        "responses": [response],
        "meta": {"msgId": ids.uuid()},
    })
}

/// What the bot answers: to whom, to what, by which step of its flow.
pub(crate) struct Reply {
    pub(crate) thread_id: String,
    /// The exchange of which the answer is a part.
    pub(crate) interaction_id: String,
    /// The name of the channel on which it is.
    pub(crate) channel_name: String,
    /// What was said, in words.
    pub(crate) reply_to: String,
    /// Who said it, as it was sent.
    pub(crate) user: Value,
    /// The parameters that came with it, an object.
    pub(crate) sent_params: Value,
    /// The parameters that were found in it, an object.
    pub(crate) params: Value,
    pub(crate) step: String,
    pub(crate) step_type: &'static str,
}

/// Messages of the bot, made once and told in two ways.
pub(crate) struct Spoken {
    /// The entry of the history.
    pub(crate) entry: Value,
    /// The members that a webhook event and a synchronous answer have in common.
    pub(crate) fields: Map<String, Value>,
}

impl Reply {
    pub(crate) fn speak(&self, shared: &Shared, sayings: &[Saying]) -> Spoken {
        let now = clock::iso_now();
        let ids: Vec<String> = sayings.iter().map(|_| shared.ids.uuid()).collect();
        let in_history = sayings.iter().zip(&ids).map(|(saying, id)| {
            json!({
                "fallback": saying.fallback,
                "replyTo": self.reply_to,
                "contexts": [],
                "params": self.params,
                "intents": [],
                "createdAt": now,
                "responses": saying.responses,
                "meta": {"msgId": id},
            })
        });
        let in_events: Vec<Value> = sayings
            .iter()
            .zip(&ids)
            .map(|(saying, id)| self.message(shared, saying, id, &now))
            .collect();
        let fields = json!({
            "activityId": shared.ids.uuid(),
            "agentId": shared.webhooks.agent_id(),
            "channelId": shared.webhooks.channel_id(),
            "channelName": self.channel_name,
            "threadId": self.thread_id,
            "messages": in_events,
            "originator": bot_in_events(),
            "createdAt": now,
            "replyTo": self.reply_to,
            "user": self.user,
        });
        Spoken {
            entry: entry(bot_in_history(), in_history.collect(), &self.interaction_id),
            fields: fields.as_object().cloned().unwrap_or_default(),
        }
    }

    /// The answer to a message that was sent with `sync=true`.
    pub(crate) fn synchronous(&self, shared: &Shared, mut fields: Map<String, Value>) -> Value {
        let span = shared.ids.span();
        for (name, value) in [
            ("status", json!("ok")),
            ("sentiment", json!(0)),
            ("accuracy", json!(0)),
            ("traceId", json!(format!("{span}:{}:{span}:1", shared.ids.span()))),
            ("metadata", json!({"params": self.sent_params})),
            ("connectionKey", json!(shared.ids.uuid())),
        ] {
            fields.insert(name.to_owned(), value);
        }
        Value::Object(fields)
    }

    fn message(&self, shared: &Shared, saying: &Saying, id: &str, now: &str) -> Value {
        json!({
            "fallback": saying.fallback,
            "silent": false,
            "replyTo": self.reply_to,
            "originator": bot_in_events(),
            "actions": [],
            "responses": saying.responses,
            "intents": [],
            "entities": [],
            "flow": {
                "flowId": shared.webhooks.flow_id(),
                "title": "Sandbox",
                "group": "Default",
                "metadata": [],
            },
            "step": {"stepId": self.step, "title": self.step, "type": self.step_type},
            "slot": false,
            "params": self.params,
            "contexts": [],
            "createdAt": now,
            "meta": {
                "msgId": id,
                "prevMsgId": null,
                "childMsgId": shared.ids.uuid(),
                "prevChildMsgId": null,
                "createdAt": clock::now_ms(),
                "keepTyping": false,
            },
        })
    }
}
