//! A checked connection to the container.

use super::CosmosSettings;
use super::account::SCOPE;
use super::checker::Checker;
use super::health::Access;
use super::keeper::keep_connected;
use super::outcome::{self, Outcome};
use super::rid;
use super::state::{Ready, States, StoreState};
use crate::azure::{TlsRoots, Tokens};
use crate::background::keep_running;
use crate::marks::StoreIdentity;
use azure_data_cosmos::CosmosError;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// A connection to the container, opened, checked and replaced by a background task that ends when this is dropped.
pub(super) struct Connection {
    state: watch::Receiver<StoreState>,
    checker: Arc<Checker>,
    tokens: Arc<Tokens>,
    _task: JoinSet<Infallible>,
}

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

    /// Runs one request over a connection, and records whether it is answered. If writes move to another region in the meantime,
    /// the request is dropped: its effect, if any, can be read there.
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

    /// The identity of the container, from the first check on.
    pub(super) fn identity(&self) -> Option<StoreIdentity> {
        self.checker.identity()
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
