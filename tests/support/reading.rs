//! Converts the decoder's results to the oracle's, to compare them.

use azurehsm_signer::tezos::Curve;
use azurehsm_signer::tezos::payload::operations;
use azurehsm_signer::tezos::payload::{DecodeError, Payload, Reason};
use oracle::crypto;
use oracle::payload::consensus::Kind;
use oracle::reading::{Content, Decoded, Malformed};

pub(crate) const fn curve(curve: crypto::Curve) -> Curve {
    match curve {
        crypto::Curve::Ed25519 => Curve::Ed25519,
        crypto::Curve::Secp256k1 => Curve::Secp256k1,
        crypto::Curve::P256 => Curve::P256,
        crypto::Curve::Bls => Curve::Bls,
    }
}

/// The signer's result for a payload and a key of this curve.
pub(crate) fn decode(payload: &[u8], of: crypto::Curve) -> Result<Decoded, Malformed> {
    Payload::decode(payload, curve(of)).map(|payload| decoded(&payload)).map_err(|error| malformed(&error))
}

fn decoded(payload: &Payload) -> Decoded {
    match payload {
        Payload::Operations(operations) => Decoded::Operations {
            branch: operations.branch.to_string(),
            contents: operations.contents.iter().map(content).collect(),
        },
        Payload::PackedData => Decoded::PackedData {},
        Payload::Block(_) | Payload::Vote(_) => {
            let consensus = payload.consensus().unwrap();
            Decoded::Consensus {
                kind: Kind::ALL.into_iter().find(|kind| kind.name() == consensus.kind.name()).unwrap(),
                chain: consensus.chain.to_string(),
                level: consensus.position.level.get(),
                round: consensus.position.round.get(),
            }
        }
    }
}

fn content(content: &operations::Content) -> Content {
    Content {
        kind: content.kind.name().to_owned(),
        source: content.source.map(|source| source.to_string()),
        fee: content.fee,
        amount: content.amount,
        destination: content.destination.map(|destination| destination.to_string()),
        entrypoint: content.entrypoint.as_ref().map(|entrypoint| entrypoint.name().to_owned()),
    }
}

fn malformed(error: &DecodeError) -> Malformed {
    let problem = match error.reason {
        Reason::Empty => "empty",
        Reason::UnknownWatermark { .. } => "unknown_watermark",
        Reason::Truncated { .. } => "truncated",
        Reason::TrailingBytes { .. } => "trailing_bytes",
        Reason::TooLong { .. } => "too_long",
        Reason::Negative { .. } => "negative",
        Reason::Unexpected { .. } => "wrong_value",
        Reason::LevelsDiffer { .. } => "levels_differ",
        Reason::UnknownTag { .. } => "unknown_tag",
        Reason::TagOfOtherKind { .. } => "tag_of_other_kind",
        Reason::TagOfOtherCurve { .. } => "tag_of_other_curve",
        Reason::ConsensusContent { .. } => "consensus_content",
        Reason::UnsupportedContent { .. } => "unsupported",
        Reason::NotBatchable { .. } => "not_batchable",
        Reason::NoContents => "no_contents",
        Reason::EndlessNumber { .. } => "endless_number",
        Reason::OverlongNumber { .. } => "overlong_number",
        Reason::NumberTooLarge { .. } => "number_too_large",
        Reason::InvalidText { .. } => "invalid_text",
    };
    Malformed { problem: problem.to_owned(), at: error.offset }
}
