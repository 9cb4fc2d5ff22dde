//! Signers in two regions, with a vault each that holds the same keys, on one Cosmos DB account in two or three regions; and a
//! relay at a baker's.

use crate::client::Process;
use crate::sites::{DATABASE, Relay, VAULT, start_app, start_signer};
use stand_ins::{
    Azure, CosmosOptions, Curve, Delay, Effect, Fault, FunctionApp, NewKey, Operation, Options, Place, Times,
};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use wan::{Link, Site, Wan};

/// From the baker to the region that the relay prefers.
pub(crate) const TO_FIRST: Duration = Duration::from_millis(20);
/// From the baker to the other one.
pub(crate) const TO_SECOND: Duration = Duration::from_millis(40);
/// Between two regions.
pub(crate) const BETWEEN: Duration = Duration::from_millis(20);
/// Between an app and the endpoint of Cosmos DB in the same region.
const WITHIN: Duration = Duration::from_millis(1);

/// The names of the regions. The first two have a signer.
pub(crate) const NAMES: [&str; 3] = ["West Europe", "North Europe", "France Central"];

/// How long the account takes for a write that another region has to confirm.
pub(crate) const REPLICATED: Duration = DATABASE.checked_add(BETWEEN).unwrap();

/// All of it. The fields are dropped in this order.
pub(crate) struct TwoRegions {
    pub(crate) relay: Relay,
    pub(crate) apps: [Arc<FunctionApp>; 2],
    pub(crate) keys: Vec<String>,
    pub(crate) baker: Site,
    /// With a signer each.
    regions: [Site; 2],
    /// With an endpoint of Cosmos DB each, in the order of [`NAMES`].
    stores: [Site; 3],
    _signers: [Process; 2],
    _second: Azure,
    pub(crate) first: Azure,
    wan: Wan,
}

impl TwoRegions {
    /// Starts everything, with so many keys, and these settings of the relay. The account has the regions with these indices, in
    /// order of failover priority.
    pub(crate) fn start(account: &[usize], number_of_keys: usize, settings: &[(&str, String)]) -> Self {
        let sites = ["baker", "region-1", "region-2", "store-1", "store-2", "store-3"];
        let (wan, [baker, one, two, store_1, store_2, store_3]) =
            Wan::new(sites, Link { rtt: BETWEEN, loss: 0.0 }).unwrap();
        let (regions, stores) = ([one, two], [store_1, store_2, store_3]);
        wan.set_rtt(&baker, &regions[0], TO_FIRST);
        wan.set_rtt(&baker, &regions[1], TO_SECOND);
        for (region, store) in regions.iter().zip(&stores) {
            wan.set_rtt(region, store, WITHIN);
        }

        let place = |index: &usize| {
            let site = &stores[*index];
            let listener = site.run(|| TcpListener::bind((site.address(), 0)).unwrap()).unwrap();
            Place { host: site.host(), listener }
        };
        // The account's own name leads to the write region.
        let places = account.iter().take(1).chain(account).map(place).collect();
        let cosmos = CosmosOptions {
            regions: account.iter().map(|index| NAMES[*index].to_owned()).collect(),
            ..CosmosOptions::default()
        };
        let options = Options { cosmos, ..Options::default() };
        let first = at(&regions[0], Azure::try_start_at(options, places));
        let second = at(&regions[1], first.try_start_other_region(Options::default()));
        for number in 0..number_of_keys {
            let key = first.key_vault.add_key(NewKey::new(format!("baker-{number}"), Curve::P256));
            assert!(second.key_vault.restore_key(&first.key_vault, &key.name));
        }
        let mut keys = Vec::new();
        let signers = [(0, &first), (1, &second)].map(|(index, azure)| {
            let signer = start_signer(&regions[index], &azure.environment(), &[("REGION_NAME", NAMES[index])]);
            keys = signer.keys(number_of_keys);
            signer
        });
        let app = |index: usize| {
            let (site, signer) = (&regions[index], signers[index].address);
            Arc::new(site.run(|| start_app(site, signer)).unwrap())
        };
        let apps = [app(0), app(1)];
        for azure in [&first, &second] {
            azure.key_vault.latency(Delay::Fixed(VAULT));
        }
        let relay = baker.run(|| Relay::start(&baker, &[&apps[0], &apps[1]], settings)).unwrap();
        let started =
            Self { relay, apps, keys, baker, regions, stores, _signers: signers, _second: second, first, wan };
        started.set_write_time(REPLICATED);
        started
    }

    /// Sets how long the account takes for a write; a read takes [`DATABASE`].
    pub(crate) fn set_write_time(&self, time: Duration) {
        for region in self.first.cosmos.regions() {
            region.latency(Delay::Fixed(DATABASE));
            region.faults().clear();
            for on in [Operation::CreateItem, Operation::ReplaceItem] {
                region.faults().add(Fault { on, times: Times::Forever, effect: Effect::Delay(Delay::Fixed(time)) });
            }
        }
    }

    /// Makes app and vault of the first region unreachable.
    pub(crate) fn blackhole_app_and_vault(&self) {
        self.wan.blackhole(&self.regions[0]);
        self.blackhole_vault();
    }

    /// Makes the vault of the first region unreachable.
    pub(crate) fn blackhole_vault(&self) {
        self.first.key_vault.freeze_connections();
        self.first.key_vault.faults().add(Fault { on: Operation::Any, times: Times::Forever, effect: Effect::Hang });
    }

    /// Makes app, vault and database endpoint of the first region unreachable, also from the other regions.
    pub(crate) fn blackhole_region(&self) {
        self.blackhole_app_and_vault();
        self.wan.blackhole(&self.stores[0]);
        self.first.cosmos.cut_off(NAMES[0], true);
    }

    /// Ends any of them.
    pub(crate) fn restore(&self) {
        self.first.cosmos.cut_off(NAMES[0], false);
        self.first.key_vault.faults().clear();
        for site in [&self.regions[0], &self.stores[0]] {
            self.wan.restore(site);
        }
    }
}

/// Runs a future at a site, so that its sockets and threads belong to it.
fn at<T: Send, E: std::fmt::Debug + Send>(site: &Site, future: impl Future<Output = Result<T, E>> + Send) -> T {
    site.run(|| Runtime::new().unwrap().block_on(future).unwrap()).unwrap()
}
