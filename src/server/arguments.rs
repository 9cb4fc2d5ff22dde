//! What the path and the query of a request name.

use super::invalid::InvalidRequest;
use crate::tezos::{PublicKey, PublicKeyHash, SignatureVersion};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query};
use serde::Deserialize;
use std::error::Error;

/// The query of a request to sign.
#[derive(Deserialize)]
pub(crate) struct SignQuery {
    version: Option<String>,
    pub(crate) authentication: Option<String>,
}

impl SignQuery {
    /// The signature version that the client reads.
    ///
    /// # Errors
    /// [`InvalidRequest`] if it is not a number.
    pub(crate) fn signature_version(&self) -> Result<SignatureVersion, InvalidRequest> {
        Ok(self.version.as_deref().map(str::parse).transpose()?.unwrap_or_default())
    }
}

/// The query of a request to prove possession of a key.
#[derive(Deserialize)]
pub(crate) struct PossessionQuery {
    bls_pk: Option<String>,
}

impl PossessionQuery {
    /// The public key that the proof is to be about, if it is not the key's own.
    ///
    /// # Errors
    /// [`InvalidRequest::NotAPublicKey`].
    pub(crate) fn public_key(&self) -> Result<Option<PublicKey>, InvalidRequest> {
        self.bls_pk.as_deref().map(str::parse).transpose().map_err(InvalidRequest::NotAPublicKey)
    }
}

/// The public key hash at the end of a path.
///
/// # Errors
/// [`InvalidRequest::Path`] or [`InvalidRequest::NotAHash`].
pub(crate) fn hash_in_path(path: Result<Path<String>, PathRejection>) -> Result<PublicKeyHash, InvalidRequest> {
    let Path(text) = path.map_err(|error| InvalidRequest::Path(error.body_text()))?;
    text.parse().map_err(|why| InvalidRequest::NotAHash { shown: text.chars().take(64).collect(), why })
}

/// The arguments of a query.
///
/// # Errors
/// [`InvalidRequest::Query`].
pub(crate) fn understood<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, InvalidRequest> {
    query.map(|Query(query)| query).map_err(|error| {
        // The reason, without the library's preamble.
        InvalidRequest::Query(error.source().map_or_else(|| error.body_text(), ToString::to_string))
    })
}
