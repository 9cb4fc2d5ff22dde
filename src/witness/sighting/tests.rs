use super::*;
use crate::tezos::payload::Payload;
use crate::tezos::{BlockPayloadHash, BlsScheme, Curve, SecretKey, SignatureText};

const CHAIN: ChainId = ChainId::MAINNET;

fn key(curve: Curve) -> SecretKey {
    SecretKey::generate(curve).unwrap()
}

/// A block that `baker` has signed.
fn block(baker: &SecretKey) -> Header {
    let block = oracle::payload::consensus::Block::new(1332, 0);
    let signature = baker.sign(&block.bytes(), BlsScheme::default()).unwrap();
    let raw = [&block.bytes()[5..], signature.as_bytes()].concat();
    Header::read(CHAIN, format!("\"{}\"", hex::encode(raw)).as_bytes()).unwrap()
}

fn vote(kind: Kind, delegate: &SecretKey, consensus_key: &SecretKey, form: Form) -> Receipt {
    let mut receipt = Receipt {
        operation: OperationHash::from_bytes([9; 32]),
        kind,
        position: Position { level: 1331.try_into().unwrap(), round: 2.try_into().unwrap() },
        branch: BlockHash::from_bytes([3; 32]),
        payload_hash: BlockPayloadHash::from_bytes([4; 32]),
        delegate: delegate.public_key().hash(),
        consensus_key: consensus_key.public_key().hash(),
        slot: 17,
        form,
    };
    let signed = consensus_key.sign(&signed_bytes(CHAIN, &receipt), BlsScheme::default()).unwrap();
    if let Form::Single { signature, .. } = &mut receipt.form {
        *signature = Some(SignatureText::Known(signed));
    }
    receipt
}

const SINGLE: Form = Form::Single { dal: None, signature: None };

fn seen(header: &Header, votes: &[Receipt], served: &[&SecretKey], companions: &Companions) -> Sightings {
    let served = ServedKeys::new(served.iter().map(|key| key.public_key().clone()));
    sightings(CHAIN, header, votes, &served, companions)
}

#[test]
fn a_block_and_votes_of_served_keys_are_seen_with_their_marks() {
    let (baker, other) = (key(Curve::Ed25519), key(Curve::Ed25519));
    for curve in [Curve::Ed25519, Curve::Secp256k1, Curve::P256] {
        for (kind, dal) in [(Kind::Preattestation, None), (Kind::Attestation, None), (Kind::Attestation, Some("2048"))]
        {
            let voter = key(curve);
            let form = Form::Single { dal: dal.map(|dal| dal.parse().unwrap()), signature: None };
            let votes = [vote(kind, &other, &voter, form), vote(kind, &other, &other, SINGLE)];
            let found = seen(&block(&baker), &votes, &[&baker, &voter], &Companions::new());
            let kinds: Vec<_> = found.seen.iter().map(|seen| (seen.id.key, seen.id.kind, seen.proof)).collect();
            let expected = [
                (baker.public_key().hash(), Kind::Block, Proof::Signature),
                (voter.public_key().hash(), kind, Proof::Signature),
            ];
            assert_eq!((kinds, found.wrong_signatures), (expected.to_vec(), 0));
            // The digest is that of a payload which the signer would have signed.
            let payload = signed_bytes(CHAIN, &votes[0]);
            let consensus = Payload::decode(&payload, curve).unwrap().consensus().unwrap();
            let seen = &found.seen[1];
            assert_eq!(seen.digest, Digest::of(&payload));
            assert_eq!((consensus.chain, consensus.kind, consensus.position), (CHAIN, kind, seen.position));
        }
    }
}

