//! The rule. An input is a sequence of requests, [`RECORD`] bytes each, for one key and one chain.
//!
//! | offset | size | field |
//! | --- | --- | --- |
//! | 0 | 1 | flags, see below |
//! | 1 | 4 | level |
//! | 5 | 4 | round |
//! | 9 | 1 | digest and signature: this byte, repeated |
//!
//! Flags: bits 0 and 1 are the kind; bit 2 first removes the mark's digest, bit 3 its signature; bits 4 and 5 are the jump
//! limit: none, 0, 100,000, or the maximum.

use azurehsm_signer::answer::Verdict;
use azurehsm_signer::marks::{AttemptId, Mark, MarkId, NotSafe, Request, Safe, decide, is_raised_by};
use azurehsm_signer::tezos::payload::{Kind, NonNegative, Position};
use azurehsm_signer::tezos::{ChainId, Digest, PublicKeyHash, Signature};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The length of a request.
pub const RECORD: usize = 10;

static KEY: LazyLock<PublicKeyHash> = LazyLock::new(|| "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap());

/// Applies the requests in order, each to the mark left by the previous ones.
pub fn check(input: &[u8]) {
    let mut marks: HashMap<Kind, Mark> = HashMap::new();
    for record in input.chunks_exact(RECORD) {
        let scripted = Step::read(record);
        if let Some(mark) = marks.get_mut(&scripted.request.id.kind) {
            mark.digest = mark.digest.filter(|_| !scripted.forgets_digest);
            mark.signature = mark.signature.filter(|_| !scripted.forgets_signature && mark.digest.is_some());
        }
        let mark = marks.get(&scripted.request.id.kind);
        let verdict = decide(mark, &scripted.request);
        assert_eq!(verdict, decide(mark, &scripted.request), "the rule is deterministic");
        assert_eq!(verdict, expected(mark, &scripted.request));
        if let Err(not_safe) = &verdict {
            assert!(!not_safe.to_string().is_empty() && not_safe.cause().verdict() == Verdict::Refused);
        }
        if let Some(mark) = mark {
            assert_eq!(
                is_raised_by(mark, scripted.request.position),
                numbers(mark.position) < numbers(scripted.request.position)
            );
        }
        if verdict == Ok(Safe::Advance) {
            let before = marks.insert(scripted.request.id.kind, scripted.mark());
            if let Some(before) = before {
                assert!(numbers(before.position) < numbers(scripted.request.position), "marks only rise");
            }
            let repeat = decide(marks.get(&scripted.request.id.kind), &scripted.request);
            let signature = scripted.mark().signature;
            assert_eq!(repeat, Ok(Safe::Repeat { signature }), "repeats are permitted");
        }
    }
}

struct Step {
    request: Request,
    signature: Signature,
    forgets_digest: bool,
    forgets_signature: bool,
}

impl Step {
    fn read(record: &[u8]) -> Self {
        let number = |at: usize| {
            let value = u32::from_be_bytes(record[at..at + 4].try_into().unwrap());
            NonNegative::try_from(value & 0x7fff_ffff).unwrap()
        };
        let flags = record[0];
        Self {
            request: Request {
                id: MarkId {
                    chain: ChainId::from_bytes([0x7a, 0x06, 0xa7, 0x70]),
                    key: *KEY,
                    kind: Kind::ALL[usize::from(flags & 3) % 3],
                },
                position: Position { level: number(1), round: number(5) },
                digest: Digest::from_bytes([record[9]; 32]),
                jump_limit: [None, Some(0), Some(100_000), Some(u32::MAX)][usize::from(flags >> 4 & 3)],
                max_level: [None, Some(0), Some(100_000), Some(0x7fff_ffff)][usize::from(flags >> 6)]
                    .map(|level: u32| NonNegative::try_from(level).unwrap()),
                requester: None,
            },
            signature: Signature::P256([record[9]; 64]),
            forgets_digest: flags & 4 != 0,
            forgets_signature: flags & 8 != 0,
        }
    }

    /// The mark that is written if this is signed.
    fn mark(&self) -> Mark {
        let signature = Some(self.signature).filter(|_| self.request.id.kind == Kind::Block);
        let attempt = "1".parse::<AttemptId>().unwrap();
        Mark::new(self.request.position, Some(self.request.digest), signature, attempt, None)
    }
}

/// A single number for level and round, so that the tested ordering is not used here.
fn numbers(position: Position) -> u64 {
    (u64::from(position.level.get()) << 32) + u64::from(position.round.get())
}

/// A second implementation of the rule.
fn expected(mark: Option<&Mark>, request: &Request) -> Result<Safe, NotSafe> {
    let (kind, requested, is_block) = (request.id.kind, request.position, request.id.kind == Kind::Block);
    let is_impossible = request.max_level.filter(|max| requested.level.get() > max.get());
    let impossible = is_impossible.map(|max| NotSafe::LevelImpossible { kind, requested, max });
    let Some(mark) = mark else { return impossible.map_or(Ok(Safe::Advance), Err) };
    let (scripted, there) = (numbers(requested), numbers(mark.position));
    if scripted < there {
        return Err(NotSafe::BelowMark { kind, requested, mark: mark.position });
    }
    if scripted > there {
        if let Some(impossible) = impossible {
            return Err(impossible);
        }
        let above = i64::from(requested.level.get()) - i64::from(mark.position.level.get());
        return match request.jump_limit {
            Some(limit) if above > i64::from(limit) => {
                Err(NotSafe::JumpTooFar { kind, requested, mark: mark.position, limit })
            }
            _ => Ok(Safe::Advance),
        };
    }
    let Some(signed) = mark.digest else { return Err(NotSafe::RaisedHere { kind, requested }) };
    if signed != request.digest {
        return Err(NotSafe::DifferentData { kind, requested, digest: request.digest, signed });
    }
    match mark.signature {
        None if is_block => Err(NotSafe::SignatureUnknown { requested }),
        signature => Ok(Safe::Repeat { signature: signature.filter(|_| is_block) }),
    }
}
