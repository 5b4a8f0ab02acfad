//! What each template of a reply must have. Fields that are only possible are not looked at, and neither is a
//! type that nobody knows: there may be more of both.

use serde_json::Value;

use crate::part::{Part, Problem};

use Shape::{Any, Flag, List, Number, Object, Priority, Text};

/// What a required field must be.
#[derive(Clone, Copy)]
enum Shape {
    Any,
    Flag,
    List,
    Number,
    Object,
    Priority,
    Text,
}

/// Names of fields, and what they must be. Of names with a bar between them one is enough.
type Fields = &'static [(&'static str, Shape)];

/// The templates of every channel, whose components are the common ones.
static GENERIC: &[(&str, Fields)] = &[
    ("text", &[("text", Text)]),
    ("image", &[("title", Text), ("url", Text)]),
    ("video", &[("title", Text), ("url", Text)]),
    ("audio", &[("title", Text), ("url", Text)]),
    ("file", &[("url", Text)]),
    ("location", &[("title", Text), ("lat", Text), ("long", Text)]),
    ("card", &[("title", Text)]),
    ("carousel", &[("cards", List)]),
    ("list", &[("items", List)]),
    ("buttons", &[("title", Text), ("buttons", List)]),
    ("webview", &[("label", Text), ("url", Text)]),
    (
        "handover",
        &[
            ("resetContext", Flag),
            ("indefinitePause", Flag),
            ("setBotToPause", Flag),
        ],
    ),
    ("note", &[("note", Text)]),
    ("custom", &[]),
    ("event", &[("name", Text)]),
    ("system_reply", &[("text", Text)]),
    ("khoros_priority", &[("priority", Priority)]),
    ("agent_text", &[("text", Text)]),
];

/// The templates of one channel each, with components of their own.
static OF_CHANNELS: &[(&str, Fields)] = &[
    ("phone_say", &[("speech|url", Text)]),
    ("phone_ask", &[("speech|url", Text)]),
    ("phone_dial", &[("phoneNumber", Text)]),
    ("phone_pause", &[("seconds", Number)]),
    ("phone_hangup", &[]),
    ("phone_handover", &[]),
    ("rbm_card", &[("cardOrientation", Text)]),
    ("rbm_carousel", &[("cards", List)]),
    ("gbm_text", &[("text", Text)]),
    ("gbm_card", &[("title", Text)]),
    ("gbm_carousel", &[("cards", List)]),
    ("whatsapp_text", &[("text", Text)]),
    ("whatsapp_image", &[("url", Text)]),
    ("whatsapp_video", &[("url", Text)]),
    ("whatsapp_audio", &[("url", Text)]),
    ("whatsapp_document", &[("url", Text)]),
    ("whatsapp_sticker", &[("stickerId", Any)]),
    ("whatsapp_location", &[("lat", Any), ("long", Any)]),
    ("whatsapp_contacts", &[("contacts", List)]),
    ("whatsapp_buttons", &[("body", Object), ("action", Object)]),
    ("whatsapp_list", &[("body", Object), ("action", Object)]),
    ("whatsapp_template", &[("name", Text), ("language", Any)]),
    ("messenger_otn", &[("title", Text)]),
    ("messenger_products", &[("productIds", List)]),
    (
        "messenger_receipt",
        &[
            ("recipientName", Text),
            ("orderNumber", Text),
            ("currency", Text),
            ("paymentMethod", Text),
            ("summary", Object),
        ],
    ),
    ("facebook_public_reply", &[("text", Text)]),
    ("twitter_public_reply", &[("text", Text)]),
    ("sticker", &[("packageId", Number), ("stickerId", Number)]),
    ("apple_list_picker", &[("sections", List)]),
    ("apple_time_picker", &[("event", Any)]),
    ("apple_rich_link", &[("title", Text), ("url", Text)]),
    ("apple_pay_request", &[("merchant", Any), ("total", Any)]),
    ("apple_auth_request", &[("oauth2", Any)]),
    ("apple_custom_interactive_data", &[]),
];

