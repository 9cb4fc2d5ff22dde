//! Cases of valid and invalid signatures.

use super::{consequences, named};
use crate::base58::GENERIC_SIGNATURE;
use crate::case::{Instance, Sign, SignatureCase, Verdict, WhyInvalid};
use crate::crypto::{Curve, P256_ORDER, SECP256K1_ORDER, Scheme, SecretKey, is_low, with_other_s};
use crate::payload::consensus::{Block, Kind, Vote};
use crate::payload::operations::{message, payload};

pub(super) fn cases() -> Vec<SignatureCase> {
    [octez(), of_payloads(), requests()].concat()
}

/// Little-endian, like all numbers of Ed25519.
const ED25519_ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

fn number(digits: &str) -> [u8; 32] {
    hex::decode(digits).expect("digits").try_into().expect("32 bytes")
}

/// `a + b` of two little-endian numbers.
fn sum(a: &[u8], b: [u8; 32]) -> Vec<u8> {
    let mut carry = 0;
    a.iter()
        .zip(b)
        .map(|(a, b)| {
            let value = u16::from(*a) + u16::from(b) + carry;
            carry = value >> 8;
            u8::try_from(value & 0xff).expect("a byte")
        })
        .collect()
}

fn case(id: String, why: &str, key: &SecretKey, payload: Vec<u8>, signature: String) -> SignatureCase {
    let public_key = key.public_key();
    SignatureCase {
        id: format!("signature/{id}"),
        why: why.to_owned(),
        consequence: consequences::of_signature(None),
        curve: key.curve(),
        public_key: public_key.text(),
        payload: payload.into(),
        scheme: (key.curve() == Curve::Bls).then_some(Scheme::ProofOfPossession),
        signature,
        valid: true,
        note: None,
        request: None,
    }
}

fn invalid(case: SignatureCase, note: WhyInvalid) -> SignatureCase {
    SignatureCase { valid: false, note: Some(note), consequence: consequences::of_signature(Some(note)), ..case }
}

