//! Cases of high watermarks: requests in sequence or concurrently.

use super::consequences;
use crate::case::{Consequence, Empty, Feature, Instance, Need, Released, Sign, Step, StepsCase, Together, Verdict};
use crate::crypto::Curve;
use crate::payload::consensus::{Block, Kind, Vote, fitness, protocol_data};

pub(super) fn cases() -> Vec<StepsCase> {
    let mut cases = Vec::new();
    for curve in Curve::ALL {
        for kind in Kind::ALL {
            let slot = Slot { kind, curve };
            cases.extend(slot.rule());
            cases.extend(slot.other_bytes());
            cases.extend(slot.elsewhere());
            cases.extend(slot.two_instances());
            cases.extend(slot.at_one_time());
        }
        cases.extend(kinds_side_by_side(curve));
    }
    for kind in Kind::ALL {
        cases.extend(Slot { kind, curve: Curve::P256 }.extremes());
    }
    cases.extend([Curve::Ed25519, Curve::Secp256k1, Curve::P256].into_iter().flat_map(dal));
    cases.extend(versions());
    cases
}

/// A kind of payload, signed by a key of a curve.
#[derive(Clone, Copy)]
struct Slot {
    kind: Kind,
    curve: Curve,
}

fn sequence(id: String, why: &str, needs: &[Need], steps: Vec<Step>) -> StepsCase {
    let (consequence, features) = (consequences::of_steps(&steps), Vec::new());
    StepsCase { id, why: why.to_owned(), consequence, features, needs: needs.to_vec(), steps }
}

/// A request that is signed.
pub(super) fn signed(key: &str, chain: char, payload: Vec<u8>) -> Sign {
    Sign {
        key: key.to_owned(),
        payload: payload.into(),
        chain: Some(chain),
        at: Instance::First,
        version: None,
        authentication: None,
        verdict: Verdict::Signed,
        status: 200,
        same_signature_as: None,
    }
}

/// A request that the mark forbids.
fn refused(key: &str, chain: char, payload: Vec<u8>) -> Sign {
    Sign { verdict: Verdict::Refused, status: 409, ..signed(key, chain, payload) }
}

fn at_second(sign: Sign) -> Sign {
    Sign { at: Instance::Second, ..sign }
}

impl Slot {
    fn key(self) -> String {
        format!("baker-{}", self.curve.name())
    }

    /// A payload. Payloads that differ only in `variant` are different data for the same position.
    fn payload(self, level: i32, round: i32, variant: u8) -> Vec<u8> {
        match self.kind {
            Kind::Block => Block { operations: variant, ..Block::new(level, round) }.bytes(),
            _ => Vote { payload_hash: variant, ..Vote::new(self.kind, self.curve, level, round) }.bytes(),
        }
    }

    fn signed(self, level: i32, round: i32, variant: u8) -> Sign {
        signed(&self.key(), 'a', self.payload(level, round, variant))
    }

    fn refused(self, level: i32, round: i32, variant: u8) -> Sign {
        refused(&self.key(), 'a', self.payload(level, round, variant))
    }

    /// A repeat of a step: a vote gets a valid signature, a block the same signature.
    fn repeated(self, step: usize, level: i32, round: i32, variant: u8) -> Sign {
        let same_signature_as = (self.kind == Kind::Block).then_some(step);
        Sign { same_signature_as, ..self.signed(level, round, variant) }
    }

    fn case(self, name: &str, why: &str, steps: Vec<Sign>) -> StepsCase {
        self.case_that_needs(&[], name, why, steps.into_iter().map(Step::Sign).collect())
    }

    fn case_that_needs(self, needs: &[Need], name: &str, why: &str, steps: Vec<Step>) -> StepsCase {
        let id = format!("sequence/{}/{}/{name}", self.kind.name(), self.curve.name());
        sequence(id, why, needs, steps)
    }

