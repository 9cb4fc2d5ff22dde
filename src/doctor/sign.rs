use super::Finding;
use crate::tezos::BlsScheme;
use crate::vault::{Key, Vault, VaultError};

/// What a test signature is made over. It is harmless, whoever gets the signature: no payload of Tezos begins with the
/// letter `a` (0x61; blocks and votes begin with 0x11, 0x12 and 0x13, operations with 0x03, packed data with 0x05), so no
/// protocol and no contract takes it for one; and it is always the same text, so that it says nothing new.
pub(super) const PAYLOAD: &[u8] = b"azurehsm-signer doctor: this text is signed to test a key, and means nothing";

/// Makes a test signature with a key, and verifies it.
pub(super) async fn test_signature(vault: &dyn Vault, key: &Key, advice: impl Fn(&VaultError) -> String) -> Finding {
    let subject = match &key.version {
        Some(version) => format!("{}/{version}", key.name),
        None => key.name.clone(),
    };
    let scheme = BlsScheme::default();
    match vault.sign(key, PAYLOAD, scheme).await {
        Ok(signature) => match key.public_key.verify(PAYLOAD, scheme, &signature) {
            Ok(()) => Finding::ok("vault.sign", "a test signature was made, and is valid"),
            Err(error) => {
                let advice = "this must not happen: the vault's public key and its signatures do not go together; ask \
                              its support, and let the key sign nothing";
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
    fn what_is_signed_is_no_payload_of_tezos() {
        for curve in Curve::ALL {
            assert!(Payload::decode(PAYLOAD, curve).is_err());
        }
    }
}
