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

/// A connection to the container, made, checked and replaced in the background; it ends with this.
pub(super) struct Connection {
    state: watch::Receiver<StoreState>,
    checker: Arc<Checker>,
    tokens: Arc<Tokens>,
    _task: JoinSet<Infallible>,
}

/// What is known of the store.
#[derive(Clone)]
pub(super) enum StoreState {
    /// Nothing is known yet.
    Connecting,
    /// There has been no connection yet.
    Failed(Reason),
    /// The account and the container may keep marks. It stays so while the connection is replaced.
    Ready(Arc<Ready>),
    /// They must not.
    Unsuitable(Vec<Unsuitable>),
}

/// A container that may keep marks.
pub(super) struct Ready {
    pub(super) container: Arc<ContainerClient>,
    /// All regions, in the order in which they are read.
    regions: Vec<String>,
    write_regions: String,
}

impl Ready {
    /// Options for the read that comes after so many others: each goes to the next region. Under strong consistency, each of
    /// them has every acknowledged write.
    pub(super) fn read_options(&self, number: usize, deadline: Instant) -> ItemReadOptions {
        let region = number.checked_rem(self.regions.len()).and_then(|place| self.regions.get(place));
        let is_default = number == 0 || self.regions.len() == 1;
        let options = region.filter(|_| !is_default).map(|region| client::only_from(region, &self.regions));
        ItemReadOptions::default().with_operation_options(client::ends_before(deadline, options))
    }
}

/// Between two checks of an account that was found suitable.
const CHECK_INTERVAL: Duration = Duration::from_mins(3);

/// Between two checks of an account that was found unsuitable: an operator is at work.
const CHECK_INTERVAL_IF_UNSUITABLE: Duration = Duration::from_secs(5);

/// Between two looks at the account while requests fail.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// After requests have failed for so long, a new connection is made; and again after longer and longer times. If they are
/// late and do not fail, that is so much later: a slow store may well answer them.
const MIN_REBUILD_INTERVAL: Duration = Duration::from_secs(2);
const MAX_REBUILD_INTERVAL: Duration = Duration::from_secs(16);
const PATIENCE_WITH_LATE_ONES: Duration = Duration::from_secs(2);

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

    /// What is known, as soon as the store can be used, or must not be; at the deadline, whatever is known then.
    pub(super) async fn state(&self, deadline: Instant) -> StoreState {
        let mut state = self.state.clone();
        let is_known = |state: &StoreState| matches!(state, StoreState::Ready(_) | StoreState::Unsuitable(_));
        let known = timeout_at(deadline, state.wait_for(is_known)).await.map(|known| known.map(|state| state.clone()));
        known.ok().and_then(Result::ok).unwrap_or_else(|| self.state.borrow().clone())
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.state.borrow(), StoreState::Ready(_))
    }

    /// Waits for one request over a connection, and takes note whether it is answered. It is given up when writes have moved
    /// to another region meanwhile: what it did, if anything, can be read there.
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
            // The background task is gone, and this with it.
            std::future::pending::<()>().await;
        }
    }

    /// The container's own id, from the first check on.
    pub(super) fn container_rid(&self) -> Option<String> {
        self.checker.container_rid()
    }

    /// Whether that has changed since.
    pub(super) fn is_recreated(&self) -> bool {
        self.checker.is_recreated()
    }

    /// Whether an item is in the container that was `checked` when the request began, and still is. One that is not has the
    /// container checked again.
    ///
    /// # Errors
    /// If the container could not be read, where the item does not name it.
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

    /// Has the container checked again.
    pub(super) fn check_container(&self) {
        self.checker.check_now.notify_one();
    }

    pub(super) fn renew_tokens(&self) {
        self.tokens.renew(SCOPE);
    }
}

/// What a task beside the loop came to.
enum Done {
    /// A new connection.
    Connected(Result<Client, Reason>),
    /// A look at the account, while requests fail.
    Looked(Result<Source, Reason>),
    /// The regular check.
    Checked(Result<(AccountProperties, ContainerProperties), Reason>),
}

/// Connects, and then keeps the connection in order: checks account and container now and then, and makes a new connection
/// when requests have failed for some seconds, or when writes have moved to another region.
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
        let look = async {
            keeper.states.checker.health.until_trouble().await;
            sleep_until(keeper.next_look).await;
        };
        tokio::select! {
            Some(done) = keeper.tasks.join_next() => if let Ok(done) = done {
                keeper.is_done(done);
            },
            () = look, if !keeper.is_looking => keeper.look(),
            () = sleep_until(keeper.next_check), if !keeper.is_checking => keeper.check(),
            () = checker.check_now.notified(), if !keeper.is_checking => keeper.check(),
        }
    }
}