    fn rule(self) -> Vec<StepsCase> {
        let why_repeat = match self.kind {
            Kind::Block => {
                "octez-client repeats a request after a 502 (RPC_client_unix.ml), and a relay may send it twice. The \
                 hash of a block covers its signature: a second signature of a header is a second block, and double \
                 baking."
            }
            _ => {
                "octez-client repeats a request after a 502 (RPC_client_unix.ml): refusing the repeat loses the vote, \
                 since the baker does not retry (baking_actions.ml, authorized_consensus_votes)."
            }
        };
        vec![
            self.case("repeat", why_repeat, vec![self.signed(10, 0, 1), self.repeated(1, 10, 0, 1)]),
            self.case(
                "next-level",
                "These are a baker's ordinary requests: nothing may prevent the next level.",
                vec![self.signed(10, 0, 1), self.signed(11, 0, 1), self.signed(12, 0, 2)],
            ),
            self.case(
                "next-round",
                "If a round fails, the next one proposes again at the same level: other data, and not punishable \
                 (handler.ml, High_watermark: same level and higher round).",
                vec![self.signed(10, 0, 1), self.signed(10, 1, 2), self.signed(10, 2, 1)],
            ),
            self.case(
                "lower-round",
                "A round below the mark may have been signed before, with other data: that is unknown, so it is \
                 refused.",
                vec![self.signed(10, 2, 1), self.refused(10, 1, 1), self.refused(10, 0, 2)],
            ),
            self.case(
                "lower-level",
                "A level below the mark may have been signed before, with other data: that is unknown, so it is \
                 refused.",
                vec![self.signed(10, 0, 1), self.refused(9, 0, 1)],
            ),
            self.case(
                "lower-level-higher-round",
                "Levels are compared first: not even round 1000 makes up for a lower level.",
                vec![self.signed(10, 0, 1), self.refused(9, 1000, 1)],
            ),
            self.case(
                "higher-level-lower-round",
                "A new level begins with round 0, no matter how many rounds the last one took.",
                vec![self.signed(10, 7, 1), self.signed(11, 0, 1)],
            ),
            self.case(
                "missed-levels",
                "A baker that was down for hours resumes at the chain's level: marks may skip levels.",
                vec![self.signed(10, 0, 1), self.signed(5_000, 0, 1), self.signed(50_000, 3, 1)],
            ),
            self.case(
                "conflict",
                "The protocol punishes two payloads at one level and round with 5 % of the stake, and bans the baker \
                 from attesting. The first must still be answered.",
                vec![self.signed(10, 0, 1), self.refused(10, 0, 2), self.repeated(1, 10, 0, 1), self.refused(10, 0, 3)],
            ),
            self.case(
                "old-repeat",
                "Once the mark has risen, the payloads below it are no longer known: a repeat of one is refused, not \
                 signed on trust.",
                vec![self.signed(10, 0, 1), self.signed(11, 0, 1), self.refused(10, 0, 1)],
            ),
            self.case(
                "refusals-raise-nothing",
                "A refused request must leave no trace: if it raised the mark, any client could block the key.",
                vec![self.signed(10, 0, 1), self.refused(9, 9, 1), self.refused(10, 0, 2), self.signed(10, 1, 1)],
            ),
            self.case(
                "malformed-raises-nothing",
                "The level of a malformed payload must not become the mark: here, a byte is missing.",
                vec![self.signed(10, 0, 1), Sign { status: 403, ..self.cut(1000) }, self.signed(11, 0, 1)],
            ),
        ]
    }

    /// A truncated payload at this level.
    fn cut(self, level: i32) -> Sign {
        let mut payload = self.payload(level, 0, 1);
        payload.truncate(payload.len() - 3);
        refused(&self.key(), 'a', payload)
    }

