use super::account::{self, AccountProperties, SCOPE};
use super::{CosmosSettings, Unsuitable};
use crate::azure::{TlsRoots, Tokens, keep_running, reason_of};
use azure_data_cosmos::options::{
    AvailabilityStrategy, BinaryEncodingOptions, ConnectionPoolOptions, ContentResponseOnWrite, ExcludedRegions,
    OperationOptions, ReadConsistencyStrategy, Region, ThrottlingRetryOptionsBuilder, UserAgentSuffix,
};
use azure_data_cosmos::{
    AccountEndpoint, AccountReference, ContainerClient, CosmosClient, CosmosError, CosmosRuntime, RoutingStrategy,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

/// A connection to the container, made and checked in the background; it ends with this.
pub(super) struct Connection {
    state: watch::Receiver<State>,
    tokens: Arc<Tokens>,
    _task: JoinSet<()>,
}

#[derive(Clone)]
pub(super) enum State {
    /// Nothing is known yet.
    Connecting,
    /// There is no connection, or the account could not be checked yet.
    Failed(String),
    /// The account and the container may keep marks.
    Ready(Arc<ContainerClient>),
    /// They must not.
    Unsuitable(Vec<Unsuitable>),
}

/// How long a connection or a check may take.
pub(super) const LONGEST_CHECK: Duration = Duration::from_secs(5);

/// Between two checks of an account that was found suitable.
const BETWEEN_CHECKS: Duration = Duration::from_mins(3);

/// Between two checks of an account that was found unsuitable: an operator is at work.
const BETWEEN_CHECKS_IF_UNSUITABLE: Duration = Duration::from_secs(5);

/// Between two tries while there is no connection: short at first, since all requests fail meanwhile.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Connection {
    pub(super) fn start(
        settings: CosmosSettings,
        tokens: Arc<Tokens>,
        roots: &TlsRoots,
    ) -> Result<Self, reqwest::Error> {
        tokens.keep(SCOPE);
        let client = roots.client(LONGEST_CHECK)?;
        let (sender, state) = watch::channel(State::Connecting);
        let mut task = JoinSet::new();
        let (checker, sender) = (Arc::new(Checker { settings, tokens: Arc::clone(&tokens), client }), Arc::new(sender));
        task.spawn(keep_running("mark store", move || connect_and_check(Arc::clone(&checker), Arc::clone(&sender))));
        Ok(Self { state, tokens, _task: task })
    }

    /// What is known, as soon as something is.
    pub(super) async fn state(&self) -> State {
        let mut state = self.state.clone();
        let known = state.wait_for(|state| !matches!(state, State::Connecting)).await;
        known.map_or(State::Connecting, |state| state.clone())
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.state.borrow(), State::Ready(_))
    }

    pub(super) fn renew_tokens(&self) {
        self.tokens.renew(SCOPE);
    }
}

pub(super) struct Checker {
    pub(super) settings: CosmosSettings,
    pub(super) tokens: Arc<Tokens>,
    pub(super) client: reqwest::Client,
}