/// Vectors from Octez (`operation-batch-reveal-transaction` and other encoding samples; `tz4_account`).
fn octez() -> Vec<SignatureCase> {
    const BATCH: &str = "038fcf233671b6a04fcf679d2a381c2544ea6c1ea29ba6157776ed842426e5cab86b00ba3bed311a5d7b06dc4daf3c94c5c406927e4bcf940202ab0100009d05b06ea36a6ad464d94dc07a38b77b80b577c1ae51bbd8d20105cd5aed496c006c00ba3bed311a5d7b06dc4daf3c94c5c406927e4bcfed0203b51000c0843d000002298c03ed7d454a101eb7022bc95f7e5f41ac7800";
    const BATCH_KEY: &str = "9d05b06ea36a6ad464d94dc07a38b77b80b577c1ae51bbd8d20105cd5aed496c";
    const BATCH_SIGNATURE: &str = "6c7157e12e95a182e2d6caa7c7d275faf1dbaf97ec974b89c1ca1e27b43d063b975a4425b0c88d4cc00d88df6c6ca0328bfbd329a53eef6b59506e5cbc7dc90b";
    const ATTESTATION: &str = "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a82900000533000000000000000000000000000000000000000000000000000000000000000000000000";
    const POP: &str = "BLsigAJedzg2UyEeTYDMiezqfXmzXKJ72diqU7EEdVd73wc5JTN75R8PQA9okoBTxXvE8Mva23yK5hChaUQZwCVdbWGG6Eux586FSrVovHw5E1BniBKqVEtAjqh4XLzttJcdwCmGSYi5oF";
    const AUG: &str = "BLsigBQ6dAjQNwsSWeuaYfpYjPxvDf4m5fUXVQJd2219KyRqoxmZ5uqVSJAiQDBo8n6sqhv5fopUHRWSWJoFtqcdyYAvV2myCtNtoDhMHoUtuH7J7WfreUJ27UXMTruUbzvUc3itWUuUsT";
    const PROOF: &str = "BLsig9a5nLiDGB7zGFTWJGdsZT3WPMCTAh5qVUmJekTzPbiQttFVD6jDg4Mf1gEV8Y3fq7sv9Vs6U7Tpx9ZST7GZdw9NGz9JLkdfeXmGz5yh1BnVSr5aYcLfPEpwteCGRx4Bk1q2SuaAnh";
    const TZ4_ACCOUNT: &str = "BLsk1hKAHyGqY9qRbgoSVnjiSmDWpKGjFF3WNQ7BaiaMUA6RMA6Pfq";

    let decode = |digits| hex::decode(digits).expect("digits");
    let ed25519 = |payload: Vec<u8>, id: &str, why: &str| SignatureCase {
        id: format!("signature/octez/{id}"),
        why: why.to_owned(),
        consequence: consequences::of_signature(None),
        curve: Curve::Ed25519,
        public_key: Curve::Ed25519.public_key().encode(&decode(BATCH_KEY)),
        payload: payload.into(),
        scheme: None,
        signature: Curve::Ed25519.signature().encode(&decode(BATCH_SIGNATURE)),
        valid: true,
        note: None,
        request: None,
    };
    let key = SecretKey::from_text(TZ4_ACCOUNT).expect("a key of Octez");
    let own_bytes = key.public_key().bytes;
    let bls = |id: &str, why: &str, scheme, payload: &[u8], signature: &str| {
        let case = case(format!("octez/{id}"), why, &key, payload.to_vec(), signature.to_owned());
        SignatureCase { scheme: Some(scheme), ..case }
    };
    let attestation = decode(ATTESTATION);
    vec![
        ed25519(
            decode(BATCH),
            "ed25519",
            "A real operation that a chain has accepted: BLAKE2b-256 of watermark and bytes (ed25519.ml, sign).",
        ),
        invalid(
            ed25519(
                decode(&BATCH[2..]),
                "ed25519-without-watermark",
                "Without the watermark byte the digest differs: the watermark is signed, too.",
            ),
            WhyInvalid::OtherPayload,
        ),
        bls(
            "bls-pop",
            "A tz4 key signs the payload itself, not a digest of it (bls.ml).",
            Scheme::ProofOfPossession,
            &attestation,
            POP,
        ),
        bls(
            "bls-aug",
            "Version 1 signs the public key and the payload (signature_v1.ml).",
            Scheme::Augmented,
            &attestation,
            AUG,
        ),
        invalid(
            bls(
                "bls-aug-as-pop",
                "The schemes have separate domains: a signature in one is invalid in the other.",
                Scheme::ProofOfPossession,
                &attestation,
                AUG,
            ),
            WhyInvalid::OtherScheme,
        ),
        invalid(
            bls(
                "bls-pop-as-aug",
                "The schemes have separate domains: a signature in one is invalid in the other.",
                Scheme::Augmented,
                &attestation,
                POP,
            ),
            WhyInvalid::OtherScheme,
        ),
        bls(
            "bls-possession",
            "The proof of possession of tz4_account, over the 48 bytes of its public key (constant.ml).",
            Scheme::Possession,
            &own_bytes,
            PROOF,
        ),
        invalid(
            bls(
                "bls-possession-as-signature",
                "A proof must never pass for a signature of the same 48 bytes.",
                Scheme::ProofOfPossession,
                &own_bytes,
                PROOF,
            ),
            WhyInvalid::OtherScheme,
        ),
        invalid(
            bls(
                "bls-signature-as-possession",
                "A signature must never pass for a proof: its owner could register a sum of keys.",
                Scheme::Possession,
                &attestation,
                POP,
            ),
            WhyInvalid::OtherScheme,
        ),
    ]
}

/// Blocks, votes and operations, signed by every curve.
fn of_payloads() -> Vec<SignatureCase> {
    let mut cases = Vec::new();
    for curve in Curve::ALL {
        let (key, _) = named(&format!("baker-{}", curve.name()));
        for (name, payload) in [
            ("block", Block::new(1331, 2).bytes()),
            ("preattestation", Vote::new(Kind::Preattestation, curve, 1331, 2).bytes()),
            ("attestation", Vote::new(Kind::Attestation, curve, 1331, 2).bytes()),
            ("operation", payload(&[message(b"hello")])),
        ] {
            let why = "Clients verify signatures before injection (client_keys.ml, sign): a library that disagrees \
                       rejects valid ones or accepts invalid ones.";
            let signature = key.sign_text(&payload, Scheme::default());
            cases.push(case(format!("{name}/{}", curve.name()), why, &key, payload, signature));
        }
    }
    cases
}

/// Signatures that authenticate requests, which test a signer that requires authentication.
fn requests() -> Vec<SignatureCase> {
    Curve::ALL.into_iter().flat_map(requests_by).collect()
}

