//! Votes as bakers sign them and as blocks contain them (Octez, `operation_repr.ml` of protocol 025).

use super::{Hash, Network};
use crate::crypto::{Scheme, SecretKey};
use crate::payload::consensus::Kind;
use crate::payload::signed_number;

/// A vote of a baker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Index of the baker.
    pub baker: usize,
    /// Preattestation or attestation.
    pub kind: Kind,
    /// Level of the block.
    pub level: i32,
    /// Round of the block.
    pub round: i32,
    /// Payload hash of the block.
    pub payload_hash: Hash,
    /// The block two levels below, which makes the vote valid on this branch only.
    pub branch: Hash,
    /// DAL content of an attestation: bits of attested slots.
    pub dal: Option<u32>,
}

impl Vote {
    /// The same with DAL content.
    #[must_use]
    pub fn with_dal(self, bits: u32) -> Self {
        Self { dal: Some(bits), ..self }
    }

    /// The content as in a signed operation, without branch: for a tz4 key without slot and DAL content.
    fn contents(&self, network: &Network) -> Vec<u8> {
        let is_bls = network.consensus_key(self.baker, self.level).is_bls();
        let tag = match (self.kind, is_bls, self.dal) {
            (Kind::Preattestation, true, _) => 40,
            (Kind::Preattestation, false, _) => 20,
            (_, true, _) => 41,
            (_, false, None) => 21,
            (_, false, Some(_)) => 23,
        };
        let slot = network.first_slot(self.baker).to_be_bytes();
        [
            vec![tag],
            if is_bls { Vec::new() } else { slot.to_vec() },
            self.level.to_be_bytes().to_vec(),
            self.round.to_be_bytes().to_vec(),
            self.payload_hash.to_vec(),
            self.dal.filter(|_| tag == 23).map_or(Vec::new(), |bits| signed_number(bits.into())),
        ]
        .concat()
    }

    /// The bytes that the consensus key signs, and with DAL content a tz4's companion key, too.
    pub fn signed_bytes(&self, network: &Network) -> Vec<u8> {
        [&[self.kind.watermark()], network.chain.as_slice(), &self.branch, &self.contents(network)].concat()
    }

    /// The operation without its signature, which its hash covers.
    pub(super) fn unsigned_operation(&self, network: &Network) -> Vec<u8> {
        [self.branch.as_slice(), &self.contents(network)].concat()
    }

    /// Signed by the baker's key of the level.
    pub fn signed(self, network: &Network) -> SignedVote {
        let key = network.consensus_key(self.baker, self.level).secret.clone();
        self.signed_by(network, &key)
    }

    /// Signed by another key than the protocol expects.
    pub fn signed_by(self, network: &Network, key: &SecretKey) -> SignedVote {
        let signature = key.sign(&self.signed_bytes(network), Scheme::ProofOfPossession);
        self.with_signature(signature)
    }

    /// With a signature that a signer has made: 64 bytes, or 96 of a tz4 key.
    pub fn with_signature(self, signature: impl Into<Vec<u8>>) -> SignedVote {
        SignedVote { vote: self, signature: signature.into() }
    }
}

/// A vote with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedVote {
    /// The vote.
    pub vote: Vote,
    /// The signature of the consensus key.
    pub signature: Vec<u8>,
}
