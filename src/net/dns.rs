//! Name resolution for all HTTP clients.

use arc_swap::ArcSwapOption;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{ResolverBuilder, TokioResolver};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Resolves host names.
///
/// `localhost` and its subdomains are this machine (RFC 6761, section 6.3), which some system resolvers do not support. All
/// other names are resolved according to `/etc/resolv.conf` and `/etc/hosts`, without the C library: in a static binary, that
/// would load shared libraries of the machine. After a failure, both files are read again and the cache is dropped, since a
/// record may have been added, or the machine moved to another network.
///
/// IPv4 addresses are preferred: the services have no others, so no lookup waits for IPv6 records.
///
/// The SDK compares a vault's host name with the service name in the challenge before it sends a token, so even a stand-in
/// needs a matching name.
#[derive(Clone, Default)]
pub(crate) struct Resolver {
    current: Arc<ArcSwapOption<TokioResolver>>,
    /// Queried in place of the name servers in `/etc/resolv.conf`, in tests.
    name_server: Option<SocketAddr>,
}

impl Resolver {
    /// The addresses of a host, with port 0.
    ///
    /// # Errors
    /// If the name cannot be resolved, or the configuration cannot be read.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<SocketAddr>, NetError> {
        if name == "localhost" || name.ends_with(".localhost") {
            return Ok(THIS_MACHINE.to_vec());
        }
        let resolver = match self.current.load_full() {
            Some(resolver) => resolver,
            None => Arc::new(self.configured()?),
        };
        let found = resolver.lookup_ip(name).await;
        self.current.store(found.is_ok().then_some(resolver));
        Ok(found?.iter().map(|address| SocketAddr::new(address, 0)).collect())
    }

    /// A resolver with the system's configuration. Bound to the runtime of its first use.
    fn configured(&self) -> Result<TokioResolver, NetError> {
        let mut builder = match self.name_server {
            Some(address) => name_server(address),
            None => TokioResolver::builder_tokio()?,
        };
        builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
        builder.build()
    }

    /// Drops the cache, and reads both files again, as after a failure: none of a host's addresses can be reached.
    pub(crate) fn forget(&self) {
        self.current.store(None);
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

const THIS_MACHINE: [SocketAddr; 2] =
    [SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0)];

#[cfg(test)]
impl Resolver {
    /// A resolver that queries only this name server.
    pub(crate) fn at(name_server: SocketAddr) -> Self {
        Self { name_server: Some(name_server), ..Self::default() }
    }
}

fn name_server(address: SocketAddr) -> ResolverBuilder<TokioRuntimeProvider> {
    let mut connection = ConnectionConfig::udp();
    connection.port = address.port();
    let server = NameServerConfig::new(address.ip(), true, vec![connection]);
    let config = ResolverConfig::from_name_servers(vec![server]);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
}