const ACTION: Fields = &[("type", Text), ("value", Text)];
const BUTTON: Fields = &[("type", Text), ("label", Text), ("value", Text)];
const MEDIA: Fields = &[("url", Text), ("type", Text)];
const TITLED: Fields = &[("title", Text)];

/// Checks a template: `{type, payload, delay?, fallback?}`.
pub(super) fn check(template: &Part<'_>) -> Result<(), Problem> {
    template.only(&["type", "payload", "delay", "fallback"])?;
    let kind = template.required("type")?.filled()?;
    let payload = template.required("payload")?;
    payload.object()?;
    if let Some(delay) = template.member("delay")
        && !delay.value.as_f64().is_some_and(|delay| delay >= 0.0)
    {
        return Err(delay.wrong("must be a number of milliseconds"));
    }
    if let Some(fallback) = template.member("fallback") {
        fallback.text()?;
    }
    let known = |templates: &[(&str, Fields)]| {
        let found = templates.iter().find(|(name, _)| *name == kind);
        found.map(|(_, fields)| *fields)
    };
    if let Some(required) = known(GENERIC) {
        fields(&payload, required)?;
        components(&payload)?;
    } else if let Some(required) = known(OF_CHANNELS) {
        fields(&payload, required)?;
        // "HORIZONTAL" needs to know on which side the picture is.
        if kind == "rbm_card"
            && payload
                .value
                .get("cardOrientation")
                .is_some_and(|it| it == "HORIZONTAL")
        {
            fields(&payload, &[("thumbnailImageAlignment", Text)])?;
        }
    }
    payload.list_of("quickReplies")?.iter().try_for_each(quick_reply)
}

/// A quick reply: one that says something needs to show what.
pub(super) fn quick_reply(part: &Part<'_>) -> Result<(), Problem> {
    part.object()?;
    let kind = part.member("type").map_or(Ok("text"), |kind| kind.text())?;
    match part.member("label") {
        Some(label) => label.text().map(drop),
        None if kind == "text" => Err(part.missing("label")),
        None => Ok(()),
    }
}

/// The components that a payload, a card or an item has.
fn components(part: &Part<'_>) -> Result<(), Problem> {
    for (name, required) in [("action", ACTION), ("media", MEDIA)] {
        if let Some(component) = part.member(name) {
            component.object()?;
            fields(&component, required)?;
        }
    }
    for button in part.list_of("buttons")? {
        button.object()?;
        fields(&button, BUTTON)?;
        if let Some(trigger) = button.member("trigger") {
            fields(&trigger, ACTION)?;
        }
    }
    for name in ["cards", "items"] {
        for component in part.list_of(name)? {
            component.object()?;
            fields(&component, TITLED)?;
            components(&component)?;
        }
    }
    Ok(())
}

fn fields(part: &Part<'_>, required: Fields) -> Result<(), Problem> {
    for (names, shape) in required {
        let found = names.split('|').find_map(|name| part.member(name));
        let field = found.ok_or_else(|| part.missing(&names.replace('|', " or ")))?;
        match shape {
            Any => {}
            Flag => drop(field.flag()?),
            List => drop(field.list()?),
            Number if field.value.is_number() => {}
            Number => return Err(field.wrong("must be a number")),
            Object => drop(field.object()?),
            Priority if field.value.as_u64().is_some_and(|it| it <= 5) => {}
            Priority => return Err(field.wrong("must be a whole number from 0 to 5")),
            Text => drop(field.text()?),
        }
    }
    Ok(())
}

/// What a template says in words: its own fallback, else the first of its fields that is meant to be read.
pub(super) fn words(template: &Value) -> String {
    let payload = template.get("payload").unwrap_or(&Value::Null);
    let read = ["text", "title", "speech", "label", "note", "name"];
    let fields = read.iter().map(|name| payload.get(*name));
    std::iter::once(template.get("fallback"))
        .chain(fields)
        .chain(std::iter::once(template.get("type")))
        .flatten()
        .filter_map(Value::as_str)
        .find(|text| !text.is_empty())
        .unwrap_or_default()
        .to_owned()
}
