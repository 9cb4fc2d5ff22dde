//! Writes the seeds of the corpus: what the tests' samples, Octez's own vectors and the documents' examples have. Each file
//! says with its name what it is. Files that the fuzzer has found beside them stay.
//!
//! `cargo run --example seed` writes them to `corpus/`, `cargo run --example seed -- FOLDER` elsewhere.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a program for those who develop this one")]

use azurehsm_signer::tezos::base58check::Prefix;
use azurehsm_signer::tezos::payload::Kind;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[path = "../../tests/samples/keys.rs"]
#[allow(dead_code, reason = "not all of them are seeds")]
mod keys;

#[path = "../../tests/samples/operations.rs"]
#[allow(dead_code, reason = "what they mean does not matter here")]
mod operations;

#[path = "../../tests/samples/votes_and_blocks.rs"]
#[allow(dead_code, reason = "not all of them are seeds")]
mod votes_and_blocks;

#[path = "seed/texts.rs"]
mod texts;

/// Names and contents of one target's seeds.
type Seeds = BTreeMap<String, Vec<u8>>;

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"), PathBuf::from);
    let all = [
        ("base58", base58()),
        ("http", texts::http()),
        ("marks_import", texts::marks_import()),
        ("payload", payloads()),
        ("policy", texts::policy()),
        ("rule", rule()),
        ("stored_mark", texts::stored_mark()),
    ];
    for (target, seeds) in all {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        let mut bytes = 0;
        for (name, seed) in &seeds {
            fs::write(folder.join(name), seed)?;
            bytes += seed.len();
        }
        println!("{target}: {} seeds, {bytes} bytes", seeds.len());
    }
    Ok(())
}

/// A name of a file, of words.
fn file_name(words: &str) -> String {
    let name: String =
        words.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    name.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

fn payloads() -> Seeds {
    let mut seeds = Seeds::new();
    let mut add = |name: String, payload: Vec<u8>| {
        assert!(seeds.insert(file_name(&name), payload).is_none(), "{name} is there once");
    };
    for sample in operations::samples() {
        let name = format!("{} {}", sample.meaning.kind, sample.name);
        // Two or three are larger than all others together, and say no more than they would with less.
        let payload = operations::payload([&sample.content]);
        if payload.len() < 2048 {
            add(name, payload);
        }
    }
    let contents: Vec<_> = operations::manager_samples().into_iter().step_by(23).map(|sample| sample.content).collect();
    add("batch".to_owned(), operations::payload(&contents));
    for form in votes_and_blocks::FORMS {
        for (name, level, round) in
            [("zeros", 0, 0), ("level 1331", 1331, 2), ("largest", i32::MAX, i32::MAX), ("negative", -1, 0)]
        {
            add(format!("vote {:02x} tag {} {name}", form.watermark, form.tag), form.vote(level, round));
        }
    }
    for (name, locked_round) in
        [("no locked round", None), ("locked round", Some(1)), ("negative locked round", Some(-1))]
    {
        let header = votes_and_blocks::Header::new(1331, locked_round, 2);
        add(format!("block with {name}"), header.bytes());
        let protocol_data = votes_and_blocks::protocol_data(Some([7; 32]));
        add(format!("block with nonce hash and {name}"), votes_and_blocks::Header { protocol_data, ..header }.bytes());
    }
    for (name, hexadecimal) in texts::PAYLOADS_OF_OCTEZ {
        add(format!("octez {name}"), hex::decode(hexadecimal).unwrap());
    }
    add("packed data".to_owned(), hex::decode("05010000000568656c6c6f").unwrap());
    add("packed data of nothing".to_owned(), vec![0x05]);
    add("unknown watermark byte".to_owned(), vec![0x04; 40]);
    seeds
}

fn base58() -> Seeds {
    let mut seeds = Seeds::new();
    for [secret, public, address] in keys::KEYS {
        for text in [secret, public, address] {
            seeds.insert(format!("{}-{}", &text[..4], &text[text.len() - 6..]), text.into());
        }
    }
    for (number, prefix) in (0_u8..).zip(Prefix::ALL) {
        let payload: Vec<u8> = (1..).take(prefix.payload_length()).collect();
        seeds.insert(format!("payload-{}", file_name(prefix.name())), [[0x01, number].as_slice(), &payload].concat());
        let too_short = [[0x00].as_slice(), prefix.bytes(), &payload[1..]].concat();
        seeds.insert(format!("one-byte-less-{}", file_name(prefix.name())), too_short);
    }
    for (name, text) in texts::TEXTS {
        seeds.insert(file_name(name), (*text).into());
    }
    seeds
}

/// Runs of requests, in the layout that `properties::rule` tells.
fn rule() -> Seeds {
    let kind = |kind: Kind| u8::try_from(Kind::ALL.iter().position(|other| *other == kind).unwrap()).unwrap();
    let request = |flags: u8, level: u32, round: u32, digest: u8| {
        [[flags].as_slice(), &level.to_be_bytes(), &round.to_be_bytes(), &[digest]].concat()
    };
    let mut seeds = Seeds::new();
    for of in Kind::ALL {
        let flags = kind(of);
        let mut add = |name: &str, requests: &[Vec<u8>]| drop(seeds.insert(format!("{of}-{name}"), requests.concat()));
        add("rises", &[request(flags, 1, 0, 1), request(flags, 1, 1, 2), request(flags, 2, 0, 3)]);
        add("below", &[request(flags, 9, 3, 1), request(flags, 9, 2, 1), request(flags, 8, 7, 1)]);
        add("repeat", &[request(flags, 9, 3, 1), request(flags, 9, 3, 1)]);
        add("different-data", &[request(flags, 9, 3, 1), request(flags, 9, 3, 2)]);
        add("raised-here", &[request(flags, 9, 3, 1), request(flags | 4, 9, 3, 1)]);
        add("without-signature", &[request(flags, 9, 3, 1), request(flags | 8, 9, 3, 1)]);
        let limited = flags | 2 << 4;
        add(
            "at-the-limit",
            &[request(flags, 9, 3, 1), request(limited, 100_009, 0, 1), request(limited, 200_010, 0, 1)],
        );
        add("no-jump", &[request(flags, 9, 3, 1), request(flags | 1 << 4, 9, 4, 1), request(flags | 1 << 4, 10, 0, 1)]);
        add("largest", &[request(flags, 9, 3, 1), request(flags | 3 << 4, u32::MAX, u32::MAX, 1)]);
    }
    seeds
}