fn requests_by(curve: Curve) -> Vec<SignatureCase> {
    let (client, _) = named(&format!("client-{}", curve.name()));
    let (stranger, _) = named(&format!("stranger-{}", curve.name()));
    let (payer, _) = named("payer-p256");
    let payload = payload(&[message(b"authenticated")]);
    let to_sign = payer.public_key().request_to_authenticate(&payload);
    let sign = |bytes: &[u8]| client.sign(bytes, Scheme::default());
    let right = sign(&to_sign);
    let text = |bytes: &[u8]| curve.signature().encode(bytes);

    let with_text = |name: &str, why: &str, signature: String| {
        let mut case =
            case(format!("request/{}/{name}", curve.name()), why, &client, to_sign.clone(), signature.clone());
        case.request = Some(Sign {
            key: "payer-p256".to_owned(),
            payload: payload.clone().into(),
            chain: None,
            at: Instance::Authenticated,
            version: None,
            authentication: Some(signature),
            verdict: Verdict::Signed,
            status: 200,
            same_signature_as: None,
        });
        case
    };
    let good = |name: &str, why: &str, bytes: &[u8]| with_text(name, why, text(bytes));
    let refused = |case: SignatureCase, note| {
        let mut case = invalid(case, note);
        if let Some(request) = &mut case.request {
            (request.verdict, request.status) = (Verdict::Refused, 401);
        }
        case
    };
    let bad = |name: &str, why: &str, bytes: &[u8], note| refused(good(name, why, bytes), note);

    let last = to_sign.len() - 1;
    let other = |index: usize| {
        let mut bytes = to_sign.clone();
        bytes[index] ^= 1;
        sign(&bytes)
    };
    let mut cases = vec![
        good("valid", "A request signed by a client, in octez-client's format (signer_messages.ml, to_sign).", &right),
        bad(
            "by-a-stranger",
            "A valid signature by an unauthorized key, which anyone can create.",
            &stranger.sign(&to_sign, Scheme::default()),
            WhyInvalid::OtherPayload,
        ),
        bad(
            "of-other-data",
            "The signature covers the payload: one for another payload must not authenticate this one.",
            &other(last),
            WhyInvalid::OtherPayload,
        ),
        bad(
            "for-another-key",
            "The signature covers the hash of the key: one for a payer's key must not authenticate a request to a \
             baker's.",
            &other(5),
            WhyInvalid::OtherPayload,
        ),
        bad(
            "for-a-nonce",
            "Tag 02 requests a deterministic nonce (signer_messages.ml): it is not a sign request.",
            &sign(&[&[0x04, 0x02], &to_sign[2..]].concat()),
            WhyInvalid::OtherPayload,
        ),
        bad(
            "of-the-payload-alone",
            "Without 04 01 and the key's hash, it is the signature of an operation, which anyone can read on the \
             chain.",
            &sign(&payload),
            WhyInvalid::OtherPayload,
        ),
        bad(
            "short",
            "A byte is missing, but the checksum is right: the length follows from the prefix.",
            &right[1..],
            WhyInvalid::Text,
        ),
        bad(
            "long",
            "One byte too many, but the checksum is right: truncating it gives one signature many encodings.",
            &[right.as_slice(), &[0]].concat(),
            WhyInvalid::Text,
        ),
        bad(
            "zeros",
            "All zeros: r and s are zero, or the bytes are not a point; a verifier that does not check the range may \
             accept it.",
            &vec![0; right.len()],
            WhyInvalid::OutOfRange,
        ),
    ];
    let mut mistyped = text(&right);
    let end = if mistyped.pop() == Some('1') { '2' } else { '1' };
    mistyped.push(end);
    let why = "The checksum is wrong: a mistyped text is not a signature.";
    cases.push(refused(with_text("checksum", why, mistyped), WhyInvalid::Text));

    if curve == Curve::Bls {
        cases.extend(bls_requests(&good, &bad, &client, &to_sign));
        let why = "The generic prefix is for 64 bytes (signature_v3.ml): with 96 bytes it is invalid.";
        cases.push(refused(with_text("generic", why, GENERIC_SIGNATURE.encode(&right)), WhyInvalid::Text));
        return cases;
    }
    let why = "The generic prefix does not identify the curve; octez-client accepts and sends it (signature_v3.ml, \
               of_b58check_opt).";
    cases.push(with_text("generic", why, GENERIC_SIGNATURE.encode(&right)));
    for other in [Curve::Ed25519, Curve::Secp256k1, Curve::P256].into_iter().filter(|other| *other != curve) {
        let why = "The same 64 bytes with the prefix of another curve are a signature by that curve, and by no authorized \
             key.";
        let name = format!("prefix-{}", other.name());
        cases.push(refused(with_text(&name, why, other.signature().encode(&right)), WhyInvalid::OtherCurve));
    }
    if curve == Curve::Ed25519 {
        let (r, s) = right.split_at(32);
        let malleated = [r.to_vec(), sum(s, number(ED25519_ORDER))].concat();
        let why = "Without a range check, s plus the order is the same number (RFC 8032, 5.1.7): a second signature \
                   of the same bytes.";
        cases.push(bad("s-plus-order", why, &malleated, WhyInvalid::OutOfRange));
        return cases;
    }
    cases.extend(ecdsa_requests(&good, &bad, &client, &to_sign));
    cases
}

