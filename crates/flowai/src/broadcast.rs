//! Broadcasts: the same message to many people at once, by phone number, identifier or segment (later versions of the
//! API).

use serde_json::{Value, json};

use crate::{
    call::Call,
    client::{Client, Receipt},
    error::{Error, Result},
    model::{Document, Object, read_list},
    models::Profile,
    operation::{Operation, Request},
    payload::Message,
};

static BROADCAST: Operation = Operation::send("broadcast");
static BROADCAST_TO_SEGMENTS: Operation = Operation::send("broadcast_to_segments");
static SEGMENTS: Operation = Operation::get("segments");

models! {
    /// Somebody whom a broadcast goes to, by phone number or by identifier.
    Recipient {
        /// Name of the person.
        name: String = "name" required,
        /// Phone number in E.164 form, such as `+31612345678`. Either this or `identifier`.
        phone_number: String = "phoneNumber",
        /// How the channel knows the person. Either this or `phone_number`.
        identifier: String = "identifier",
        /// More about the person.
        profile: {Profile} = "profile",
    }

    /// The channel that a broadcast goes through.
    Channel {
        /// `rbm`, `messagemedia`, `telekom`, `twilio`, `whatsapp`, `khoros` or `messenger`. Others are taken as they are.
        channel_name: String = "channelName" required,
        /// What the channel is known by: the phone number of messagemedia, twilio, whatsapp and khoros, the project id of
        /// rbm, the bot id of telekom, the page id of messenger.
        external_id: String = "externalId" required,
    }

    /// A group of people who were put together in the dashboard.
    Segment {
        /// Its identifier.
        id: String = "id",
        /// Its name.
        name: String = "name",
    }
}

/// The channels that broadcasts are known to go through.
pub const CHANNEL_NAMES: &[&str] = &[
    "khoros",
    "messagemedia",
    "messenger",
    "rbm",
    "telekom",
    "twilio",
    "whatsapp",
];

impl Recipient {
    /// Somebody by phone number, in E.164 form such as `+31612345678`.
    pub fn by_phone_number(name: impl Into<String>, phone_number: impl Into<String>) -> Recipient {
        Recipient(object([
            ("name", name.into()),
            ("phoneNumber", phone_number.into()),
        ]))
    }

    /// Somebody by the identifier that the channel uses.
    pub fn by_identifier(name: impl Into<String>, identifier: impl Into<String>) -> Recipient {
        Recipient(object([("name", name.into()), ("identifier", identifier.into())]))
    }

    /// Adds a profile.
    pub fn with_profile(mut self, profile: Profile) -> Recipient {
        self.0.insert("profile".into(), Value::Object(profile.0));
        self
    }

    fn check(&self, path: &str) -> Result<()> {
        Self::MODEL.check(&self.0, path)?;
        let given = |field: Option<&str>| field.is_some_and(|text| !text.is_empty());
        match (given(self.phone_number()), given(self.identifier())) {
            (true, true) => Err(Error::argument(path, "has both phoneNumber and identifier")),
            (false, false) => Err(Error::argument(path, "needs a phoneNumber or an identifier")),
            (true, false) if !self.phone_number().is_some_and(is_e164) => Err(Error::argument(
                format!("{path}.phoneNumber"),
                "must be in E.164 form: a plus and at most 15 digits, such as +31612345678",
            )),
            _ => Ok(()),
        }
    }
}

impl Channel {
    /// A channel by its name and by what it is known by.
    pub fn new(channel_name: impl Into<String>, external_id: impl Into<String>) -> Channel {
        Channel(object([
            ("channelName", channel_name.into()),
            ("externalId", external_id.into()),
        ]))
    }

    fn check(&self) -> Result<()> {
        Self::MODEL.check(&self.0, "channel")?;
        let name = self.channel_name().unwrap_or_default().trim();
        let known = CHANNEL_NAMES
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name));
        match known {
            Some(known) if Some(*known) != self.channel_name() => Err(Error::argument(
                "channel.channelName",
                format_args!("is written {known}"),
            )),
            _ => Ok(()),
        }
    }
}

impl Segment {
    /// A segment by its name.
    pub fn by_name(name: impl Into<String>) -> Segment {
        Segment(object([("name", name.into())]))
    }

    /// A segment by its identifier.
    pub fn by_id(id: impl Into<String>) -> Segment {
        Segment(object([("id", id.into())]))
    }

