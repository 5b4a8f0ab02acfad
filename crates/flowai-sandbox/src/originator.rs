//! Who says something ("Originator" of the API document).

use serde_json::{Map, Value, json};

use crate::answer::Refusal;

/// The sender of a message, checked.
#[derive(Clone)]
pub(crate) struct Originator {
    /// As it was sent.
    sent: Map<String, Value>,
    moderator: bool,
}

impl Originator {
    /// Checks what the document states: an object with a name, a role out of two. A role that is left out
    /// is a customer's. `user`, the history's word for one, is sent by existing clients and means the same.
    pub(crate) fn read(value: Option<&Value>) -> Result<Self, Refusal> {
        let Some(Value::Object(sent)) = value else {
            return Err(Refusal::bad_request("payload.originator must be an object"));
        };
        match sent.get("name") {
            Some(Value::String(name)) if !name.is_empty() => {}
            _ => {
                return Err(Refusal::bad_request(
                    "payload.originator.name must be a string that is not empty",
                ));
            }
        }
        let moderator = match sent.get("role") {
            None | Some(Value::Null) => false,
            Some(Value::String(role)) if role == "external" || role == "user" => false,
            Some(Value::String(role)) if role == "moderator" => true,
            _ => {
                return Err(Refusal::bad_request(
                    "payload.originator.role must be \"external\" or \"moderator\"",
                ));
            }
        };
        for name in ["profile", "metadata"] {
            if !matches!(sent.get(name), None | Some(Value::Null | Value::Object(_))) {
                return Err(Refusal::bad_request(format!(
                    "payload.originator.{name} must be an object"
                )));
            }
        }
        Ok(Self {
            sent: sent.clone(),
            moderator,
        })
    }

    /// A customer that the API names: the recipient of a broadcast, say.
    pub(crate) fn customer(name: &str, profile: Option<Map<String, Value>>) -> Self {
        let profile = profile.unwrap_or_else(|| Map::from_iter([("fullName".to_owned(), json!(name))]));
        let sent = json!({"name": name, "role": "external", "profile": profile});
        Self {
            sent: sent.as_object().cloned().unwrap_or_default(),
            moderator: false,
        }
    }

    /// Whoever triggers an event: nobody says who that is.
    pub(crate) fn anonymous() -> Self {
        Self::customer("Anonymous", None)
    }

    pub(crate) fn is_moderator(&self) -> bool {
        self.moderator
    }

    /// The originator as it was sent.
    pub(crate) fn sent(&self) -> Value {
        Value::Object(self.sent.clone())
    }

    /// As the history shows it: a customer has the role `user` there, and there is always a profile.
    pub(crate) fn in_history(&self) -> Value {
        let profile = match self.sent.get("profile") {
            Some(profile @ Value::Object(_)) => profile.clone(),
            _ => json!({}),
        };
        let role = if self.moderator { "moderator" } else { "user" };
        json!({"name": self.sent.get("name"), "role": role, "profile": profile})
    }
}

/// The bot, as the history shows it.
pub(crate) fn bot_in_history() -> Value {
    json!({"name": "system", "role": "bot", "profile": {}})
}

/// The bot, as webhook events show it.
pub(crate) fn bot_in_events() -> Value {
    json!({"userId": "flowai|system", "name": "system", "role": "bot", "profile": {}})
}