async fn connect_and_check(checker: Arc<Checker>, state: Arc<watch::Sender<State>>) {
    let mut pause = FIRST_PAUSE;
    let (container, mut account) = loop {
        let both = async { tokio::try_join!(checker.connect(), checker.account()) };
        match Box::pin(in_time(both)).await {
            Ok((container, account)) => break (Arc::new(container), Ok(account)),
            Err(why) => checker.publish(&state, State::Failed(why)),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    let mut made = None;
    let mut told = None;
    loop {
        let checked = match account {
            Ok(account) => in_time(checker.check(&container, &account, &mut made)).await,
            Err(why) => Err(why),
        };
        let is_checked = matches!(*state.borrow(), State::Ready(_) | State::Unsuitable(_));
        let trouble = checked.as_ref().err().cloned();
        match checked {
            Ok(reasons) if reasons.is_empty() => checker.publish(&state, State::Ready(Arc::clone(&container))),
            Ok(reasons) => checker.publish(&state, State::Unsuitable(reasons)),
            // What was found before stands: the store may well work while this one question is not answered.
            Err(why) if is_checked => {
                if told.as_ref() != Some(&why) {
                    warn!(reason = why, "the Cosmos DB account could not be checked");
                }
            }
            Err(why) => checker.publish(&state, State::Failed(why)),
        }
        told = trouble;
        pause = match *state.borrow() {
            State::Ready(_) => BETWEEN_CHECKS,
            State::Unsuitable(_) => BETWEEN_CHECKS_IF_UNSUITABLE,
            State::Connecting | State::Failed(_) => (pause * 2).min(LONGEST_PAUSE),
        };
        tokio::time::sleep(pause).await;
        account = in_time(checker.account()).await;
    }
}

impl Checker {
    /// A client with a runtime of its own: on the shared one, clients would use one another's credentials.
    async fn connect(&self) -> Result<ContainerClient, String> {
        self.container_client().await.map_err(|error| format!("no connection: {}", reason_of(&error)))
    }

    pub(super) async fn container_client(&self) -> Result<ContainerClient, CosmosError> {
        let CosmosSettings { endpoint, database, container, region, .. } = &self.settings;
        let runtime = CosmosRuntime::builder()
            .with_connection_pool(pool(self.settings.request_deadline)?)
            .with_cpu_refresh_interval(Duration::from_mins(1));
        let account = AccountReference::with_credential(
            AccountEndpoint::from(endpoint.clone()),
            Arc::clone(&self.tokens) as Arc<dyn azure_core::credentials::TokenCredential>,
        );
        let routing = match region {
            Some(region) => RoutingStrategy::ProximityTo(Region::from(region.clone())),
            None => RoutingStrategy::PreferredRegions(Vec::new()),
        };
        let mut client = CosmosClient::builder()
            .with_runtime(runtime.build().await?)
            .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(false))
            .with_default_operation_options(one_request_an_operation(self.settings.request_deadline));
        if let Ok(suffix) = UserAgentSuffix::try_from("azurehsm-signer") {
            client = client.with_user_agent_suffix(suffix);
        }
        client.build(account, routing).await?.database_client(database).container_client(container, None).await
    }

    pub(super) async fn account(&self) -> Result<AccountProperties, String> {
        AccountProperties::read(&self.client, &self.settings.endpoint, &self.tokens).await
    }

    /// `made` is the container's own id, from the first check on: one that is made anew has another.
    async fn check(
        &self,
        container: &ContainerClient,
        account: &AccountProperties,
        made: &mut Option<String>,
    ) -> Result<Vec<Unsuitable>, String> {
        let failed = |error: CosmosError| format!("the container does not say its properties: {}", reason_of(&error));
        let properties = container.read(None).await.map_err(failed)?.into_model().map_err(failed)?;
        let mut unsuitable = account::check(account, &properties, self.settings.allow_weak_consistency);
        let now = properties.system_properties.resource_id;
        if *made.get_or_insert_with(|| now.clone().unwrap_or_default()) != now.unwrap_or_default() {
            unsuitable.push(Unsuitable::MadeAnew);
        }
        if unsuitable.is_empty() && account.consistency() != "Strong" {
            warn!(
                consistency = account.consistency(),
                "ALLOW_WEAK_CONSISTENCY: marks may be lost when the region fails, and keys may then sign twice. For tests only"
            );
        }
        Ok(unsuitable)
    }

    /// Logs what is new.
    fn publish(&self, state: &watch::Sender<State>, new: State) {
        match (&*state.borrow(), &new) {
            (State::Ready(_), State::Ready(_)) | (_, State::Connecting) => {}
            (_, State::Ready(_)) => info!(
                endpoint = %self.settings.endpoint,
                database = self.settings.database,
                container = self.settings.container,
                "marks are in Cosmos DB"
            ),
            (State::Unsuitable(old), State::Unsuitable(new)) if old == new => {}
            (_, State::Unsuitable(reasons)) => {
                error!(reason = account::explained(reasons), "no block or vote is signed");
            }
            (State::Failed(old), State::Failed(new)) if old == new => {}
            (_, State::Failed(why)) => warn!(reason = why, "the mark store cannot be used yet"),
        }
        state.send_replace(new);
    }
}

async fn in_time<T>(question: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    match tokio::time::timeout(LONGEST_CHECK, question).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {} s", LONGEST_CHECK.as_secs())),
    }
}

/// One connection that many requests share; its death is noticed within a second.
fn pool(request_deadline: Duration) -> Result<ConnectionPoolOptions, CosmosError> {
    const PING: Duration = Duration::from_millis(400);
    ConnectionPoolOptions::builder()
        .with_max_connect_timeout(Duration::from_millis(800))
        .with_max_dataplane_request_timeout(request_deadline)
        .with_max_metadata_request_timeout(LONGEST_CHECK)
        .with_http2_keep_alive_interval(PING)
        .with_http2_keep_alive_timeout(PING)
        .with_min_http2_connections_per_endpoint(1)
        .with_max_http2_connections_per_endpoint(1)
        .with_gateway_v2_disabled(true)
        .build()
}

/// The SDK does not send again what may have been done, so that what became of a write is known; whoever asks tries again
/// where that is safe. Everything that matters is set here, since the environment (`AZURE_COSMOS_…`) decides the rest.
fn one_request_an_operation(request_deadline: Duration) -> OperationOptions {
    let mut options = OperationOptions::default();
    // The account's own. A weaker read could show a write that is not in all regions yet.
    options.read_consistency_strategy = Some(ReadConsistencyStrategy::Default);
    options.excluded_regions = Some(ExcludedRegions::new());
    options.session_capturing_disabled = Some(false);
    options.max_failover_retry_count = Some(0);
    options.max_session_retry_count = Some(0);
    options.throttling_retry_options = Some(ThrottlingRetryOptionsBuilder::new().with_max_retry_count(0).build());
    options.end_to_end_latency_policy = Some(request_deadline.max(Duration::from_secs(1)).into());
    options.availability_strategy = Some(AvailabilityStrategy::Disabled);
    options.hedging_enabled = Some(false);
    options.content_response_on_write = Some(ContentResponseOnWrite::Disabled);
    options
}
