//! The highest level that a chain can have reached by now, from checkpoints built into the release. Pure.
//!
//! A chain produces at most one block per second (the shortest block time of any protocol so far is 4 s), so a block with
//! known level and time bounds every later level. The bound is generous: on mainnet, with a block every 6 s, it rises six
//! times as fast as the chain. It catches a level with a digit too many, even if the clock is off by hours.

use crate::tezos::ChainId;
use crate::tezos::payload::NonNegative;
use time::OffsetDateTime;

/// A block of a known network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The chain.
    pub chain: ChainId,
    /// The common name of the network.
    pub network: &'static str,
    /// The hash of the block.
    pub block: &'static str,
    /// Its level. 0 is the genesis block.
    pub level: u32,
    /// Its timestamp, in seconds since 1970.
    pub seconds: i64,
    /// The origin of level and time.
    pub source: &'static str,
}

/// `src/lib_node_config/config_file.ml` and `tezt/lib_tezos/node.ml` of Octez contain the genesis block of each public network.
const OCTEZ: &str = "genesis block in the node configuration of Octez";
/// teztnets.com is the registry of test networks.
const TEZTNETS: &str = "genesis block in the network's configuration at teztnets.com";

/// One block per known network: a recent block for mainnet, the genesis block for each test network.
///
/// A network's chain id is derived from the hash of its genesis block, and a block's hash from its header, which includes
/// level and time. The tests verify both.
pub const CHECKPOINTS: [Checkpoint; 12] = [
    Checkpoint {
        chain: ChainId::MAINNET,
        network: "mainnet",
        block: "BL6eya89cPvUAZm7s9GvVcd91Vov3S3ajSJBLc6sbA2EBaWpPyg",
        level: 15_267_099,
        seconds: 1_791_361_159, // 2026-10-07T08:19:19Z
        source: "header from a public node, which hashes to the block hash",
    },
    Checkpoint {
        chain: ChainId::from_bytes([0xaf, 0x18, 0x64, 0xd9]),
        network: "ghostnet",
        block: "BLockGenesisGenesisGenesisGenesisGenesis1db77eJNeJ9",
        level: 0,
        seconds: 1_643_122_800, // 2022-01-25T15:00:00Z
        source: OCTEZ,
    },
    Checkpoint {
        chain: ChainId::from_bytes([0xd0, 0x52, 0x21, 0x8e]),
        network: "shadownet",
        block: "BMJTFWBgqGUzsvW4JLS1XuCYnpH18pBsLb5UvPCv2eiNC5vUeps",
        level: 0,
        seconds: 1_754_596_800, // 2025-08-07T20:00:00Z
        source: OCTEZ,
    },
    Checkpoint {
        chain: ChainId::from_bytes([0xdf, 0x6b, 0xf7, 0x68]),
        network: "bakingnet",
        block: "BMKHqWxBQ3WD2H3D5fyjxbnfxEX9FdqXvxPmXfhwjCFmjG6Wuxh",
        level: 0,
        seconds: 1_775_678_400, // 2026-04-08T20:00:00Z
        source: TEZTNETS,
    },
    Checkpoint {
        chain: ChainId::from_bytes([0xea, 0xa0, 0x9d, 0xbe]),
        network: "bakingtest",
        block: "BLA52gKABLHuFxLXvNFzYYP8B6rejEwqSynSow4dN9o6EDJSPRG",
        level: 0,
        seconds: 1_775_001_600, // 2026-04-01T00:00:00Z
        source: TEZTNETS,
    },
    Checkpoint {
        chain: ChainId::from_bytes([0xbc, 0x70, 0xc7, 0x84]),
        network: "ushuaianet",
        block: "BLTL5xNANUbfrdHsVzdbpYfccoqE3mPuNZjumQiaFAJJpL5taZr",
        level: 0,
        seconds: 1_776_780_000, // 2026-04-21T14:00:00Z
        source: TEZTNETS,
    },
    Checkpoint {
        chain: ChainId::from_bytes([0x7e, 0x4a, 0xec, 0x6d]),
        network: "tallinnnet",
        block: "BMQuJ7YgLaLUiyiSWmGma5LwkEFBAmksDFmocyEUe59yVav7wfC",
        level: 0,
        seconds: 1_763_499_600, // 2025-11-18T21:00:00Z
        source: OCTEZ,
    },
    Checkpoint {
        chain: ChainId::from_bytes([0x77, 0xfe, 0x09, 0xb1]),
        network: "seoulnet",
        block: "BLQGRyv3v92oE9iM4BGWwWpy6NxcDFPb7NLsNeuRVr3TYidU7MC",
        level: 0,
        seconds: 1_752_220_800, // 2025-07-11T08:00:00Z
        source: OCTEZ,
    },
    Checkpoint {
        chain: ChainId::from_bytes([0x27, 0xa6, 0x9a, 0x4f]),
        network: "rionet",
        block: "BLsnvEitopA3xXTH7sVyAXiaL7s4MjPDmRhgmek3gxjHi9gRFGZ",
        level: 0,
        seconds: 1_739_969_100, // 2025-02-19T12:45:00Z
        source: TEZTNETS,
    },
    Checkpoint {
        chain: ChainId::from_bytes([0x4e, 0x06, 0x99, 0x6d]),
        network: "quebecnet",
        block: "BLcTjQffpaqkswtZ4PNAmFWpwuXZUpZQbmm8dMY3CRpttuDpBdk",
        level: 0,
        seconds: 1_728_979_200, // 2024-10-15T08:00:00Z
        source: TEZTNETS,
    },
    Checkpoint {
        chain: ChainId::from_bytes([0x56, 0xb4, 0x4a, 0x47]),
        network: "pariscnet",
        block: "BL9xeafKjgXfThHNkN1Lp9q1mRqaQiQ247yVtPCHAM6BQCLejf1",
        level: 0,
        seconds: 1_718_712_000, // 2024-06-18T12:00:00Z
        source: TEZTNETS,
    },
    Checkpoint {
        chain: ChainId::from_bytes([0x00, 0x9d, 0x72, 0x38]),
        network: "oxfordnet",
        block: "BMYgWmzutL2hm3yxTTa1JqFcDHc19SX32vzCDBzXLRjTn9PH5Vw",
        level: 0,
        seconds: 1_692_630_000, // 2023-08-21T15:00:00Z
        source: TEZTNETS,
    },
];

