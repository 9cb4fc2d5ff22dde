//! All released signatures, and what must hold of them.

use super::Answer;
use super::script::{Ask, Config};
use super::store::FaultyMarks;
use super::vault;
use axum::http::Method;
use azurehsm_signer::chain::checkpoints::CHECKPOINTS;
use azurehsm_signer::marks::MarkId;
use azurehsm_signer::tezos::authentication::request_to_authenticate;
use azurehsm_signer::tezos::{BlsScheme, ChainId, Curve, Digest, Signature, SignatureText};
use azurehsm_signer::vault::Key;
use oracle::payload::consensus::Kind;
use oracle::reading::Slot;
use std::collections::HashMap;
use std::time::UNIX_EPOCH;

/// The maximum number of levels that a request may be above its mark.
pub(super) const JUMP_LIMIT: u32 = 100_000;

/// All signatures released by either instance.
pub(super) struct Released {
    config: Config,
    /// By key, chain, kind, level and round: the payload, and the signature.
    at: HashMap<(&'static str, Slot), (Vec<u8>, Signature)>,
    /// The highest released level and round, which is the mark until a fault leaves it in doubt.
    highest: HashMap<(&'static str, Kind, [u8; 4]), (u32, u32)>,
    is_in_doubt: bool,
}

impl Released {
    pub(super) fn new(config: Config) -> Self {
        Self { config, at: HashMap::new(), highest: HashMap::new(), is_in_doubt: false }
    }

    /// Checks that a released signature is covered by a mark, and does not conflict with earlier ones.
    pub(super) fn check(&mut self, ask: &Ask, answer: &Answer, store: &FaultyMarks) {
        self.is_in_doubt |= ask.fault.is_some();
        if answer.status == 200 && ask.method == Method::POST {
            let (key, payload, signature) = self.signed(ask, answer);
            if let Some(slot) = slot(key, &payload) {
                check_mark(key, slot, &payload, store);
                self.check_predicted(ask, answer, key, slot, &payload);
                self.release(key, slot, payload, signature);
            } else {
                assert!(self.config.allows_operations, "by default, only blocks and votes are signed");
            }
        } else if let Some((key, slot, payload)) = self.plain(ask) {
            self.check_predicted(ask, answer, key, slot, &payload);
            // Refused. A mark could only have risen if there was a fault.
        }
    }

    /// The key, the payload and the signature of a successful request, after verification.
    fn signed(&self, ask: &Ask, answer: &Answer) -> (&'static Key, Vec<u8>, Signature) {
        let payload = ask.payload().expect("the body is a JSON string of hexadecimal digits");
        let body: HashMap<String, String> = serde_json::from_slice(&answer.body).expect("an object with one string");
        assert_eq!(body.len(), 1, "octez takes no other fields");
        let SignatureText::Known(signature) = body["signature"].parse().expect("a signature") else {
            panic!("the signature has the prefix of its curve")
        };
        let key = vault::keys().find(|key| key.curve() == signature.curve()).expect("a known key");
        key.public_key.verify(&payload, BlsScheme::default(), &signature).expect("a signature of this payload");
        let uri = ask.uri().expect("a valid target");
        let path = uri.path().trim_end_matches('/');
        assert!(path.ends_with(&key.hash.to_string()) || path.contains('%'), "signed with the requested key");
        if self.config.asks_for_authentication {
            let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
            let (_, text) = query.into_iter().find(|(name, _)| name == "authentication").expect("an authentication");
            let text: SignatureText = text.parse().expect("a signature as authentication");
            let authentication = text.of_curve(Curve::P256).expect("a signature of the client's curve");
            let request = request_to_authenticate(&key.hash, &payload);
            let client = &vault::client().public_key;
            client
                .verify(&request, BlsScheme::default(), &authentication)
                .expect("an authentication of this request by the client");
        }
        (key, payload, signature)
    }

    fn release(&mut self, key: &'static Key, slot: Slot, payload: Vec<u8>, signature: Signature) {
        let highest = self.highest.entry((&key.name, slot.kind, slot.chain)).or_default();
        *highest = (*highest).max((slot.level, slot.round));
        match self.at.get(&(key.name.as_str(), slot)) {
            Some((before, first)) => {
                assert_eq!(before, &payload, "one payload per slot");
                assert!(slot.kind != Kind::Block || *first == signature, "one signature per block");
            }
            None => drop(self.at.insert((&key.name, slot), (payload, signature))),
        }
    }

    /// A request whose verdict depends only on marks.
    fn plain(&self, ask: &Ask) -> Option<(&'static Key, Slot, Vec<u8>)> {
        let name = ask.plain_key().filter(|_| !self.config.asks_for_authentication)?;
        let key = vault::keys().find(|key| key.name == name)?;
        let payload = ask.payload()?;
        Some((key, slot(key, &payload)?, payload))
    }

    /// Without faults, the verdict is predictable.
    fn check_predicted(&self, ask: &Ask, answer: &Answer, key: &'static Key, slot: Slot, payload: &[u8]) {
        if self.is_in_doubt || ask.plain_key().is_none() || self.config.asks_for_authentication {
            return;
        }
        let requested = (slot.level, slot.round);
        let is_plausible = max_level(slot.chain).is_none_or(|max| i64::from(slot.level) <= max);
        let of_any_kind = self.highest.iter().filter(|((name, _, chain), _)| *name == key.name && *chain == slot.chain);
        let limit = of_any_kind.map(|(_, (level, _))| level.saturating_add(JUMP_LIMIT)).max();
        let may_advance = is_plausible && limit.is_none_or(|limit| slot.level <= limit);
        let is_signed = match self.highest.get(&(key.name.as_str(), slot.kind, slot.chain)) {
            None => may_advance,
            Some(highest) if requested == *highest => self.at[&(key.name.as_str(), slot)].0 == payload,
            Some(highest) => requested > *highest && may_advance,
        };
        assert_eq!(answer.status, if is_signed { 200 } else { 409 }, "{ask:?}");
    }
}

/// What the oracle reads in a block or a vote.
fn slot(key: &Key, payload: &[u8]) -> Option<Slot> {
    let is_of = |curve: &oracle::crypto::Curve| curve.tag() == key.curve().tag();
    Slot::read(payload, oracle::crypto::Curve::ALL.into_iter().find(is_of)?).ok()
}

/// The highest level that a known chain can have reached by now: one per second since its checkpoint.
fn max_level(chain: [u8; 4]) -> Option<i64> {
    let checkpoint = CHECKPOINTS.iter().find(|checkpoint| checkpoint.chain == ChainId::from_bytes(chain))?;
    let now = UNIX_EPOCH.elapsed().expect("a clock after 1970").as_secs();
    Some(i64::from(checkpoint.level) + i64::try_from(now).expect("seconds") - checkpoint.seconds)
}

/// Checks that the mark equals the request, since nothing was recorded afterwards.
fn check_mark(key: &Key, slot: Slot, payload: &[u8], store: &FaultyMarks) {
    let kind = slot.kind.name().parse().expect("a kind");
    let id = MarkId { chain: ChainId::from_bytes(slot.chain), key: key.hash, kind };
    let mark = store.get(&id).expect("a released signature has a mark");
    assert_eq!((mark.position.level.get(), mark.position.round.get()), (slot.level, slot.round));
    assert_eq!(mark.digest, Some(Digest::of(payload)));
    assert_eq!(mark.signature.is_some(), slot.kind == Kind::Block, "a block's mark has its signature");
}
