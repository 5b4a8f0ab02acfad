//! What every engine of the inbox must do: [`behaviours`] runs all of it on one.

use std::{sync::mpsc, time::Duration};

use bytes::Bytes;
use flowai::Result;

use super::{
    entry::{Entry, EventState, Filter, StoredEvent},
    sqlite::Keep,
    store::{Arrival, Claim, Discarded, Identity, InboxStore, Lease, Leased, Outcome},
};
use crate::storage::{Clock, wait};

/// A place for an inbox, which can be opened again after it was closed.
pub(super) trait Engine {
    type Store: InboxStore;

    /// A place with nothing in it.
    fn new() -> Self;
    fn open(&self, clock: &Clock, keep: Keep) -> Result<Self::Store>;
}

const LEASE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

const KEEP: Keep = Keep {
    identities: Duration::from_secs(7 * 24 * 3600),
    handled: Duration::from_secs(24 * 3600),
    dead: None,
};

struct Fixture<E: Engine> {
    engine: E,
    clock: Clock,
    store: Option<E::Store>,
}

impl<E: Engine> Fixture<E> {
    fn new() -> Fixture<E> {
        let (engine, clock) = (E::new(), Clock::manual());
        let store = Some(engine.open(&clock, KEEP).unwrap());
        Fixture { engine, clock, store }
    }

    /// The process ends, and the next one opens the inbox.
    fn restart(&mut self) {
        self.restart_with(KEEP);
    }

    fn restart_with(&mut self, keep: Keep) {
        self.store = None;
        self.clock = self.clock.of_next_process();
        self.store = Some(self.engine.open(&self.clock, keep).unwrap());
    }

    fn store(&self) -> &E::Store {
        self.store.as_ref().unwrap()
    }

    fn put_all(&self, arrivals: Vec<Arrival>) -> Vec<StoredEvent> {
        wait(|done| self.store().put(arrivals, done)).unwrap()
    }

    fn put(&self, arrival: Arrival) -> StoredEvent {
        self.put_all(vec![arrival])[0]
    }

    fn lease(&self) -> Result<Lease, Option<Duration>> {
        match self.store().lease(LEASE).unwrap() {
            Leased::Event(lease) => Ok(lease),
            Leased::Nothing(time) => Err(time),
        }
    }

    fn leased_body(&self) -> Bytes {
        self.lease().unwrap().body
    }

    fn settle(&self, claim: Claim, outcome: Outcome) -> bool {
        wait(|done| self.store().settle(claim, outcome, done)).unwrap()
    }

    fn handle_next(&self) -> Bytes {
        let lease = self.lease().unwrap();
        assert!(self.settle(lease.claim, Outcome::Handled));
        lease.body
    }

    fn entry(&self, id: i64) -> Entry {
        self.store().show(id).unwrap().unwrap().0
    }
}

