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

/// What is asked for: a kind, by a key of a curve.
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

/// A request that a mark forbids.
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

    /// A payload. Payloads that differ in `variant` alone are different data for one and the same position.
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

    /// A repeat of a step: a valid signature for a vote, the very same one for a block.
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
                "octez-client repeats a request that was answered with 502 (RPC_client_unix.ml), a relay may ask twice. The hash \
                 of a block covers its signature: a second signature of the same header is a second block, and double baking."
            }
            _ => {
                "octez-client repeats a request that was answered with 502 (RPC_client_unix.ml): refusing the repeat loses the \
                 vote, since the baker does not ask again (baking_actions.ml, authorized_consensus_votes)."
            }
        };
        vec![
            self.case("repeat", why_repeat, vec![self.signed(10, 0, 1), self.repeated(1, 10, 0, 1)]),
            self.case(
                "next-level",
                "This is what a baker asks for all day: nothing may stand in the way of the next level.",
                vec![self.signed(10, 0, 1), self.signed(11, 0, 1), self.signed(12, 0, 2)],
            ),
            self.case(
                "next-round",
                "When a round fails the next one proposes again at the same level: other data, and not punishable \
                 (handler.ml, High_watermark: same level and higher round).",
                vec![self.signed(10, 0, 1), self.signed(10, 1, 2), self.signed(10, 2, 1)],
            ),
            self.case(
                "lower-round",
                "A round below the mark may have been signed before with other data: nobody knows, so it is refused.",
                vec![self.signed(10, 2, 1), self.refused(10, 1, 1), self.refused(10, 0, 2)],
            ),
            self.case(
                "lower-level",
                "A level below the mark may have been signed before with other data: nobody knows, so it is refused.",
                vec![self.signed(10, 0, 1), self.refused(9, 0, 1)],
            ),
            self.case(
                "lower-level-higher-round",
                "Levels are compared first: a round of a thousand does not lift a lower level.",
                vec![self.signed(10, 0, 1), self.refused(9, 1000, 1)],
            ),
            self.case(
                "higher-level-lower-round",
                "A new level begins with round 0, however many rounds the last one took.",
                vec![self.signed(10, 7, 1), self.signed(11, 0, 1)],
            ),
            self.case(
                "missed-levels",
                "A baker that was down for hours goes on where the chain is: marks are not a sequence without gaps.",
                vec![self.signed(10, 0, 1), self.signed(5_000, 0, 1), self.signed(50_000, 3, 1)],
            ),
            self.case(
                "conflict",
                "Two payloads of one level and round are what the protocol punishes with 5 % of the stake, and forbids to \
                 attest. The first must still be answered.",
                vec![
                    self.signed(10, 0, 1),
                    self.refused(10, 0, 2),
                    self.repeated(1, 10, 0, 1),
                    self.refused(10, 0, 3),
                ],
            ),
            self.case(
                "old-repeat",
                "Once the mark has risen, what was signed below it is not known any more: a repeat of it is refused, not \
                 signed on trust.",
                vec![self.signed(10, 0, 1), self.signed(11, 0, 1), self.refused(10, 0, 1)],
            ),
            self.case(
                "refusals-raise-nothing",
                "A refused request must leave no trace: if it raised the mark, whoever can ask could silence the key.",
                vec![
                    self.signed(10, 0, 1),
                    self.refused(9, 9, 1),
                    self.refused(10, 0, 2),
                    self.signed(10, 1, 1),
                ],
            ),
            self.case(
                "malformed-raises-nothing",
                "The level of a payload that is not understood must not become a mark: here it has a byte too few.",
                vec![
                    self.signed(10, 0, 1),
                    Sign { status: 403, ..self.cut(1000) },
                    self.signed(11, 0, 1),
                ],
            ),
        ]
    }

    /// A payload of that level without its last bytes.
    fn cut(self, level: i32) -> Sign {
        let mut payload = self.payload(level, 0, 1);
        payload.truncate(payload.len() - 3);
        refused(&self.key(), 'a', payload)
    }

    /// Everything that can differ at one level and round makes other data.
    fn other_bytes(self) -> Vec<StepsCase> {
        let variants: Vec<(&str, &str, Vec<u8>)> = match self.kind {
            Kind::Block => {
                let block = || Block { operations: 1, ..Block::new(10, 0) };
                vec![
                    (
                        "timestamp",
                        "A header that differs in its timestamp alone is another block.",
                        Block { timestamp: 1_787_000_001, ..block() }.bytes(),
                    ),
                    (
                        "nonce",
                        "A header that was mined again, with the same operations, is another block: a baker that restarts does it.",
                        Block { protocol_data: protocol_data(0x5b, None), ..block() }.bytes(),
                    ),
                    (
                        "seed-nonce",
                        "A baker that restarts draws another seed nonce: the header is another block.",
                        Block { protocol_data: protocol_data(0x5a, Some(0xcd)), ..block() }.bytes(),
                    ),
                    (
                        "predecessor",
                        "A block on another branch at the same level and round is the classic double baking.",
                        Block { predecessor: 0xee, ..block() }.bytes(),
                    ),
                    (
                        "locked-round",
                        "The fitness says another locked round and has another length: the round stands elsewhere, and is the same.",
                        Block { fitness: fitness(10, Some(0), -1, 0), ..block() }.bytes(),
                    ),
                    (
                        "predecessor-round",
                        "The fitness says another round of the predecessor: the same level and round, another block.",
                        Block { fitness: fitness(10, None, -2, 0), ..block() }.bytes(),
                    ),
                ]
            }
            _ => {
                let vote = || Vote { payload_hash: 1, ..Vote::new(self.kind, self.curve, 10, 0) };
                let mut variants = vec![(
                    "branch",
                    "A vote that differs in its branch alone is another operation: two of them are evidence (double_consensus_operation_evidence).",
                    Vote { branch: 0xee, ..vote() }.bytes(),
                )];
                if self.curve != Curve::Bls {
                    variants.push((
                        "slot",
                        "A vote that differs in its slot alone is another operation: the baker's first slot is one and the same.",
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

    /// Other chains and other keys have marks of their own.
    fn elsewhere(self) -> Vec<StepsCase> {
        let other_key = format!("other-{}", self.curve.name());
        let by_other = |level, variant| signed(&other_key, 'a', self.payload(level, 0, variant));
        let on = |chain, sign: Sign| Sign { chain: Some(chain), ..sign };
        vec![
            self.case(
                "other-chain",
                "Marks are kept for each chain (handler.ml, High_watermark): a test network ahead of mainnet must not silence it.",
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
                "Marks are kept for each key: two bakers in one signer vote on the same block at the same level.",
                vec![self.signed(10, 0, 1), by_other(10, 2), by_other(11, 2), self.refused(10, 0, 2), self.signed(11, 0, 1)],
            ),
        ]
    }

    /// A restart and a second instance know what was signed.
    fn two_instances(self) -> Vec<StepsCase> {
        let sign = Step::Sign;
        vec![
            self.case_that_needs(
                &[Need::Restart],
                "restart",
                "A mark that is only in memory is gone with the process: after a crash the baker starts again, often with other \
                 data for the same level.",
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
                "Two instances with one key share one record, or they are two bakers with one key: the most common way to lose stake.",
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
                "A relay that hedges sends the same bytes twice at one time: each copy gets an answer, none is lost to a lock.",
                together(vec![mine.clone()], 8, all),
            ),
            self.case_that_needs(
                &[],
                "race",
                "Between reading a mark and writing it another request may pass: exactly one of two payloads is signed, however \
                 they are interleaved.",
                together(vec![mine.clone(), yours.clone()], 4, one),
            ),
            self.case_that_needs(
                &[Need::Second],
                "hedge-at-two-instances",
                "Two instances that are asked for the same bytes at one time: one mark, and a valid answer from each.",
                together(vec![mine.clone(), at_second(mine.clone())], 4, all),
            ),
            self.case_that_needs(
                &[Need::Second],
                "race-at-two-instances",
                "Two bakers with one key ask two instances at one time: a lock in a process does not help, the store has to decide.",
                together(vec![mine, at_second(yours)], 4, one),
            ),
        ]
    }

    fn extremes(self) -> Vec<StepsCase> {
        const MAX: i32 = i32::MAX;
        vec![
            self.case(
                "level-zero",
                "Zero is a level and a round: a mark at zero is not the same as none.",
                vec![self.signed(0, 0, 1), self.refused(0, 0, 2), self.repeated(1, 0, 0, 1), self.signed(0, 1, 2), self.signed(1, 0, 1)],
            ),
            self.case(
                "level-max",
                "At the largest level nothing may overflow, and the mark still holds.",
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
                "At the largest round nothing may overflow: the next level is still above it.",
                vec![
                    self.signed(10, MAX, 1),
                    self.refused(10, MAX, 2),
                    self.refused(10, MAX - 1, 1),
                    self.signed(11, 0, 1),
                ],
            ),
            self.case(
                "far-future",
                "A level a million above the mark is months away: signed by mistake, it silences the key until then. A signer \
                 without a limit (octez-signer has none) differs here.",
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
            "A baker signs a block, a preattestation and an attestation at one level and round: each kind has a mark of its own.",
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
            "The baker asks for both votes at once (state_transitions.ml, prepare_consensus_votes_action), and proposes the next \
             block before its attestation: a mark for all kinds together would refuse half of them.",
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
            "That each kind has a mark of its own must not mean that one of them has none.",
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
            "An operation has no level: the same bytes are signed as often as they are asked for (octez-client's retries), and marks \
             of blocks and votes do not matter to it.",
            vec![vote.signed(10, 0, 1), operation(), operation(), vote.signed(11, 0, 1)],
        ),
    ]
}

/// DAL content: tags 21 and 23 are one kind, and one slot.
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
            "An attestation with DAL content and one without, at one level and round, are two attestations: tags 21 and 23 share a \
             mark (handler.ml goes by the watermark byte 13).",
            vec![yes(plain(0)), no(with(0, 1)), yes(plain(0))],
        ),
        case(
            "plain-after-dal",
            "The other way round: a baker that loses its DAL node votes again without content.",
            vec![yes(with(0, 1)), no(plain(0)), yes(with(0, 1))],
        ),
        case(
            "other-dal-content",
            "Another set of slots is another attestation, though the block is the same.",
            vec![yes(with(0, 1)), no(with(0, 3)), no(with(0, 0)), yes(with(0, 1))],
        ),
        case(
            "dal-next-round",
            "With DAL content or without, the next round is a slot of its own.",
            vec![yes(with(0, 1)), yes(plain(1)), yes(with(2, 1)), no(with(1, 1))],
        ),
    ]
}

/// The scheme of BLS signatures that a client asks for by `version`.
fn versions() -> Vec<StepsCase> {
    let version = |sign: Sign, version: &str| Sign { version: Some(version.to_owned()), ..sign };
    let block = Slot { kind: Kind::Block, curve: Curve::Bls };
    let vote = Slot { kind: Kind::Attestation, curve: Curve::Bls };
    vec![
        vote.case(
            "version-repeat",
            "The same bytes in both schemes are one vote: two clients of different protocols may ask (signature_v1.ml, v2, v3).",
            vec![version(vote.signed(10, 0, 1), "1"), version(vote.signed(10, 0, 1), "2"), version(vote.signed(10, 0, 1), "3")],
        ),
        vote.case(
            "version-zero",
            "Version 0 has no tz4 (signature_v0.ml): what would be answered the client cannot read. No mark is raised either.",
            vec![Sign { status: 403, ..version(vote.refused(10, 0, 1), "0") }, version(vote.signed(10, 0, 2), "2")],
        )
        .that_costs(Consequence::LostSlot),
        block.case(
            "version-conflict",
            "A signature in the other scheme is another signature of the same header, and the block's hash covers it: only the \
             first is released.",
            vec![
                version(block.signed(10, 0, 1), "2"),
                version(block.refused(10, 0, 1), "1"),
                Sign { same_signature_as: Some(1), ..version(block.signed(10, 0, 1), "3") },
            ],
        ),
    ]
}
