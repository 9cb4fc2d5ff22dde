//! The cases, as in the JSON files. The schemas under `schema/` define the same for other languages.

mod consequence;
mod decode;
mod feature;
mod http;
mod keys;
mod signatures;
mod steps;

pub use consequence::Consequence;
pub use decode::{DecodeCase, Expected};
pub use feature::Feature;
pub use http::{Answer, Body, Connection, Expectation, Framing, HttpCase, HttpRequest};
pub use keys::{Key, KeyCase, KeyFile, KeyText, Role};
pub use oracle::reading::{Content, Decoded, Malformed};
pub use signatures::{SignatureCase, WhyInvalid};
pub use steps::{Empty, Instance, Need, Prove, Released, Sign, Step, StepsCase, Together, Verdict};

use serde::{Deserialize, Serialize};

/// A file of cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File<C> {
    /// Path of the schema.
    #[serde(rename = "$schema")]
    pub schema: String,
    /// Description of the file.
    pub about: String,
    /// Cases.
    pub cases: Vec<C>,
}