    /// Each field that can differ at one level and round.
    fn other_bytes(self) -> Vec<StepsCase> {
        let variants: Vec<(&str, &str, Vec<u8>)> = match self.kind {
            Kind::Block => {
                let block = || Block { operations: 1, ..Block::new(10, 0) };
                vec![
                    (
                        "timestamp",
                        "A header that differs in its timestamp only is another block.",
                        Block { timestamp: 1_787_000_001, ..block() }.bytes(),
                    ),
                    (
                        "nonce",
                        "A header with another proof of work, but the same operations, is another block: a restarted \
                         baker creates one.",
                        Block { protocol_data: protocol_data(0x5b, None), ..block() }.bytes(),
                    ),
                    (
                        "seed-nonce",
                        "A restarted baker draws another seed nonce: the header is another block.",
                        Block { protocol_data: protocol_data(0x5a, Some(0xcd)), ..block() }.bytes(),
                    ),
                    (
                        "predecessor",
                        "A block on another branch at the same level and round is the classic case of double baking.",
                        Block { predecessor: 0xee, ..block() }.bytes(),
                    ),
                    (
                        "locked-round",
                        "The fitness has another locked round and another length: the round is at another offset, and \
                         the same.",
                        Block { fitness: fitness(10, Some(0), -1, 0), ..block() }.bytes(),
                    ),
                    (
                        "predecessor-round",
                        "The fitness has another predecessor's round: the same level and round, another block.",
                        Block { fitness: fitness(10, None, -2, 0), ..block() }.bytes(),
                    ),
                ]
            }
            _ => {
                let vote = || Vote { payload_hash: 1, ..Vote::new(self.kind, self.curve, 10, 0) };
                let mut variants = vec![(
                    "branch",
                    "A vote that differs in its branch only is another operation: two of them are evidence \
                     (double_consensus_operation_evidence).",
                    Vote { branch: 0xee, ..vote() }.bytes(),
                )];
                if self.curve != Curve::Bls {
                    variants.push((
                        "slot",
                        "A vote that differs in its slot only is another operation: an honest baker always uses its \
                         first slot.",
                        Vote { slot: 13, ..vote() }.bytes(),
                    ));
                }
                variants
            }
        };
        variants
            .into_iter()
            .map(|(name, why, other)| {
                let key = self.key();
                let steps = vec![self.signed(10, 0, 1), refused(&key, 'a', other), self.repeated(1, 10, 0, 1)];
                self.case(&format!("conflict-{name}"), why, steps)
            })
            .collect()
    }

    /// Other chains and other keys have their own marks.
    fn elsewhere(self) -> Vec<StepsCase> {
        let other_key = format!("other-{}", self.curve.name());
        let by_other = |level, variant| signed(&other_key, 'a', self.payload(level, 0, variant));
        let on = |chain, sign: Sign| Sign { chain: Some(chain), ..sign };
        vec![
            self.case(
                "other-chain",
                "Marks are kept per chain (handler.ml, High_watermark): a test network with a higher level must not \
                 block mainnet.",
                vec![
                    self.signed(10, 0, 1),
                    on('b', self.signed(5, 0, 2)),
                    on('b', self.refused(4, 0, 1)),
                    self.refused(9, 0, 1),
                    self.signed(11, 0, 1),
                ],
            ),
            self.case(
                "other-key",
                "Marks are kept per key: two bakers in one signer vote for the same block at the same level.",
                vec![
                    self.signed(10, 0, 1),
                    by_other(10, 2),
                    by_other(11, 2),
                    self.refused(10, 0, 2),
                    self.signed(11, 0, 1),
                ],
            ),
        ]
    }

    /// Marks survive a restart, and a second instance shares them.
    fn two_instances(self) -> Vec<StepsCase> {
        let sign = Step::Sign;
        vec![
            self.case_that_needs(
                &[Need::Restart],
                "restart",
                "A mark that is only in memory is lost with the process: after a crash, the baker restarts, often \
                 with other data for the same level.",
                vec![
                    sign(self.signed(10, 1, 1)),
                    Step::Restart(Empty {}),
                    sign(self.refused(10, 1, 2)),
                    sign(self.refused(10, 0, 1)),
                    sign(self.repeated(1, 10, 1, 1)),
                    sign(self.signed(11, 0, 2)),
                ],
            ),
            self.case_that_needs(
                &[Need::Second],
                "second-instance",
                "Two instances with one key must share the mark, or they act as two bakers with one key: the most \
                 common way to lose stake.",
                vec![
                    sign(self.signed(10, 0, 1)),
                    sign(at_second(self.refused(10, 0, 2))),
                    sign(at_second(self.repeated(1, 10, 0, 1))),
                    sign(at_second(self.signed(11, 0, 2))),
                    sign(self.refused(11, 0, 1)),
                    sign(self.refused(10, 5, 1)),
                    sign(self.repeated(4, 11, 0, 2)),
                    sign(self.signed(12, 0, 1)),
                ],
            ),
        ]
    }

