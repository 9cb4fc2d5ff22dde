//! The format `sealed/1`: JSON, with exactly one way to write each value.

use super::purpose::{InvalidPurpose, Purpose, UnknownRole};
use super::recipient::{self, ALGORITHM, InvalidRecipient, InvalidRecipients, Recipient, RecipientKey};
use super::rsa_public_key::RsaPublicKey;
use super::sealing::SealedKey;
use crate::json::{self, JsonError};
use crate::marks::StoreIdentity;
use crate::text::{self, NotUtf8};
use crate::tezos::{Curve, PublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use thiserror::Error;

/// The value of `format`.
pub const FORMAT: &str = "sealed/1";

/// The longest sealed key, in bytes.
pub const MAX_LENGTH: usize = 65536;

impl SealedKey {
    /// Parses a sealed key. That it is authentic shows only when it is opened.
    ///
    /// # Errors
    /// [`InvalidSealedKey`]
    pub fn from_json(bytes: &[u8]) -> Result<Self, InvalidSealedKey> {
        if bytes.len() > MAX_LENGTH {
            return Err(InvalidSealedKey::TooLong { length: bytes.len() });
        }
        let text = text::decode(bytes)?;
        // Before the other fields, which may be different in another format.
        let Tagged { format } = json::from_text(text)?;
        if format != FORMAT {
            return Err(InvalidSealedKey::OtherFormat { found: format });
        }
        let written: Written = json::from_text(text)?;
        let public_key: PublicKey = written.public_key.parse().map_err(in_field("public_key"))?;
        if public_key.curve() != Curve::Bls {
            return Err(in_field("public_key")(format!("a {} key, expected BLpk…", public_key.curve())));
        }
        let address = public_key.hash().to_string();
        if written.address != address {
            return Err(in_field("address")(format!("expected {address}, the address of public_key")));
        }
        let role = written.role.parse().map_err(|error: UnknownRole| in_field("role")(error))?;
        let chain = written.chain.parse().map_err(in_field("chain"))?;
        let purpose =
            Purpose::new(role, chain, written.store).map_err(|error: InvalidPurpose| in_field("store")(error))?;
        let recipients = written
            .recipients
            .into_iter()
            .enumerate()
            .map(|(index, written)| {
                written.parse().map_err(|reason| InvalidSealedKey::Recipient { index, reason: reason.to_string() })
            })
            .collect::<Result<Vec<_>, _>>()?;
        recipient::check(recipients.iter().map(Recipient::key))?;
        Ok(Self {
            public_key,
            purpose,
            recipients,
            nonce: fixed("nonce", &written.nonce)?,
            ciphertext: fixed("ciphertext", &written.ciphertext)?,
        })
    }

    /// The sealed key as JSON, in several lines.
    pub fn to_json(&self) -> String {
        let recipients = self.recipients.iter().map(|recipient| WrittenRecipient {
            key: recipient.key().id().to_string(),
            algorithm: ALGORITHM.to_owned(),
            public_key: STANDARD.encode(recipient.key().public_key().as_der()),
            wrapped_key: STANDARD.encode(recipient.wrapped_key()),
        });
        let written = Written {
            format: FORMAT.to_owned(),
            address: self.public_key.hash().to_string(),
            public_key: self.public_key.to_string(),
            role: self.purpose.role().to_string(),
            chain: self.purpose.chain().to_string(),
            store: self.purpose.store().clone(),
            recipients: recipients.collect(),
            nonce: STANDARD.encode(self.nonce),
            ciphertext: STANDARD.encode(self.ciphertext),
        };
        // All names are texts, so this cannot fail.
        serde_json::to_string_pretty(&written).unwrap_or_default() + "\n"
    }
}

/// Why a text is not a sealed key.
#[derive(Debug, Error)]
pub enum InvalidSealedKey {
    /// Longer than [`MAX_LENGTH`].
    #[error("{length} bytes, expected at most {MAX_LENGTH}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Not UTF-8.
    #[error(transparent)]
    Text(#[from] NotUtf8),
    /// Not JSON, or without the right fields.
    #[error("not a sealed key: {0}")]
    Json(#[from] JsonError),
    /// Another version of the format.
    #[error("its format is {found:?}, this release supports {FORMAT}")]
    OtherFormat {
        /// The value of `format`.
        found: String,
    },
    /// The value of a field.
    #[error("{field}: {reason}")]
    Field {
        /// The name of the field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// One of the recipients.
    #[error("recipients[{index}]: {reason}")]
    Recipient {
        /// Its place, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The recipients together.
    #[error("recipients: {0}")]
    Recipients(#[from] InvalidRecipients),
}

#[derive(Deserialize)]
struct Tagged {
    format: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    address: String,
    public_key: String,
    role: String,
    chain: String,
    #[serde(deserialize_with = "json::from_object")]
    store: StoreIdentity,
    #[serde(deserialize_with = "json::from_objects")]
    recipients: Vec<WrittenRecipient>,
    nonce: String,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRecipient {
    key: String,
    algorithm: String,
    public_key: String,
    wrapped_key: String,
}

impl WrittenRecipient {
    fn parse(self) -> Result<Recipient, RecipientError> {
        if self.algorithm != ALGORITHM {
            return Err(RecipientError::Algorithm(self.algorithm));
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| RecipientError::NotBase64);
        let public_key = RsaPublicKey::from_der(&decode(&self.public_key)?).map_err(InvalidRecipient::from)?;
        let key = RecipientKey::new(self.key.parse()?, public_key)?;
        Ok(Recipient::new(key, decode(&self.wrapped_key)?)?)
    }
}

#[derive(Debug, Error)]
enum RecipientError {
    #[error("algorithm: {0:?}, expected {ALGORITHM}")]
    Algorithm(String),
    #[error("expected base64, padded, in public_key and wrapped_key")]
    NotBase64,
    #[error(transparent)]
    Recipient(#[from] InvalidRecipient),
}

fn in_field<E: Display>(field: &'static str) -> impl Fn(E) -> InvalidSealedKey {
    move |reason| InvalidSealedKey::Field { field, reason: reason.to_string() }
}

fn fixed<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N], InvalidSealedKey> {
    let bytes = STANDARD.decode(text).map_err(|_| in_field(field)("expected base64, padded"))?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| in_field(field)(format!("{found} bytes, expected {N}")))
}
