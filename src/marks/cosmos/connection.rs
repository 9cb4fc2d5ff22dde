//! Keeps a checked connection to the container, in the background: rechecks the account and the container regularly, and
//! reconnects when requests fail for some seconds or when writes move to another region.

use super::account::{self, AccountProperties, SCOPE};
use super::checker::{Checker, Client, Source};
use super::client;
use super::health::Access;
use super::outcome::{self, Outcome};
use super::rid;
use super::{CosmosSettings, Unsuitable};
use crate::azure::{TlsRoots, Tokens};
use crate::background::keep_running;
use crate::net::backoff::Backoff;
use crate::reason::Reason;
use azure_data_cosmos::models::ContainerProperties;
use azure_data_cosmos::options::ItemReadOptions;
use azure_data_cosmos::{ContainerClient, CosmosError};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{error, info, warn};

/// A connection to the container, made, checked and replaced by a background task that ends when this is dropped.
pub(super) struct Connection {
    state: watch::Receiver<StoreState>,
    checker: Arc<Checker>,
    tokens: Arc<Tokens>,
    _task: JoinSet<Infallible>,
}

/// The current state of the store.
#[derive(Clone)]
pub(super) enum StoreState {
    /// No attempt has ended yet.
    Connecting,
    /// No attempt has succeeded yet.
    Failed(Reason),
    /// The account and the container are safe for marks. Stays so while the connection is replaced.
    Ready(Arc<Ready>),
    /// They are not safe for marks.
    Unsuitable(Vec<Unsuitable>),
}

/// A container that may keep marks.
pub(super) struct Ready {
    pub(super) container: Arc<ContainerClient>,
    /// All regions, in the order of reads.
    regions: Vec<String>,
    write_regions: String,
}

impl Ready {
    /// Options for the read with this number: each attempt goes to the next region. Under strong consistency, every region has
    /// every acknowledged write.
    pub(super) fn read_options(&self, number: usize, deadline: Instant) -> ItemReadOptions {
        let region = number.checked_rem(self.regions.len()).and_then(|place| self.regions.get(place));
        let is_default = number == 0 || self.regions.len() == 1;
        let options = region.filter(|_| !is_default).map(|region| client::only_from(region, &self.regions));
        ItemReadOptions::default().with_operation_options(client::ends_before(deadline, options))
    }
}

/// Between two checks of a suitable account.
const CHECK_INTERVAL: Duration = Duration::from_mins(3);

/// Between two checks of an unsuitable account: an operator may be correcting it.
const CHECK_INTERVAL_IF_UNSUITABLE: Duration = Duration::from_secs(5);

/// Between two reads of the account while requests fail.
const READ_INTERVAL: Duration = Duration::from_secs(1);

/// How long requests must fail before reconnecting, and, with backoff, before each further attempt. If they are late without
/// failing, this takes `EXTRA_IF_LATE` longer: a slow store may still answer them.
const MIN_REBUILD_INTERVAL: Duration = Duration::from_secs(2);
const MAX_REBUILD_INTERVAL: Duration = Duration::from_secs(16);
const EXTRA_IF_LATE: Duration = Duration::from_secs(2);

impl Connection {
    pub(super) fn start(
        settings: CosmosSettings,
        tokens: Arc<Tokens>,
        roots: &TlsRoots,
    ) -> Result<Self, reqwest::Error> {
        tokens.keep(SCOPE);
        let (sender, state) = watch::channel(StoreState::Connecting);
        let mut task = JoinSet::new();
        let checker = Arc::new(Checker::new(settings, Arc::clone(&tokens), roots)?);
        let states = Arc::new(States { checker: Arc::clone(&checker), state: sender });
        task.spawn(keep_running("mark store", move || keep_connected(Arc::clone(&states))));
        Ok(Self { state, checker, tokens, _task: task })
    }

