//! Rules: what the bot says to what.

use std::time::Duration;

use regex::{Captures, Regex, RegexBuilder};
use serde_json::{Map, Value, json};

use super::templates;
use crate::bot::{Answer, Change, Saying};
use crate::messages::Content;
use crate::part::{Part, Problem};

/// The longest wait before a message, a day.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 3600);
/// Bytes that a compiled pattern may take.
const PATTERN_BYTES: usize = 1024 * 1024;

/// What is answered to what.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    name: String,
    when: When,
    messages: Vec<Saying>,
    push_events: Vec<Value>,
    change: Option<Change>,
    /// How often it still answers; without a number always.
    left: Option<u64>,
}

#[derive(Clone, Debug)]
enum When {
    /// A text in lower case.
    Text(String),
    Pattern(Regex),
    Event(String),
    Any,
}

impl Rule {
    pub(super) fn read(part: &Part<'_>) -> Result<Self, Problem> {
        part.only(&[
            "name",
            "text",
            "pattern",
            "event",
            "any",
            "replies",
            "messages",
            "quickReplies",
            "pushEvents",
            "pause",
            "handover",
            "resolve",
            "times",
        ])?;
        let name = match part.member("name") {
            Some(name) => name.filled()?.to_owned(),
            None => part.place().to_owned(),
        };
        Ok(Self {
            name,
            when: When::read(part)?,
            messages: messages(part)?,
            push_events: push_events(part)?,
            change: change(part)?,
            left: part.member("times").map(|times| times.positive()).transpose()?,
        })
    }

