//! Verdicts other than *signed*: *refused* and *failed*, apart by type, with the texts for answers and logs.

use super::policy::NotAllowed;
use super::purpose::OutsidePurpose;
use super::{Unauthenticated, Withheld};
use crate::answer::{Cause, Verdict};
use crate::chain::{HeadUnknown, NotNear};
use crate::failure_reason::FailureReason;
use crate::marks::{BoundElsewhere, Lost, NotSafe, StoreError, TooManyChains};
use crate::tezos::payload::NotUnderstood;
use crate::tezos::{NotBls, PublicKeyHash, WrongSignature};
use crate::vault::{SearchProgress, VaultError};
use std::time::Duration;
use thiserror::Error;
use tokio::task::JoinError;

/// Why nothing is released.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotSigned {
    /// It must not be signed, ever.
    #[error(transparent)]
    Refused(Refusal),
    /// It is undecided whether it may be signed, or it could not be signed now.
    #[error(transparent)]
    Failed(Failure),
}

impl NotSigned {
    /// Refused or failed.
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Refused(_) => Verdict::Refused,
            Self::Failed(_) => Verdict::Failed,
        }
    }

    /// The text for the log. Unlike an answer, it may name services, addresses and items.
    pub fn log(&self) -> String {
        match self {
            Self::Failed(Failure::BoundElsewhere(elsewhere)) => elsewhere.log(),
            Self::Failed(Failure::Store(error)) => error.log(),
            Self::Failed(Failure::Lost(lost)) => lost.log(),
            Self::Failed(Failure::Vault(error)) => error.log(),
            Self::Failed(Failure::Internal(reason)) => format!("internal error: {}", reason.log()),
            other => other.to_string(),
        }
    }

    /// The cause, for logs and answers.
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Refused(refusal) => refusal.cause(),
            Self::Failed(failure) => failure.cause(),
        }
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No authorized key signed the request.
    #[error(transparent)]
    Unauthenticated(Unauthenticated),
    /// The vault has no such key.
    #[error("no key {key} in the vault")]
    UnknownKey {
        /// The requested hash.
        key: PublicKeyHash,
    },
    /// The vault has the key, but it cannot sign, because it is disabled, for instance.
    #[error("the key {key} is in the vault and cannot sign: {reason}")]
    UnusableKey {
        /// The requested hash.
        key: PublicKeyHash,
        /// The reason, with dates.
        reason: String,
    },
    /// The payload is not understood.
    #[error("the payload is not signed: {0}")]
    Payload(NotUnderstood),
    /// The client's signature version has no tz4 signatures.
    #[error("version 0 cannot carry tz4 signatures; use 1 or later")]
    VersionWithoutBls,
    /// Policy does not allow it.
    #[error(transparent)]
    Policy(NotAllowed),
    /// A sealed key is not for this.
    #[error(transparent)]
    Purpose(OutsidePurpose),
    /// The level is not near the head of the chain.
    #[error(transparent)]
    Head(NotNear),
    /// The mark forbids it.
    #[error("{not_safe}{}", advice(.0), not_safe = .0)]
    Mark(NotSafe),
    /// The one signature that may be released for this block is of the other BLS scheme, or was imported and is wrong.
    #[error("this block is already signed, and the stored signature is not valid for this key and version")]
    StoredSignatureInvalid,
    /// A proof of possession was requested from a key of another curve.
    #[error("{key} is not a tz4 key: only tz4 keys prove possession")]
    NoPossession {
        /// The requested hash.
        key: PublicKeyHash,
    },
    /// A proof of possession was requested about a public key of another curve.
    #[error("bls_pk: {0}: only tz4 keys have proofs of possession")]
    PossessionOf(NotBls),
}

impl Refusal {
    const fn cause(&self) -> Cause {
        match self {
            Self::Unauthenticated(_) => Cause::Unauthenticated,
            Self::UnknownKey { .. } => Cause::UnknownKey,
            Self::UnusableKey { .. } => Cause::UnusableKey,
            Self::Payload(_) => Cause::Payload,
            Self::VersionWithoutBls => Cause::Version,
            Self::Policy(_) | Self::Purpose(_) => Cause::Policy,
            Self::Head(_) => Cause::Head,
            Self::Mark(not_safe) => not_safe.cause(),
            Self::StoredSignatureInvalid => Cause::StoredSignatureInvalid,
            Self::NoPossession { .. } | Self::PossessionOf(_) => Cause::NoPossession,
        }
    }
}

