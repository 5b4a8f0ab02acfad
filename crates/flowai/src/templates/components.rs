//! What templates are made of: buttons, quick replies, cards and so on.

models! {
    /// What happens when a part of a reply is tapped.
    Action {
        /// `url`, `phone`, `postback`, `share`, `login`, `webview` or `event`. Others may appear.
        r#type: String = "type",
        /// The address, the number, the event and so on, depending on the type.
        value: String = "value",
        /// Parameters that go along: under each name a list of objects with `value` and perhaps `match`.
        params: Object = "params",
    }

    /// What a button, or the closing of a web view, starts besides.
    ButtonTrigger {
        /// `event` or `flow`.
        r#type: String = "type",
        /// The name of the event or the flow.
        value: String = "value",
    }

    /// A button.
    Button {
        /// `url`, `phone`, `postback`, `share`, `login`, `webview`, `event`, `flow` or `step`. Others may appear.
        r#type: String = "type",
        /// The words on it.
        label: String = "label",
        /// The address, the number, the event and so on, depending on the type.
        value: String = "value",
        /// Whether an address opens in a new tab.
        new_tab: Bool = "newTab",
        /// Identifier of the button.
        id: String = "id",
        /// Parameters that go along: under each name a list of objects with `value` and perhaps `match`.
        params: Object = "params",
        /// What it starts besides (buttons of the types `url` and `phone`).
        trigger: {ButtonTrigger} = "trigger",
    }

    /// An image or a video on a card, in a list or on a quick reply.
    CardMedia {
        /// Where it is.
        url: String = "url",
        /// `image`, `video` and so on.
        r#type: String = "type",
        /// Where a small picture of it is.
        thumbnail_url: String = "thumbnailUrl",
    }

    /// An answer that is offered with a reply.
    QuickReply {
        /// The words on it. Those of some types have none, since the channel supplies them.
        label: String = "label",
        /// What it says when it is chosen; the label, if absent.
        value: String = "value",
        /// `text`, if absent; or `location`, `user_email`, `user_phone_number`, `event`, `flow`, `step`,
        /// `calendar_action`. Others may appear.
        r#type: String = "type",
        /// Parameters that go along: under each name a list of objects with `value` and perhaps `match`.
        params: Object = "params",
        /// Tags that are set: under each name a list of objects with `value`.
        tags: Object = "tags",
        /// Identifier of the quick reply.
        quick_reply_id: String = "quickReplyId",
        /// Whether it is chosen without being tapped.
        auto: Bool = "auto",
        /// The step that it leads to.
        step_id: String = "stepId",
        /// A picture on it.
        media: {CardMedia} = "media",
    }

    /// When an answer is no longer shown, and what happens then (channels that know this).
    ExpirationTime {
        /// How the time is given.
        r#type: String = "type",
        /// When it expires.
        expire_time: Any = "expireTime",
        /// How long it lasts.
        ttl: Any = "ttl",
        /// What is started when it was shown in time: `event` or `flow`.
        expire_success_trigger_type: String = "expireSuccessTriggerType",
        /// The name of that event or flow.
        expire_success_trigger_value: String = "expireSuccessTriggerValue",
        /// What is started when it expired: `event` or `flow`.
        expire_fail_trigger_type: String = "expireFailTriggerType",
        /// The name of that event or flow.
        expire_fail_trigger_value: String = "expireFailTriggerValue",
    }
}

card! { models
    /// One card of a carousel.
    Card {
        /// Answers that are offered with the card.
        quick_replies: [QuickReply] = "quickReplies",
    }
}

card! { models
    /// One row of a list.
    ListItem {
        /// Whether the row stands out.
        featured: Bool = "featured",
        /// The same, under an older name.
        highlight: Bool = "highlight",
    }
}

impl QuickReply {
    /// The words to show: the label, else the value, else nothing.
    pub fn label_or_value(&self) -> &str {
        self.label().or(self.value()).unwrap_or_default()
    }

    /// What to send when it is chosen: the value, else the label, else nothing.
    pub fn value_or_label(&self) -> &str {
        self.value().or(self.label()).unwrap_or_default()
    }
}
