//! Votes and blocks that are missed: what a running signer logs, and what `participation` prints, with a node that shows a chain.

use crate::support::http;
use crate::support::process::{Signer, command, printed, with_input};
use oracle::chain::{Baker, Chain, Draft, Key, Network};
use oracle::crypto::Curve;
use oracle::payload::consensus::Kind;
use serde_json::{Value, json};
use stand_ins::{SharedChain, TezosNode, Transport};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Our baker is the first one.
const OURS: usize = 0;

struct Setup {
    folder: TempDir,
    chain: SharedChain,
    node: TezosNode,
    key: String,
}

impl Setup {
    fn new() -> Self {
        Self::at_level(15_900_000)
    }

    /// With a chain that starts at this level.
    fn at_level(level: i32) -> Self {
        let ours = Key::of_name(Curve::P256, "ours");
        let folder = tempfile::tempdir().unwrap();
        let mut import = command(folder.path(), &[]);
        printed(&with_input(import.args(["keys", "import", "ours"]), &ours.secret.text()));
        let key = ours.hash.clone();
        let others = ["a", "b", "c"].map(|name| Baker::new(Key::of_name(Curve::P256, name)));
        let bakers: Vec<_> = [Baker::new(ours)].into_iter().chain(others).collect();
        let chain = SharedChain::new(Chain::new(Network::new(bakers), level, 1_796_000_000));
        let node = TezosNode::following(&chain, Transport::Http).unwrap();
        Self { folder, chain, node, key }
    }

    /// Without the witness: it keeps a key silent that the chain shows before the key has signed here, as the first block does.
    fn signer(&self) -> Signer {
        let settings = [("NODE_URLS", &*self.node.url()), ("HEAD_REFRESH_MS", "50"), ("CHAIN_WITNESS", "off")];
        Signer::start(self.folder.path(), &settings)
    }

    fn participation(&self, arguments: &[&str]) -> Output {
        let mut command = command(self.folder.path(), &[("NODE_URLS", &self.node.url())]);
        command.arg("participation").args(arguments).output().unwrap()
    }

    fn head(&self) -> i32 {
        self.chain.lock().head().header.level
    }

    /// Adds a block without a vote of ours, in the first round that another baker may propose.
    fn bake_without_us(&self) {
        self.bake(|draft| draft.without(OURS));
    }

    /// Adds a block in the first round that another baker may propose.
    fn bake(&self, change: impl FnOnce(Draft<'_>) -> Draft<'_>) {
        let mut chain = self.chain.lock();
        let (parent, level) = (chain.head().hash, chain.head().header.level + 1);
        let round = (0..100).find(|round| chain.network().proposer(level, *round) != OURS).unwrap();
        let block = change(chain.on(&parent).at_round(round)).sign();
        chain.add(block).unwrap();
    }

    /// Adds so many blocks that what is in the head is final.
    fn finish(&self) {
        (0..2).for_each(|_| self.bake_without_us());
    }

    /// Has our vote for the head signed, and returns the answer's status.
    fn vote(&self, signer: &Signer) -> u16 {
        self.request(signer, &self.payload())
    }

    fn request(&self, signer: &Signer, payload: &[u8]) -> u16 {
        http::sign(signer.address, &self.key, payload).unwrap().status
    }

    /// The attestation of the head by our key, as a baker requests it.
    fn payload(&self) -> Vec<u8> {
        let chain = self.chain.lock();
        let head = chain.head().hash;
        chain.vote(OURS, Kind::Attestation, &head).unwrap().signed_bytes(chain.network())
    }

    /// Bakes until the signer has noticed a vote that is missing: it now follows the chain.
    fn wait_until_followed(&self, signer: &Signer) {
        let is_followed = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // As long as the signer's log is waited for.
                for _ in 0..200 {
                    if is_followed.load(Ordering::Relaxed) {
                        break;
                    }
                    self.bake_without_us();
                    std::thread::park_timeout(Duration::from_millis(100));
                }
            });
            signer.wait_for_log("\"vote_missed\"");
            is_followed.store(true, Ordering::Relaxed);
        });
    }
}

/// Level, outcome and cause in the next line with this event.
fn next_missed(signer: &Signer, event: &str) -> (i64, (String, String)) {
    let line: Value = serde_json::from_str(&signer.wait_for_log(&format!("\"{event}\""))).unwrap();
    let fields = &line["fields"];
    let text = |field: &str| fields[field].as_str().unwrap_or_default().to_owned();
    (fields["level"].as_i64().unwrap(), (text("outcome"), text("cause")))
}

/// Outcome and cause in the next line with this event about a level.
fn missed(signer: &Signer, event: &str, level: i32) -> (String, String) {
    loop {
        let (found, missed) = next_missed(signer, event);
        if found == i64::from(level) {
            return missed;
        }
    }
}

fn outcome(name: &str, cause: &str) -> (String, String) {
    (name.to_owned(), cause.to_owned())
}