    /// Reads a list of rules.
    pub(crate) fn read_all(parts: &[Part<'_>]) -> Result<Vec<Self>, Problem> {
        parts.iter().map(Self::read).collect()
    }

    /// What the bot makes of `content`, if this rule is for it and not used up.
    pub(crate) fn answer(&mut self, content: &Content) -> Option<Answer> {
        if self.left == Some(0) {
            return None;
        }
        let answer = self.answer_to(content)?;
        self.left = self.left.map(|left| left - 1);
        Some(answer)
    }

    fn answer_to(&self, content: &Content) -> Option<Answer> {
        let captures = match (&self.when, content) {
            (When::Text(wanted), Content::Text { text }) if text.trim().to_lowercase() == *wanted => None,
            (When::Pattern(pattern), Content::Text { text }) => Some((pattern, pattern.captures(text)?)),
            (When::Event(wanted), Content::Event { name }) if name == wanted => None,
            (When::Any, _) => None,
            _ => return None,
        };
        let mut answer = Answer {
            step: self.name.clone(),
            step_type: match self.when {
                When::Any => "ANYTHING",
                _ => content.step_type(),
            },
            params: json!({}),
            messages: self.messages.clone(),
            push_events: self.push_events.clone(),
            change: self.change,
        };
        if let Some((pattern, captures)) = &captures {
            answer.params = named(pattern, captures);
            for message in &mut answer.messages {
                message.fallback = expanded(&message.fallback, captures);
                message
                    .responses
                    .iter_mut()
                    .for_each(|response| expand(response, captures));
            }
            answer
                .push_events
                .iter_mut()
                .for_each(|event| expand(event, captures));
        }
        Some(answer)
    }

    /// Whether this rule was written for one event.
    pub(crate) fn is_for_an_event(&self) -> bool {
        matches!(self.when, When::Event(_))
    }
}

impl When {
    fn read(part: &Part<'_>) -> Result<Self, Problem> {
        let given: Vec<Part<'_>> = ["text", "pattern", "event", "any"]
            .into_iter()
            .filter_map(|name| part.member(name))
            .collect();
        let [condition] = given.as_slice() else {
            return Err(part.wrong("must have exactly one of text, pattern, event and any"));
        };
        if part.member("text").is_some() {
            let text = condition.filled()?.trim().to_lowercase();
            return Ok(Self::Text(text));
        }
        if part.member("event").is_some() {
            return Ok(Self::Event(condition.filled()?.to_owned()));
        }
        if part.member("any").is_some() {
            return match condition.flag()? {
                true => Ok(Self::Any),
                false => Err(condition.wrong("must be true")),
            };
        }
        let pattern = RegexBuilder::new(condition.filled()?)
            .case_insensitive(true)
            .size_limit(PATTERN_BYTES)
            .build();
        pattern
            .map(Self::Pattern)
            .map_err(|error| condition.wrong(format!("is not a pattern: {error}")))
    }
}

/// The messages of a rule: `messages`, or the one that `replies` is.
fn messages(rule: &Part<'_>) -> Result<Vec<Saying>, Problem> {
    let mut messages = match (rule.member("replies"), rule.member("messages")) {
        (Some(_), Some(messages)) => return Err(messages.wrong("cannot stand beside replies")),
        (Some(_), None) => vec![message(rule)?],
        (None, Some(messages)) => messages
            .list()?
            .iter()
            .map(|part| {
                part.only(&["replies", "quickReplies", "fallback", "delay"])?;
                message(part)
            })
            .collect::<Result<_, _>>()?,
        (None, None) => Vec::new(),
    };
    if rule.member("replies").is_none()
        && let Some(part) = rule.member("quickReplies")
    {
        let last = messages
            .last_mut()
            .ok_or_else(|| part.wrong("needs a reply to stand under"))?;
        put_quick_replies(last, &part)?;
    }
    Ok(messages)
}

/// One message: `replies`, and what goes along with them.
pub(crate) fn message(part: &Part<'_>) -> Result<Saying, Problem> {
    let replies = part.required("replies")?;
    let parts = replies.list()?;
    if parts.is_empty() {
        return Err(replies.wrong("must not be empty"));
    }
    let responses = responses(&parts)?;
    let fallback = match part.member("fallback") {
        Some(fallback) => fallback.filled()?.to_owned(),
        None => spoken(&responses),
    };
    let delay = part
        .member("delay")
        .map_or(Ok(Duration::ZERO), |delay| delayed(&delay))?;
    let mut message = Saying {
        delay,
        fallback,
        responses,
    };
    if let Some(quick_replies) = part.member("quickReplies") {
        put_quick_replies(&mut message, &quick_replies)?;
    }
    Ok(message)
}

/// Checked templates.
pub(super) fn responses(parts: &[Part<'_>]) -> Result<Vec<Value>, Problem> {
    let checked = |part: &Part<'_>| templates::check(part).map(|()| part.value.clone());
    parts.iter().map(checked).collect()
}

/// All of `responses` in words.
pub(super) fn spoken(responses: &[Value]) -> String {
    let words: Vec<String> = responses.iter().map(templates::words).collect();
    words.join("\n")
}

fn delayed(part: &Part<'_>) -> Result<Duration, Problem> {
    let delay = part.value.as_u64().map(Duration::from_millis);
    delay
        .filter(|delay| *delay <= LONGEST_DELAY)
        .ok_or_else(|| part.wrong("must be a whole number of milliseconds, at most a day"))
}

/// Puts quick replies under the last template of a message, written out: a bare string is a label.
fn put_quick_replies(message: &mut Saying, part: &Part<'_>) -> Result<(), Problem> {
    let mut written = Vec::new();
    for quick_reply in part.list()? {
        let mut fields = match quick_reply.value {
            Value::String(label) => Map::from_iter([("label".to_owned(), json!(label))]),
            _ => {
                templates::quick_reply(&quick_reply)?;
                quick_reply.object()?.clone()
            }
        };
        let label = fields.get("label").cloned().unwrap_or_default();
        for (name, value) in [
            ("value", label),
            ("type", json!("text")),
            ("params", json!({})),
            ("tags", json!({})),
        ] {
            if !value.is_null() {
                fields.entry(name).or_insert(value);
            }
        }
        written.push(Value::Object(fields));
    }
    let last = message.responses.last_mut();
    if let Some(Value::Object(payload)) = last.and_then(|response| response.get_mut("payload")) {
        payload.insert("quickReplies".to_owned(), Value::Array(written));
    }
    Ok(())
}

fn push_events(rule: &Part<'_>) -> Result<Vec<Value>, Problem> {
    let events = rule.list_of("pushEvents")?;
    let checked = |event: &Part<'_>| {
        event.required("type")?.filled()?;
        Ok(event.value.clone())
    };
    events.iter().map(checked).collect()
}

/// What a rule makes of the thread after everything is said.
fn change(rule: &Part<'_>) -> Result<Option<Change>, Problem> {
    let mut change = None;
    for name in ["pause", "handover", "resolve"] {
        let Some(part) = rule.member(name) else { continue };
        let wanted = match name {
            "handover" if part.value.is_object() => {
                part.only(&["secondsToPause"])?;
                let seconds = part.member("secondsToPause").map(|part| part.positive());
                Some(Change::Handover(seconds.transpose()?.map(Duration::from_secs)))
            }
            _ if !part.flag()? => None,
            "pause" => Some(Change::Pause),
            "handover" => Some(Change::Handover(None)),
            _ => Some(Change::Resolve),
        };
        if wanted.is_some() && change.is_some() {
            return Err(part.wrong("cannot go with another change of the thread"));
        }
        change = wanted.or(change);
    }
    Ok(change)
}

/// `$1`, `$name` and `${name}` in every string become what the pattern found there.
fn expand(value: &mut Value, captures: &Captures<'_>) {
    match value {
        Value::String(text) => *text = expanded(text, captures),
        Value::Array(items) => items.iter_mut().for_each(|item| expand(item, captures)),
        Value::Object(members) => members.values_mut().for_each(|member| expand(member, captures)),
        _ => {}
    }
}

fn expanded(template: &str, captures: &Captures<'_>) -> String {
    let mut text = String::new();
    captures.expand(template, &mut text);
    text
}

/// The named groups that were found, as the parameters of a message are written.
fn named(pattern: &Regex, captures: &Captures<'_>) -> Value {
    let found = pattern.capture_names().flatten().filter_map(|name| {
        let value = captures.name(name)?.as_str();
        Some((name.to_owned(), json!([{"value": value, "match": value}])))
    });
    Value::Object(found.collect())
}