    fn at_one_time(self) -> Vec<StepsCase> {
        let (all, one) = match self.kind {
            Kind::Block => (Released::AllTheSame, Released::OneSignature),
            _ => (Released::All, Released::OnePayload),
        };
        let together = |requests, copies, released| vec![Step::Together(Together { requests, copies, released })];
        let (mine, yours) = (self.signed(10, 0, 1), self.signed(10, 0, 2));
        vec![
            self.case_that_needs(
                &[],
                "hedge",
                "A relay may send the same bytes twice concurrently (hedging): each copy gets an answer, none is lost \
                 to a lock.",
                together(vec![mine.clone()], 8, all),
            ),
            self.case_that_needs(
                &[],
                "race",
                "Another request may come between reading and writing the mark: exactly one of two payloads is \
                 signed, in every interleaving.",
                together(vec![mine.clone(), yours.clone()], 4, one),
            ),
            self.case_that_needs(
                &[Need::Second],
                "hedge-at-two-instances",
                "Two instances get the same bytes concurrently: one mark, and a valid answer from each.",
                together(vec![mine.clone(), at_second(mine.clone())], 4, all),
            ),
            self.case_that_needs(
                &[Need::Second],
                "race-at-two-instances",
                "Two bakers with one key use two instances concurrently: a lock in a process does not help, the store \
                 must decide.",
                together(vec![mine, at_second(yours)], 4, one),
            ),
        ]
    }

    fn extremes(self) -> Vec<StepsCase> {
        const MAX: i32 = i32::MAX;
        vec![
            self.case(
                "level-zero",
                "Zero is a valid level and round: a mark at zero is not the same as no mark.",
                vec![
                    self.signed(0, 0, 1),
                    self.refused(0, 0, 2),
                    self.repeated(1, 0, 0, 1),
                    self.signed(0, 1, 2),
                    self.signed(1, 0, 1),
                ],
            ),
            self.case(
                "level-max",
                "At the maximum level nothing may overflow, and the mark still applies.",
                vec![
                    self.signed(MAX, 0, 1),
                    self.refused(MAX, 0, 2),
                    self.refused(MAX - 1, 5, 1),
                    self.signed(MAX, 1, 2),
                    self.refused(0, 0, 1),
                ],
            ),
            self.case(
                "round-max",
                "At the maximum round nothing may overflow: the next level is still above it.",
                vec![
                    self.signed(10, MAX, 1),
                    self.refused(10, MAX, 2),
                    self.refused(10, MAX - 1, 1),
                    self.signed(11, 0, 1),
                ],
            ),
            self.case(
                "far-future",
                "A level one million above the mark is months away: signed by mistake, it blocks the key until then. \
                 A signer without a limit (octez-signer has none) differs here.",
                vec![self.signed(10, 0, 1), self.refused(1_000_010, 0, 1), self.signed(11, 0, 1)],
            )
            .that_costs(Consequence::LostSlot)
            .for_those_with(&[Feature::LevelLimits]),
        ]
    }
}

fn kinds_side_by_side(curve: Curve) -> Vec<StepsCase> {
    let of = |kind| Slot { kind, curve };
    let (block, before, vote) = (of(Kind::Block), of(Kind::Preattestation), of(Kind::Attestation));
    let case = |name: &str, why: &str, steps: Vec<Sign>| {
        let id = format!("sequence/kinds/{}/{name}", curve.name());
        sequence(id, why, &[], steps.into_iter().map(Step::Sign).collect())
    };
    let payer = format!("payer-{}", curve.name());
    let operation = crate::payload::operations::payload(&[crate::payload::operations::message(b"twice")]);
    let operation = || Sign { chain: None, ..signed(&payer, 'a', operation.clone()) };
    vec![
        case(
            "one-level",
            "A baker signs a block, a preattestation and an attestation at one level and round: each kind has its own \
             mark.",
            vec![
                block.signed(10, 0, 1),
                before.signed(10, 0, 1),
                vote.signed(10, 0, 1),
                block.signed(11, 0, 1),
                before.signed(11, 0, 1),
                vote.signed(11, 0, 1),
            ],
        ),
        case(
            "any-order",
            "The baker requests both votes at once (state_transitions.ml, prepare_consensus_votes_action), and \
             proposes the next block before its attestation: a single mark for all kinds would refuse half of them.",
            vec![
                vote.signed(10, 0, 1),
                before.signed(10, 0, 1),
                block.signed(11, 0, 1),
                vote.signed(10, 1, 1),
                before.signed(10, 1, 1),
                block.repeated(3, 11, 0, 1),
            ],
        ),
        case(
            "each-conflict",
            "Each kind has its own mark, so each must have one.",
            vec![
                block.signed(10, 0, 1),
                before.signed(10, 0, 1),
                vote.signed(10, 0, 1),
                block.refused(10, 0, 2),
                before.refused(10, 0, 2),
                vote.refused(10, 0, 2),
            ],
        ),
        case(
            "operations-have-no-mark",
            "An operation has no level: the same bytes are signed as often as requested (octez-client retries), \
             regardless of the marks for blocks and votes.",
            vec![vote.signed(10, 0, 1), operation(), operation(), vote.signed(11, 0, 1)],
        ),
    ]
}

