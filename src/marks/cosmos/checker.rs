//! Connects to the container, with several attempts in parallel, and checks it and its account.

use super::account::{self, AccountProperties, RECREATED};
use super::client::{self, REQUEST_TIMEOUT};
use super::health::Health;
use super::{CosmosSettings, Unsuitable, outcome};
use crate::azure::{TlsRoots, Tokens};
use crate::failure_reason::FailureReason;
use crate::marks::StoreIdentity;
use crate::net::backoff::Backoff;
use azure_core::http::Url;
use azure_data_cosmos::models::ContainerProperties;
use azure_data_cosmos::options::ItemReadOptions;
use azure_data_cosmos::{ContainerClient, CosmosError, RoutingStrategy};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tracing::{error, warn};

/// Connects and checks.
pub(super) struct Checker {
    pub(super) settings: CosmosSettings,
    pub(super) health: Health,
    tokens: Arc<Tokens>,
    client: reqwest::Client,
    /// The container, from the first check on. Kept here so that it outlives connections and the task that opens them.
    container: Mutex<Option<KnownContainer>>,
    /// The container may have been replaced: check it now.
    pub(super) check_now: Notify,
}

/// The container that the checks found.
struct KnownContainer {
    /// The account's name; empty if it has none.
    account: String,
    /// Its `_rid` as last read. A recreated container has a different one.
    rid: String,
    /// Whether it differs from the first one.
    is_recreated: bool,
}

/// A connection, and the properties read over it.
pub(super) struct Client {
    pub(super) container: Arc<ContainerClient>,
    pub(super) account: AccountProperties,
    pub(super) properties: ContainerProperties,
    /// All regions, in the order in which they are read.
    pub(super) regions: Vec<String>,
}

impl Client {
    /// Opens the connection for writes, if reads use another region: no mark should wait for its handshake. It reads an item that
    /// does not exist. Errors are left to the first write, which reports them.
    pub(super) async fn open_connection_for_writes(&self) {
        const NO_ITEM: &str = "no-mark";
        let write_region = self.account.write_regions();
        if self.regions.first().is_none_or(|nearest| *nearest == write_region) {
            return;
        }
        let only_there = client::only_from(&write_region, &self.regions);
        let options = ItemReadOptions::default().with_operation_options(only_there);
        drop(self.container.read_item(NO_ITEM, NO_ITEM, Some(options)).await);
    }
}

/// The account's properties, and the endpoint that returned them.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) account: AccountProperties,
    endpoint: Url,
}

/// After this long without an answer, a second call starts in parallel.
const HEDGE_DELAY: Duration = Duration::from_secs(1);

/// With more attempts to connect in flight than this, the next one starts after twice the time, then four times, and so on. There
/// must be a next one: a request that hangs may never be answered, even when the store works again.
const QUICK_ATTEMPTS: u32 = 2;

/// Time limit for connecting as a whole.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Pauses between failed attempts: short at first, since requests are waiting.
const MIN_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// Until the next attempt to connect starts, with this many in flight.
fn hedge_delay(in_flight: usize) -> Duration {
    let doublings = u32::try_from(in_flight).unwrap_or(u32::MAX).saturating_sub(QUICK_ATTEMPTS);
    HEDGE_DELAY.saturating_mul(2_u32.saturating_pow(doublings))
}

impl Checker {
    /// Makes no call yet.
    ///
    /// # Errors
    /// If no HTTP client can be built.
    pub(super) fn new(settings: CosmosSettings, tokens: Arc<Tokens>, roots: &TlsRoots) -> Result<Self, reqwest::Error> {
        let client = roots.client(REQUEST_TIMEOUT)?;
        Ok(Self {
            settings,
            health: Health::default(),
            tokens,
            client,
            container: Mutex::default(),
            check_now: Notify::new(),
        })
    }

