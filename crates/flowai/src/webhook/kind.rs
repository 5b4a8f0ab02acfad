//! What an event tells, whatever the version of the API calls it.

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $name:literal, [$($wire:literal),*];)*) => {
        /// What an event tells. The numbers are those of the C library and never change.
        ///
        /// Every name that a version of the API has given to an event has its kind; see "Webhooks" of the API
        /// document, which says that more may be added at any time.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum EventKind { $($(#[$doc])* $variant = $code,)* }

        impl EventKind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$variant,)*];

            /// The name of the kind in snake case, the same in every language.
            pub const fn name(self) -> &'static str {
                match self { $(EventKind::$variant => $name,)* }
            }

            /// The name that the API document gives to such an event; none for [`EventKind::Unknown`].
            ///
            /// ```
            /// use flowai::EventKind;
            /// assert_eq!(EventKind::Reply.type_name(), Some("message.reply"));
            /// ```
            pub fn type_name(self) -> Option<&'static str> {
                match self { $(EventKind::$variant => { const NAMES: &[&str] = &[$($wire),*]; NAMES.first().copied() })* }
            }

            /// The kind of an event with this `type`; an unknown or empty name is [`EventKind::Unknown`].
            ///
            /// ```
            /// use flowai::EventKind;
            /// assert_eq!(EventKind::of_type("message.reply"), EventKind::of_type("message"));
            /// ```
            pub fn of_type(type_name: &str) -> EventKind {
                match type_name {
                    $($($wire => EventKind::$variant,)*)*
                    _ => EventKind::Unknown,
                }
            }
        }
    };
}

kinds! {
    /// An event that this version does not know. It is delivered like any other.
    #[default]
    Unknown = 0, "unknown", [];
    /// The bot replies.
    Reply = 1, "reply", ["message.reply", "message", "thread.reply"];
    /// A message that was sent has been delivered.
    Delivered = 2, "delivered", ["message.delivered"];
    /// A conversation is handed over to a person.
    Handover = 3, "handover", ["control.handover", "takeover", "thread.handover"];
    /// The bot was paused.
    Paused = 4, "paused", ["control.pause", "paused"];
    /// The bot was resumed.
    Resumed = 5, "resumed", ["control.resume", "resumed"];
    /// The answer to a request for the status of the bot.
    BotStatus = 6, "bot_status", ["isPaused", "isPaued"];
    /// The answer to a request for messages of a conversation.
    History = 7, "history", ["history"];
    /// The answer to a request for business hours.
    BusinessHours = 8, "business_hours", ["businessHours"];
    /// The answer to a request for the list of conversations.
    Threads = 9, "threads", ["threads"];
    /// The answer to a request for events that can be triggered by hand.
    TriggerEvents = 10, "trigger_events", ["trigger.events"];
    /// A message of a user on another channel.
    Inbound = 11, "inbound", ["inbound"];
    /// A message of the bot on another channel.
    Outbound = 12, "outbound", ["outbound"];
}

impl EventKind {
    /// The number of the kind in the C library.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The kind with this number.
    pub fn from_code(code: i32) -> Option<EventKind> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }

    /// The kind with this snake case name.
    pub fn from_name(name: &str) -> Option<EventKind> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_never_change() {
        let table: Vec<_> = EventKind::ALL.iter().map(|k| (k.code(), k.name())).collect();
        assert_eq!(
            table,
            [
                (0, "unknown"),
                (1, "reply"),
                (2, "delivered"),
                (3, "handover"),
                (4, "paused"),
                (5, "resumed"),
                (6, "bot_status"),
                (7, "history"),
                (8, "business_hours"),
                (9, "threads"),
                (10, "trigger_events"),
                (11, "inbound"),
                (12, "outbound"),
            ]
        );
        for kind in EventKind::ALL.iter().copied() {
            assert_eq!(EventKind::from_code(kind.code()), Some(kind));
            assert_eq!(EventKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(EventKind::from_code(13), None);
        assert_eq!(EventKind::from_name("reply "), None);
    }

    #[test]
    fn an_unknown_name_has_the_unknown_kind() {
        for name in ["", "action", "Message", "message ", "message.reply.2"] {
            assert_eq!(EventKind::of_type(name), EventKind::Unknown, "{name}");
        }
    }
}
