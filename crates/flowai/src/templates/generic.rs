//! The payloads of the templates that every channel can show, one model each.

use super::components::{
    Action, Button, ButtonTrigger, Card, CardMedia, ExpirationTime, ListItem, QuickReply,
};

/// Declares the payload of a template that is shown: it may offer answers, and may expire.
macro_rules! shown {
    ($($(#[doc = $doc:literal])* $model:ident { $($fields:tt)* })*) => {
        models! {$(
            $(#[doc = $doc])*
            $model {
                $($fields)*
                /// Answers that are offered with it.
                quick_replies: [QuickReply] = "quickReplies",
                /// When it is no longer shown.
                expiration_time: {ExpirationTime} = "expirationTime",
            }
        )*}
    };
}

shown! {
    /// A text.
    TextTemplate {
        /// The text.
        text: String = "text",
        /// Where the text comes from.
        citations: Array = "citations",
    }

    /// An image.
    ImageTemplate {
        /// What it shows.
        title: String = "title",
        /// Where it is.
        url: String = "url",
        /// What happens when it is tapped.
        action: {Action} = "action",
    }

    /// A video.
    VideoTemplate {
        /// What it shows.
        title: String = "title",
        /// Where it is.
        url: String = "url",
        /// What happens when it is tapped.
        action: {Action} = "action",
        /// Where a picture of it is.
        thumbnail_url: String = "thumbnailUrl",
    }

    /// A sound.
    AudioTemplate {
        /// What it is.
        title: String = "title",
        /// Where it is.
        url: String = "url",
        /// What happens when it is tapped.
        action: {Action} = "action",
        /// How long it is, as sent; the unit is not documented.
        duration: Number = "duration",
    }

    /// A file.
    FileTemplate {
        /// What it is.
        title: String = "title",
        /// Where it is.
        url: String = "url",
        /// What happens when it is tapped.
        action: {Action} = "action",
    }

    /// A place.
    LocationTemplate {
        /// What is there.
        title: String = "title",
        /// Latitude in degrees. The service sends a string.
        lat: Number = "lat",
        /// Longitude in degrees. The service sends a string.
        long: Number = "long",
        /// What happens when it is tapped.
        action: {Action} = "action",
    }

    /// Several cards, side by side.
    CarouselTemplate {
        /// The cards.
        cards: [Card] = "cards",
    }

    /// Several rows, one below the other.
    ListTemplate {
        /// The rows.
        items: [ListItem] = "items",
        /// Buttons below the rows.
        buttons: [Button] = "buttons",
    }

    /// A title with buttons.
    ButtonsTemplate {
        /// What the buttons are about.
        title: String = "title",
        /// The buttons.
        buttons: [Button] = "buttons",
    }

    /// Whatever the makers of the bot agreed on with the makers of the client: the payload is any object.
    CustomTemplate {}

    /// A text of an agent.
    AgentTextTemplate {
        /// The text.
        text: String = "text",
    }
}

card! { shown
    /// A card.
    CardTemplate {}
}

models! {
    /// A page that opens inside the conversation.
    WebviewTemplate {
        /// The words on the button that opens it.
        label: String = "label",
        /// Where the page is.
        url: String = "url",
        /// Identifier of the button.
        id: String = "id",
        /// What is started when it is closed.
        trigger: {ButtonTrigger} = "trigger",
    }

    /// The bot hands the conversation over to people.
    HandoverTemplate {
        /// Whether the bot forgets the context.
        reset_context: Bool = "resetContext",
        /// Whether the bot stays silent until it is resumed.
        indefinite_pause: Bool = "indefinitePause",
        /// Whether the bot is paused.
        set_bot_to_pause: Bool = "setBotToPause",
        /// How long the bot is paused, in minutes.
        minutes_to_pause: Number = "minutesToPause",
        /// How long the bot is paused, in seconds.
        seconds_to_pause: Number = "secondsToPause",
        /// What the people should know.
        additional_info: Any = "additionalInfo",
    }

    /// A note for agents. The customer must not see it.
    NoteTemplate {
        /// The note.
        note: String = "note",
    }

    /// An event that was triggered, in a history. A field is null where the event has none.
    EventTemplate {
        /// The name of the event.
        name: String = "name",
        /// Latitude in degrees.
        lat: Number = "lat",
        /// Longitude in degrees.
        long: Number = "long",
        /// What is at the place, or what the media is.
        title: String = "title",
        /// Where the media is.
        url: String = "url",
    }

    /// A message of the system.
    SystemReplyTemplate {
        /// What kind of message it is: the `type` inside the payload.
        reply_type: String = "type",
        /// The text.
        text: String = "text",
    }

    /// How urgent the conversation is to the agents.
    KhorosPriorityTemplate {
        /// From 0 to 5.
        priority: Integer = "priority",
    }

    /// A template of one channel alone, such as `whatsapp_list`, `messenger_receipt`, `rbm_card`, `gbm_text`,
    /// `apple_list_picker`, `phone_say`, `sticker` or `twitter_public_reply`. Its payload is kept whole: read it from
    /// [`Template::payload`](crate::Template::payload).
    ChannelTemplate {
        /// Answers that are offered with it.
        quick_replies: [QuickReply] = "quickReplies",
    }
}
