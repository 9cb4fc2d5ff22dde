//! Follows a node's head as an instance of the signer does, and compares what the blocks show with the marks.

use crate::marks::MemoryMarks;
use azurehsm_signer::chain::blocks::{Header, read_receipts};
use azurehsm_signer::marks::MarkId;
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{ChainId, PublicKey};
use azurehsm_signer::witness::{Companions, Finding, KeyMarks, ServedKeys, Sighting, compare, sightings};
use oracle::base58::BLOCK;
use oracle::chain::history::{Event, Life, OURS};
use oracle::chain::{Chain, Hash, Key, Network};
use oracle::crypto::SecretKey;
use stand_ins::node_answer;
use std::collections::{HashSet, VecDeque};

/// How far the witness walks back.
const MAX_BLOCKS: usize = 32;

/// How often each finding was made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Findings {
    pub(crate) ours: u64,
    pub(crate) unknown: u64,
    pub(crate) foreign: u64,
    pub(crate) not_yet_signed: u64,
}

impl Findings {
    pub(crate) fn add(&mut self, other: Self) {
        self.ours += other.ours;
        self.unknown += other.unknown;
        self.foreign += other.foreign;
        self.not_yet_signed += other.not_yet_signed;
    }

    pub(crate) fn alarms(&self) -> u64 {
        self.foreign + self.not_yet_signed
    }

    fn count(&mut self, finding: Finding) {
        match finding {
            Finding::Ours => self.ours += 1,
            Finding::Unknown => self.unknown += 1,
            Finding::Foreign => self.foreign += 1,
            Finding::NotYetSignedHere => self.not_yet_signed += 1,
        }
    }
}

/// One instance.
pub(crate) struct Watcher {
    served: ServedKeys,
    /// The heads that are not read yet.
    heads: VecDeque<Hash>,
    read: HashSet<Hash>,
    /// How many heads it is behind.
    pub(crate) lag: usize,
}

impl Watcher {
    /// One that has read nothing yet, and begins with the present head.
    pub(crate) fn new(life: &Life) -> Self {
        let network = life.chain().network();
        let baker = network.baker(OURS);
        let keys = [Some(baker.consensus_key(u32::MAX)), baker.companion_key(u32::MAX)];
        let served = keys.into_iter().flatten().map(|key| public_key(&key.secret));
        let served = ServedKeys::new(served);
        Self { served, heads: VecDeque::new(), read: HashSet::new(), lag: 0 }
    }

    /// Reads the blocks that a head brings, and compares.
    pub(crate) fn follow(&mut self, event: &Event, life: &Life, store: &MemoryMarks) -> Findings {
        let mut findings = Findings::default();
        if let Event::Shows(head) = event {
            self.heads.push_back(*head);
        }
        while self.heads.len() > self.lag {
            let Some(head) = self.heads.pop_front() else { break };
            let chain = life.chain();
            let unread: Vec<_> = chain
                .branch(&head)
                .take(MAX_BLOCKS)
                .map(|block| block.hash)
                .take_while(|hash| !self.read.contains(hash))
                .collect();
            for hash in unread.into_iter().rev() {
                self.read.insert(hash);
                for sighting in self.seen_in(chain, &hash) {
                    findings.count(compare(&sighting, &marks_for(&sighting, store)));
                }
            }
        }
        if self.read.len() > 1000 {
            let known = |hash: &Hash| life.chain().block(hash).is_some();
            self.read.retain(known);
        }
        findings
    }

    fn seen_in(&self, chain: &Chain, hash: &Hash) -> Vec<Sighting> {
        let block = format!("/chains/main/blocks/{}", BLOCK.encode(hash));
        let answer = |path: &str| node_answer(chain, &format!("{block}/{path}")).1.to_string();
        let header = Header::read(ChainId::MAINNET, answer("header/raw").as_bytes()).unwrap();
        let operations = answer("operations/0");
        let (network, below) = (chain.network(), chain.block(hash).unwrap().header.level - 1);
        let companions = companions(network, below);
        let receipts = read_receipts(operations.as_bytes(), |voter| self.served.has_signed(voter)).unwrap();
        let found = sightings(ChainId::MAINNET, &header, &receipts.votes, &self.served, &companions);
        assert_eq!((receipts.unreadable, found.wrong_signatures), (0, 0));
        found.seen
    }
}

/// The companion key of our baker at a level.
fn companions(network: &Network, level: i32) -> Companions {
    let address = |key: &Key| public_key(&key.secret).hash();
    let delegate = address(&network.baker(OURS).delegate);
    network.companion_key(OURS, level).map(|companion| (delegate, address(companion))).into_iter().collect()
}

/// The marks of the key, as the store has them now.
fn marks_for(sighting: &Sighting, store: &MemoryMarks) -> KeyMarks {
    let mark = |kind| store.get(&MarkId { kind, ..sighting.id });
    Kind::ALL.into_iter().fold(KeyMarks::default(), |marks, kind| marks.with(kind, mark(kind)))
}

/// The signer's form of a public key.
pub(crate) fn public_key(key: &SecretKey) -> PublicKey {
    key.public_key().text().parse().unwrap()
}