#[test]
fn each_missed_vote_or_block_is_logged_with_its_cause() {
    let setup = Setup::new();
    let signer = setup.signer();
    setup.wait_until_followed(&signer);

    let level = setup.head();
    setup.bake_without_us();
    setup.finish();
    assert_eq!(missed(&signer, "vote_missed", level), outcome("not_requested", ""));

    let level = setup.head();
    assert_eq!(setup.vote(&signer), 200);
    setup.bake_without_us();
    setup.finish();
    assert_eq!(missed(&signer, "vote_missed", level), outcome("signed", ""));

    // The baker votes for the next level first, and that vote is on chain.
    let (level, late) = (setup.head(), setup.payload());
    setup.bake_without_us();
    assert_eq!((setup.vote(&signer), setup.request(&signer, &late)), (200, 409));
    setup.bake(|draft| draft);
    setup.bake_without_us();
    setup.finish();
    assert_eq!(missed(&signer, "vote_missed", level), outcome("refused", "below_mark"));
    let (next, _) = next_missed(&signer, "vote_missed");
    assert_eq!(next, i64::from(level) + 2, "nothing is logged about the level between");

    // A block of ours that nobody requested: another baker's round follows.
    let next_is_ours = || {
        let chain = setup.chain.lock();
        chain.network().proposer(chain.head().header.level + 1, 0) == OURS
    };
    while !next_is_ours() {
        setup.bake_without_us();
    }
    let level = setup.head() + 1;
    setup.bake_without_us();
    setup.bake_without_us();
    setup.finish();
    assert_eq!(missed(&signer, "block_missed", level), outcome("not_requested", ""));
}

#[test]
fn the_command_shows_what_became_of_votes_and_blocks() {
    let setup = Setup::new();
    let signer = setup.signer();
    for _ in 0..3 {
        assert_eq!(setup.vote(&signer), 200);
        setup.bake(|draft| draft);
    }
    let signed = setup.head();
    assert_eq!(setup.vote(&signer), 200);
    setup.bake_without_us();
    let never = setup.head();
    setup.bake_without_us();
    setup.finish();
    drop(signer);

    let all: Value = serde_json::from_str(&printed(&setup.participation(&["--json"]))).unwrap();
    let key = &all["keys"][0];
    assert_eq!((key["key"].as_str(), all["head"].as_i64()), (Some(setup.key.as_str()), Some(setup.head().into())));
    let votes = ["included", "signed", "not_requested", "unknown"].map(|name| key["votes"][name].as_u64());
    assert_eq!(votes, [Some(3), Some(1), Some(1), Some(0)], "{all}");
    let missed = key["missed"].as_array().unwrap().iter().filter(|missed| missed["kind"] == "vote");
    let missed: Vec<_> = missed.map(|missed| missed["level"].as_i64()).collect();
    assert_eq!(missed, [Some(signed.into()), Some(never.into())]);
    assert_eq!(key["next_vote"].as_i64(), Some((setup.head() + 1).into()));
    assert!(key["standing"]["expected_cycle_activity"].as_u64().unwrap() > 0, "{all}");

    // What was refused is in the log of the service only.
    let fields = json!({
        "event": "refused", "key": setup.key, "chain": all["chain"], "kind": "attestation", "level": never, "round": 0,
        "cause": "below_mark",
    });
    let log = setup.folder.path().join("signer.log");
    std::fs::write(&log, json!({ "fields": fields }).to_string()).unwrap();
    let with_log = printed(&setup.participation(&["--json", "--log", log.to_str().unwrap()]));
    let with_log: Value = serde_json::from_str(&with_log).unwrap();
    let votes = ["refused", "not_requested"].map(|name| with_log["keys"][0]["votes"][name].as_u64());
    assert_eq!(votes, [Some(1), Some(0)], "{with_log}");

    let text = printed(&setup.participation(&[]));
    for words in
        [setup.key.as_str(), "signed, but not on chain", "not requested", "slots missed", "next: vote at level"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn without_rights_only_votes_on_chain_are_shown_and_the_reason_is_given() {
    let setup = Setup::new();
    (0..3).for_each(|_| setup.bake(|draft| draft));
    setup.finish();
    setup.node.restrict(true);
    let output = setup.participation(&["--json"]);
    let all: Value = serde_json::from_str(&printed(&output)).unwrap();
    let votes = &all["keys"][0]["votes"];
    assert_eq!((all["rights_known"].as_bool(), &votes["not_requested"]), (Some(false), &0.into()), "{all}");
    assert!(votes["included"].as_u64().unwrap() > 0);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("rights are unknown") && notes.contains("401"), "{notes}");
}

/// The witness reads the blocks, too.
#[test]
fn the_votes_in_each_block_are_read_once_from_each_node() {
    let setup = Setup::new();
    let other = TezosNode::following(&setup.chain, Transport::Http).unwrap();
    let nodes = format!("{},{}", setup.node.url(), other.url());
    let settings = [("NODE_URLS", nodes.as_str()), ("HEAD_REFRESH_MS", "50"), ("CHAIN_WITNESS", "on")];
    let signer = Signer::start(setup.folder.path(), &settings);
    setup.wait_until_followed(&signer);
    let level = setup.head();
    setup.bake_without_us();
    setup.finish();
    missed(&signer, "vote_missed", level);
    for node in [&setup.node, &other] {
        let read = node.operations_read();
        assert!(read.len() > 3 && read.values().all(|times| *times == 1), "{read:?}");
    }
}

#[test]
fn the_command_reads_a_young_chain_from_its_first_block_on() {
    let setup = Setup::at_level(1);
    (0..3).for_each(|_| setup.bake(|draft| draft));
    setup.finish();
    let all: Value = serde_json::from_str(&printed(&setup.participation(&["--json"]))).unwrap();
    // A block is final after the next one has two successors.
    let levels = ["first_level", "last_level", "head"].map(|name| all[name].as_i64());
    assert_eq!(levels, [Some(1), Some(3), Some(6)], "{all}");
}
