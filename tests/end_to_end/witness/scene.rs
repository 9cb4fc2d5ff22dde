//! A signer, the chain, and nodes that show it.

use crate::support::http;
use crate::support::process::{Signer, printed, run};
use azurehsm_signer::tezos::SignatureText;
use oracle::chain::{Baker, Block, Chain, Draft, Hash, Key, Network, SignedVote, Vote};
use oracle::crypto::Curve;
use oracle::payload::consensus::Kind;
use serde_json::Value;
use stand_ins::{SharedChain, TezosNode, Transport};
use std::cell::RefCell;
use std::path::Path;
use tempfile::TempDir;

/// The index of our baker on the chain.
pub(super) const OURS: usize = 0;
/// The index of a baker whose key is served, too. What the signer logs about it shows that it has read a block.
const MARKER: usize = 1;

/// A level of mainnet that its clock allows, at which another baker than ours proposes the block.
pub(super) const LEVEL: i32 = 15_900_002;

pub(super) struct Scene {
    pub(super) signer: Signer,
    pub(super) chain: SharedChain,
    pub(super) nodes: Vec<TezosNode>,
    settings: Vec<(String, String)>,
    log: RefCell<Vec<Value>>,
    folder: TempDir,
}

pub(super) fn key(curve: Curve, name: &str) -> Key {
    Key::of_name(curve, name)
}

/// A chain of our baker, the marker and three others, who make a quorum by themselves.
pub(super) fn chain_with(ours: Baker) -> SharedChain {
    chain_of(ours, Baker::new(key(Curve::P256, "marker")))
}

/// The same with this marker.
pub(super) fn chain_of(ours: Baker, marker: Baker) -> SharedChain {
    let other = |name| Baker::new(key(Curve::Ed25519, name)).with_slots(3);
    let bakers = [ours, marker, other("a"), other("b"), other("c")];
    SharedChain::new(Chain::new(Network::new(bakers), LEVEL, 1_796_000_000))
}

/// A data folder with these keys, and the marker's.
pub(super) fn folder_with(keys: &[&Key]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let marker = key(Curve::P256, "marker");
    for (number, key) in keys.iter().copied().chain([&marker]).enumerate() {
        let name = format!("key{number}");
        printed(&run(folder.path(), &["keys", "import", &name], &format!("{}\n", key.secret.text())));
    }
    folder
}

/// A signer with these keys, and the nodes of these chains.
pub(super) fn start(keys: &[&Key], chains: &[&SharedChain], settings: &[(&str, &str)]) -> Scene {
    let folder = folder_with(keys);
    let nodes: Vec<_> = chains.iter().map(|chain| TezosNode::following(chain, Transport::Http).unwrap()).collect();
    let urls = nodes.iter().map(TezosNode::url).collect::<Vec<_>>().join(",");
    let mut all = vec![("NODE_URLS", urls.as_str()), ("HEAD_REFRESH_MS", "50"), ("HEAD_MAX_AGE_MS", "5000")];
    all.extend_from_slice(settings);
    let settings: Vec<_> = all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let signer = start_signer(&folder, &settings);
    Scene { signer, chain: chains[0].clone(), nodes, settings, log: RefCell::default(), folder }
}

fn start_signer(folder: &TempDir, settings: &[(String, String)]) -> Signer {
    let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Signer::start_with_one_output(folder.path(), &settings)
}

/// Our baker with a key of this curve, one node, and some levels that both keys have signed.
pub(super) fn with_history(curve: Curve, settings: &[(&str, &str)]) -> (Scene, Key) {
    let ours = key(curve, "ours");
    let chain = chain_with(Baker::new(ours.clone()));
    let scene = start(&[&ours], &[&chain], settings);
    scene.signs_levels(3);
    (scene, ours)
}

impl Scene {
    /// Kills the signer, does something to its data folder, and starts it again.
    pub(super) fn restart(self, meanwhile: impl FnOnce(&Path)) -> Self {
        self.signer.kill();
        meanwhile(self.folder.path());
        let signer = start_signer(&self.folder, &self.settings);
        Self { signer, log: RefCell::default(), ..self }
    }

    pub(super) fn head(&self) -> Hash {
        self.chain.lock().head().hash
    }

    pub(super) fn level(&self) -> i32 {
        self.chain.lock().head().header.level
    }

    /// The vote of a baker for a block, without its signature.
    pub(super) fn vote(&self, baker: usize, kind: Kind, block: &Hash) -> Vote {
        self.chain.lock().vote(baker, kind, block).unwrap()
    }

    /// Requests a signature. The answer is from the signer.
    pub(super) fn request(&self, key: &Key, payload: &[u8]) -> http::Answer {
        http::sign(self.signer.address, &key.hash, payload).unwrap()
    }

    /// A signature from the signer, which is ready for this level soon after the nodes show it.
    fn signature(&self, key: &Key, payload: &[u8]) -> Vec<u8> {
        let answer = self.request(key, payload);
        assert_eq!(answer.status, 200, "{}", answer.error());
        match answer.signature().parse().unwrap() {
            SignatureText::Known(signature) => signature.as_bytes().to_vec(),
            SignatureText::Generic(bytes) => bytes.to_vec(),
        }
    }