/// The checkpoint of a chain; `None` for an unknown chain.
pub fn checkpoint(chain: ChainId) -> Option<&'static Checkpoint> {
    CHECKPOINTS.iter().find(|checkpoint| checkpoint.chain == chain)
}

/// The highest level that a chain can have reached by `now`: the level of its checkpoint plus one per second since. `None` for
/// an unknown chain.
///
/// If the clock is behind the checkpoint, the result is the level of the checkpoint.
pub fn max_level(chain: ChainId, now: OffsetDateTime) -> Option<NonNegative> {
    let checkpoint = checkpoint(chain)?;
    let seconds = now.unix_timestamp().saturating_sub(checkpoint.seconds).max(0);
    let level = i64::from(checkpoint.level).saturating_add(seconds);
    Some(i32::try_from(level).ok().and_then(|level| level.try_into().ok()).unwrap_or(NonNegative::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::{BlockHash, Digest};
    use time::format_description::well_known::Rfc3339;

    const MAINNET: ChainId = ChainId::MAINNET;

    /// The header of mainnet's checkpoint, with its signature.
    const HEADER: &str = "00e8f51b192b9eb465c1136a5dfb3aee942b9a80be2c46757a3e3c0580af0e560c9dc24555000000006ac60087043ec6d7\
        9b29190cb4c85f84e61e78b18101b8c2ec36837ef15ad3777c80a1a5740000002100000001020000000400e8f51b0000000000000004ffffff\
        ff0000000400000000a3534eeda800fa0b97e0ebded77e7ae5afba1bb6f864d9e85c209f673ebc3aa7f93126584a1d077b893da27d78e1de7f\
        0d7541e7279b671fa80d4b6e2a2fdb5c00000000f60628535b780200000238f72e005d2fef5d7f07df4d04d146bb0ba2af1e00be26df49cf69\
        dd8e803e6cac8481065b4021db97bae5ea301a0631c2812a7a1ead96557d7c688c1732b40d";

    fn at(text: &str) -> OffsetDateTime {
        OffsetDateTime::parse(text, &Rfc3339).unwrap()
    }

    #[test]
    fn mainnets_checkpoint_matches_its_block_header() {
        let header = hex::decode(HEADER).unwrap();
        let checkpoint = checkpoint(MAINNET).unwrap();
        let hash = BlockHash::from_bytes(*Digest::of(&header).as_bytes());
        assert_eq!(hash.to_string(), checkpoint.block);
        assert_eq!(header[..4], checkpoint.level.to_be_bytes());
        assert_eq!(header[37..45], checkpoint.seconds.to_be_bytes());
        assert_eq!(at("2026-10-07T08:19:19Z").unix_timestamp(), checkpoint.seconds);
    }

    #[test]
    fn a_chain_id_is_derived_from_the_genesis_block() {
        for checkpoint in CHECKPOINTS.iter().filter(|checkpoint| checkpoint.level == 0) {
            let genesis: BlockHash = checkpoint.block.parse().unwrap();
            let chain = Digest::of(genesis.as_bytes()).as_bytes()[..4].try_into().unwrap();
            assert_eq!(ChainId::from_bytes(chain), checkpoint.chain, "{}", checkpoint.network);
        }
    }

    #[test]
    fn genesis_times_match_the_published_ones() {
        for (network, time) in [
            ("ghostnet", "2022-01-25T15:00:00Z"),
            ("shadownet", "2025-08-07T20:00:00Z"),
            ("bakingnet", "2026-04-08T20:00:00Z"),
            ("bakingtest", "2026-04-01T00:00:00Z"),
            ("ushuaianet", "2026-04-21T14:00:00Z"),
            ("tallinnnet", "2025-11-18T21:00:00Z"),
            ("seoulnet", "2025-07-11T08:00:00Z"),
            ("rionet", "2025-02-19T12:45:00Z"),
            ("quebecnet", "2024-10-15T08:00:00Z"),
            ("pariscnet", "2024-06-18T12:00:00Z"),
            ("oxfordnet", "2023-08-21T15:00:00Z"),
        ] {
            let found = CHECKPOINTS.iter().find(|checkpoint| checkpoint.network == network).unwrap();
            assert_eq!(found.seconds, at(time).unix_timestamp(), "{network}");
        }
    }

    #[test]
    fn the_bound_rises_by_one_level_per_second() {
        for (chain, now, expected) in [
            (MAINNET, "2026-10-07T08:19:19Z", Some(15_267_099)),
            (MAINNET, "2026-10-07T08:20:19Z", Some(15_267_159)),
            (MAINNET, "2026-10-08T08:19:19Z", Some(15_353_499)),
            (MAINNET, "1970-01-01T00:00:00Z", Some(15_267_099)),
            (MAINNET, "9999-01-01T00:00:00Z", Some(NonNegative::MAX.get())),
            (ChainId::from_bytes([0xaf, 0x18, 0x64, 0xd9]), "2022-01-25T15:00:07Z", Some(7)),
            (ChainId::from_bytes([1, 2, 3, 4]), "2026-10-07T08:19:19Z", None),
        ] {
            assert_eq!(max_level(chain, at(now)).map(NonNegative::get), expected, "{chain} at {now}");
        }
    }
}
