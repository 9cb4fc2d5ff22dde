//! What the witness and the window of signatures add to a signature: the shipped program against stand-ins of Azure over TLS, and a
//! node that shows a block with the votes of 200 bakers twice a second, twelve times as often as mainnet.

use crate::bare;
use crate::blocks;
use crate::client::{Client, Process};
use crate::figures::{row, sorted};
use azurehsm_signer::tezos::payload::Kind;
use oracle::chain::Block;
use stand_ins::{Azure, Curve, NewKey, SharedChain, TezosNode, Transport};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const VAULT: Duration = Duration::from_millis(20);
const DATABASE: Duration = Duration::from_millis(8);
const BLOCK_INTERVAL: Duration = Duration::from_millis(500);
const BLOCKS: usize = 200;

/// Each configuration is measured this often, in turns, so that changes of the machine's speed affect all of them.
const TURNS: u32 = 8;
const VOTES: u32 = 60;

/// Signatures that a mark keeps.
const WINDOW: u32 = 64;
const KEYS: usize = 30;
const FIRST: u32 = 8;

/// The configurations, by name and settings.
const CONFIGURATIONS: [(&str, &[(&str, &str)]); 2] = [
    ("only heads are read", &[("CHAIN_WITNESS", "off"), ("PARTICIPATION", "off")]),
    ("blocks are read, too", &[("CHAIN_WITNESS", "on"), ("PARTICIPATION", "on")]),
];

pub(crate) fn measure() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let azure = runtime.block_on(async {
        let azure = Azure::start().await;
        for number in 0..KEYS {
            azure.key_vault.add_key(NewKey::new(format!("baker-{number:02}"), Curve::P256));
        }
        azure
    });
    println!("\nsignatures, with a vault of {} ms and a database of {} ms", VAULT.as_millis(), DATABASE.as_millis());
    runtime.block_on(bare::set_answer_times(&azure, VAULT, DATABASE));
    with_blocks(&azure);
    window(&azure);
}

/// Votes and blocks of one key, while blocks are read and while they are not.
fn with_blocks(azure: &Azure) {
    let (chain, blocks) = blocks::chain_and_later(BLOCKS);
    let node = TezosNode::following(&chain, Transport::Http).unwrap();
    let url = node.url();
    let mut took: Vec<Vec<(Kind, Duration)>> = vec![Vec::new(); CONFIGURATIONS.len()];
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let chain: SharedChain = chain.clone();
            let mut blocks: std::vec::IntoIter<Block> = blocks.into_iter();
            while !is_over.load(Ordering::Relaxed) {
                chain.lock().add(blocks.next().expect("a block for each half second")).unwrap();
                std::thread::sleep(BLOCK_INTERVAL);
            }
        });
        let mut round = 0;
        for _ in 0..TURNS {
            for (took, (_, settings)) in took.iter_mut().zip(CONFIGURATIONS) {
                let settings = [settings, &[("NODE_URLS", url.as_str()), ("HEAD_REFRESH_MS", "500")]].concat();
                let signer = Process::start(&azure.environment(), &settings);
                let mut client = Client::new(signer.address, &signer.keys(KEYS)[0]);
                let level = u32::try_from(chain.lock().head().header.level).unwrap();
                for kind in [Kind::Attestation, Kind::Block] {
                    for vote in 0..VOTES {
                        round += 1;
                        let time = client.sign_at(kind, level, round);
                        // The first ones open connections.
                        if vote >= FIRST {
                            took.push((kind, time));
                        }
                    }
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    println!("{:<34} {:>8} {:>8}", "one key, a block each half second", "p50 ms", "p99 ms");
    for (took, (name, _)) in took.iter().zip(CONFIGURATIONS) {
        for (kind, what) in [(Kind::Attestation, "vote"), (Kind::Block, "block")] {
            let of_kind = took.iter().filter(|(of, _)| *of == kind).map(|(_, took)| *took);
            row(&format!("{what}, {name}"), &sorted(of_kind.collect()));
        }
    }
}

/// Votes with new marks, and with marks that hold all the signatures that they keep.
fn window(azure: &Azure) {
    let signer = Process::start(&azure.environment(), &[]);
    let (mut new, mut full) = (Vec::new(), Vec::new());
    for key in signer.keys(KEYS) {
        let mut client = Client::new(signer.address, &key);
        for level in 1..=WINDOW + FIRST {
            let took = client.sign(Kind::Preattestation, level);
            // The first one creates the mark.
            if (2..=FIRST).contains(&level) {
                new.push(took);
            } else if level > WINDOW {
                full.push(took);
            }
        }
    }
    row(&format!("mark of up to {FIRST} signatures"), &sorted(new));
    row(&format!("mark of {WINDOW} signatures"), &sorted(full));
}
