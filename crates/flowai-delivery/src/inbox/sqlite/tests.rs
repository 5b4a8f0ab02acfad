//! The SQLite engine does what every engine must do, and leaves no traces.

use std::{fs, time::Duration};

use bytes::Bytes;
use flowai::Result;

use super::{Keep, Settings, SqliteStore};
use crate::{
    inbox::{
        behaviour::{Engine, behaviours},
        store::{Arrival, Identity, InboxStore},
    },
    storage::{Clock, Role, wait},
    testing::Directory,
};

impl Engine for Directory {
    type Store = SqliteStore;

    fn new() -> Directory {
        Directory::new()
    }

    fn open(&self, clock: &Clock, keep: Keep) -> Result<SqliteStore> {
        let settings = Settings {
            role: Role::Owner,
            lock_time: Duration::from_secs(2),
            max_bytes: None,
            keep,
        };
        SqliteStore::open(&self.file(), settings, clock.clone())
    }
}

behaviours!(Directory);

#[test]
fn what_is_forgotten_is_not_in_the_files() {
    let directory = Directory::new();
    let keep = Keep {
        identities: Duration::from_secs(86400),
        handled: Duration::ZERO,
        dead: None,
    };
    let store = directory.open(&Clock::system(), keep).unwrap();
    let arrival = |thread: &str, body: String| Arrival {
        thread_id: thread.into(),
        identity: Identity::of(None, body.as_bytes()),
        body: Bytes::from(body),
        fault: None,
    };
    for size in [10, 10_000] {
        let secret = arrival("them", format!("something private {}", "x".repeat(size)));
        let other = arrival("others", format!("something harmless {}", "x".repeat(size)));
        wait(|done| store.put(vec![secret, other], done)).unwrap();
    }
    let found = |text: &str| {
        let files = fs::read_dir(directory.path()).unwrap();
        let mut all = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        all.any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    assert!(found("something private") && found("something harmless"));
    assert_eq!(store.forget("them").unwrap(), 2);
    assert!(!found("something private") && !found("them"));
    assert!(found("something harmless"));
}