struct Keeper {
    states: Arc<States>,
    client: Arc<Client>,
    /// What the account said last, to the connection in use or since.
    account: AccountProperties,
    tasks: JoinSet<Done>,
    connecting: Option<AbortHandle>,
    is_looking: bool,
    is_checking: bool,
    next_look: Instant,
    next_check: Instant,
    /// How long requests must fail before the next new connection.
    rebuild_after: Duration,
    rebuilds: Backoff,
    last_trouble: Option<Reason>,
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
            is_looking: false,
            is_checking: false,
            next_look: now,
            next_check: now,
            rebuild_after: rebuilds.interval(),
            rebuilds,
            last_trouble: None,
        };
        keeper.is_found(&keeper.client.account.clone(), &keeper.client.properties.clone());
        keeper
    }

    fn look(&mut self) {
        self.is_looking = true;
        self.next_look = Instant::now() + LOOK_INTERVAL;
        let (checker, known) = (Arc::clone(&self.states.checker), self.account.clone());
        self.tasks.spawn(async move { Done::Looked(checker.account(Some(&known)).await) });
    }

    fn check(&mut self) {
        self.is_checking = true;
        let (checker, client) = (Arc::clone(&self.states.checker), Arc::clone(&self.client));
        self.tasks.spawn(async move { Done::Checked(checker.look(&client).await) });
    }

    /// Makes a new connection, while the old one is still used. One that is being made is given up: it may be on the way that
    /// does not work any more.
    ///
    /// `fresh` is what the account says now, and where.
    fn connect(&mut self, reason: &str, fresh: Option<Source>) {
        if let Some(connecting) = self.connecting.take() {
            connecting.abort();
        }
        warn!(reason, event = "store_reconnects", "making a new connection to Cosmos DB");
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
                    Err(why) => self.has_trouble(why),
                }
            }
            Done::Looked(result) => {
                self.is_looking = false;
                match result {
                    Ok(source) => self.has_looked(source),
                    Err(why) => {
                        self.has_trouble(why);
                        self.connect_if_due(None);
                    }
                }
            }
            Done::Checked(result) => {
                self.is_checking = false;
                match result {
                    Ok((account, properties)) => {
                        self.last_trouble = None;
                        if account.has_moved_since(&self.client.account) && !account.is_moving() {
                            self.account = account.clone();
                            self.connect("writes have moved to another region", None);
                        }
                        self.is_found(&account, &properties);
                    }
                    Err(why) => {
                        // What was found before stands: the store may well work while this one question is not answered.
                        self.has_trouble(why);
                        self.next_check = self.states.next_check();
                    }
                }
            }
        }
    }

    fn is_connected(&mut self, client: Client) {
        info!(
            write_region = client.account.write_regions(),
            event = "store_reconnected",
            "there is a new connection to Cosmos DB"
        );
        self.states.checker.health.start_again();
        self.account = client.account.clone();
        self.client = Arc::new(client);
        self.is_found(&self.client.account.clone(), &self.client.properties.clone());
    }

    fn has_looked(&mut self, source: Source) {
        let account = &source.account;
        if account.is_moving() {
            // Soon only one region will be named.
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
        let (trouble, failing) = (health.trouble().unwrap_or_default(), health.failing().unwrap_or_default());
        let is_due = failing >= self.rebuild_after || trouble >= self.rebuild_after + PATIENCE_WITH_LATE_ONES;
        if is_due && self.connecting.is_none() {
            self.rebuild_after = self.rebuilds.interval();
            self.connect("requests have not been answered for some seconds", fresh);
        } else if trouble.is_zero() {
            self.rebuilds.reset();
            self.rebuild_after = self.rebuilds.interval();
        }
    }

    fn has_trouble(&mut self, why: Reason) {
        if self.last_trouble.as_ref() != Some(&why) {
            warn!(event = "account_unchecked", reason = why.log(), "cannot check the Cosmos DB account");
            self.last_trouble = Some(why);
        }
    }

    /// Publishes what the check of account and container says.
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

/// Where the state is published.
struct States {
    checker: Arc<Checker>,
    state: watch::Sender<StoreState>,
}

impl States {
    /// There is no connection yet. What was found before stands, should the task have begun again.
    fn failed(&self, why: &Reason) {
        if !matches!(*self.state.borrow(), StoreState::Ready(_) | StoreState::Unsuitable(_)) {
            self.publish(StoreState::Failed(why.clone()));
        }
    }

    fn next_check(&self) -> Instant {
        let is_unsuitable = matches!(*self.state.borrow(), StoreState::Unsuitable(_));
        Instant::now() + if is_unsuitable { CHECK_INTERVAL_IF_UNSUITABLE } else { CHECK_INTERVAL }
    }

    /// Logs what is new.
    fn publish(&self, new: StoreState) {
        let settings = &self.checker.settings;
        match (&*self.state.borrow(), &new) {
            (StoreState::Ready(_), StoreState::Ready(_)) | (_, StoreState::Connecting) => {}
            (_, StoreState::Ready(_)) => info!(
                event = "store_ready",
                endpoint = %settings.endpoint,
                database = settings.database,
                container = settings.container,
                "marks are in Cosmos DB"
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
                warn!(event = "store_unavailable", reason = why.log(), "the mark store cannot be used yet");
            }
        }
        self.state.send_replace(new);
    }
}
