//! Which connections are open, and which has to leave when there is no room for a new one.
//!
//! Whoever has been silent for longest makes room: a thousand clients that open connections and say nothing cannot keep
//! a client out that has something to say.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use tokio::task::{AbortHandle, Id};

use super::progress::{Phase, Progress};

#[derive(Debug)]
struct Open {
    owner: IpAddr,
    progress: Arc<Progress>,
    abort: AbortHandle,
}

#[derive(Debug)]
pub(crate) struct Connections {
    open: HashMap<Id, Open>,
    per_owner: HashMap<IpAddr, usize>,
    max: usize,
    max_per_owner: usize,
}

/// Whether a new connection can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Yes.
    Free,
    /// Yes, since another one was ended.
    Made,
    /// Not while the other connections of the same address are busy.
    NoneForAddress,
    /// Not while all connections are busy.
    None,
}

impl Connections {
    pub(crate) fn new(max: usize, max_per_owner: usize) -> Connections {
        Connections {
            open: HashMap::new(),
            per_owner: HashMap::new(),
            max,
            max_per_owner,
        }
    }

    /// Makes room for a connection from `address`.
    pub(crate) fn make_room(&mut self, address: IpAddr) -> Room {
        let owner = owner(address);
        if self
            .per_owner
            .get(&owner)
            .is_some_and(|count| *count >= self.max_per_owner)
        {
            return if self.end_one_of(owner) {
                Room::Made
            } else {
                Room::NoneForAddress
            };
        }
        if self.open.len() < self.max {
            return Room::Free;
        }
        // The address with the most connections gives one up first.
        let mut owners: Vec<_> = self
            .per_owner
            .iter()
            .map(|(owner, count)| (*count, *owner))
            .collect();
        owners.sort_unstable_by(|a, b| b.cmp(a));
        if owners.into_iter().any(|(_, owner)| self.end_one_of(owner)) {
            Room::Made
        } else {
            Room::None
        }
    }

    pub(crate) fn add(&mut self, address: IpAddr, progress: Arc<Progress>, abort: AbortHandle) {
        let owner = owner(address);
        *self.per_owner.entry(owner).or_default() += 1;
        self.open.insert(
            abort.id(),
            Open {
                owner,
                progress,
                abort,
            },
        );
    }

    pub(crate) fn remove(&mut self, id: Id) {
        let Some(gone) = self.open.remove(&id) else { return };
        if let Some(count) = self.per_owner.get_mut(&gone.owner) {
            *count -= 1;
            if *count == 0 {
                self.per_owner.remove(&gone.owner);
            }
        }
    }

    fn end_one_of(&mut self, owner: IpAddr) -> bool {
        let longest = self
            .open
            .iter()
            .filter(|(_, open)| open.owner == owner)
            .map(|(id, open)| (open.progress.phase(), open.progress.age(), *id))
            .filter(|(phase, age, _)| *age >= patience(*phase))
            // Whoever waits for its client goes before whoever is being served, and the longest wait goes first.
            .max_by_key(|(phase, age, _)| (*phase != Phase::Request, *age));
        let Some((_, _, id)) = longest else { return false };
        if let Some(open) = self.open.get(&id) {
            open.abort.abort();
        }
        self.remove(id);
        true
    }
}

/// How long a connection is left in peace, so that a burst of honest clients does not end itself.
fn patience(phase: Phase) -> Duration {
    match phase {
        Phase::Idle => Duration::ZERO,
        Phase::Opening => Duration::from_millis(100),
        Phase::Request => Duration::from_secs(1),
    }
}

/// One client can take any address of an IPv6 network of 64 bits.
fn owner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_connections(test: impl AsyncFnOnce(&mut Connections)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async { test(&mut Connections::new(4, 3)).await });
    }

    fn open(connections: &mut Connections, address: &str, phase: Phase) -> Arc<Progress> {
        let progress = Arc::new(Progress::new());
        progress.enter(phase);
        let task = tokio::spawn(std::future::pending::<()>());
        connections.add(address.parse().unwrap(), progress.clone(), task.abort_handle());
        progress
    }

    fn is_open(connections: &Connections, progress: &Arc<Progress>) -> bool {
        connections
            .open
            .values()
            .any(|open| Arc::ptr_eq(&open.progress, progress))
    }

    #[test]
    fn the_idle_one_leaves_before_the_busy_ones() {
        with_connections(async |all| {
            let busy = open(all, "10.0.0.1", Phase::Request);
            let idle = open(all, "10.0.0.1", Phase::Idle);
            let new = open(all, "10.0.0.1", Phase::Opening);
            assert_eq!(all.make_room("10.0.0.1".parse().unwrap()), Room::Made);
            assert!(!is_open(all, &idle) && is_open(all, &busy) && is_open(all, &new));
            open(all, "10.0.0.1", Phase::Request);
            assert_eq!(all.make_room("10.0.0.1".parse().unwrap()), Room::NoneForAddress);
            assert_eq!(all.make_room("10.0.0.2".parse().unwrap()), Room::Free);
        });
    }

    #[test]
    fn the_greediest_address_gives_up_its_oldest() {
        with_connections(async |all| {
            let only = open(all, "10.0.0.1", Phase::Idle);
            let old = open(all, "10.0.0.2", Phase::Idle);
            std::thread::sleep(Duration::from_millis(5));
            let young = open(all, "10.0.0.2", Phase::Idle);
            let other = open(all, "10.0.0.2", Phase::Request);
            assert_eq!(all.make_room("10.0.0.3".parse().unwrap()), Room::Made);
            assert!(!is_open(all, &old));
            assert!(is_open(all, &only) && is_open(all, &young) && is_open(all, &other));
        });
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        assert_eq!(
            owner("2001:db8::1".parse().unwrap()),
            owner("2001:db8::ffff:1".parse().unwrap())
        );
        assert_ne!(
            owner("2001:db8::1".parse().unwrap()),
            owner("2001:db8:0:1::1".parse().unwrap())
        );
        assert_eq!(
            owner("::ffff:10.0.0.1".parse().unwrap()),
            owner("10.0.0.1".parse().unwrap())
        );
    }
}
