//! The links, and what they do to a packet.

use crate::Error;
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// The network between two sites.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// The time for a packet to the other site and back; half of it in each direction.
    pub rtt: Duration,
    /// The probability that a packet is lost, from 0 to 1, in each direction.
    pub loss: f64,
}

pub(crate) fn check_loss(loss: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&loss) { Ok(()) } else { Err(Error::Loss(loss)) }
}

/// Where an IPv4 packet comes from, and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) from: Ipv4Addr,
    pub(crate) to: Ipv4Addr,
}

impl Route {
    /// Of an IPv4 packet; `None` for any other.
    pub(crate) fn of(packet: &[u8]) -> Option<Self> {
        let (first, _) = packet.split_first()?;
        let from = packet.get(12..16)?.first_chunk::<4>()?;
        let to = packet.get(16..20)?.first_chunk::<4>()?;
        (first >> 4 == 4).then_some(Self { from: (*from).into(), to: (*to).into() })
    }

    /// The same link in both directions.
    fn link(self) -> (Ipv4Addr, Ipv4Addr) {
        (self.from.min(self.to), self.from.max(self.to))
    }
}

/// What happens to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Arrives { after: Duration },
    Lost,
    Blackholed,
}

/// The links between all sites, which can change at any time.
#[derive(Debug)]
pub(crate) struct Network {
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    everywhere: Link,
    links: HashMap<(Ipv4Addr, Ipv4Addr), Link>,
    unreachable: HashSet<Ipv4Addr>,
}

impl Network {
    pub(crate) fn new(everywhere: Link) -> Self {
        Self { state: RwLock::new(State { everywhere, links: HashMap::new(), unreachable: HashSet::new() }) }
    }

    /// Decides by a draw from 0 to 1.
    pub(crate) fn fate(&self, route: Route, draw: f64) -> Fate {
        let state = self.read();
        let link = state.links.get(&route.link()).copied().unwrap_or(state.everywhere);
        if !state.is_open(route) {
            Fate::Blackholed
        } else if draw < link.loss {
            Fate::Lost
        } else {
            Fate::Arrives { after: link.rtt / 2 }
        }
    }

    /// Whether both ends can be reached.
    pub(crate) fn is_open(&self, route: Route) -> bool {
        self.read().is_open(route)
    }

    pub(crate) fn change_link(&self, one: Ipv4Addr, other: Ipv4Addr, change: impl FnOnce(&mut Link)) {
        let mut state = self.write();
        let everywhere = state.everywhere;
        change(state.links.entry(Route { from: one, to: other }.link()).or_insert(everywhere));
    }

    pub(crate) fn set_reachable(&self, site: Ipv4Addr, reachable: bool) {
        let mut state = self.write();
        if reachable {
            state.unreachable.remove(&site);
        } else {
            state.unreachable.insert(site);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_open(&self, route: Route) -> bool {
        !self.unreachable.contains(&route.from) && !self.unreachable.contains(&route.to)
    }
}
