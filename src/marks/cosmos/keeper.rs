//! The background task that maintains the connection: rechecks the account and the container regularly, and reconnects when
//! requests fail for some seconds or when writes move to another region.

use super::account::AccountProperties;
use super::checker::{Client, Source};
use super::state::{Ready, States, StoreState};
use crate::failure_reason::FailureReason;
use crate::net::backoff::Backoff;
use azure_data_cosmos::models::ContainerProperties;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

/// Between two reads of the account while requests fail.
const READ_INTERVAL: Duration = Duration::from_secs(1);

/// How long requests must fail before reconnecting, and, with backoff, before each further attempt. If they are late without
/// failing, this takes `EXTRA_IF_LATE` longer: a slow store may still answer them.
const MIN_REBUILD_INTERVAL: Duration = Duration::from_secs(2);
const MAX_REBUILD_INTERVAL: Duration = Duration::from_secs(16);
const EXTRA_IF_LATE: Duration = Duration::from_secs(2);

/// The result of a task of [`Keeper`].
enum Done {
    /// An attempt to connect.
    Connected(Result<Client, FailureReason>),
    /// A read of the account, while requests fail.
    AccountRead(Result<Source, FailureReason>),
    /// The regular check.
    Checked(Result<(AccountProperties, ContainerProperties), FailureReason>),
    /// An attempt to open the connection for writes.
    OpenedForWrites,
}

/// Connects, and then maintains the connection forever.
pub(super) async fn keep_connected(states: Arc<States>) {
    let checker = Arc::clone(&states.checker);
    let first = loop {
        match checker.connect(None, None, |reason| states.failed(reason)).await {
            Ok(client) => break client,
            Err(reason) => states.failed(&reason),
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
                keeper.handle(done);
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
    last_error: Option<FailureReason>,
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
        keeper.judge(&keeper.client.account.clone(), &keeper.client.properties.clone());
        keeper.open_connection_for_writes();
        keeper
    }

    fn open_connection_for_writes(&mut self) {
        let client = Arc::clone(&self.client);
        self.tasks.spawn(async move {
            client.open_connection_for_writes().await;
            Done::OpenedForWrites
        });
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

    fn handle(&mut self, done: Done) {
        match done {
            Done::Connected(result) => {
                self.connecting = None;
                match result {
                    Ok(client) => self.connected(client),
                    Err(reason) => self.log_failure(reason),
                }
            }
            Done::AccountRead(result) => {
                self.is_reading = false;
                match result {
                    Ok(source) => self.account_was_read(source),
                    Err(reason) => {
                        self.log_failure(reason);
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
                        self.judge(&account, &properties);
                        self.open_connection_for_writes();
                    }
                    Err(reason) => {
                        // The last verdict stands: the store may work although this one call failed.
                        self.log_failure(reason);
                        self.next_check = self.states.next_check();
                    }
                }
            }
            Done::OpenedForWrites => {}
        }
    }

    fn connected(&mut self, client: Client) {
        info!(write_region = client.account.write_regions(), event = "store_reconnected", "reconnected to Cosmos DB");
        self.states.checker.health.reset();
        self.account = client.account.clone();
        self.client = Arc::new(client);
        self.judge(&self.client.account.clone(), &self.client.properties.clone());
        self.open_connection_for_writes();
    }

    fn account_was_read(&mut self, source: Source) {
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
            self.connect("requests have not been answered for some seconds", fresh);
        } else if outage.is_zero() {
            self.rebuilds.reset();
            self.rebuild_after = self.rebuilds.interval();
        }
    }

    fn log_failure(&mut self, reason: FailureReason) {
        if self.last_error.as_ref() != Some(&reason) {
            warn!(event = "account_unchecked", reason = reason.log(), "cannot check the Cosmos DB account");
            self.last_error = Some(reason);
        }
    }

    /// Judges the account and the container, and publishes the verdict.
    fn judge(&mut self, account: &AccountProperties, properties: &ContainerProperties) {
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