    /// Waits until the store is ready or unsuitable, at most until the deadline, and returns the state.
    pub(super) async fn state(&self, deadline: Instant) -> StoreState {
        let mut state = self.state.clone();
        let is_known = |state: &StoreState| matches!(state, StoreState::Ready(_) | StoreState::Unsuitable(_));
        let known = timeout_at(deadline, state.wait_for(is_known)).await.map(|known| known.map(|state| state.clone()));
        known.ok().and_then(Result::ok).unwrap_or_else(|| self.state.borrow().clone())
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.state.borrow(), StoreState::Ready(_))
    }

    /// Runs one request over a connection, and records whether it is answered. It is dropped if writes move to another region
    /// meanwhile: its effect, if any, can be read there.
    pub(super) async fn watch<T>(
        &self,
        access: Access,
        ready: &Ready,
        request: impl Future<Output = Result<T, CosmosError>>,
    ) -> Result<T, Outcome> {
        let request = async { request.await.map_err(|error| outcome::of(&error)) };
        tokio::select! {
            biased;
            result = self.checker.health.watch(access, request) => result,
            () = self.until_moved(ready) => Err(Outcome::unknown("writes have moved to another region")),
        }
    }

    async fn until_moved(&self, ready: &Ready) {
        let has_moved =
            |state: &StoreState| matches!(state, StoreState::Ready(now) if now.write_regions != ready.write_regions);
        if self.state.clone().wait_for(has_moved).await.is_err() {
            // The background task ended, and this will be dropped with it.
            std::future::pending::<()>().await;
        }
    }

    /// The container's `_rid`, from the first check on.
    pub(super) fn container_rid(&self) -> Option<String> {
        self.checker.container_rid()
    }

    /// Whether the `_rid` has changed since.
    pub(super) fn is_recreated(&self) -> bool {
        self.checker.is_recreated()
    }

    /// Whether an item is in the container that was `checked` when the request began and is still the checked one. If not, the
    /// container is checked again.
    ///
    /// # Errors
    /// If the item does not identify its container, and the container cannot be read.
    pub(super) async fn is_in_checked_container(
        &self,
        ready: &Ready,
        checked: Option<&str>,
        item: Option<&str>,
    ) -> Result<bool, Outcome> {
        let Some(checked) = checked.filter(|checked| self.checker.container_rid().as_deref() == Some(checked)) else {
            return Ok(false);
        };
        let is_within = if let Some(is_within) = item.and_then(|item| rid::is_within(item, checked)) {
            is_within
        } else {
            let failed = |error| outcome::of(&error);
            let properties = ready.container.read(None).await.map_err(failed)?.into_model().map_err(failed)?;
            properties.system_properties.resource_id.as_deref() == Some(checked)
        };
        if !is_within {
            self.check_container();
        }
        Ok(is_within)
    }

    /// Makes the background task check the container now.
    pub(super) fn check_container(&self) {
        self.checker.check_now.notify_one();
    }

    pub(super) fn renew_tokens(&self) {
        self.tokens.renew(SCOPE);
    }
}

/// The result of a task of [`Keeper`].
enum Done {
    /// An attempt to connect.
    Connected(Result<Client, Reason>),
    /// A read of the account, while requests fail.
    AccountRead(Result<Source, Reason>),
    /// The regular check.
    Checked(Result<(AccountProperties, ContainerProperties), Reason>),
}

/// Connects, and then maintains the connection forever.
async fn keep_connected(states: Arc<States>) {
    let checker = Arc::clone(&states.checker);
    let first = loop {
        match checker.connect(None, None, |why| states.failed(why)).await {
            Ok(client) => break client,
            Err(why) => states.failed(&why),
        }
    };
    let mut keeper = Keeper::new(states, first);
    loop {
        let read_due = async {
            keeper.states.checker.health.until_outage().await;
            sleep_until(keeper.next_read).await;
        };
        tokio::select! {
            Some(done) = keeper.tasks.join_next() => if let Ok(done) = done {
                keeper.is_done(done);
            },
            () = read_due, if !keeper.is_reading => keeper.read_account(),
            () = sleep_until(keeper.next_check), if !keeper.is_checking => keeper.check(),
            () = checker.check_now.notified(), if !keeper.is_checking => keeper.check(),
        }
    }
}