/// An event of a thread, without an identity.
fn event(thread_id: &str, body: &str) -> Arrival {
    Arrival {
        thread_id: thread_id.to_owned(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        identity: Identity::of(None, body.as_bytes()),
        fault: None,
    }
}

fn keyed(thread_id: &str, key: &str, body: &str) -> Arrival {
    Arrival {
        identity: Identity::of(Some(key), body.as_bytes()),
        ..event(thread_id, body)
    }
}

fn retry(after: Duration) -> Outcome {
    Outcome::Retry(after, Some("not now".into()))
}

pub(super) fn a_thread_is_handled_in_order_one_at_a_time<E: Engine>() {
    let fixture = Fixture::<E>::new();
    for body in ["1", "2", "3"] {
        fixture.put(event("t", body));
    }
    let first = fixture.lease().unwrap();
    assert_eq!((&*first.body, first.attempt), (&b"1"[..], 1));
    assert!(fixture.lease().is_err(), "the thread is busy");
    assert!(fixture.settle(first.claim, Outcome::Handled));
    assert_eq!([fixture.handle_next(), fixture.handle_next()], ["2", "3"]);
    assert_eq!(fixture.lease().unwrap_err(), None);
}

pub(super) fn threads_are_handled_in_parallel_oldest_first<E: Engine>() {
    let fixture = Fixture::<E>::new();
    for (thread, body) in [
        ("a", "1"),
        ("a", "2"),
        ("b", "3"),
        ("c", "4"),
        ("", "5"),
        ("", "6"),
    ] {
        fixture.put(event(thread, body));
    }
    let leases: Vec<_> = std::iter::from_fn(|| fixture.lease().ok()).collect();
    let bodies: Vec<_> = leases.iter().map(|lease| lease.body.clone()).collect();
    assert_eq!(bodies, ["1", "3", "4", "5"]);
    for lease in leases.iter().rev() {
        assert!(fixture.settle(lease.claim, Outcome::Handled));
    }
    assert_eq!([fixture.leased_body(), fixture.leased_body()], ["2", "6"]);
}

pub(super) fn a_failing_thread_waits_alone<E: Engine>() {
    let fixture = Fixture::<E>::new();
    for (thread, body) in [("bad", "1"), ("bad", "2"), ("good", "3"), ("good", "4")] {
        fixture.put(event(thread, body));
    }
    let bad = fixture.lease().unwrap();
    assert!(fixture.settle(bad.claim, retry(HOUR)));
    assert_eq!([fixture.handle_next(), fixture.handle_next()], ["3", "4"]);
    assert_eq!(fixture.lease().unwrap_err(), Some(HOUR));
    fixture.clock.advance(HOUR - Duration::from_secs(1));
    assert_eq!(fixture.lease().unwrap_err(), Some(Duration::from_secs(1)));
    fixture.clock.advance(Duration::from_secs(1));
    let again = fixture.lease().unwrap();
    assert_eq!((&*again.body, again.attempt), (&b"1"[..], 2));
    assert_eq!(fixture.entry(again.claim.id).error.as_deref(), Some("not now"));
    assert!(fixture.settle(again.claim, Outcome::Retry(Duration::ZERO, None)));
    assert_eq!([fixture.handle_next(), fixture.handle_next()], ["1", "2"]);
}

pub(super) fn a_dead_letter_lets_its_thread_go_on<E: Engine>() {
    let fixture = Fixture::<E>::new();
    fixture.put_all(vec![event("t", "1"), event("t", "2")]);
    let lease = fixture.lease().unwrap();
    assert!(fixture.settle(lease.claim, Outcome::Dead("no good".into())));
    assert_eq!(fixture.handle_next(), "2");
    let entry = fixture.entry(lease.claim.id);
    assert_eq!(
        (entry.state, entry.attempts, entry.error.as_deref()),
        (EventState::Dead, 1, Some("no good"))
    );
    assert!(fixture.lease().is_err());
}

pub(super) fn a_claim_settles_once<E: Engine>() {
    let fixture = Fixture::<E>::new();
    fixture.put(event("t", "1"));
    let first = fixture.lease().unwrap();
    assert!(fixture.settle(first.claim, Outcome::Retry(Duration::ZERO, None)));
    assert!(!fixture.settle(first.claim, Outcome::Handled));
    let second = fixture.lease().unwrap();
    for outcome in [Outcome::Handled, retry(HOUR), Outcome::Dead(String::new())] {
        assert!(!fixture.settle(first.claim, outcome), "an old generation");
    }
    assert!(!fixture.store().extend(first.claim, LEASE).unwrap());
    assert!(fixture.settle(second.claim, Outcome::Handled));
    assert!(!fixture.settle(second.claim, Outcome::Handled));
}

pub(super) fn leases_end_unless_they_are_extended<E: Engine>() {
    let fixture = Fixture::<E>::new();
    fixture.put_all(vec![event("a", "1"), event("b", "2")]);
    let (lost, kept) = (fixture.lease().unwrap(), fixture.lease().unwrap());
    fixture.clock.advance(LEASE / 2);
    assert!(fixture.store().extend(kept.claim, LEASE).unwrap());
    assert_eq!(fixture.lease().unwrap_err(), Some(LEASE / 2));
    fixture.clock.advance(LEASE / 2);
    let again = fixture.lease().unwrap();
    assert_eq!((&*again.body, again.attempt), (&b"1"[..], 2));
    assert!(!fixture.store().extend(lost.claim, LEASE).unwrap());
    assert!(
        !fixture.settle(lost.claim, Outcome::Handled),
        "somebody else has it"
    );
    assert!(fixture.settle(kept.claim, Outcome::Handled));
    assert!(fixture.settle(again.claim, Outcome::Handled));
    assert!(fixture.lease().is_err());
}

pub(super) fn a_lease_that_ended_can_be_settled_while_nobody_else_has_it<E: Engine>() {
    let fixture = Fixture::<E>::new();
    fixture.put(event("a", "1"));
    let late = fixture.lease().unwrap();
    fixture.clock.advance(2 * LEASE);
    assert!(!fixture.store().extend(late.claim, LEASE).unwrap());
    assert!(fixture.settle(late.claim, Outcome::Handled));
    assert!(fixture.lease().is_err());
}

pub(super) fn clocks_that_are_set_change_nothing<E: Engine>() {
    const DAYS: i64 = 2 * 24 * 3600 * 1000;
    let mut fixture = Fixture::<E>::new();
    fixture.put_all(vec![keyed("a", "k", "1"), event("b", "2"), event("c", "3")]);
    let waiting = fixture.lease().unwrap();
    assert!(fixture.settle(waiting.claim, retry(HOUR)));
    let held = fixture.lease().unwrap();
    for jump in [DAYS, -2 * DAYS, DAYS] {
        fixture.clock.jump(jump);
        assert!(fixture.put(keyed("a", "k", "1")).duplicate);
        assert!(fixture.store().extend(held.claim, LEASE).unwrap());
        let third = fixture.lease().unwrap();
        assert_eq!(third.body, "3", "neither the waiting nor the held one");
        assert!(fixture.settle(third.claim, Outcome::Retry(Duration::ZERO, None)));
    }
    // The next process may see a clock that was set back.
    fixture.clock.jump(-DAYS);
    fixture.restart();
    fixture.clock.advance(HOUR);
    let bodies: Vec<_> = std::iter::from_fn(|| fixture.lease().ok())
        .map(|lease| lease.body)
        .collect();
    assert_eq!(bodies, ["1", "2", "3"]);
}

pub(super) fn what_has_an_identity_is_stored_once<E: Engine>() {
    let mut fixture = Fixture::<E>::new();
    let first = fixture.put(keyed("t", "k", "1"));
    assert!(!first.duplicate);
    let again = fixture.put(keyed("t", "k", "1 once more"));
    assert_eq!((again.id, again.duplicate), (first.id, true));
    assert!(!fixture.put(keyed("t", "other", "1")).duplicate);
    // Twice in one body, too; and after the first was handled, and in another process.
    let twice = fixture.put_all(vec![keyed("t", "new", "2"), keyed("t", "new", "2")]);
    assert_eq!(
        twice.iter().map(|stored| stored.duplicate).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!([(); 3].map(|()| fixture.handle_next()), ["1", "1", "2"]);
    assert!(fixture.put(keyed("t", "k", "1")).duplicate);
    fixture.restart();
    fixture.clock.advance(24 * HOUR);
    while fixture.store().sweep().unwrap() {}
    assert!(fixture.put(keyed("t", "k", "1")).duplicate);
    fixture.clock.advance(7 * 24 * HOUR);
    assert!(!fixture.put(keyed("t", "k", "1")).duplicate, "a new event by now");
}

pub(super) fn what_has_no_identity_is_always_stored<E: Engine>() {
    let fixture = Fixture::<E>::new();
    let suspicious = |body| {
        let stored = fixture.put(event("t", body));
        assert!(!stored.duplicate);
        fixture.entry(stored.id).maybe_duplicate
    };
    assert_eq!(["pause", "resume", "pause"].map(suspicious), [false, false, true]);
    fixture.clock.advance(23 * HOUR);
    assert!(suspicious("pause"));
    fixture.clock.advance(25 * HOUR);
    assert!(!suspicious("pause"));
    let marks: Vec<_> = std::iter::from_fn(|| {
        let lease = fixture.lease().ok()?;
        assert!(fixture.settle(lease.claim, Outcome::Handled));
        Some(lease.maybe_duplicate)
    })
    .collect();
    assert_eq!(marks, [false, false, true, true, false]);
}

pub(super) fn everything_survives_the_end_of_the_process<E: Engine>() {
    let mut fixture = Fixture::<E>::new();
    for (thread, body) in [("a", "1"), ("a", "2"), ("b", "3"), ("c", "4"), ("d", "5")] {
        fixture.put(event(thread, body));
    }
    let held = fixture.lease().unwrap();
    let retried = fixture.lease().unwrap();
    assert!(fixture.settle(retried.claim, retry(HOUR)));
    let dead = fixture.lease().unwrap();
    assert!(fixture.settle(dead.claim, Outcome::Dead("broken".into())));
    assert_eq!(fixture.handle_next(), "5");
    fixture.restart();
    let again = fixture.lease().unwrap();
    assert_eq!(
        (&*again.body, again.attempt),
        (&b"1"[..], 2),
        "what was held comes again"
    );
    assert!(
        !fixture.settle(held.claim, Outcome::Handled),
        "the one who held it is gone"
    );
    assert!(fixture.settle(again.claim, Outcome::Handled));
    assert_eq!(fixture.handle_next(), "2");
    assert_eq!(fixture.lease().unwrap_err(), Some(HOUR));
    fixture.clock.advance(HOUR);
    assert_eq!(fixture.lease().unwrap().attempt, 2);
    let states = |state| {
        let filter = Filter {
            state: Some(state),
            ..Filter::default()
        };
        fixture
            .store()
            .list(&filter)
            .unwrap()
            .iter()
            .map(|entry| entry.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(states(EventState::Dead), [dead.claim.id]);
    assert_eq!(states(EventState::Waiting), [retried.claim.id]);
    assert_eq!(states(EventState::Handled).len(), 3);
}

pub(super) fn what_cannot_be_read_is_dead_from_the_start<E: Engine>() {
    let fixture = Fixture::<E>::new();
    let body = b"\xff\x00not json";
    let arrival = Arrival {
        thread_id: String::new(),
        body: Bytes::from_static(body),
        identity: Identity::of(None, body),
        fault: Some("not JSON".into()),
    };
    let stored = fixture.put(arrival);
    assert!(stored.dead && !stored.duplicate);
    assert!(fixture.lease().is_err());
    let (entry, kept) = fixture.store().show(stored.id).unwrap().unwrap();
    assert_eq!(
        (
            entry.state,
            entry.attempts,
            entry.error.as_deref(),
            entry.size,
            &*kept
        ),
        (EventState::Dead, 0, Some("not JSON"), 10, &body[..])
    );
}

pub(super) fn events_are_listed_by_state_thread_and_page<E: Engine>() {
    let fixture = Fixture::<E>::new();
    let ids: Vec<_> = (0..5)
        .map(|n| {
            fixture
                .put(event(if n == 2 { "b" } else { "a" }, &n.to_string()))
                .id
        })
        .collect();
    assert!(ids.is_sorted());
    let list = |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        let entries = fixture.store().list(&filter).unwrap();
        entries.iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    assert_eq!(list(&|_| {}), ids);
    assert_eq!(list(&|f| f.thread_id = Some("b".into())), [ids[2]]);
    assert_eq!(list(&|f| f.limit = 2), ids[..2]);
    assert_eq!(list(&|f| f.after = ids[2]), ids[3..]);
    fixture.handle_next();
    assert_eq!(list(&|f| f.state = Some(EventState::Handled)), ids[..1]);
    assert_eq!(
        list(&|f| (f.state, f.thread_id) = (Some(EventState::Waiting), Some("a".into()))),
        [ids[1], ids[3], ids[4]]
    );
    assert_eq!(fixture.store().show(999).unwrap(), None);
    let entry = fixture.entry(ids[0]);
    assert_eq!(
        (entry.received_at_ms, entry.replay_of),
        (fixture.clock.wall_ms(), None)
    );
}

pub(super) fn a_replay_is_a_new_event_with_the_same_bytes<E: Engine>() {
    let fixture = Fixture::<E>::new();
    let first = fixture.put(keyed("t", "k", "1")).id;
    fixture.put(event("t", "2"));
    fixture.handle_next();
    let replayed = fixture
        .store()
        .replay(first, vec![keyed("t", "k", "1")])
        .unwrap()
        .unwrap();
    assert_eq!(fixture.entry(replayed[0]).replay_of, Some(first));
    let second = fixture.lease().unwrap();
    assert!(!second.replayed && fixture.settle(second.claim, Outcome::Dead("x".into())));
    let copy = fixture.lease().unwrap();
    assert!(copy.replayed && copy.attempt == 1);
    assert_eq!((copy.claim.id, &*copy.body), (replayed[0], &b"1"[..]));
    assert!(fixture.settle(copy.claim, Outcome::Handled));
    // A dead letter that is replayed is none any more.
    fixture
        .store()
        .replay(second.claim.id, vec![event("t", "2")])
        .unwrap()
        .unwrap();
    assert_eq!(fixture.entry(second.claim.id).state, EventState::Handled);
    assert_eq!(fixture.handle_next(), "2");
    assert_eq!(fixture.store().replay(999, vec![event("t", "2")]).unwrap(), None);
    assert!(fixture.lease().is_err());
}

pub(super) fn what_is_discarded_is_gone<E: Engine>() {
    let fixture = Fixture::<E>::new();
    let ids: Vec<_> = (0..4)
        .map(|n| fixture.put(event("t", &n.to_string())).id)
        .collect();
    let held = fixture.lease().unwrap();
    let discard = |id| fixture.store().discard(id).unwrap();
    assert_eq!(discard(ids[0]), Discarded::BeingHandled);
    assert_eq!(discard(ids[1]), Discarded::Yes);
    assert_eq!(discard(ids[1]), Discarded::Missing);
    assert!(fixture.settle(held.claim, retry(HOUR)));
    assert_eq!(discard(ids[0]), Discarded::Yes);
    assert_eq!(fixture.leased_body(), "2", "the next one is not held back");
    assert_eq!(fixture.store().list(&Filter::default()).unwrap().len(), 2);
}

pub(super) fn a_forgotten_thread_leaves_nothing<E: Engine>() {
    let fixture = Fixture::<E>::new();
    for thread in ["ann", "ann|web", "ann|app", "anne", "ann}", "bob|web", "bob"] {
        fixture.put(event(thread, thread));
        fixture.put(event(thread, thread));
    }
    let held = fixture.lease().unwrap();
    assert_eq!(fixture.store().forget("ann").unwrap(), 6);
    assert_eq!(fixture.store().forget("bob|web").unwrap(), 2);
    assert_eq!(fixture.store().forget("ann").unwrap(), 0);
    assert!(!fixture.settle(held.claim, Outcome::Handled));
    let left: Vec<_> = std::iter::from_fn(|| fixture.lease().ok())
        .map(|lease| lease.body)
        .collect();
    assert_eq!(left, ["anne", "ann}", "bob"]);
    // The thread can go on.
    fixture.put(event("ann", "new"));
    assert_eq!(fixture.handle_next(), "new");
}

pub(super) fn what_was_kept_long_enough_is_removed<E: Engine>() {
    let mut fixture = Fixture::<E>::new();
    fixture.put_all((0..1200).map(|n| event(&n.to_string(), "x")).collect());
    let settled: Vec<_> = std::iter::from_fn(|| fixture.lease().ok())
        .map(|lease| {
            let (done, settled) = mpsc::channel();
            let done = Box::new(move |result| done.send(result).unwrap());
            fixture.store().settle(lease.claim, Outcome::Handled, done);
            settled
        })
        .collect();
    assert!(settled.iter().all(|settled| settled.recv().unwrap().unwrap()));
    let dead = fixture.put(event("t", "dead")).id;
    let lease = fixture.lease().unwrap();
    assert!(fixture.settle(lease.claim, Outcome::Dead("x".into())));
    let waiting = fixture.put(event("t", "waiting")).id;
    let count = |fixture: &Fixture<E>| {
        let filter = Filter {
            limit: 10_000,
            ..Filter::default()
        };
        fixture.store().list(&filter).unwrap().len()
    };
    fixture.clock.advance(23 * HOUR);
    assert!(!fixture.store().sweep().unwrap());
    assert_eq!(count(&fixture), 1202);
    fixture.clock.advance(2 * HOUR);
    let mut rounds = 1;
    while fixture.store().sweep().unwrap() {
        rounds += 1;
    }
    assert!(rounds > 2, "a little at a time");
    assert_eq!(count(&fixture), 2);
    fixture.restart_with(Keep {
        dead: Some(HOUR),
        ..KEEP
    });
    fixture.store().sweep().unwrap();
    assert_eq!(fixture.store().show(dead).unwrap(), None);
    fixture.clock.advance(1000 * 24 * HOUR);
    fixture.store().sweep().unwrap();
    assert_eq!(fixture.entry(waiting).state, EventState::Waiting, "never removed");
}

pub(super) fn statistics_tell_how_it_is_doing<E: Engine>() {
    let fixture = Fixture::<E>::new();
    let empty = fixture.store().stats().unwrap();
    assert_eq!(
        (empty.waiting, empty.leased, empty.dead, empty.oldest_waiting),
        (0, 0, 0, None)
    );
    fixture.put_all(vec![event("a", "1"), event("b", "2"), event("c", "3")]);
    fixture.clock.advance(HOUR);
    fixture.put(event("a", "4"));
    fixture.clock.advance(HOUR);
    let held = fixture.lease().unwrap();
    let stats = fixture.store().stats().unwrap();
    assert_eq!((stats.waiting, stats.leased, stats.dead), (4, 1, 0));
    assert_eq!(stats.oldest_waiting, Some(2 * HOUR));
    assert!(stats.bytes > 0);
    assert!(fixture.settle(held.claim, Outcome::Dead("x".into())));
    fixture.handle_next();
    fixture.handle_next();
    let stats = fixture.store().stats().unwrap();
    assert_eq!((stats.waiting, stats.leased, stats.dead), (1, 0, 1));
    assert_eq!(stats.oldest_waiting, Some(HOUR));
}

/// Makes a test of each behaviour for an engine.
macro_rules! behaviours {
    ($engine:ty: $($name:ident)*) => {
        $(#[test] fn $name() { $crate::inbox::behaviour::$name::<$engine>() })*
    };
    ($engine:ty) => {
        $crate::inbox::behaviour::behaviours! { $engine:
            a_thread_is_handled_in_order_one_at_a_time
            threads_are_handled_in_parallel_oldest_first
            a_failing_thread_waits_alone
            a_dead_letter_lets_its_thread_go_on
            a_claim_settles_once
            leases_end_unless_they_are_extended
            a_lease_that_ended_can_be_settled_while_nobody_else_has_it
            clocks_that_are_set_change_nothing
            what_has_an_identity_is_stored_once
            what_has_no_identity_is_always_stored
            everything_survives_the_end_of_the_process
            what_cannot_be_read_is_dead_from_the_start
            events_are_listed_by_state_thread_and_page
            a_replay_is_a_new_event_with_the_same_bytes
            what_is_discarded_is_gone
            a_forgotten_thread_leaves_nothing
            what_was_kept_long_enough_is_removed
            statistics_tell_how_it_is_doing
        }
    };
}
pub(super) use behaviours;
