//! What is done to the keys of a delegate that was denounced. One key that cannot be stopped keeps no other from being stopped.

use super::denunciations::Charge;
use super::response::OnForeignSignature;
use crate::tezos::{Digest, PublicKeyHash};
use std::collections::HashMap;

/// Stops keys.
pub(super) trait StopsKeys {
    /// Whether the key is still to be stopped: an operator may have acknowledged the evidence.
    async fn is_open(&self, key: &PublicKeyHash, charge: &Charge) -> Result<bool, String>;

    /// Stops a key. Returns whether it is stopped.
    async fn stop(&self, key: &PublicKeyHash, charge: &Charge) -> Result<bool, String>;
}

/// What was done to a key, in the order in which one may follow another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// Nothing: too few nodes report the charge.
    Unconfirmed,
    /// Nothing: the setting permits no stop.
    Confirmed,
    /// It could not be stopped.
    StopFailed,
    /// It is stopped.
    Stopped,
}

/// What was reported about each charge and key. Each step is reported once.
#[derive(Debug, Default)]
pub(super) struct Responses(HashMap<(Digest, PublicKeyHash), Step>);

impl Responses {
    /// Responds to a charge. Returns the keys about which there is something new to report, each with what was done.
    pub(super) async fn respond(
        &mut self,
        charge: &Charge,
        keys: &[PublicKeyHash],
        setting: OnForeignSignature,
        stops: &impl StopsKeys,
    ) -> Vec<(PublicKeyHash, String)> {
        let mut reports = Vec::new();
        for key in keys {
            // What fails here is repeated at the next look.
            if stops.is_open(key, charge).await != Ok(true) {
                continue;
            }
            let (step, response) = match (charge.is_confirmed, setting) {
                (false, _) => (Step::Unconfirmed, "alert only".to_owned()),
                (true, OnForeignSignature::Alert) => (Step::Confirmed, "alert only".to_owned()),
                (true, OnForeignSignature::Stop) => match stops.stop(key, charge).await {
                    Ok(true) => (Step::Stopped, "stopped".to_owned()),
                    Ok(false) => continue,
                    Err(reason) => (Step::StopFailed, format!("stop failed, repeated: {reason}")),
                },
            };
            if self.0.get(&(charge.evidence.id, *key)).is_none_or(|last| *last < step) {
                self.0.insert((charge.evidence.id, *key), step);
                reports.push((*key, response));
            }
        }
        reports
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::SeenOnChain;
    use crate::tezos::payload::{Kind, Position};
    use crate::tezos::{ChainId, Curve, SecretKey};
    use std::sync::Mutex;

    /// Results of the next attempts for a key, the last one first; then it is true.
    type Results = Mutex<HashMap<PublicKeyHash, Vec<Result<bool, String>>>>;

    #[derive(Default)]
    struct Store {
        is_open: Results,
        stop: Results,
    }

    fn next_of(results: &Results, key: &PublicKeyHash) -> Result<bool, String> {
        results.lock().unwrap().get_mut(key).and_then(Vec::pop).unwrap_or(Ok(true))
    }

    impl StopsKeys for Store {
        async fn is_open(&self, key: &PublicKeyHash, _: &Charge) -> Result<bool, String> {
            next_of(&self.is_open, key)
        }

        async fn stop(&self, key: &PublicKeyHash, _: &Charge) -> Result<bool, String> {
            next_of(&self.stop, key)
        }
    }

    fn charge(is_confirmed: bool) -> Charge {
        let position = Position { level: 7.try_into().unwrap(), round: 0.try_into().unwrap() };
        let id = Digest::of(b"denunciation");
        let source = "operation".to_owned();
        Charge {
            evidence: SeenOnChain { id, chain: ChainId::MAINNET, kind: Kind::Block, position, source },
            is_confirmed,
        }
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_stopped_keeps_no_other_from_being_stopped_and_is_reported_once_it_is() {
        let [one, two] = [1, 2].map(|_| SecretKey::generate(Curve::P256).unwrap().public_key().hash());
        let stop = Mutex::new(HashMap::from([(one, vec![Err("429".to_owned()), Err("429".to_owned())])]));
        let store = Store { stop, ..Store::default() };
        let mut responses = Responses::default();
        let mut looks = Vec::new();
        for is_confirmed in [false, false, true, true, true, true] {
            let setting = OnForeignSignature::Stop;
            looks.push(responses.respond(&charge(is_confirmed), &[one, two], setting, &store).await);
        }
        let of = |key, response: &str| (key, response.to_owned());
        assert_eq!(
            looks,
            [
                vec![of(one, "alert only"), of(two, "alert only")],
                vec![],
                vec![of(one, "stop failed, repeated: 429"), of(two, "stopped")],
                vec![],
                vec![of(one, "stopped")],
                vec![],
            ]
        );
    }

    #[tokio::test]
    async fn the_setting_may_permit_alerts_only() {
        let key = SecretKey::generate(Curve::P256).unwrap().public_key().hash();
        let (mut responses, store) = (Responses::default(), Store::default());
        let response = responses.respond(&charge(true), &[key], OnForeignSignature::Alert, &store).await;
        assert_eq!(response, [(key, "alert only".to_owned())]);
    }

    #[tokio::test]
    async fn acknowledged_evidence_is_not_reported_and_what_could_not_be_read_is_read_again() {
        let [before, meanwhile, unread] =
            [1, 2, 3].map(|_| SecretKey::generate(Curve::P256).unwrap().public_key().hash());
        let is_open = HashMap::from([
            (before, vec![Ok(false), Ok(false)]),
            (meanwhile, vec![Ok(false), Ok(true)]),
            (unread, vec![Err("429".to_owned())]),
        ]);
        let stop = HashMap::from([(meanwhile, vec![Ok(false)])]);
        let store = Store { is_open: Mutex::new(is_open), stop: Mutex::new(stop) };
        let (mut responses, mut looks) = (Responses::default(), Vec::new());
        for _ in 0..2 {
            let keys = [before, meanwhile, unread];
            looks.push(responses.respond(&charge(true), &keys, OnForeignSignature::Stop, &store).await);
        }
        assert_eq!(looks, [vec![], vec![(unread, "stopped".to_owned())]]);
    }
}