struct Keeper {
    states: Arc<States>,
    client: Arc<Client>,
    /// The account's properties as last read.
    account: AccountProperties,
    tasks: JoinSet<Done>,
    connecting: Option<AbortHandle>,
    is_reading: bool,
    is_checking: bool,
    next_read: Instant,
    next_check: Instant,
    /// How long requests must fail before the next attempt to reconnect.
    rebuild_after: Duration,
    rebuilds: Backoff,
    last_error: Option<Reason>,
}

impl Keeper {
    fn new(states: Arc<States>, client: Client) -> Self {
        let now = Instant::now();
        let mut rebuilds = Backoff::new(MIN_REBUILD_INTERVAL, MAX_REBUILD_INTERVAL);
        let mut keeper = Self {
            states,
            account: client.account.clone(),
            client: Arc::new(client),
            tasks: JoinSet::new(),
            connecting: None,
            is_reading: false,
            is_checking: false,
            next_read: now,
            next_check: now,
            rebuild_after: rebuilds.interval(),
            rebuilds,
            last_error: None,
        };
        keeper.is_found(&keeper.client.account.clone(), &keeper.client.properties.clone());
        keeper
    }

    fn read_account(&mut self) {
        self.is_reading = true;
        self.next_read = Instant::now() + READ_INTERVAL;
        let (checker, known) = (Arc::clone(&self.states.checker), self.account.clone());
        self.tasks.spawn(async move { Done::AccountRead(checker.account(Some(&known)).await) });
    }

    fn check(&mut self) {
        self.is_checking = true;
        let (checker, client) = (Arc::clone(&self.states.checker), Arc::clone(&self.client));
        self.tasks.spawn(async move { Done::Checked(checker.read_all(&client).await) });
    }

    /// Reconnects while the old connection stays in use. A pending attempt is cancelled: it may use the failed route.
    ///
    /// `fresh` are current properties of the account, if they were just read.
    fn connect(&mut self, reason: &str, fresh: Option<Source>) {
        if let Some(connecting) = self.connecting.take() {
            connecting.abort();
        }
        warn!(reason, event = "store_reconnects", "reconnecting to Cosmos DB");
        let (checker, known) = (Arc::clone(&self.states.checker), self.account.clone());
        let connect = async move { Done::Connected(checker.connect(Some(&known), fresh, |_| {}).await) };
        self.connecting = Some(self.tasks.spawn(connect));
    }

    fn is_done(&mut self, done: Done) {
        match done {
            Done::Connected(result) => {
                self.connecting = None;
                match result {
                    Ok(client) => self.is_connected(client),
                    Err(why) => self.has_failed(why),
                }
            }
            Done::AccountRead(result) => {
                self.is_reading = false;
                match result {
                    Ok(source) => self.account_read(source),
                    Err(why) => {
                        self.has_failed(why);
                        self.connect_if_due(None);
                    }
                }
            }
            Done::Checked(result) => {
                self.is_checking = false;
                match result {
                    Ok((account, properties)) => {
                        self.last_error = None;
                        if account.has_moved_since(&self.client.account) && !account.is_moving() {
                            self.account = account.clone();
                            self.connect("writes have moved to another region", None);
                        }
                        self.is_found(&account, &properties);
                    }
                    Err(why) => {
                        // The last verdict stands: the store may work although this one call failed.
                        self.has_failed(why);
                        self.next_check = self.states.next_check();
                    }
                }
            }
        }
    }

