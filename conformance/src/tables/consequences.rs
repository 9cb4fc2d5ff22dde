//! Default rules for the consequence of a case and for the features that it needs. A table can override them.

use crate::case::{
    Answer, Consequence, Expected, Feature, HttpRequest, Instance, KeyText, Malformed, Released, Sign, Step, StepsCase,
    Verdict, WhyInvalid,
};

/// For steps: a refusal or a single signature is required because a second signature could be punished, or because the policy
/// protects the key's funds and rights.
pub(super) fn of_steps(steps: &[Step]) -> Consequence {
    let of_sign = |sign: &Sign| match sign.verdict {
        Verdict::Refused => Consequence::Slashing,
        Verdict::Signed if sign.same_signature_as.is_some() => Consequence::Slashing,
        Verdict::Signed => Consequence::LostSlot,
    };
    let of_step = |step: &Step| match step {
        Step::Sign(sign) => of_sign(sign),
        Step::Prove(prove) if prove.verdict == Verdict::Refused => Consequence::Slashing,
        Step::Together(together) if together.released != Released::All => Consequence::Slashing,
        Step::Prove(_) | Step::Together(_) | Step::Restart(_) => Consequence::LostSlot,
    };
    steps.iter().map(of_step).max().unwrap_or(Consequence::Cosmetic)
}

/// For a payload. If no node can decode it, a signature is worthless. But tags, watermarks and versions that are undefined today
/// may be defined later or elsewhere, and a block or vote that decoders read differently has two positions. A negative level that
/// is read as a large one raises the mark for good.
pub(super) fn of_payload(payload: &[u8], expected: &Expected) -> Consequence {
    let is_block = payload.first() == Some(&0x11);
    match expected {
        Expected::Decoded(_) => Consequence::LostSlot,
        Expected::Malformed(Malformed { problem, .. }) => match problem.as_str() {
            "unknown_watermark" | "unknown_tag" | "unsupported" | "tag_of_other_kind" | "tag_of_other_curve"
            | "consensus_content" | "levels_differ" => Consequence::Slashing,
            "wrong_value" if is_block => Consequence::Slashing,
            "negative" => Consequence::LostSlot,
            _ => Consequence::Cosmetic,
        },
    }
}

/// For a signature that authenticates a request, or does not, for the reason in `note`. Another encoding of a valid signature
/// requires a valid one.
pub(super) const fn of_signature(note: Option<WhyInvalid>) -> Consequence {
    match note {
        None => Consequence::LostSlot,
        Some(WhyInvalid::HighS | WhyInvalid::Text | WhyInvalid::OtherCurve) => Consequence::Cosmetic,
        Some(WhyInvalid::OutOfRange | WhyInvalid::OtherPayload | WhyInvalid::OtherScheme) => Consequence::Slashing,
    }
}

/// For a malformed key or hash. A malformed public key could authorize a stranger; a malformed secret key has another hash.
pub(super) const fn of_text(what: KeyText) -> Consequence {
    match what {
        KeyText::PublicKey => Consequence::Slashing,
        KeyText::SecretKey => Consequence::LostSlot,
        KeyText::Hash => Consequence::Cosmetic,
    }
}

/// For raw HTTP requests: clients depend on some answers; the answer to a request that no client sends is cosmetic.
pub(super) fn of_requests(requests: &[HttpRequest]) -> Consequence {
    let of_request = |request: &HttpRequest| match request.expect.answer {
        Answer::Signature(_) | Answer::PublicKey(_) | Answer::Json(_) | Answer::Success => Consequence::LostSlot,
        Answer::Errors if request.at == Instance::Authenticated => Consequence::Slashing,
        Answer::Errors | Answer::NoSuccess | Answer::NoBody => Consequence::Cosmetic,
    };
    requests.iter().map(of_request).max().unwrap_or(Consequence::Cosmetic)
}

/// The features that a policy needs, by the role of the key; `keys.json` describes what each may sign.
pub(super) fn features_of_steps(steps: &[Step]) -> Vec<Feature> {
    let mut features = Vec::new();
    for step in steps {
        match step {
            Step::Sign(sign) => features.extend(features_of_sign(sign)),
            Step::Prove(prove) if prove.key.starts_with("prover-") => features.push(Feature::ProofOfPossession),
            _ => {}
        }
    }
    features.sort_unstable();
    features.dedup();
    features
}

fn features_of_sign(sign: &Sign) -> Vec<Feature> {
    let (is_operation, is_refused) = (sign.payload.0.first() == Some(&0x03), sign.verdict == Verdict::Refused);
    let is_packed = sign.payload.0.first() == Some(&0x05);
    match sign.key.split_once('-').map_or("", |(role, _)| role) {
        "limited" | "spender" if is_operation && is_refused => {
            vec![Feature::OperationKinds, Feature::AmountLimits, Feature::Destinations]
        }
        "staker" | "open" | "drainer" | "limited" | "spender" if is_operation => vec![Feature::OperationKinds],
        "attester" => vec![Feature::ConsensusKinds],
        "bound" => vec![Feature::Chains],
        "payer" if is_packed => vec![Feature::PackedData],
        _ => Vec::new(),
    }
}

impl StepsCase {
    /// Overrides the consequence that follows from the steps.
    pub(super) fn that_costs(self, consequence: Consequence) -> Self {
        Self { consequence, ..self }
    }

    /// Overrides the features that follow from the steps.
    pub(super) fn for_those_with(self, features: &[Feature]) -> Self {
        Self { features: features.to_vec(), ..self }
    }
}