/// What the operator can do about it.
const fn advice(not_safe: &NotSafe) -> &'static str {
    match not_safe {
        NotSafe::JumpTooFar { .. } => {
            "; if it is right, raise the mark with `azurehsm-signer marks raise`, or set NODE_URLS to check levels against \
             the head of the chain"
        }
        NotSafe::LevelImpossible { .. } => "; check the baker's node, and the clock",
        NotSafe::MarkLost { .. } => {
            "; raise it above all that was signed (`azurehsm-signer marks raise`), or declare the key new on this chain if it \
             has never signed there (`marks raise --new-key`)"
        }
        NotSafe::BelowMark { .. }
        | NotSafe::DifferentData { .. }
        | NotSafe::Stopped { .. }
        | NotSafe::RaisedHere { .. }
        | NotSafe::SignatureUnknown { .. } => "",
    }
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// The key's tag names another mark store than the one in use.
    #[error(transparent)]
    BoundElsewhere(BoundElsewhere),
    /// The mark store did not answer, or answered with an error.
    #[error(transparent)]
    Store(StoreError),
    /// The mark store has lost what it acknowledged for this key.
    #[error(transparent)]
    Lost(Lost),
    /// The key has marks on too many unknown chains.
    #[error(transparent)]
    TooManyChains(TooManyChains),
    /// The vault did not sign.
    #[error(transparent)]
    Vault(VaultError),
    /// The key is unknown, and the vault has not been searched for it since the request arrived.
    #[error("{}", search_pending(key, why_unusable.as_deref(), running.as_ref(), *next_search_in))]
    KeySearchPending {
        /// The requested hash.
        key: PublicKeyHash,
        /// Why the key could not sign at the last search, if that found it.
        why_unusable: Option<String>,
        /// How long the running search has taken, and its progress.
        running: Option<(Duration, SearchProgress)>,
        /// The time until the next search can begin.
        next_search_in: Duration,
    },
    /// The head of the chain is unknown.
    #[error("{0}; nothing is signed meanwhile (WHEN_HEAD_UNKNOWN=fail)")]
    Head(HeadUnknown),
    /// The vault returned an invalid signature.
    #[error("the vault returned a wrong signature: {0}")]
    WrongSignature(WrongSignature),
    /// Other large bodies were still being received.
    #[error("{limit} large request bodies are being received, and none finished in time: try again")]
    TooManyLargeBodies {
        /// How many are received concurrently.
        limit: usize,
    },
    /// This is an observer, which releases nothing.
    #[error("{0}")]
    Withheld(Withheld),
    /// The deadline passed.
    #[error("the vault or the mark store did not answer within the request's deadline (REQUEST_DEADLINE_MS)")]
    Deadline,
    /// A bug in this program.
    #[error("internal error: {0}")]
    Internal(FailureReason),
}

impl Failure {
    const fn cause(&self) -> Cause {
        match self {
            Self::BoundElsewhere(_) => Cause::BoundElsewhere,
            Self::Store(_) => Cause::Store,
            Self::Lost(_) => Cause::MarksLost,
            Self::TooManyChains(_) => Cause::TooManyChains,
            Self::Vault(_) => Cause::Vault,
            Self::KeySearchPending { .. } => Cause::KeySearch,
            Self::Head(_) => Cause::HeadUnknown,
            Self::WrongSignature(_) => Cause::WrongSignature,
            Self::TooManyLargeBodies { .. } => Cause::LargeBodies,
            Self::Withheld(_) => Cause::Observer,
            Self::Deadline => Cause::Deadline,
            Self::Internal(_) => Cause::Internal,
        }
    }

    /// A task of the request panicked.
    pub fn task_failed(error: &JoinError) -> Self {
        Self::Internal(FailureReason::with_log("a task panicked; standard error has the details", error.to_string()))
    }
}

fn search_pending(
    key: &PublicKeyHash,
    why_unusable: Option<&str>,
    running: Option<&(Duration, SearchProgress)>,
    next_search_in: Duration,
) -> String {
    let known = match why_unusable {
        Some(reason) => format!("key {key} could not sign at the last search of the vault ({reason})"),
        None => format!("key {key} is not known yet"),
    };
    match running {
        Some((since, progress)) => {
            format!("{known}; the vault has been searched for {:.1} s so far: {progress}", since.as_secs_f64())
        }
        None => format!(
            "{known}, and the vault was searched a moment ago; the next search can start in {:.1} s",
            next_search_in.as_secs_f64()
        ),
    }
}