    fn is_connected(&mut self, client: Client) {
        info!(write_region = client.account.write_regions(), event = "store_reconnected", "reconnected to Cosmos DB");
        self.states.checker.health.reset();
        self.account = client.account.clone();
        self.client = Arc::new(client);
        self.is_found(&self.client.account.clone(), &self.client.properties.clone());
    }

    fn account_read(&mut self, source: Source) {
        let account = &source.account;
        if account.is_moving() {
            // Soon only one region will be listed.
            return;
        }
        let has_moved = account.has_moved_since(&self.account)
            || (self.connecting.is_none() && account.has_moved_since(&self.client.account));
        self.account = account.clone();
        if has_moved {
            self.connect("writes have moved to another region", Some(source));
        } else {
            self.connect_if_due(Some(source));
        }
    }

    fn connect_if_due(&mut self, fresh: Option<Source>) {
        let health = &self.states.checker.health;
        let (outage, failing) = (health.outage().unwrap_or_default(), health.failing().unwrap_or_default());
        let is_due = failing >= self.rebuild_after || outage >= self.rebuild_after + EXTRA_IF_LATE;
        if is_due && self.connecting.is_none() {
            self.rebuild_after = self.rebuilds.interval();
            self.connect("requests have failed for some seconds", fresh);
        } else if outage.is_zero() {
            self.rebuilds.reset();
            self.rebuild_after = self.rebuilds.interval();
        }
    }

    fn has_failed(&mut self, why: Reason) {
        if self.last_error.as_ref() != Some(&why) {
            warn!(event = "account_unchecked", reason = why.log(), "cannot check the Cosmos DB account");
            self.last_error = Some(why);
        }
    }

    /// Judges the account and the container, and publishes the verdict.
    fn is_found(&mut self, account: &AccountProperties, properties: &ContainerProperties) {
        let reasons = self.states.checker.judge(account, properties);
        self.states.publish(if reasons.is_empty() {
            StoreState::Ready(Arc::new(Ready {
                container: Arc::clone(&self.client.container),
                regions: self.client.regions.clone(),
                write_regions: self.client.account.write_regions(),
            }))
        } else {
            StoreState::Unsuitable(reasons)
        });
        self.next_check = self.states.next_check();
    }
}

struct States {
    checker: Arc<Checker>,
    state: watch::Sender<StoreState>,
}

impl States {
    /// There is no connection yet. An earlier verdict stands if the task was restarted.
    fn failed(&self, why: &Reason) {
        if !matches!(*self.state.borrow(), StoreState::Ready(_) | StoreState::Unsuitable(_)) {
            self.publish(StoreState::Failed(why.clone()));
        }
    }

    fn next_check(&self) -> Instant {
        let is_unsuitable = matches!(*self.state.borrow(), StoreState::Unsuitable(_));
        Instant::now() + if is_unsuitable { CHECK_INTERVAL_IF_UNSUITABLE } else { CHECK_INTERVAL }
    }

    /// Changes the state, and logs the change.
    fn publish(&self, new: StoreState) {
        let settings = &self.checker.settings;
        match (&*self.state.borrow(), &new) {
            (StoreState::Ready(_), StoreState::Ready(_)) | (_, StoreState::Connecting) => {}
            (_, StoreState::Ready(_)) => info!(
                event = "store_ready",
                endpoint = %settings.endpoint,
                database = settings.database,
                container = settings.container,
                "using the mark store in Cosmos DB"
            ),
            (StoreState::Unsuitable(old), StoreState::Unsuitable(new)) if old == new => {}
            (_, StoreState::Unsuitable(reasons)) => {
                error!(
                    event = "account_unsuitable",
                    reason = account::explained(reasons),
                    "no block or vote is signed"
                );
            }
            (StoreState::Failed(old), StoreState::Failed(new)) if old == new => {}
            (_, StoreState::Failed(why)) => {
                warn!(event = "store_unavailable", reason = why.log(), "cannot connect to the mark store yet");
            }
        }
        self.state.send_replace(new);
    }
}
