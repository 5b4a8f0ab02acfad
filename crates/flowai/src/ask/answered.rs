//! What was answered already, so that it is not taken for the answer to something else.

use std::{
    collections::{VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    sync::{Mutex, PoisonError},
};

/// Messages further back are older than what is asked now by more than clocks can differ.
const KEPT: usize = 1024;

/// The last messages of all threads that were part of a reply to [`Client::ask`](crate::Client::ask).
#[derive(Debug, Default)]
pub(crate) struct Answered {
    hasher: RandomState,
    messages: Mutex<VecDeque<u64>>,
}

impl Answered {
    pub(crate) fn add(&self, thread_id: &str, fingerprints: impl Iterator<Item = String>) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        for fingerprint in fingerprints {
            messages.push_back(self.hash(thread_id, &fingerprint));
        }
        let surplus = messages.len().saturating_sub(KEPT);
        messages.drain(..surplus);
    }

    pub(crate) fn has(&self, thread_id: &str, fingerprint: &str) -> bool {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.contains(&self.hash(thread_id, fingerprint))
    }

    fn hash(&self, thread_id: &str, fingerprint: &str) -> u64 {
        self.hasher.hash_one((thread_id, fingerprint))
    }
}
