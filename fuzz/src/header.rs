//! Block headers, as a node returns them. An input is the header's bytes, which the node returns in hex.

use azurehsm_signer::chain::blocks::Header;
use azurehsm_signer::tezos::{ChainId, PublicKey};
use oracle::crypto::{Curve, Scheme, SecretKey, digest};

/// A header that is read has the position, the predecessor and the hash of its bytes, and is signed by those keys by which it is
/// according to the oracle.
pub fn check(input: &[u8]) {
    let json = format!("\"{}\"", hex::encode(input));
    let Ok(header) = Header::read(ChainId::MAINNET, json.as_bytes()) else { return };
    let number = |at: usize| u32::from_be_bytes(input[at..at + 4].try_into().unwrap());
    let fitness = usize::try_from(number(78)).unwrap();
    assert_eq!(header.position.level.get(), number(0));
    assert_eq!(header.position.round.get(), number(78 + fitness), "the last element of the fitness");
    assert_eq!(header.predecessor.as_bytes(), &input[5..37]);
    assert_eq!(header.hash.as_bytes(), &digest(input));
    // The second one has signed the seeds.
    let keys = [SecretKey::ed25519([7; 32]), SecretKey::of_name(Curve::P256, "a developer's baker").unwrap()];
    for key in keys {
        let public = key.public_key();
        let (unsigned, signature) = input.split_at(input.len() - 64);
        let payload = [&[0x11, 0x7a, 0x06, 0xa7, 0x70], unsigned].concat();
        let expected = public.verify(&payload, Scheme::ProofOfPossession, signature).is_ok();
        let product: PublicKey = public.text().parse().unwrap();
        assert_eq!(header.signed_by(&product).is_some(), expected);
    }
}
