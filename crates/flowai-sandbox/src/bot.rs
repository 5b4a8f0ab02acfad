//! The bot: what it makes of what it hears.

use std::time::Duration;

use serde_json::{Value, json};

use crate::messages::Content;
use crate::seed::Rule;

/// Who answers in the sandbox what no rule of its [`Seed`](crate::Seed) answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bot {
    /// Says again what was said: a text as the same text, an event as a text with its name, a location or a
    /// medium as a template of the same type.
    #[default]
    Echo,
    /// Says nothing. Messages are delivered all the same.
    None,
}

/// The event message that makes the bot hand the thread over, unless a rule is for it.
const HANDOVER: &str = "HANDOVER";

/// What the bot says and does.
pub(crate) struct Answer {
    /// The name of the step of the flow, and the type of it.
    pub(crate) step: String,
    pub(crate) step_type: &'static str,
    /// What was found in the message, an object.
    pub(crate) params: Value,
    pub(crate) messages: Vec<Saying>,
    /// Webhook events to send besides.
    pub(crate) push_events: Vec<Value>,
    /// What becomes of the thread when everything is said.
    pub(crate) change: Option<Change>,
}

/// One message of the bot.
#[derive(Clone, Debug)]
pub(crate) struct Saying {
    /// The pause before it, on the sandbox's clock.
    pub(crate) delay: Duration,
    /// The message in words.
    pub(crate) fallback: String,
    /// Its templates.
    pub(crate) responses: Vec<Value>,
}

/// What can be done with a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Pause,
    Resume,
    /// For so long, or for as long as handovers are.
    Handover(Option<Duration>),
    Takeover,
    Resolve,
}

/// The first rule that fits answers, else `bot`.
pub(crate) fn answer(rules: &mut [Rule], bot: Bot, content: &Content) -> Answer {
    let hands_over = matches!(content, Content::Event { name } if name == HANDOVER);
    let mut rules = rules
        .iter_mut()
        .filter(|rule| !hands_over || rule.is_for_an_event());
    match rules.find_map(|rule| rule.answer(content)) {
        Some(answer) => answer,
        None => Answer {
            step: "echo".to_owned(),
            step_type: content.step_type(),
            params: json!({}),
            messages: match bot {
                Bot::Echo if !hands_over => vec![echo(content)],
                _ => Vec::new(),
            },
            push_events: Vec::new(),
            change: hands_over.then_some(Change::Handover(None)),
        },
    }
}

fn echo(content: &Content) -> Saying {
    let response = match content {
        Content::Event { name } => json!({"type": "text", "payload": {"text": name}}),
        other => other.response(),
    };
    Saying {
        delay: Duration::ZERO,
        fallback: content.fallback(),
        responses: vec![response],
    }
}
