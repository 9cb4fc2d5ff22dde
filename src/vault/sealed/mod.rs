//! Sealed keys: tz4 secrets, encrypted for RSA keys in HSMs, since no HSM in Azure signs with BLS12-381. The format is
//! pure; [`Folder`], [`Container`], [`RecipientVaults`] and [`WithSealedKeys`] do I/O.
//!
//! `docs/sealed-keys.md` specifies the format `sealed/1`, with test vectors in `conformance/sealed`.

mod associated_data;
mod container;
mod data_key;
mod folder;
mod format;
mod purpose;
mod recipient;
mod recipient_vaults;
mod recovery_key;
mod released_key;
mod rsa_private_key;
mod rsa_public_key;
mod sealing;
mod secure_key_release;
mod serving;
mod source;
mod survey;
#[cfg(test)]
mod tests;
mod turns;

pub use container::Container;
pub use data_key::{DataKey, DataKeyError};
pub use folder::Folder;
pub use format::{FORMAT, InvalidSealedKey, MAX_LENGTH};
pub use purpose::{InvalidPurpose, Purpose, Role, UnknownRole};
pub use recipient::{
    ALGORITHM, InvalidRecipient, InvalidRecipients, MAX_RECIPIENTS, Recipient, RecipientId, RecipientKey,
};
pub use recipient_vaults::{NotOpened, RecipientVaults};
pub use recovery_key::{RecoveryKey, RecoveryKeyError, UnwrapError};
pub use rsa_public_key::{Fingerprint, InvalidRsaKey, MIN_RSA_BITS, RsaPublicKey};
pub use sealing::{OpenError, SealError, SealedKey};
pub use secure_key_release::{AttestationEndpoint, InvalidEndpoint, KeyReleaseSettings, SidecarUrl};
pub use serving::WithSealedKeys;
pub use source::{SealedEntry, SealedKeySource, SealedKeyStore, SealedStoreError, StoredKey};
pub use survey::{ListedKey, Survey};