macro_rules! becomes {
    ($($source:ty => $target:ident::$variant:ident;)*) => {
        $(impl From<$source> for NotSigned {
            fn from(source: $source) -> Self {
                <$target>::$variant(source).into()
            }
        })*
    };
}

becomes! {
    Unauthenticated => Refusal::Unauthenticated;
    NotUnderstood => Refusal::Payload;
    NotAllowed => Refusal::Policy;
    NotNear => Refusal::Head;
    NotSafe => Refusal::Mark;
    VaultError => Failure::Vault;
    StoreError => Failure::Store;
    Lost => Failure::Lost;
    BoundElsewhere => Failure::BoundElsewhere;
    HeadUnknown => Failure::Head;
    WrongSignature => Failure::WrongSignature;
}

impl From<Refusal> for NotSigned {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failure> for NotSigned {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::{MarkId, StoreId};
    use crate::tezos::payload::{DecodeError, Kind, Position, Reason as DecodeReason};
    use std::collections::BTreeSet;

    #[test]
    fn each_refusal_and_failure_has_a_cause_of_its_verdict() {
        let key: PublicKeyHash = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t".parse().unwrap();
        let chain = "NetXdQprcVkpaWU".parse().unwrap();
        let position = Position { level: 5.try_into().unwrap(), round: 0.try_into().unwrap() };
        let id = MarkId { chain, key, kind: Kind::Block };
        let unread = DecodeError { offset: 0, reason: DecodeReason::UnknownWatermark { byte: 7 } };
        let rows: [(NotSigned, Cause); 22] = [
            (Unauthenticated::Missing.into(), Cause::Unauthenticated),
            (Refusal::UnknownKey { key }.into(), Cause::UnknownKey),
            (Refusal::UnusableKey { key, reason: String::new() }.into(), Cause::UnusableKey),
            (NotUnderstood::new(unread, &[7]).into(), Cause::Payload),
            (Refusal::VersionWithoutBls.into(), Cause::Version),
            (NotAllowed::PackedData.into(), Cause::Policy),
            (NotNear::Chain { chain, followed: chain }.into(), Cause::Head),
            (NotSafe::RaisedHere { kind: Kind::Block, requested: position }.into(), Cause::RaisedHere),
            (Refusal::StoredSignatureInvalid.into(), Cause::StoredSignatureInvalid),
            (Refusal::NoPossession { key }.into(), Cause::NoPossession),
            (BoundElsewhere::new(&BTreeSet::new(), &StoreId::Embedded).into(), Cause::BoundElsewhere),
            (StoreError::NotConnected.into(), Cause::Store),
            (Lost { id, before: position, now: None }.into(), Cause::MarksLost),
            (Failure::TooManyChains(TooManyChains { limit: 64 }).into(), Cause::TooManyChains),
            (VaultError::unavailable("away").into(), Cause::Vault),
            (
                Failure::KeySearchPending { key, why_unusable: None, running: None, next_search_in: Duration::ZERO }
                    .into(),
                Cause::KeySearch,
            ),
            (HeadUnknown { chain, max_age: Duration::ZERO }.into(), Cause::HeadUnknown),
            (WrongSignature { key }.into(), Cause::WrongSignature),
            (Failure::TooManyLargeBodies { limit: 64 }.into(), Cause::LargeBodies),
            (Failure::Withheld(Withheld { verdict: Verdict::Signed, reason: None }).into(), Cause::Observer),
            (Failure::Deadline.into(), Cause::Deadline),
            (Failure::Internal("a bug".into()).into(), Cause::Internal),
        ];
        for (not_signed, cause) in &rows {
            assert_eq!((not_signed.cause(), not_signed.verdict()), (*cause, cause.verdict()), "{not_signed}");
        }
        // Apart from `NotReady`, the table has every failure. The other causes originate in the marks or in the server.
        let of_rows: Vec<_> = rows.iter().map(|(_, cause)| *cause).collect();
        let failed = Cause::ALL
            .iter()
            .filter(|cause| cause.verdict() == Verdict::Failed && !matches!(cause, Cause::NotReady | Cause::Upstream));
        assert!(failed.clone().count() > 5 && failed.clone().all(|cause| of_rows.contains(cause)));
    }
}
