//! Broadcasts: many conversations begun by one call.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::yield_now;

use crate::answer::{self, Refusal};
use crate::conversation::{Way, hear};
use crate::messages::Message;
use crate::originator::Originator;
use crate::part::Part;
use crate::recipient::Recipient;
use crate::seed::Segment;
use crate::shared::Shared;

/// What can be said to an audience.
const TO_AUDIENCE: &[&str] = &["text", "event"];
/// What can be said to a segment.
const TO_SEGMENT: &[&str] = &["text", "event", "location", "media"];
/// The channel of the members of segments, which no request names.
const SEGMENT_CHANNEL: &str = "broadcast";

/// `{audience: [{name, phoneNumber | identifier, profile?}], channel: {channelName, externalId}, payload}`.
pub(crate) async fn to_audience(shared: &Arc<Shared>, body: &Value) -> Result<Value, Refusal> {
    let root = Part::root(body, "The body");
    root.object()?;
    let audience = audience(&root)?;
    let recipients: Vec<Recipient> = audience.iter().map(Recipient::read).collect::<Result<_, _>>()?;
    let channel = root.required("channel")?;
    channel.object()?;
    let name = channel.required("channelName")?.filled()?;
    let external_id = channel.required("externalId")?.filled()?;
    let message = Message::read_broadcast(body, TO_AUDIENCE, shared.options.max_text)?;
    let channel_id = format!("{name}_{external_id}");
    start(shared, recipients, name, channel_id, message).await;
    Ok(answer::ok())
}

/// `{audience: [{id and/or name}], payload}`.
pub(crate) async fn to_segments(shared: &Arc<Shared>, body: &Value) -> Result<Value, Refusal> {
    let root = Part::root(body, "The body");
    root.object()?;
    let mut named = HashSet::new();
    let mut recipients = Vec::new();
    for part in audience(&root)? {
        let segment = segment(shared, &part)?;
        if named.insert(&segment.id) {
            recipients.extend(segment.members.iter().cloned());
        }
    }
    let message = Message::read_broadcast(body, TO_SEGMENT, shared.options.max_text)?;
    let channel_id = format!("o_{}", shared.webhooks.channel_id());
    start(shared, recipients, SEGMENT_CHANNEL, channel_id, message).await;
    Ok(answer::ok())
}

/// The list of "segments", without their members.
pub(crate) fn segments(shared: &Shared) -> Value {
    let segments = shared.seed.segments.iter();
    let shown: Vec<Value> = segments
        .map(|segment| json!({"id": segment.id, "name": segment.name}))
        .collect();
    json!({"segments": shown})
}

fn audience<'a>(root: &Part<'a>) -> Result<Vec<Part<'a>>, Refusal> {
    let audience = root.required("audience")?;
    let parts = audience.list()?;
    if parts.is_empty() {
        return Err(audience.wrong("must not be empty").into());
    }
    Ok(parts)
}

fn segment<'a>(shared: &'a Shared, part: &Part<'_>) -> Result<&'a Segment, Refusal> {
    part.object()?;
    let id = part.member("id").map(|id| id.filled()).transpose()?;
    let name = part.member("name").map(|name| name.filled()).transpose()?;
    if id.is_none() && name.is_none() {
        return Err(part.wrong("must have an id or a name").into());
    }
    let meant = |segment: &&Segment| {
        id.is_none_or(|id| segment.id == id) && name.is_none_or(|name| segment.name == name)
    };
    let found = shared.seed.segments.iter().find(meant);
    found.ok_or_else(|| Refusal::unknown(format!("{} is no segment", part.place())))
}

/// Begins a conversation with each of them, once.
async fn start(
    shared: &Arc<Shared>,
    recipients: Vec<Recipient>,
    channel: &str,
    channel_id: String,
    message: Message,
) {
    let (shared, channel) = (Arc::clone(shared), channel.to_owned());
    // A task of its own: all of them are written to even if the client leaves before it is answered.
    let all = tokio::spawn(async move {
        let way = Way::Broadcast { channel: &channel };
        let mut begun = HashSet::new();
        for recipient in recipients {
            let thread_id = format!("{}|{channel_id}", recipient.address);
            if !begun.insert(thread_id.clone()) {
                continue;
            }
            let message = message.said_by(Originator::customer(&recipient.name, recipient.profile));
            hear(&shared, &thread_id, &message, way);
            // Others are served meanwhile, however many there are.
            yield_now().await;
        }
    });
    if all.await.is_err() {
        log::debug!("a broadcast ended with the sandbox");
    }
}