    /// Connects and reads everything that is checked. When an attempt is late, another one starts in parallel by a different
    /// route: through the endpoint that answers, with another region first. The first success wins.
    ///
    /// `known` are earlier properties of the account, `fresh` current ones that were just read. `on_error` is called with each
    /// error on the way.
    ///
    /// # Errors
    /// The last error, once the time limit is reached.
    pub(super) async fn connect(
        &self,
        known: Option<&AccountProperties>,
        mut fresh: Option<Source>,
        on_error: impl Fn(&FailureReason),
    ) -> Result<Client, FailureReason> {
        let end = Instant::now() + CONNECT_TIMEOUT;
        let mut attempts = FuturesUnordered::new();
        let (mut number, mut next) = (0, Instant::now());
        let mut backoff = Backoff::new(MIN_PAUSE, MAX_PAUSE);
        let mut last: FailureReason = format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()).into();
        while Instant::now() < end {
            if Instant::now() >= next {
                attempts.push(Box::pin(self.attempt(number, known, fresh.take())));
                number += 1;
                next = Instant::now() + hedge_delay(attempts.len());
            }
            match timeout_at(next.min(end), attempts.next()).await {
                Ok(Some(Ok(client))) => return Ok(client),
                Ok(Some(Err(reason))) => {
                    on_error(&reason);
                    last = reason;
                    next = next.min(Instant::now() + backoff.pause(None));
                }
                Ok(None) => sleep_until(next.min(end)).await,
                Err(_) => on_error(&format!("no answer within {} s", HEDGE_DELAY.as_secs()).into()),
            }
        }
        Err(last)
    }

    /// One attempt to connect. The first one takes the shortest route unless an earlier connection failed, with two calls at once.
    async fn attempt(
        &self,
        number: usize,
        known: Option<&AccountProperties>,
        fresh: Option<Source>,
    ) -> Result<Client, FailureReason> {
        let (container, account, regions) = if number == 0 && known.is_none() {
            let nearest = client::nearest(&self.settings);
            let both = async { tokio::try_join!(self.container(&self.settings.endpoint, nearest), self.account(None)) };
            let (container, Source { account, .. }) = both.await?;
            let regions = client::by_distance(account.regions_by_preference(), &self.settings);
            (container, account, regions)
        } else {
            let source = match fresh {
                Some(source) => source,
                None => self.account(known).await?,
            };
            let mut regions = source.account.regions_by_preference();
            let first = if known.is_none() { number.saturating_sub(1) } else { number };
            let first = first.checked_rem(regions.len()).unwrap_or_default();
            regions.rotate_left(first);
            let container = self.container(&source.endpoint, client::routing(&regions)).await?;
            (container, source.account, regions)
        };
        let properties = self.properties(&container).await?;
        Ok(Client { container: Arc::new(container), account, properties, regions })
    }

    async fn container(&self, endpoint: &Url, routing: RoutingStrategy) -> Result<ContainerClient, FailureReason> {
        let connected = client::connect(&self.settings, &self.tokens, endpoint, routing, REQUEST_TIMEOUT).await;
        connected.map_err(|error| outcome::reason(&error).after("no connection: "))
    }

    /// A connection like the mark store's first one, for commands, which have no deadline: calls take at most as long as a
    /// request.
    ///
    /// # Errors
    /// [`CosmosError`].
    pub(super) async fn container_client(&self) -> Result<ContainerClient, CosmosError> {
        let (settings, limit) = (&self.settings, self.settings.request_deadline);
        client::connect(settings, &self.tokens, &settings.endpoint, client::nearest(settings), limit).await
    }

    /// Reads the container's properties over an existing connection.
    ///
    /// # Errors
    /// The reason.
    pub(super) async fn properties(&self, container: &ContainerClient) -> Result<ContainerProperties, FailureReason> {
        let failed = |error: CosmosError| outcome::reason(&error).after("cannot read the container's properties: ");
        container.read(None).await.map_err(failed)?.into_model().map_err(failed)
    }

    /// Reads the account's properties at its global endpoint, and if that does not answer soon, also at the regional endpoints
    /// in `known`. Also returns the endpoint that answered.
    ///
    /// Of several answers, one with a new write region wins: an isolated endpoint may still return the old one. If that were
    /// wrong, writes would only be refused.
    ///
    /// # Errors
    /// The reason.
    pub(super) async fn account(&self, known: Option<&AccountProperties>) -> Result<Source, FailureReason> {
        let read = |endpoint: Url| {
            Box::pin(async move {
                let account = AccountProperties::read(&self.client, &endpoint, &self.tokens).await?;
                Ok(Source { account, endpoint })
            })
        };
        let global = self.settings.endpoint.clone();
        let mut calls = FuturesUnordered::from_iter([read(global.clone())]);
        let regional = known.map(|known| known.endpoints(&global)).unwrap_or_default();
        let reason = match (timeout(HEDGE_DELAY, calls.next()).await, regional.is_empty()) {
            (Ok(Some(Ok(answer))), _) => return Ok(answer),
            (Ok(Some(Err(reason))), true) => return Err(reason),
            (Ok(Some(Err(reason))), false) => reason,
            _ => format!("cannot read the account's properties: no answer within {} s", HEDGE_DELAY.as_secs()).into(),
        };
        calls.extend(regional.into_iter().map(read));
        let (mut old, mut reason) = (None, reason);
        // Without another endpoint, only the first call can answer.
        let limit = if known.is_some() { HEDGE_DELAY } else { REQUEST_TIMEOUT };
        let end = Instant::now() + limit;
        while let Ok(Some(answer)) = timeout_at(end, calls.next()).await {
            match answer {
                Ok(source) if known.is_none_or(|known| source.account.has_moved_since(known)) => return Ok(source),
                Ok(source) => old = Some(source),
                Err(error) => reason = error,
            }
        }
        old.ok_or(reason)
    }

    /// Reads everything that is checked, over an existing connection.
    ///
    /// # Errors
    /// The reason.
    pub(super) async fn read_all(
        &self,
        client: &Client,
    ) -> Result<(AccountProperties, ContainerProperties), FailureReason> {
        let account = async { self.account(None).await.map(|source| source.account) };
        let both = async { tokio::try_join!(account, self.properties(&client.container)) };
        let late = || Err(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()).into());
        timeout(CONNECT_TIMEOUT, both).await.unwrap_or_else(|_| late())
    }

    /// The container's `_rid` as last read.
    pub(super) fn container_rid(&self) -> Option<String> {
        self.seen().as_ref().map(|seen| seen.rid.clone()).filter(|rid| !rid.is_empty())
    }

    /// The identity of the container, from the first check on.
    pub(super) fn identity(&self) -> Option<StoreIdentity> {
        let seen = self.seen();
        let seen = seen.as_ref().filter(|seen| !seen.rid.is_empty() && !seen.account.is_empty())?;
        Some(StoreIdentity::Container {
            account: seen.account.clone(),
            database: self.settings.database.clone(),
            container: self.settings.container.clone(),
            rid: seen.rid.clone(),
        })
    }

    /// Whether the container was replaced since the first check. Stays true as long as the process lives: the new container
    /// lacks the earlier marks.
    pub(super) fn is_recreated(&self) -> bool {
        self.seen().as_ref().is_some_and(|seen| seen.is_recreated)
    }

    fn seen(&self) -> MutexGuard<'_, Option<KnownContainer>> {
        self.container.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All problems of the account and the container; empty if marks may be kept there.
    pub(super) fn judge(&self, account: &AccountProperties, properties: &ContainerProperties) -> Vec<Unsuitable> {
        let mut unsuitable = account::check(account, properties, &self.settings);
        let now = properties.system_properties.resource_id.clone().unwrap_or_default();
        let mut container = self.seen();
        let seen = container.get_or_insert_with(|| KnownContainer {
            account: account.name(),
            rid: now.clone(),
            is_recreated: false,
        });
        if seen.rid != now && now.is_empty() {
            unsuitable.push(Unsuitable::Recreated);
        } else if seen.rid != now {
            let before = std::mem::replace(&mut seen.rid, now);
            seen.is_recreated = true;
            error!(
                event = "container_recreated",
                before,
                now = seen.rid,
                reason = RECREATED,
                "no block or vote is signed"
            );
        }
        drop(container);
        if unsuitable.is_empty() && account.consistency() != "Strong" {
            warn!(
                event = "weak_consistency_allowed",
                consistency = account.consistency(),
                "ALLOW_WEAK_CONSISTENCY: a region failure may lose marks, and keys may then sign twice. For tests only"
            );
        }
        unsuitable
    }
}
