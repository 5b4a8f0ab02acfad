//! The conversation of each thread, the state it is in, and whether the bot is paused in it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::AbortHandle;

use crate::documents::entry;
use crate::ids::Ids;
use crate::seed::SeededThread;

/// Entries, and threads, on one page ("Thread messages" of the API document).
pub(crate) const PAGE: usize = 20;
/// Threads remembered; the oldest is forgotten for a new one.
const KEPT_THREADS: usize = 10_000;
/// Entries remembered of one thread.
const KEPT_ENTRIES: usize = 10_000;
/// Bytes remembered of all threads.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// What a conversation is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThreadState {
    /// The bot's, which may be paused all the same.
    #[default]
    Open,
    /// A person's, until the bot is resumed.
    Handover,
    /// Over. It stays so whatever is said or done in it afterwards; the bot answers as before.
    Resolved,
}

impl ThreadState {
    /// `open`, `handover` or `resolved`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Handover => "handover",
            Self::Resolved => "resolved",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let states = [Self::Open, Self::Handover, Self::Resolved];
        states.into_iter().find(|state| state.as_str() == name)
    }
}

#[derive(Default)]
struct Thread {
    entries: VecDeque<Entry>,
    state: ThreadState,
    pause: Option<Pause>,
}

impl Thread {
    fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.bytes).sum()
    }
}

/// One entry of a history.
struct Entry {
    bytes: usize,
    /// Whether it shows nothing but triggered events.
    is_event: bool,
    value: Value,
}

/// A pause of the bot. Dropping it ends the wait for its end.
struct Pause {
    number: u64,
    end: Option<AbortHandle>,
}

impl Drop for Pause {
    fn drop(&mut self) {
        if let Some(end) = &self.end {
            end.abort();
        }
    }
}

/// All threads. An unknown one is empty and not paused.
#[derive(Default)]
pub(crate) struct Threads {
    by_id: HashMap<Arc<str>, Thread>,
    by_age: VecDeque<Arc<str>>,
    bytes: usize,
    pauses: u64,
}

impl Threads {
    /// Those of a seed.
    pub(crate) fn seeded(seeds: &[SeededThread], ids: &Ids) -> Self {
        let mut threads = Self::default();
        for seed in seeds {
            threads.thread(&seed.id).state = seed.state;
            if seed.paused {
                threads.pause(&seed.id, |_| None);
            }
            for (originator, messages) in &seed.history {
                let mut messages = messages.clone();
                for message in messages.iter_mut().filter_map(Value::as_object_mut) {
                    message
                        .entry("meta")
                        .or_insert_with(|| json!({"msgId": ids.uuid()}));
                }
                threads.append(&seed.id, entry(originator.clone(), messages, &ids.uuid()));
            }
        }
        threads
    }

    /// Adds an entry to the end of the thread's history.
    pub(crate) fn append(&mut self, id: &str, value: Value) {
        let bytes = value.to_string().len();
        let is_event = is_event(&value);
        let thread = self.thread(id);
        thread.entries.push_back(Entry {
            bytes,
            is_event,
            value,
        });
        let over = thread.entries.len() > KEPT_ENTRIES;
        self.bytes += bytes;
        if over {
            self.forget_first_entry(id);
        }
        while self.bytes > KEPT_BYTES {
            if self.by_age.front().is_some_and(|oldest| **oldest != *id) {
                self.forget_oldest();
            } else if !self.forget_first_entry(id) {
                break;
            }
        }
    }

    /// `history`, `threadId`, `page` and `pages`, the oldest entry first. Pages count from 1; there is
    /// always one, and one beyond the last is empty. Triggered events are in it only `with_events`.
    pub(crate) fn page(&self, id: &str, page: usize, with_events: bool) -> Value {
        let entries = self.by_id.get(id).into_iter().flat_map(|thread| &thread.entries);
        let shown: Vec<&Value> = entries
            .filter(|entry| with_events || !entry.is_event)
            .map(|entry| &entry.value)
            .collect();
        let (history, pages) = paged(&shown, page);
        json!({"history": history, "threadId": id, "page": page, "pages": pages})
    }

    /// `threads`, `page` and `pages`, the thread that was used first at first. The page is a string here.
    pub(crate) fn list(&self, page: usize) -> Value {
        let ids: Vec<&str> = self.by_age.iter().map(AsRef::as_ref).collect();
        let (threads, pages) = paged(&ids, page);
        json!({"threads": threads, "page": page.to_string(), "pages": pages})
    }

    pub(crate) fn state(&self, id: &str) -> ThreadState {
        self.by_id.get(id).map(|thread| thread.state).unwrap_or_default()
    }

    /// A resolved thread stays so.
    pub(crate) fn set_state(&mut self, id: &str, state: ThreadState) {
        if self.state(id) != ThreadState::Resolved {
            self.thread(id).state = state;
        }
    }

    pub(crate) fn is_paused(&self, id: &str) -> bool {
        self.by_id.get(id).is_some_and(|thread| thread.pause.is_some())
    }