fn bls_requests(
    good: &impl Fn(&str, &str, &[u8]) -> SignatureCase,
    bad: &impl Fn(&str, &str, &[u8], WhyInvalid) -> SignatureCase,
    client: &SecretKey,
    to_sign: &[u8],
) -> Vec<SignatureCase> {
    let infinity = [[0xc0].as_slice(), &[0; 95]].concat();
    let negated = {
        let mut bytes = client.sign(to_sign, Scheme::default());
        bytes[0] ^= 0x20;
        bytes
    };
    let again = client.sign(to_sign, Scheme::default());
    vec![
        good("again", "BLS signatures are deterministic: repeating a request yields the same text.", &again),
        bad(
            "augmented",
            "In the other scheme (signature_v1.ml): without version=1 it is invalid.",
            &client.sign(to_sign, Scheme::Augmented),
            WhyInvalid::OtherScheme,
        ),
        bad(
            "possession",
            "A signature in the domain of proofs proves possession: it must not authenticate a request.",
            &client.sign(to_sign, Scheme::Possession),
            WhyInvalid::OtherScheme,
        ),
        bad(
            "infinity",
            "The point at infinity is a valid signature of every message under the key at infinity.",
            &infinity,
            WhyInvalid::OutOfRange,
        ),
        bad(
            "negated",
            "The point with the other y is on the curve and in the group, but not a valid signature.",
            &negated,
            WhyInvalid::OtherPayload,
        ),
    ]
}

fn ecdsa_requests(
    good: &impl Fn(&str, &str, &[u8]) -> SignatureCase,
    bad: &impl Fn(&str, &str, &[u8], WhyInvalid) -> SignatureCase,
    client: &SecretKey,
    to_sign: &[u8],
) -> Vec<SignatureCase> {
    let curve = client.curve();
    let right = client.sign(to_sign, Scheme::default());
    let (r, s) = right.split_at(32);
    let order = if curve == Curve::P256 { P256_ORDER } else { SECP256K1_ORDER };
    let zero = vec![0; 32];
    let of = |r: &[u8], s: &[u8]| [r, s].concat();
    let mut cases = vec![
        good(
            "other-randomness",
            "ECDSA has many valid signatures of the same bytes: HSMs draw them at random.",
            &client.sign_with(to_sign, Scheme::default(), b"other"),
        ),
        bad(
            "r-zero",
            "r is zero: a verifier that does not check the range divides by zero.",
            &of(&zero, s),
            WhyInvalid::OutOfRange,
        ),
        bad(
            "s-zero",
            "s is zero, which has no inverse: a verifier that uses zero as the inverse accepts anything.",
            &of(r, &zero),
            WhyInvalid::OutOfRange,
        ),
        bad(
            "r-order",
            "r equals the order: a verifier that reduces it without checking the range gets zero.",
            &of(&order, s),
            WhyInvalid::OutOfRange,
        ),
        bad(
            "s-order",
            "s equals the order: a verifier that reduces it without checking the range gets zero.",
            &of(r, &order),
            WhyInvalid::OutOfRange,
        ),
        bad(
            "r-and-s-exchanged",
            "s before r is another signature: some libraries encode it like this.",
            &of(s, r),
            WhyInvalid::OtherPayload,
        ),
        bad(
            "little-endian",
            "Both numbers are big-endian (secp256k1.ml, p256.ml): with reversed bytes they differ.",
            &[r.iter().rev().copied().collect::<Vec<_>>(), s.iter().rev().copied().collect()].concat(),
            WhyInvalid::OtherPayload,
        ),
    ];
    if curve == Curve::Secp256k1 {
        let why = "libsecp256k1 rejects a high s, and Octez verifies with it: an HSM's signature must be normalised \
                   to low s.";
        cases.push(bad("high-s", why, &with_other_s(curve, &right), WhyInvalid::HighS));
    } else {
        let high = if is_low(curve, &right) { with_other_s(curve, &right) } else { right.clone() };
        let low = with_other_s(curve, &high);
        let why = "Octez accepts both halves of s for P-256 (hacl.ml, P256): rejecting one rejects half of all HSM \
                   signatures.";
        cases.push(SignatureCase { note: Some(WhyInvalid::HighS), ..good("high-s", why, &high) });
        cases.push(good(
            "low-s",
            "The same signature with the low s is equally valid: P-256 prefers neither half.",
            &low,
        ));
    }
    cases
}
