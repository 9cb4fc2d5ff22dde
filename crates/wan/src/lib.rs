//! A wide area network on one machine, for tests and benchmarks.
//!
//! Each site is a network namespace with one TUN device. This process reads the packets that a site sends, holds each back
//! for half of the link's round-trip time, drops some, and writes the rest to the device of the destination.
//! TCP itself is the kernel's: handshakes, slow start, timeouts and retransmissions are real.
//!
//! Bandwidth is not limited, and there is only IPv4. Traffic within a site uses its own loopback device, without delay.
//!
//! This needs Linux, root (`CAP_SYS_ADMIN` and `CAP_NET_ADMIN`), `/dev/net/tun` and the `ip` command. Where one is missing,
//! [`Wan::new`] returns [`Error::Unavailable`].
//!
//! ```no_run
//! use std::time::Duration;
//! use wan::{Link, Wan};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let link = Link { rtt: Duration::from_millis(20), loss: 0.0 };
//! let (wan, [baker, near, far]) = Wan::new(["baker", "near", "far"], link)?;
//! wan.set_rtt(&baker, &far, Duration::from_millis(80));
//! let mut server = far.command("python3").args(["-m", "http.server"]).spawn()?;
//! wan.blackhole(&near);
//! # server.kill()?;
//! # Ok(())
//! # }
//! ```

mod emulator;
mod error;
mod iproute;
mod namespace;
mod network;
mod site;

pub use emulator::Statistics;
pub use error::Error;
pub use network::Link;
pub use site::Site;

use emulator::Emulator;
use namespace::Namespace;
use network::Network;
use std::sync::Arc;
use std::time::Duration;

/// A running network. Dropping it kills the processes that still run in its sites, and removes the sites.
#[derive(Debug)]
pub struct Wan {
    network: Arc<Network>,
    // Fields are dropped in this order: the devices are closed before their namespaces go.
    emulator: Emulator,
    _namespaces: Vec<Namespace>,
}

impl Wan {
    /// Creates a network of these sites, with the same `link` between any two of them. A name consists of lowercase letters,
    /// digits and hyphens.
    ///
    /// Also removes what killed processes have left behind.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] where the machine or the user's rights do not allow it: callers then skip what they wanted to
    /// measure. Any other error is a fault.
    pub fn new<const N: usize>(names: [&str; N], link: Link) -> Result<(Self, [Site; N]), Error> {
        network::check_loss(link.loss)?;
        let sites = site::plan(names)?;
        namespace::check_machine()?;
        namespace::remove_leftovers();

        let hosts = site::hosts(&sites);
        let create = |site: &Site| Namespace::create(site.namespace(), &hosts);
        let namespaces = sites.iter().map(create).collect::<Result<Vec<_>, _>>()?;
        let network = Arc::new(Network::new(link));
        let emulator = Emulator::start(&sites, &network)?;
        for (namespace, site) in namespaces.iter().zip(&sites) {
            namespace.configure(site.address())?;
        }
        Ok((Self { network, emulator, _namespaces: namespaces }, sites))
    }

    /// Sets the round-trip time between two sites, for packets that are sent from now on. When it falls, those may overtake
    /// packets that are already under way.
    pub fn set_rtt(&self, one: &Site, other: &Site, rtt: Duration) {
        self.network.change_link(one.address(), other.address(), |link| link.rtt = rtt);
    }

    /// Sets the share of packets that is lost between two sites, in each direction.
    ///
    /// # Errors
    ///
    /// [`Error::Loss`] if it is not between 0 and 1.
    pub fn set_loss(&self, one: &Site, other: &Site, loss: f64) -> Result<(), Error> {
        network::check_loss(loss)?;
        self.network.change_link(one.address(), other.address(), |link| link.loss = loss);
        Ok(())
    }

    /// Drops every packet from and to a site, also those under way, until [`restore`](Self::restore).
    pub fn blackhole(&self, site: &Site) {
        self.network.set_reachable(site.address(), false);
    }

    /// Ends a [`blackhole`](Self::blackhole).
    pub fn restore(&self, site: &Site) {
        self.network.set_reachable(site.address(), true);
    }

    /// What has happened to packets so far, and how late the emulator was.
    pub fn statistics(&self) -> Statistics {
        self.emulator.statistics()
    }
}
