//! The values of labels. Each label has a closed set of values, except the key, of which a bounded number is labelled.

use crate::tezos::PublicKeyHash;
use crate::tezos::payload::{Kind, Payload};
use opentelemetry::StringValue;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$of_value:meta])* $value:ident $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of_value])* $value,)*
        }

        impl $name {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$value,)*];

            /// The value of the label.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$value => $text,)* }
            }
        }
    };
}

label! {
    /// The outcome of a request, as the label `result`.
    Outcome {
        /// The signature is new.
        Signed "signed",
        /// The signature is of bytes that had been signed before, or the answer to an identical request in flight.
        Replayed "replayed",
        /// It must not be signed.
        Refused "refused",
        /// It could not be decided or signed now.
        Failed "failed",
    }
}

label! {
    /// What was requested, as the label `kind`: the same words as in the log.
    RequestKind {
        /// A block.
        Block "block",
        /// A preattestation.
        Preattestation "preattestation",
        /// An attestation.
        Attestation "attestation",
        /// Operations.
        Operation "operation",
        /// Packed data.
        PackedData "packed data",
        /// A proof of possession.
        ProofOfPossession "proof of possession",
        /// The request ended before its payload was decoded.
        Unknown "unknown",
    }
}

label! {
    /// A stage of a request, as the label `stage`.
    Stage {
        /// The request's own signature is verified.
        Authenticate "authenticate",
        /// The payload is decoded.
        Decode "decode",
        /// The level is compared with the head of the chain.
        Head "head",
        /// The mark is read and written.
        Mark "mark",
        /// The vault signs.
        Vault "vault",
        /// The vault's signature is verified.
        Verify "verify",
    }
}

label! {
    /// The state of a key, as the label `state`.
    KeyState {
        /// It can sign.
        Usable "usable",
        /// Its tag names another mark store, so it signs no blocks and votes here.
        BoundElsewhere "bound_elsewhere",
        /// It is disabled, expired or not valid yet, for example.
        Unusable "unusable",
    }
}

label! {
    /// A service that requests wait for, as the label `service`.
    Service {
        /// The vault.
        Vault "vault",
        /// The mark store.
        Store "store",
    }
}

label! {
    /// Where the answer to a repeated request came from, as the label `source`.
    RepeatSource {
        /// From an identical request in flight.
        InFlight "in_flight",
        /// From the memory of this instance, confirmed by the store.
        Memory "memory",
        /// From the store, which holds the same payload.
        Store "store",
    }
}

impl From<Kind> for RequestKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Block => Self::Block,
            Kind::Preattestation => Self::Preattestation,
            Kind::Attestation => Self::Attestation,
        }
    }
}

impl From<&Payload> for RequestKind {
    fn from(payload: &Payload) -> Self {
        match payload {
            Payload::Block(_) => Self::Block,
            Payload::Vote(vote) => vote.kind.into(),
            Payload::Operations(_) => Self::Operation,
            Payload::PackedData => Self::PackedData,
        }
    }
}

/// The label of all keys without one of their own.
const OTHER: &str = "other";

/// Labels of keys. Only keys of the vault get one, and at most [`MAX_KEYS`].
#[derive(Debug, Default)]
pub(super) struct KeyLabels(RwLock<HashMap<PublicKeyHash, Arc<str>>>);

/// Far more than any baker has. The keys of a vault that has more share a label.
pub(super) const MAX_KEYS: usize = 64;

impl KeyLabels {
    /// The label of a key of the vault; `None` stands for a key that the vault does not have.
    pub(super) fn of(&self, key: Option<&PublicKeyHash>) -> StringValue {
        let Some(key) = key else { return OTHER.into() };
        if let Some(label) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return Arc::clone(label).into();
        }
        let mut labels = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if labels.len() >= MAX_KEYS && !labels.contains_key(key) {
            return OTHER.into();
        }
        Arc::clone(labels.entry(*key).or_insert_with(|| key.to_string().into())).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::{Curve, SecretKey};

    #[test]
    fn only_a_bounded_number_of_keys_is_labelled() {
        let labels = KeyLabels::default();
        let key = || SecretKey::generate(Curve::P256).unwrap().public_key().hash();
        let keys: Vec<_> = (0..=MAX_KEYS).map(|_| key()).collect();
        assert_eq!(labels.of(None).as_str(), OTHER);
        for (number, key) in keys.iter().enumerate() {
            let expected = if number < MAX_KEYS { key.to_string() } else { OTHER.to_owned() };
            assert_eq!(labels.of(Some(key)).as_str(), expected);
        }
        assert_eq!(labels.of(keys.first()).as_str(), keys[0].to_string(), "a label is kept");
    }
}