    fn check(&self, path: &str) -> Result<()> {
        Self::MODEL.check(&self.0, path)?;
        match (self.id(), self.name()) {
            (None, None) => Err(Error::argument(path, "needs an id or a name")),
            (id, name) if id == Some("") || name == Some("") => {
                Err(Error::argument(path, "has an empty id or name"))
            }
            _ => Ok(()),
        }
    }
}

impl Client {
    /// Sends a text or an event to people by phone number or identifier. Each of them gets a thread.
    ///
    /// ```no_run
    /// # let client = flowai::Client::builder().build()?;
    /// use flowai::{Channel, Message, Recipient};
    /// let audience = [Recipient::by_phone_number("John Doe", "+31612345678")];
    /// let channel = Channel::new("whatsapp", "+31201234567");
    /// client.broadcast(audience, channel, Message::event("ORDER_SHIPPED")).wait()?;
    /// # Ok::<_, flowai::Error>(())
    /// ```
    ///
    /// # Errors
    /// `InvalidArgument` names the recipient. Every failed send says what became of the message:
    /// [`Error::delivery`].
    pub fn broadcast(
        &self,
        audience: impl IntoIterator<Item = Recipient>,
        channel: Channel,
        message: impl Into<Message>,
    ) -> Call<Receipt> {
        let audience = audience_of(audience, "audience", Recipient::check);
        let request = audience.and_then(|audience| {
            channel.check()?;
            let body = json!({"audience": audience, "channel": channel.into_object()});
            self.broadcast_request(
                &BROADCAST,
                "broadcast/instant",
                body,
                message.into(),
                &["text", "event"],
            )
        });
        self.acknowledged(&BROADCAST, request)
    }

    /// Sends a text, an event, a location or media to everybody in these segments.
    ///
    /// # Errors
    /// As [`broadcast`](Client::broadcast).
    pub fn broadcast_to_segments(
        &self,
        segments: impl IntoIterator<Item = Segment>,
        message: impl Into<Message>,
    ) -> Call<Receipt> {
        let audience = audience_of(segments, "segments", Segment::check);
        let request = audience.and_then(|audience| {
            let kinds = &["text", "event", "location", "media"];
            let body = json!({"audience": audience});
            let path = "broadcast/instant/segment";
            self.broadcast_request(&BROADCAST_TO_SEGMENTS, path, body, message.into(), kinds)
        });
        self.acknowledged(&BROADCAST_TO_SEGMENTS, request)
    }

    /// Reads the segments that a broadcast can go to.
    ///
    /// # Errors
    /// Every error of a request. It is retried, since reading does no harm.
    pub fn segments(&self) -> Call<Vec<Segment>> {
        let request = Request::new(&SEGMENTS, "broadcast/segments").with_query("sync", true);
        Call::new(self, &SEGMENTS, Ok(request), |_, response| {
            Ok(read_list(response.result_with_list("segments")?.get("segments")))
        })
    }

    fn broadcast_request(
        &self,
        operation: &'static Operation,
        path: &str,
        mut body: Value,
        message: Message,
        kinds: &[&str],
    ) -> Result<Request> {
        let payload = message.checked_for_broadcast(self.config(), kinds)?;
        let trace_id = payload.get("traceId").and_then(Value::as_u64);
        if let Value::Object(body) = &mut body {
            body.insert("payload".into(), Value::Object(payload));
        }
        let mut request = Request::new(operation, path).with_json(&body)?;
        request.trace_id = trace_id;
        Ok(request)
    }
}

/// The documents of a list that must not be empty, each of them checked.
fn audience_of<D: Document>(
    items: impl IntoIterator<Item = D>,
    argument: &str,
    check: impl Fn(&D, &str) -> Result<()>,
) -> Result<Vec<Value>> {
    let mut audience = Vec::new();
    for item in items {
        check(&item, &format!("{argument}[{}]", audience.len()))?;
        audience.push(Value::Object(item.into_object()));
    }
    if audience.is_empty() {
        return Err(Error::argument(argument, "is empty"));
    }
    Ok(audience)
}

fn object<const N: usize>(fields: [(&str, String); N]) -> Object {
    let field = |(name, value): (&str, String)| (name.to_owned(), Value::String(value));
    fields.into_iter().map(field).collect()
}

/// A plus and 2 to 15 digits, the first of them not 0.
fn is_e164(number: &str) -> bool {
    let Some(digits) = number.strip_prefix('+') else {
        return false;
    };
    (2..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0')
}