    /// Pauses the bot; a pause that ends by itself has an end from `end_of`, which is told the number of the pause.
    /// Returns whether the bot was not paused before.
    pub(crate) fn pause(&mut self, id: &str, end_of: impl FnOnce(u64) -> Option<AbortHandle>) -> bool {
        self.pauses += 1;
        let number = self.pauses;
        let end = end_of(number);
        self.thread(id).pause.replace(Pause { number, end }).is_none()
    }

    /// Ends the pause, if it is the one with this number; any, without a number. Returns whether that changed anything.
    pub(crate) fn resume(&mut self, id: &str, number: Option<u64>) -> bool {
        let Some(thread) = self.by_id.get_mut(id) else {
            return false;
        };
        let paused = thread
            .pause
            .take_if(|pause| number.is_none_or(|number| pause.number == number));
        paused.is_some()
    }

    fn thread(&mut self, id: &str) -> &mut Thread {
        if !self.by_id.contains_key(id) {
            while self.by_age.len() >= KEPT_THREADS {
                self.forget_oldest();
            }
            self.by_age.push_back(Arc::from(id));
        }
        self.by_id.entry(Arc::from(id)).or_default()
    }

    fn forget_first_entry(&mut self, id: &str) -> bool {
        let first = self
            .by_id
            .get_mut(id)
            .and_then(|thread| thread.entries.pop_front());
        let Some(entry) = first else { return false };
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        true
    }

    fn forget_oldest(&mut self) {
        if let Some(thread) = self.by_age.pop_front().and_then(|id| self.by_id.remove(&id)) {
            self.bytes = self.bytes.saturating_sub(thread.bytes());
        }
    }
}

/// The items of one page, and the number of pages.
fn paged<T>(items: &[T], page: usize) -> (Vec<&T>, usize) {
    let before = page.saturating_sub(1).saturating_mul(PAGE);
    let shown = items.iter().skip(before).take(PAGE).collect();
    (shown, items.len().div_ceil(PAGE).max(1))
}

/// Whether an entry shows triggered events and nothing else.
fn is_event(entry: &Value) -> bool {
    let messages = entry.get("messages").and_then(Value::as_array);
    let responses = messages
        .into_iter()
        .flatten()
        .filter_map(|message| message.get("responses"));
    let mut types = responses
        .filter_map(Value::as_array)
        .flatten()
        .map(|response| response.get("type").and_then(Value::as_str));
    let first = types.next();
    first == Some(Some("event")) && types.all(|kind| kind == Some("event"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_count_from_one_and_hold_twenty() {
        let mut threads = Threads::default();
        for n in 0..41 {
            threads.append("t", json!({"messages": [n]}));
        }
        let sizes: Vec<usize> = (1..=4)
            .map(|page| {
                threads.page("t", page, false)["history"]
                    .as_array()
                    .unwrap()
                    .len()
            })
            .collect();
        assert_eq!(sizes, [20, 20, 1, 0]);
        assert_eq!(threads.page("t", 1, false)["pages"], 3);
        assert_eq!(threads.page("t", 3, false)["history"][0]["messages"][0], 40);
        assert_eq!(
            threads.page("nobody", 1, false),
            json!({"history": [], "threadId": "nobody", "page": 1, "pages": 1})
        );
    }

    #[test]
    fn only_the_pause_that_is_meant_ends() {
        let mut threads = Threads::default();
        let mut numbers = Vec::new();
        for first in [true, false] {
            let end = |number| {
                numbers.push(number);
                None
            };
            assert_eq!(threads.pause("t", end), first);
        }
        assert!(!threads.resume("t", Some(numbers[0])));
        assert!(threads.is_paused("t"));
        assert!(threads.resume("t", Some(numbers[1])));
        assert!(!threads.resume("t", None) && !threads.is_paused("t"));
    }

    #[test]
    fn events_are_entries_of_nothing_but_events() {
        let entry = |types: &[&str]| {
            let responses: Vec<Value> = types.iter().map(|kind| json!({"type": kind})).collect();
            json!({"messages": [{"responses": responses}]})
        };
        for (types, event) in [
            (&["event"][..], true),
            (&["event", "event"], true),
            (&["event", "text"], false),
            (&["text", "event"], false),
            (&[], false),
        ] {
            assert_eq!(is_event(&entry(types)), event, "{types:?}");
        }
    }

    #[test]
    fn memory_is_bounded_in_threads_and_bytes() {
        let mut threads = Threads::default();
        for n in 0..KEPT_THREADS + 10 {
            threads.pause(&n.to_string(), |_| None);
        }
        assert_eq!(threads.by_id.len(), KEPT_THREADS);
        assert!(!threads.is_paused("9"));
        assert!(threads.is_paused("10"));

        let megabyte = json!("x".repeat(1024 * 1024));
        for name in [|n: u32| n.to_string(), |_| "one".to_owned()] {
            let mut threads = Threads::default();
            for n in 0..100 {
                threads.append(&name(n), megabyte.clone());
            }
            assert!(threads.bytes <= KEPT_BYTES);
            assert_eq!(
                threads.bytes,
                threads.by_id.values().map(Thread::bytes).sum::<usize>()
            );
            assert_eq!(threads.by_id.len(), threads.by_age.len());
        }
    }
}
