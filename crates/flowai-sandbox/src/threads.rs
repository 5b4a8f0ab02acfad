//! The conversation of each thread, and whether the bot is paused in it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

/// Entries on one page ("Thread messages" of the API document).
pub(crate) const PAGE: usize = 20;
/// Threads remembered; the oldest is forgotten for a new one.
const KEPT_THREADS: usize = 10_000;
/// Entries remembered of one thread.
const KEPT_ENTRIES: usize = 10_000;
/// Bytes remembered of all threads.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

#[derive(Default)]
struct Thread {
    entries: VecDeque<(usize, Value)>,
    paused: bool,
}

impl Thread {
    fn bytes(&self) -> usize {
        self.entries.iter().map(|(bytes, _)| bytes).sum()
    }
}

/// All threads. An unknown one is empty and not paused.
#[derive(Default)]
pub(crate) struct Threads {
    by_id: HashMap<Arc<str>, Thread>,
    by_age: VecDeque<Arc<str>>,
    bytes: usize,
}

impl Threads {
    /// Adds an entry to the end of the thread's history: one message of one originator.
    pub(crate) fn append(&mut self, id: &str, originator: Value, message: Value) {
        let entry = json!({"originator": originator, "messages": [message]});
        let bytes = entry.to_string().len();
        let thread = self.thread(id);
        thread.entries.push_back((bytes, entry));
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
    /// always one, and one beyond the last is empty.
    pub(crate) fn page(&self, id: &str, page: usize) -> Value {
        let entries = self.by_id.get(id).map(|thread| &thread.entries);
        let pages = entries.map_or(1, |entries| entries.len().div_ceil(PAGE).max(1));
        let history: Vec<&Value> = entries
            .into_iter()
            .flatten()
            .skip(page.saturating_sub(1).saturating_mul(PAGE))
            .take(PAGE)
            .map(|(_, entry)| entry)
            .collect();
        json!({"history": history, "threadId": id, "page": page, "pages": pages})
    }

    pub(crate) fn is_paused(&self, id: &str) -> bool {
        self.by_id.get(id).is_some_and(|thread| thread.paused)
    }

    /// Returns whether that changed anything.
    pub(crate) fn set_paused(&mut self, id: &str, paused: bool) -> bool {
        if self.is_paused(id) == paused {
            return false;
        }
        self.thread(id).paused = paused;
        true
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
        let Some((bytes, _)) = first else { return false };
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }

    fn forget_oldest(&mut self) {
        if let Some(thread) = self.by_age.pop_front().and_then(|id| self.by_id.remove(&id)) {
            self.bytes = self.bytes.saturating_sub(thread.bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_count_from_one_and_hold_twenty() {
        let mut threads = Threads::default();
        for n in 0..41 {
            threads.append("t", json!({}), json!(n));
        }
        let sizes: Vec<usize> = (1..=4)
            .map(|page| threads.page("t", page)["history"].as_array().unwrap().len())
            .collect();
        assert_eq!(sizes, [20, 20, 1, 0]);
        assert_eq!(threads.page("t", 1)["pages"], 3);
        assert_eq!(threads.page("t", 3)["history"][0]["messages"][0], 40);
        assert_eq!(
            threads.page("nobody", 1),
            json!({"history": [], "threadId": "nobody", "page": 1, "pages": 1})
        );
    }

    #[test]
    fn memory_is_bounded_in_threads_and_bytes() {
        let mut threads = Threads::default();
        for n in 0..KEPT_THREADS + 10 {
            threads.set_paused(&n.to_string(), true);
        }
        assert_eq!(threads.by_id.len(), KEPT_THREADS);
        assert!(!threads.is_paused("9"));
        assert!(threads.is_paused("10"));

        let megabyte = json!("x".repeat(1024 * 1024));
        for name in [|n: u32| n.to_string(), |_| "one".to_owned()] {
            let mut threads = Threads::default();
            for n in 0..100 {
                threads.append(&name(n), json!({}), megabyte.clone());
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