    /// The key that a vote is to be signed with, and the payload.
    fn to_sign(&self, vote: &Vote) -> (Key, Vec<u8>) {
        let chain = self.chain.lock();
        let network = chain.network();
        (network.consensus_key(vote.baker, vote.level).clone(), vote.signed_bytes(network))
    }

    /// A vote that the signer signs with the baker's key.
    pub(super) fn signed_here(&self, vote: Vote) -> SignedVote {
        let (key, payload) = self.to_sign(&vote);
        let signature = self.signature(&key, &payload);
        vote.with_signature(signature)
    }

    /// A vote that another signer with the same key signs.
    pub(super) fn signed_elsewhere(&self, vote: Vote) -> SignedVote {
        vote.signed(self.chain.lock().network())
    }

    /// The attestations of our baker and of the marker for a block, by the signer.
    pub(super) fn attest(&self, block: &Hash) -> Vec<SignedVote> {
        [OURS, MARKER].map(|baker| self.signed_here(self.vote(baker, Kind::Attestation, block))).into()
    }

    /// The attestation of the marker for the head, by the signer.
    pub(super) fn attest_as_marker(&self) -> SignedVote {
        self.signed_here(self.vote(MARKER, Kind::Attestation, &self.head()))
    }

    /// A block on this one, with these votes in place of those of our baker and of the marker. The signer signs it, if it is the
    /// turn of one of them.
    pub(super) fn block_on(&self, parent: &Hash, round: i32, votes: Vec<SignedVote>) -> Block {
        let chain = self.chain.lock();
        let mut draft: Draft<'_> = chain.on(parent).at_round(round).without(OURS).without(MARKER);
        for vote in votes {
            draft = draft.with(vote);
        }
        if draft.proposer() > MARKER {
            return draft.sign();
        }
        let network = chain.network();
        let level = chain.block(parent).unwrap().header.level + 1;
        let key = network.consensus_key(draft.proposer(), level).clone();
        let signature = self.signature(&key, &draft.signed_bytes());
        draft.with_signature(signature)
    }

    /// Adds a block to the head, with these votes for it.
    pub(super) fn bake_with(&self, votes: Vec<SignedVote>) -> Hash {
        let block = self.block_on(&self.head(), 0, votes);
        self.chain.lock().add(block).unwrap()
    }

    /// Adds blocks with the votes that the signer makes for our baker and for the marker.
    pub(super) fn signs_levels(&self, count: u32) {
        for _ in 0..count {
            self.bake_with(self.attest(&self.head()));
        }
    }

    /// Waits for an event about a key at a level, and returns its fields.
    pub(super) fn event(&self, event: &str, key: &Key, level: i32) -> Value {
        self.wait_for(|fields| {
            fields["event"] == event && fields["key"] == key.hash.as_str() && fields["level"] == level
        })
    }

    /// Waits for an event about a key at any level.
    pub(super) fn first_event(&self, event: &str, key: &Key) -> Value {
        self.wait_for(|fields| fields["event"] == event && fields["key"] == key.hash.as_str())
    }

    fn wait_for(&self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line: Value = serde_json::from_str(&self.signer.wait_for_log("")).unwrap();
            let fields = line["fields"].clone();
            self.log.borrow_mut().push(fields.clone());
            if is_it(&fields) {
                return fields;
            }
        }
    }

    /// How often an event about a key has been logged, as far as the log was read.
    pub(super) fn count(&self, event: &str, key: &Key) -> usize {
        let log = self.log.borrow();
        log.iter().filter(|fields| fields["event"] == event && fields["key"] == key.hash.as_str()).count()
    }

    /// Waits until the signer has judged everything that the nodes show now. After a second foreign signature of the marker, the
    /// first one has been judged, together with all that was seen before it.
    pub(super) fn settle(&self) {
        for number in 1..=2 {
            let vote = self.vote(MARKER, Kind::Attestation, &self.head()).with_dal(number);
            let level = vote.level;
            self.bake_without_us(vec![self.signed_elsewhere(vote)]);
            self.event("foreign_signature", &key(Curve::P256, "marker"), level);
        }
    }

    /// Adds a block that another baker makes: in a later round, if it is the turn of our baker or of the marker.
    pub(super) fn bake_without_us(&self, votes: Vec<SignedVote>) -> Hash {
        let parent = self.head();
        let block = {
            let chain = self.chain.lock();
            let mut drafts = (0..).map(|round| chain.on(&parent).at_round(round));
            let round = drafts.position(|draft| draft.proposer() > MARKER).unwrap();
            i32::try_from(round).unwrap()
        };
        let block = self.block_on(&parent, block, votes);
        self.chain.lock().add(block).unwrap()
    }

    /// Whether the signer signs a vote of our baker for the head.
    pub(super) fn still_signs(&self) -> bool {
        let vote = self.vote(OURS, Kind::Attestation, &self.head());
        let (key, payload) = self.to_sign(&vote);
        self.request(&key, &payload).status == 200
    }
}
