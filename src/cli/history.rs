//! The history of signatures while the service runs, if it has a container.

use super::CommandError;
use azurehsm_signer::audit::{Container, ContainerUrl, Queue, Writer};
use azurehsm_signer::background::keep_running;
use azurehsm_signer::marks::{Ledger, WriteObserver};
use azurehsm_signer::signer::Signer;
use azurehsm_signer::tezos::PublicKey;
use azurehsm_signer::wiring::Azure;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// The history, before there is a signer.
pub(super) struct History(Option<(Container, Arc<Queue>)>);

/// The history of a signer.
pub(super) struct SignerHistory(Option<Writer<PublicKeys>>);

/// Returns the public keys of a signer.
type PublicKeys = Box<dyn Fn() -> Vec<PublicKey>>;

impl History {
    /// Sends no requests yet.
    pub(super) fn prepare(url: Option<&ContainerUrl>, azure: Option<&Azure>) -> Result<Self, CommandError> {
        let (Some(url), Some(azure)) = (url, azure) else { return Ok(Self(None)) };
        let container = Container::new(url.clone(), Arc::clone(&azure.tokens), &azure.roots)?;
        Ok(Self(Some((container, Arc::default()))))
    }

    /// The ledger, whose writes go to the history.
    pub(super) fn of(&self, ledger: Ledger) -> Ledger {
        match &self.0 {
            Some((_, queue)) => ledger.with_observer(Arc::clone(queue) as Arc<dyn WriteObserver>),
            None => ledger,
        }
    }

    /// With the public keys of a signer.
    pub(super) fn with_keys_of(self, signer: &Arc<Signer>, instance: &str) -> SignerHistory {
        let signer = Arc::clone(signer);
        SignerHistory(self.0.map(|(container, queue)| {
            let keys = move || signer.keys().iter().map(|key| key.public_key.clone()).collect();
            Writer::new(container, queue, instance.to_owned(), Box::new(keys) as _)
        }))
    }
}

impl SignerHistory {
    /// Writes it for ever.
    pub(super) async fn run(&self) -> Infallible {
        match &self.0 {
            Some(writer) => keep_running("history of signatures", || writer.run()).await,
            None => std::future::pending().await,
        }
    }

    /// Writes the rest when the program ends, within this time.
    pub(super) async fn finish(&self, limit: Duration) {
        if let Some(writer) = &self.0 {
            writer.finish(limit).await;
        }
    }
}
