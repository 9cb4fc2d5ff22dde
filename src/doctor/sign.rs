//! Test signatures.

use super::Finding;
use crate::tezos::BlsScheme;
use crate::vault::{Key, Vault, VaultError};

/// The text of test signatures. Such a signature is harmless: no Tezos payload begins with the letter `a` (0x61; blocks and
/// votes begin with 0x11, 0x12 and 0x13, operations with 0x03, packed data with 0x05), so no protocol or contract accepts it,
/// and the text is always the same, so it reveals nothing.
pub(super) const PAYLOAD: &[u8] = b"azurehsm-signer doctor: this text is signed to test a key, and means nothing";

/// Creates a test signature with a key, and verifies it. `advice` is for errors of the vault.
pub(super) async fn test_signature(vault: &dyn Vault, key: &Key, advice: impl Fn(&VaultError) -> String) -> Finding {
    let subject = match &key.version {
        Some(version) => format!("{}/{version}", key.name),
        None => key.name.clone(),
    };
    let scheme = BlsScheme::default();
    match vault.sign(key, PAYLOAD, scheme).await {
        Ok(signature) => match key.public_key.verify(PAYLOAD, scheme, &signature) {
            Ok(()) => Finding::ok("vault.sign", "made a valid test signature"),
            Err(error) => {
                let advice = "this should never happen: the vault's signature does not match its public key; do not use the key, \
                              and contact Azure support";
                Finding::failed("vault.sign", error.to_string(), advice)
            }
        },
        Err(error) => Finding::failed("vault.sign", error.to_string(), advice(&error)),
    }
    .about(subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tezos::Curve;
    use crate::tezos::payload::Payload;

    #[test]
    fn the_test_text_is_not_a_tezos_payload() {
        for curve in Curve::ALL {
            assert!(Payload::decode(PAYLOAD, curve).is_err());
        }
    }
}
