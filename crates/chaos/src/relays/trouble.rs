//! The trouble of a region, while the other region and the store are well.

use super::apps::Apps;
use super::{FIRST_SIGNER, SIGNERS_PER_REGION};
use crate::dice::{Seed, Stream};
use crate::fleet::{Fleet, SignerAction};
use crate::history::{Recorder, Stretch};
use crate::storm::Met;
use stand_ins::{Azure, Delay, Effect, Operation};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is wrong with a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Its app is in front of a signer with another mark store.
    OtherStore,
    /// Its app refuses connections.
    AppRefuses,
    /// All open connections to its app are silent, and no request is answered.
    AppHangs,
    /// Its app answers 503.
    AppFails,
    /// Its app closes connections after it has forwarded the request.
    AppCloses,
    /// Its signers are killed, and start again.
    SignersKilled,
    /// Its signers are paused.
    SignersPaused,
    /// Its vault does not answer.
    VaultHangs,
    /// Its vault answers 503.
    VaultFails,
    /// Its vault is slower than the time after which relays hedge.
    VaultSlow,
}

/// All kinds, in the order in which a season has them. A short season does not reach the end.
const TROUBLES: [Trouble; 10] = [
    Trouble::OtherStore,
    Trouble::AppHangs,
    Trouble::SignersKilled,
    Trouble::VaultHangs,
    Trouble::AppRefuses,
    Trouble::AppCloses,
    Trouble::VaultSlow,
    Trouble::SignersPaused,
    Trouble::AppFails,
    Trouble::VaultFails,
];

/// How long each lasts.
const LENGTH: Duration = Duration::from_millis(1_500);

/// How long the signers of a region may take to be ready again.
const READY_TIMEOUT: Duration = Duration::from_secs(15);

impl Trouble {
    const fn name(self) -> &'static str {
        match self {
            Self::OtherStore => "another store",
            Self::AppRefuses => "app refuses",
            Self::AppHangs => "app hangs",
            Self::AppFails => "app fails",
            Self::AppCloses => "app closes",
            Self::SignersKilled => "signers killed",
            Self::SignersPaused => "signers paused",
            Self::VaultHangs => "vault hangs",
            Self::VaultFails => "vault fails",
            Self::VaultSlow => "vault slow",
        }
    }
}

/// Everything that the trouble of a region affects.
pub(super) struct Regions<'a> {
    pub(super) seed: Seed,
    pub(super) azure: &'a [Arc<Azure>],
    pub(super) apps: &'a Apps,
    pub(super) signers: &'a Fleet,
    pub(super) recorder: &'a Recorder,
    pub(super) met: &'a Met,
}

impl Regions<'_> {
    /// Lets one region after the other be in trouble until the end, and returns the times. The next trouble begins once both
    /// regions are well.
    pub(super) async fn trouble_until(&self, end: Instant) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        for (number, trouble) in (0..).zip(TROUBLES.into_iter().cycle()) {
            let from = Instant::now();
            if from >= end {
                break;
            }
            let region = self.seed.dice(Stream::Regions, number).index(self.azure.len());
            self.begin(region, trouble);
            tokio::time::sleep(LENGTH).await;
            self.end(region, trouble);
            self.ready(region).await;
            stretches.push(Stretch { from, to: Instant::now(), name: trouble.name(), recovery: None });
        }
        stretches
    }

    fn begin(&self, region: usize, trouble: Trouble) {
        let (Some(app), Some(azure)) = (self.apps.of(region), self.azure.get(region)) else { return };
        match trouble {
            Trouble::OtherStore => self.apps.misdirect(region, true),
            Trouble::AppRefuses => app.refuse_connections(true),
            Trouble::AppHangs => {
                app.freeze_connections();
                self.met.follow(app.faults(), always(Effect::Hang));
            }
            Trouble::AppFails => self.met.follow(app.faults(), always(Effect::status(503))),
            Trouble::AppCloses => self.met.follow(app.faults(), always(Effect::CloseAfterWork)),
            Trouble::SignersKilled => self.all_signers(region, || SignerAction::Kill { down: LENGTH }),
            Trouble::SignersPaused => self.all_signers(region, || SignerAction::Pause { length: LENGTH }),
            Trouble::VaultHangs => self.met.follow(azure.key_vault.faults(), always(Effect::Hang)),
            Trouble::VaultFails => self.met.follow(azure.key_vault.faults(), always(Effect::status(503))),
            Trouble::VaultSlow => azure.key_vault.latency(Delay::Fixed(Duration::from_millis(700))),
        }
    }

    fn end(&self, region: usize, trouble: Trouble) {
        let (Some(app), Some(azure)) = (self.apps.of(region), self.azure.get(region)) else { return };
        match trouble {
            Trouble::OtherStore => self.apps.misdirect(region, false),
            Trouble::AppRefuses => app.refuse_connections(false),
            Trouble::AppHangs | Trouble::AppFails | Trouble::AppCloses => app.faults().clear(),
            Trouble::SignersKilled | Trouble::SignersPaused => {}
            Trouble::VaultHangs | Trouble::VaultFails => azure.key_vault.faults().clear(),
            Trouble::VaultSlow => azure.key_vault.latency(Delay::NONE),
        }
    }

    fn all_signers(&self, region: usize, action: impl Fn() -> SignerAction) {
        for signer in 0..SIGNERS_PER_REGION {
            self.signers.send(region * SIGNERS_PER_REGION + signer, action());
        }
    }

    /// Waits until all signers of a region are ready; records if they do not get ready.
    pub(super) async fn ready(&self, region: usize) {
        self.signers.settle().await;
        let start = Instant::now();
        loop {
            let signers = self.apps.signers(region);
            let mut are_ready = signers.len() == SIGNERS_PER_REGION;
            for signer in signers {
                are_ready &= is_ready(signer).await;
            }
            if are_ready {
                return;
            }
            if start.elapsed() > READY_TIMEOUT {
                let place = FIRST_SIGNER + region * SIGNERS_PER_REGION;
                return self.recorder.trouble(place, format!("or its neighbour is not ready after {READY_TIMEOUT:?}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn always(effect: Effect) -> impl FnMut(Operation) -> Option<Effect> + Send + 'static {
    move |_| Some(effect)
}

/// Whether a signer has found its keys and its store.
async fn is_ready(signer: SocketAddr) -> bool {
    let request = async {
        let mut stream = TcpStream::connect(signer).await?;
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer.starts_with(b"HTTP/1.1 200 "))
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), request).await, Ok(Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_trouble_occurs_and_another_store_comes_first() {
        let names: std::collections::HashSet<_> = TROUBLES.iter().map(|trouble| trouble.name()).collect();
        assert_eq!((names.len(), TROUBLES[0]), (TROUBLES.len(), Trouble::OtherStore));
    }
}
