//! Sites: where programs run.

use crate::{Error, namespace};
use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{io, panic, process, thread};

/// The last byte of an address numbers the site, and some values are reserved.
pub(crate) const MAX_SITES: usize = 250;

/// The parent of all host names.
const DOMAIN: &str = "wan.test";

/// A place in the network, with one address.
#[derive(Debug, Clone)]
pub struct Site {
    name: String,
    namespace: String,
    address: Ipv4Addr,
}

impl Site {
    /// Its name in [`Wan::new`](crate::Wan::new).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, by which the other sites reach it.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The host name by which programs at all sites reach it: `<name>.wan.test`.
    pub fn host(&self) -> String {
        format!("{}.{DOMAIN}", self.name)
    }

    /// Its network namespace, as `ip netns` lists it.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A command that runs `program` at this site, with an `/etc/hosts` that names all sites. The child's process ID is the
    /// program's own.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    /// Runs `work` at this site, on a thread of its own. Sockets that it creates belong to this site, on any thread.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the site no longer exists.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        let here = || {
            namespace::enter(&self.namespace)?;
            Ok::<_, io::Error>(work())
        };
        let result = thread::scope(|scope| scope.spawn(here).join());
        let result = result.unwrap_or_else(|panic| panic::resume_unwind(panic));
        result.map_err(|source| Error::System { action: "enter the site", source })
    }
}

/// The contents of `/etc/hosts` at every site.
pub(crate) fn hosts(sites: &[Site]) -> String {
    let names = sites.iter().map(|site| format!("{} {}\n", site.address(), site.host()));
    std::iter::once("127.0.0.1 localhost\n".to_owned()).chain(names).collect()
}

/// Sites with these names, with addresses and namespaces that do not exist yet.
pub(crate) fn plan<const N: usize>(names: [&str; N]) -> Result<[Site; N], Error> {
    static NETWORKS: AtomicU32 = AtomicU32::new(0);

    if N > MAX_SITES {
        return Err(Error::TooManySites { count: N });
    }
    for (index, name) in names.iter().enumerate() {
        let valid = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if name.is_empty() || !valid || names.iter().take(index).any(|earlier| earlier == name) {
            return Err(Error::SiteName((*name).to_owned()));
        }
    }
    let network = NETWORKS.fetch_add(1, Ordering::Relaxed);
    let mut addresses = (1..=u8::MAX).map(|host| Ipv4Addr::new(10, 77, 0, host));
    Ok(names.map(|name| Site {
        name: name.to_owned(),
        namespace: namespace::name(process::id(), network, name),
        address: addresses.next().unwrap_or(Ipv4Addr::UNSPECIFIED),
    }))
}