#[test]
fn a_vote_that_our_key_has_not_signed_is_no_sighting() {
    let (baker, ours, other) = (key(Curve::Ed25519), key(Curve::P256), key(Curve::P256));
    let good = vote(Kind::Attestation, &ours, &ours, SINGLE);
    let invented = Receipt { position: Position { level: 1400.try_into().unwrap(), ..good.position }, ..good.clone() };
    let by_other =
        Receipt { consensus_key: ours.public_key().hash(), ..vote(Kind::Attestation, &ours, &other, SINGLE) };
    let unsigned = Receipt { form: SINGLE, ..good.clone() };
    for (name, vote, expected) in [
        ("as signed", good, (1, 0)),
        ("at another level", invented, (0, 1)),
        ("signed by another key", by_other, (0, 1)),
        ("without a signature", unsigned, (0, 1)),
    ] {
        let found = seen(&block(&baker), &[vote], &[&ours], &Companions::new());
        assert_eq!((found.seen.len(), found.wrong_signatures), expected, "{name}");
    }
}

#[test]
fn the_delegates_own_key_is_not_seen_when_its_consensus_key_votes() {
    let (baker, delegate, consensus_key) = (key(Curve::Ed25519), key(Curve::P256), key(Curve::P256));
    let votes = [vote(Kind::Attestation, &delegate, &consensus_key, SINGLE)];
    assert_eq!(seen(&block(&baker), &votes, &[&delegate], &Companions::new()), Sightings::default());
}

#[test]
fn an_aggregate_shows_the_consensus_key_and_with_dal_content_the_companion() {
    let (baker, consensus_key, companion) = (key(Curve::Ed25519), key(Curve::Bls), key(Curve::Bls));
    let delegate = key(Curve::Ed25519);
    let companions = Companions::from([(delegate.public_key().hash(), companion.public_key().hash())]);
    for (kind, with_dal, expected) in
        [(Kind::Preattestation, false, 1), (Kind::Attestation, false, 1), (Kind::Attestation, true, 2)]
    {
        let votes = [vote(kind, &delegate, &consensus_key, Form::Aggregated { with_dal })];
        let found = seen(&block(&baker), &votes, &[&consensus_key, &companion], &companions);
        let keys: Vec<_> = found.seen.iter().map(|seen| seen.id.key).collect();
        assert_eq!(keys, [consensus_key.public_key().hash(), companion.public_key().hash()][..expected]);
        let payload = signed_bytes(CHAIN, &votes[0]);
        assert!(found.seen.iter().all(|seen| seen.proof == Proof::Report && seen.digest == Digest::of(&payload)));
        assert!(Payload::decode(&payload, Curve::Bls).is_ok(), "the same bytes for both keys");
        // Served without the consensus key, which another signer has.
        let alone = seen(&block(&baker), &votes, &[&companion], &companions);
        assert_eq!(alone.seen.len(), expected - 1);
    }
}

#[test]
fn evidence_is_the_same_wherever_it_is_seen_and_differs_for_anything_else() {
    let (baker, ours) = (key(Curve::Ed25519), key(Curve::P256));
    let votes = [vote(Kind::Attestation, &ours, &ours, SINGLE)];
    let found = seen(&block(&baker), &votes, &[&ours, &baker], &Companions::new()).seen;
    let [of_block, of_vote] = &found[..] else { panic!("{found:?}") };
    let elsewhere = Sighting { source: Source::Operation(OperationHash::from_bytes([8; 32])), ..of_vote.clone() };
    assert_eq!(elsewhere.evidence(), of_vote.evidence());
    let round = Position { round: 3.try_into().unwrap(), ..of_vote.position };
    for other in [
        of_block.clone(),
        Sighting { position: round, ..of_vote.clone() },
        Sighting { digest: Digest::of(b"other"), ..of_vote.clone() },
        Sighting { id: MarkId { kind: Kind::Preattestation, ..of_vote.id }, ..of_vote.clone() },
    ] {
        assert_ne!(other.evidence(), of_vote.evidence());
    }
    let signed_again = Sighting { signature: Some(Signature::Ed25519([7; 64])), ..of_block.clone() };
    assert_ne!(signed_again.evidence(), of_block.evidence());
}
