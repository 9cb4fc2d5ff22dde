//! How names of machines become addresses.

use arc_swap::ArcSwapOption;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::NetError;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// `localhost` and names under it are this machine (RFC 6761, section 6.3), which not every system's resolver knows. Others are
/// asked for as `/etc/resolv.conf` and `/etc/hosts` say, without the C library: in a static binary that would load parts of
/// the machine's own. After a failure both are read anew, and nothing is remembered: a name may have been made meanwhile, or
/// the machine have moved.
///
/// Addresses are IPv4 where there are any: the services have no others, and `/etc/hosts` mostly names no others, so nothing
/// waits for an answer about them.
///
/// A vault's name has to have the name of its service in it, also that of a stand-in: the SDK compares the two before it
/// sends a token.
#[derive(Default)]
pub(crate) struct Names(Arc<ArcSwapOption<TokioResolver>>);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let current = Arc::clone(&self.0);
        Box::pin(async move {
            if name.as_str() == "localhost" || name.as_str().ends_with(".localhost") {
                return Ok(Box::new(THIS_MACHINE.into_iter()) as Addrs);
            }
            let resolver = match current.load_full() {
                Some(resolver) => resolver,
                None => Arc::new(as_the_system_says()?),
            };
            let found = resolver.lookup_ip(name.as_str()).await;
            current.store(found.is_ok().then_some(resolver));
            let found: Vec<_> = found?.iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

const THIS_MACHINE: [SocketAddr; 2] =
    [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0)];

/// It belongs to the runtime that it is first used in.
fn as_the_system_says() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
    builder.build()
}
