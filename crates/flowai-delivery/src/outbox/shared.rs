//! What the handle, the thread that drains and the messages on their way have in common.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use flowai::{Client, Receipt, Result};

use super::{
    files::Files,
    gate::LONGEST_RETRY_AFTER,
    options::OutboxOptions,
    spool::Spool,
    store::{self, Policy},
};
use crate::{
    signal::Signal,
    storage::{Clock, Database, Durability, millis},
};

/// What belongs to the owner of an outbox.
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) spool: Spool,
    pub(crate) files: Files,
    /// Repeats nothing itself: when to try again is decided here.
    pub(crate) client: Client,
    pub(crate) options: OutboxOptions,
    pub(crate) clock: Clock,
    /// What was stored has changed: for those who wait for reports and for an empty outbox.
    pub(crate) changed: Arc<Signal>,
    orders: Mutex<Orders>,
    ordered: Condvar,
}

/// What the thread that drains is told.
#[derive(Default)]
pub(crate) struct Orders {
    /// Attempts that have ended.
    pub(crate) finished: Vec<Finished>,
    /// There are new messages, or others may go now.
    pub(crate) look: bool,
    /// Everything is to be tried now, whatever it waits for.
    pub(crate) hurry: bool,
    /// The outbox is being closed: nothing more leaves, and what is leaving is given up at this time.
    pub(crate) close_at: Option<Instant>,
}

/// An attempt that has ended.
pub(crate) struct Finished {
    pub(crate) id: i64,
    pub(crate) attempt: u32,
    pub(crate) result: Result<Receipt>,
}

impl Shared {
    pub(crate) fn new(
        database: Database,
        (spool, files): (Spool, Files),
        client: Client,
        options: OutboxOptions,
        clock: Clock,
        changed: Arc<Signal>,
    ) -> Shared {
        Shared {
            database,
            spool,
            files,
            client,
            options,
            clock,
            changed,
            orders: Mutex::default(),
            ordered: Condvar::new(),
        }
    }

    /// Puts in order what a process left behind that ended without closing the outbox.
    pub(crate) fn recover(&self) -> Result<()> {
        // In this order: a copy that is finished belongs to a message that is there already, or to none.
        let finished = self.files.finished()?;
        self.spool.sweep()?;
        let spooled = self.spool.names()?;
        let now = self.clock.steady_ms();
        let policy = Policy::of(&self.options);
        let latest = now.saturating_add(millis(self.options.retry_max.max(LONGEST_RETRY_AFTER)));
        let copies = self.database.write(Durability::Synced, move |db| {
            store::keep_imported(db, &spooled)?;
            store::recover(db, &policy, latest, now)
        })?;
        self.files.remove(&copies);
        if !finished.is_empty() {
            let mut needed = self.database.read(store::copies)?;
            for (_, letter) in self.spool.next(usize::MAX)? {
                needed.extend(letter.file.and_then(|file| file.copy().map(str::to_owned)));
            }
            self.files.sweep(finished, &needed);
        }
        Ok(())
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the thread that drains.
    pub(crate) fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut self.orders());
        self.ordered.notify_one();
    }

    /// Whether messages may leave.
    pub(crate) fn is_closing(&self) -> bool {
        self.orders().close_at.is_some()
    }

    /// Waits for orders, for at most `time`, and takes them; what was said about closing stays.
    pub(crate) fn take_orders(&self, time: Duration) -> Orders {
        let nothing = |orders: &mut Orders| orders.finished.is_empty() && !orders.look && !orders.hurry;
        let (mut orders, _) = self
            .ordered
            .wait_timeout_while(self.orders(), time, nothing)
            .unwrap_or_else(PoisonError::into_inner);
        let close_at = orders.close_at;
        std::mem::replace(
            &mut *orders,
            Orders {
                close_at,
                ..Orders::default()
            },
        )
    }
}
