//! Every history of the oracle, which follows the protocol's rules: legitimate ones are no alarm, and each foreign signature is found.

use super::*;
use crate::chain::blocks::{Header, read_receipts};
use crate::marks::{MarkId, SignedWindow, Trail};
use crate::tezos::{ChainId, Digest, PublicKey, PublicKeyHash, Signature, SignatureText};
use crate::witness::{Companions, ServedKeys, sightings};
use oracle::chain::history::{self, Event, History, Request};
use oracle::chain::{Chain, Hash, Network};
use oracle::crypto::{Curve, Scheme};
use stand_ins::node_answer;
use std::collections::{HashMap, HashSet};

/// The marks of a signer, as far as they are compared, and the blocks that its witness has read.
#[derive(Default)]
struct Signer {
    marks: HashMap<MarkId, Mark>,
    read: HashSet<Hash>,
}

impl Signer {
    fn signs(&mut self, chain: ChainId, request: &Request) {
        let kind = request.kind.name().parse().unwrap();
        let id = MarkId { chain, key: request.address.parse().unwrap(), kind };
        let number = |number: i32| number.try_into().unwrap();
        let position = Position { level: number(request.level), round: number(request.round) };
        let digest = Digest::of(&request.payload);
        let before = self.marks.get(&id);
        if before.is_some_and(|mark| mark.position >= position) {
            return;
        }
        let window = before.map_or_else(SignedWindow::default, |mark| mark.trail.as_ref().unwrap().window.clone());
        let window = window.with(position, ShortDigest::of(&digest));
        let trail = Trail { window, has_signed: true, sequence: 1, previous: None };
        // Any signature does: the one of a block is compared only with that of the same block.
        let signature = (kind == Kind::Block).then(|| signature_of(request));
        let mark = Mark::new(position, Some(digest), signature, "2a".parse().unwrap(), None);
        self.marks.insert(id, Mark { trail: Some(Box::new(trail)), ..mark });
    }

    /// Reads the blocks from this one down that have not been read, and returns the foreign signatures that they show.
    fn reads(&mut self, chain: &Chain, head: &Hash, served: &ServedKeys) -> Vec<Sighting> {
        let id = ChainId::from_bytes(chain.network().chain);
        let unread: Vec<_> =
            chain.branch(head).map(|block| block.hash).take_while(|hash| !self.read.contains(hash)).collect();
        let mut foreign = Vec::new();
        for hash in unread.into_iter().rev() {
            self.read.insert(hash);
            let block = oracle::base58::BLOCK.encode(&hash);
            let rpc = |path: &str| {
                let (status, answer) = node_answer(chain, &format!("/chains/main/blocks/{block}/{path}"));
                assert_eq!(status, 200, "{path}: {answer}");
                serde_json::to_vec(&answer).unwrap()
            };
            let header = Header::read(id, &rpc("header/raw")).unwrap();
            let receipts = read_receipts(&rpc("operations/0"), |voter| served.has_signed(voter)).unwrap();
            assert_eq!(receipts.unreadable, 0);
            let companions = companions(
                chain.network(),
                &receipts.votes.iter().map(|vote| vote.position.level.get()).collect::<Vec<_>>(),
            );
            let found = sightings(id, &header, &receipts.votes, served, &companions);
            assert_eq!(found.wrong_signatures, 0);
            foreign.extend(found.seen.into_iter().filter(|seen| self.judges(seen) == Finding::Foreign));
        }
        foreign
    }

    fn judges(&self, sighting: &Sighting) -> Finding {
        let of_kind = |kind| self.marks.get(&MarkId { kind, ..sighting.id }).cloned();
        let marks = Kind::ALL.into_iter().fold(KeyMarks::default(), |marks, kind| marks.with(kind, of_kind(kind)));
        compare(sighting, &marks)
    }
}

/// The signature that the oracle's baker puts on a block.
fn signature_of(request: &Request) -> Signature {
    let text = request.key.sign_text(&request.payload, Scheme::ProofOfPossession);
    match text.parse().unwrap() {
        SignatureText::Known(signature) => signature,
        SignatureText::Generic(_) => panic!("{text}"),
    }
}

fn companions(network: &Network, levels: &[u32]) -> Companions {
    let level = levels.first().map_or(0, |level| i32::try_from(*level).unwrap());
    let of = |baker| network.companion_key(baker, level).map(|key| key.hash.parse().unwrap());
    let delegate = |baker| network.baker(baker).delegate.hash.parse::<PublicKeyHash>().unwrap();
    (0..network.bakers.len()).filter_map(|baker| Some((delegate(baker), of(baker)?))).collect()
}

/// All keys of our baker.
fn served(history: &History) -> ServedKeys {
    let keys = history.events.iter().filter_map(|event| match event {
        Event::Signs(request) => Some(request.key.public_key().text()),
        Event::Shows(_) => None,
    });
    let keys: HashSet<String> = keys.collect();
    ServedKeys::new(keys.iter().map(|text| text.parse::<PublicKey>().unwrap()))
}

fn foreign_signatures(history: &History) -> Vec<Sighting> {
    let (served, mut signer) = (served(history), Signer::default());
    let id = ChainId::from_bytes(history.chain.network().chain);
    let mut found = Vec::new();
    for event in &history.events {
        match event {
            Event::Signs(request) => signer.signs(id, request),
            Event::Shows(block) => found.extend(signer.reads(&history.chain, block, &served)),
        }
    }
    found
}

#[test]
fn no_legitimate_history_is_an_alarm() {
    let of_curves = Curve::ALL.into_iter().flat_map(|curve| history::legitimate(&history::baker(curve)));
    let mut count = 0;
    for history in of_curves.chain([history::change_of_keys()]) {
        assert_eq!(foreign_signatures(&history), [], "{}", history.name);
        count += 1;
    }
    assert!(count > 40, "{count} histories");
}

#[test]
fn each_foreign_signature_is_found_and_nothing_else() {
    for curve in Curve::ALL {
        for history in history::foreign(&history::baker(curve)) {
            let found = foreign_signatures(&history);
            let expected = history.foreign.as_ref().unwrap();
            let number = |number: i32| u32::try_from(number).unwrap();
            let is_expected = |seen: &Sighting| {
                let (of, Position { level, round }) = (seen.id.kind.name(), seen.position);
                (of, level.get(), round.get()) == (expected.kind.name(), number(expected.level), number(expected.round))
            };
            // A vote with DAL content shows two keys, and both have signed the same.
            assert!(found.iter().all(is_expected), "{curve:?}: {}: {found:?}", history.name);
            let keys: Vec<_> = found.iter().map(|seen| seen.id.key.to_string()).collect();
            assert!(keys.contains(&expected.address), "{curve:?}: {}: {keys:?}", history.name);
        }
    }
}