/// DAL content: tags 21 and 23 are the same kind.
fn dal(curve: Curve) -> Vec<StepsCase> {
    let key = format!("baker-{}", curve.name());
    let vote = |round| Vote { payload_hash: 1, ..Vote::new(Kind::Attestation, curve, 10, round) };
    let plain = |round| vote(round).bytes();
    let with = |round, bits| vote(round).with_dal(bits).bytes();
    let (yes, no) = (|payload| signed(&key, 'a', payload), |payload| refused(&key, 'a', payload));
    let case = |name: &str, why: &str, steps: Vec<Sign>| {
        let id = format!("sequence/attestation/{}/{name}", curve.name());
        sequence(id, why, &[], steps.into_iter().map(Step::Sign).collect())
    };
    vec![
        case(
            "dal-after-plain",
            "An attestation with DAL content and one without, at one level and round, are two attestations: tags 21 \
             and 23 share a mark (handler.ml uses watermark byte 13).",
            vec![yes(plain(0)), no(with(0, 1)), yes(plain(0))],
        ),
        case(
            "plain-after-dal",
            "The reverse order: a baker that loses its DAL node votes again without content.",
            vec![yes(with(0, 1)), no(plain(0)), yes(with(0, 1))],
        ),
        case(
            "other-dal-content",
            "Another set of slots is another attestation, even for the same block.",
            vec![yes(with(0, 1)), no(with(0, 3)), no(with(0, 0)), yes(with(0, 1))],
        ),
        case(
            "dal-next-round",
            "With or without DAL content, the next round is a new slot.",
            vec![yes(with(0, 1)), yes(plain(1)), yes(with(2, 1)), no(with(1, 1))],
        ),
    ]
}

/// The scheme of BLS signatures, which the client selects by `version`.
fn versions() -> Vec<StepsCase> {
    let version = |sign: Sign, version: &str| Sign { version: Some(version.to_owned()), ..sign };
    let block = Slot { kind: Kind::Block, curve: Curve::Bls };
    let vote = Slot { kind: Kind::Attestation, curve: Curve::Bls };
    vec![
        vote.case(
            "version-repeat",
            "The same bytes in both schemes are one vote: clients of different protocols may request both \
             (signature_v1.ml, v2, v3).",
            vec![
                version(vote.signed(10, 0, 1), "1"),
                version(vote.signed(10, 0, 1), "2"),
                version(vote.signed(10, 0, 1), "3"),
            ],
        ),
        vote.case(
            "version-zero",
            "Version 0 has no tz4 (signature_v0.ml): the client could not parse the answer. The mark is not raised, \
             either.",
            vec![Sign { status: 403, ..version(vote.refused(10, 0, 1), "0") }, version(vote.signed(10, 0, 2), "2")],
        )
        .that_costs(Consequence::LostSlot),
        block.case(
            "version-conflict",
            "A signature in the other scheme is another signature of the same header, and the block's hash covers it: \
             only the first is released.",
            vec![
                version(block.signed(10, 0, 1), "2"),
                version(block.refused(10, 0, 1), "1"),
                Sign { same_signature_as: Some(1), ..version(block.signed(10, 0, 1), "3") },
            ],
        ),
    ]
}
