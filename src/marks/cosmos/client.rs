//! Configuration of the SDK.

use super::CosmosSettings;
use crate::azure::Tokens;
use azure_core::credentials::TokenCredential;
use azure_core::http::Url;
use azure_data_cosmos::options::{
    AvailabilityStrategy, BinaryEncodingOptions, ConnectionPoolOptions, ContentResponseOnWrite, ExcludedRegions,
    OperationOptions, ReadConsistencyStrategy, Region, ThrottlingRetryOptionsBuilder, UserAgentSuffix,
};
use azure_data_cosmos::{
    AccountEndpoint, AccountReference, ContainerClient, CosmosClient, CosmosError, CosmosRuntime, RoutingStrategy,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Time limit of a single request. Callers have their own deadlines.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Connects to the container: reads the account at `endpoint`, the container, and its partition key ranges. Each connection has
/// a separate runtime, since clients that share one also share credentials, and a new one starts without stale routes. Every
/// call, here and later, takes at most `limit`.
pub(super) async fn connect(
    settings: &CosmosSettings,
    tokens: &Arc<Tokens>,
    endpoint: &Url,
    routing: RoutingStrategy,
    limit: Duration,
) -> Result<ContainerClient, CosmosError> {
    let runtime =
        CosmosRuntime::builder().with_connection_pool(pool()?).with_cpu_refresh_interval(Duration::from_mins(1));
    let account = AccountReference::with_credential(
        AccountEndpoint::from(endpoint.clone()),
        Arc::clone(tokens) as Arc<dyn TokenCredential>,
    );
    let mut client = CosmosClient::builder()
        .with_runtime(runtime.build().await?)
        .with_binary_encoding_options(BinaryEncodingOptions::new().with_enabled(false))
        .with_default_operation_options(one_request_per_operation(limit));
    if let Ok(suffix) = UserAgentSuffix::try_from("azurehsm-signer") {
        client = client.with_user_agent_suffix(suffix);
    }
    let database = client.build(account, routing).await?.database_client(&settings.database);
    database.container_client(&settings.container, None).await
}

/// One connection for each endpoint, shared by all requests; a dead one is detected within a second. Only one, because the SDK
/// resends an interrupted write over a second one.
///
/// The SDK's health sweep retires a connection after some failures, and the next sweep replaces it. It runs often and with the
/// highest threshold, so that the endpoint is not left without a connection: the next request reopens a closed one anyway.
fn pool() -> Result<ConnectionPoolOptions, CosmosError> {
    const PING: Duration = Duration::from_millis(400);
    const SWEEP_INTERVAL: Duration = Duration::from_millis(500);
    const MAX_FAILURE_THRESHOLD: u32 = 255;
    ConnectionPoolOptions::builder()
        .with_max_connect_timeout(Duration::from_millis(800))
        .with_max_dataplane_request_timeout(REQUEST_TIMEOUT)
        .with_max_metadata_request_timeout(REQUEST_TIMEOUT)
        .with_http2_keep_alive_interval(PING)
        .with_http2_keep_alive_timeout(PING)
        .with_http2_health_check_interval(SWEEP_INTERVAL)
        .with_http2_consecutive_failure_threshold(MAX_FAILURE_THRESHOLD)
        .with_min_http2_connections_per_endpoint(1)
        .with_max_http2_connections_per_endpoint(1)
        .with_gateway_v2_disabled(true)
        .build()
}

/// As far as possible, turns off the SDK's retries, so that the outcome of a write is known; callers retry where that is safe.
/// Everything that matters is set here, since environment variables (`AZURE_COSMOS_…`) determine the rest.
fn one_request_per_operation(limit: Duration) -> OperationOptions {
    let mut options = OperationOptions::default();
    // That of the account. A weaker read could return a write that is not in all regions yet.
    options.read_consistency_strategy = Some(ReadConsistencyStrategy::Default);
    options.excluded_regions = Some(ExcludedRegions::new());
    options.session_capturing_disabled = Some(false);
    options.max_failover_retry_count = Some(0);
    options.max_session_retry_count = Some(0);
    options.throttling_retry_options = Some(ThrottlingRetryOptionsBuilder::new().with_max_retry_count(0).build());
    options.end_to_end_latency_policy = Some(limit.into());
    options.availability_strategy = Some(AvailabilityStrategy::Disabled);
    options.hedging_enabled = Some(false);
    // The written item identifies its container.
    options.content_response_on_write = Some(ContentResponseOnWrite::Enabled);
    options
}

/// Options for a call that must end shortly before a deadline, so that the SDK's error can be reported. The SDK retries some
/// answers by itself (449, for example), and would do so for longer.
pub(super) fn ends_before(deadline: Instant, options: Option<OperationOptions>) -> OperationOptions {
    const TIME_TO_ANSWER: Duration = Duration::from_millis(60);
    /// The SDK's minimum.
    const MIN: Duration = Duration::from_secs(1);
    let left = deadline.saturating_duration_since(Instant::now()).saturating_sub(TIME_TO_ANSWER);
    let mut options = options.unwrap_or_default();
    options.end_to_end_latency_policy = Some(left.clamp(MIN, REQUEST_TIMEOUT).into());
    options
}

/// The order of regions for reads of items and of the container.
pub(super) fn routing(regions: &[String]) -> RoutingStrategy {
    RoutingStrategy::PreferredRegions(regions.iter().cloned().map(Region::from).collect())
}

/// The nearest region first; the order of the account if the region of this process is unknown.
pub(super) fn nearest(settings: &CosmosSettings) -> RoutingStrategy {
    match &settings.region {
        Some(region) => RoutingStrategy::ProximityTo(Region::from(region.clone())),
        None => RoutingStrategy::PreferredRegions(Vec::new()),
    }
}

/// The regions in the order of [`nearest`], as far as it is known: only the SDK has the distances.
pub(super) fn by_distance(mut regions: Vec<String>, settings: &CosmosSettings) -> Vec<String> {
    let here = settings.region.clone().map(Region::from);
    if let Some(position) = regions.iter().position(|name| Some(Region::from(name.clone())) == here) {
        let nearest = regions.remove(position);
        regions.insert(0, nearest);
    }
    regions
}

/// Options for a read from this region only.
pub(super) fn only_from(region: &str, regions: &[String]) -> OperationOptions {
    let mut options = OperationOptions::default();
    let others = regions.iter().filter(|name| *name != region).cloned().map(Region::from);
    options.excluded_regions = Some(others.collect());
    options
}
