//! What an inbox tells about its events without handling them.

use std::time::Duration;

/// What has become of an event in an [`Inbox`](crate::Inbox).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventState {
    /// To be handled, being handled, or waiting to be tried again.
    Waiting,
    /// Acknowledged.
    Handled,
    /// Given up: a dead letter, kept until it is replayed or discarded.
    Dead,
}

impl EventState {
    /// `waiting`, `handled` or `dead`.
    pub const fn name(self) -> &'static str {
        match self {
            EventState::Waiting => "waiting",
            EventState::Handled => "handled",
            EventState::Dead => "dead",
        }
    }

    /// The state with this name.
    pub fn by_name(name: &str) -> Option<EventState> {
        [EventState::Waiting, EventState::Handled, EventState::Dead]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// An event in an inbox, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The number of the event; later events have larger ones, and none is ever used twice.
    pub id: i64,
    /// The conversation; empty when the event has none or cannot be read.
    pub thread_id: String,
    /// What has become of it.
    pub state: EventState,
    /// When it was stored, in milliseconds since 1970 UTC.
    pub received_at_ms: i64,
    /// How often it was handed out.
    pub attempts: u32,
    /// What went wrong last.
    pub error: Option<String>,
    /// An event with the same bytes came within the 24 hours before it, and nothing tells whether it is the same.
    pub maybe_duplicate: bool,
    /// The event that this one is a replay of.
    pub replay_of: Option<i64>,
    /// The size of the body in bytes.
    pub size: u64,
}

/// Which events to list.
///
/// ```
/// let mut filter = flowai_delivery::Filter::default();
/// filter.state = Some(flowai_delivery::EventState::Dead);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<EventState>,
    /// Only those of this conversation, by its whole id.
    pub thread_id: Option<String>,
    /// Only those with a larger number: the last one of the page before. Default: 0.
    pub after: i64,
    /// How many at most. Default: 100.
    pub limit: u32,
}

impl Default for Filter {
    fn default() -> Filter {
        Filter {
            state: None,
            thread_id: None,
            after: 0,
            limit: 100,
        }
    }
}

/// What [`Inbox::put`](crate::Inbox::put) did with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredEvent {
    /// The number of the event, or of the one that it repeats.
    pub id: i64,
    /// It had been stored before and was not stored again.
    pub duplicate: bool,
    /// It cannot be read and was stored as a dead letter.
    pub dead: bool,
}

/// How an inbox is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboxStats {
    /// Events that are not handled yet: waiting, being handled, or waiting to be tried again.
    pub waiting: u64,
    /// Of them, those that are being handled now by this process.
    pub leased: u64,
    /// How long ago the oldest of them was received.
    pub oldest_waiting: Option<Duration>,
    /// Dead letters.
    pub dead: u64,
    /// The size of the database in bytes, without its log and the room that is free in it.
    pub bytes: u64,
}
