//! The machine-readable part of each answer: the names of its headers, and the closed sets of their values.
//!
//! The signer sends these headers and the relay evaluates them, so both use this module instead of each other. The log uses the
//! same words.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Names of headers.
pub mod header {
    /// [`Verdict`](super::Verdict). Every answer has it: one without it does not come from a signer.
    pub const VERDICT: &str = "x-signer-verdict";
    /// [`Cause`](super::Cause); only in answers that are *refused* or *failed*.
    pub const REASON: &str = "x-signer-reason";
    /// The digest of the identity of the mark store in use, or [`UNKNOWN`](super::UNKNOWN) until it has been read.
    pub const STORE: &str = "x-signer-store";
    /// The digest of the policy in force.
    pub const POLICY: &str = "x-signer-policy";
    /// The version of the program, such as `1.2.3`.
    pub const VERSION: &str = "x-signer-version";
    /// `true` in every answer of an observer (`OBSERVE=true`); other signers send no such header.
    pub const OBSERVES: &str = "x-signer-observes";
    /// In a request to sign an attestation with a tz4 key: the hash of the companion key that is to sign the same bytes.
    pub const COMPANION: &str = "x-signer-companion";
    /// In the same request: the authentication of a request for the companion key, as in `authentication=`.
    pub const COMPANION_AUTHENTICATION: &str = "x-signer-companion-authentication";
    /// In its answer, if it is *signed*: the signature of the companion key, in Base58Check.
    pub const COMPANION_SIGNATURE: &str = "x-signer-companion-signature";
    /// In its answer, if it is *signed* without a signature of the companion key: the [`Cause`](super::Cause).
    pub const COMPANION_REASON: &str = "x-signer-companion-reason";
}

/// The value of [`header::STORE`] while the store's identity has not been read yet.
pub const UNKNOWN: &str = "unknown";

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The answer is a signature, or a proof of possession.
    Signed,
    /// The answer is the requested information, such as a public key or a list of keys; no signature was requested.
    Answered,
    /// It must never be signed, or the request itself is invalid.
    Refused,
    /// It could not be decided, or not be signed now. Nothing is wrong with the request.
    Failed,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 4] = [Self::Signed, Self::Answered, Self::Refused, Self::Failed];

    /// The name in headers and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

macro_rules! causes {
    ($($verdict:ident { $($cause:ident $name:literal $meaning:literal;)* })*) => {
        /// Why an answer is *refused* or *failed*. The names are stable, while messages may change: alerts, queries and relays rely
        /// on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Cause {
            $($(#[doc = $meaning] $cause,)*)*
        }

        impl Cause {
            /// All causes, those of *refused* first.
            pub const ALL: &[Self] = &[$($(Self::$cause,)*)*];

            /// The name in headers and logs.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$cause => $name,)*)* }
            }

            /// The verdict of this cause: always the same.
            pub const fn verdict(self) -> Verdict {
                match self { $($(Self::$cause => Verdict::$verdict,)*)* }
            }

            /// What it means, in the Markdown of `docs/operations.md`.
            pub const fn meaning(self) -> &'static str {
                match self { $($(Self::$cause => $meaning,)*)* }
            }
        }
    };
}

causes! {
    Refused {
        Request "request" "the request itself is invalid, such as an unknown route or a body that is not hexadecimal. Only in responses; the log has the event `request_invalid`";
        Unauthenticated "unauthenticated" "no valid authentication by an authorized key, or no client certificate that `CLIENT_CERTIFICATES` lists";
        UnknownKey "unknown_key" "no such key in the vault";
        UnusableKey "unusable_key" "the key is in the vault, but it is disabled, expired, not yet valid, or may not sign";
        Payload "payload" "the payload could not be decoded";
        Version "version" "the requested signature version has no signatures for this kind of key";
        Policy "policy" "the policy does not allow this key to sign it";
        Head "head" "not near the head of the chain, or a different chain";
        BelowMark "below_mark" "below the high watermark";
        DifferentData "different_data" "already signed with different bytes: [below](#refused-different_data)";
        Stopped "stopped" "the key is stopped; the message says who stopped it, when and why";
        RaisedHere "raised_here" "exactly where the mark was raised to";
        SignatureUnknown "signature_unknown" "this block was already signed, and its signature was not recorded (imported mark)";
        TooFar "too_far" "more than `MAX_LEVEL_JUMP` above the key's highest mark on the chain, without nodes: [level limits](octez.md#level-limits)";
        LevelImpossible "level_impossible" "above any level that the chain can have reached by now: the baker's node or this machine's clock is wrong";
        MarkLost "mark_lost" "the embedded store was lost and recreated, and this mark has not been raised yet: [below](#embedded-store-lost)";
        StoredSignatureInvalid "stored_signature_invalid" "the recorded signature of this block is not valid for this key and version";
        NoPossession "no_possession" "a proof of possession was requested of, or about, a key that is not tz4";
    }
    Failed {
        BoundElsewhere "bound_elsewhere" "the key's tag names another mark store, or cannot be read: [below](#bind-a-key-to-its-marks). The reason names both stores";
        Store "store" "the database did not answer, or is unsuitable";
        Vault "vault" "the vault did not sign";
        KeySearch "key_search" "the key is not known yet, and the vault could not be searched for it before the deadline, or 32 requests were already waiting. A new key can sign after the next search";
        HeadUnknown "head_unknown" "no node reported the head in time";
        MarksLost "marks_lost" "the store has lost a mark that it had acknowledged: [the database is lost or restored](#restore)";
        TooManyChains "too_many_chains" "votes with one key on more than 64 chains that are not public networks: list its chains under `chains` in the policy, and restart the signer";
        WrongSignature "wrong_signature" "the vault's signature is not valid";
        LargeBodies "large_bodies" "64 large request bodies were being received, and none of them finished in time";
        Deadline "deadline" "`REQUEST_DEADLINE_MS` passed, and neither the vault nor the store is known to be the cause";
        Observer "observer" "only in responses of an observer (`OBSERVE=true`), which releases nothing. The message has its verdict: [run next to the old signer](#observe)";
        NotReady "not_ready" "only in responses of `/health`: nothing can be signed now";
        Upstream "upstream" "only in responses of the relay: no upstream gave a usable response";
        Internal "internal" "a bug: please report it";
    }
}

/// A value outside its closed set, perhaps from a newer signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("unknown value: this version does not support it")]
pub struct UnknownValue;

impl FromStr for Verdict {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == text).ok_or(UnknownValue)
    }
}

impl FromStr for Cause {
    type Err = UnknownValue;

    fn from_str(text: &str) -> Result<Self, UnknownValue> {
        Self::ALL.iter().copied().find(|cause| cause.name() == text).ok_or(UnknownValue)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_read_back() {
        let names: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
        assert_eq!(names.len(), Cause::ALL.len());
        for cause in Cause::ALL {
            assert_eq!(cause.name().parse(), Ok(*cause));
        }
        for verdict in Verdict::ALL {
            assert_eq!(verdict.name().parse(), Ok(verdict));
        }
        assert_eq!(["", "of a newer version"].map(str::parse::<Cause>), [Err(UnknownValue); 2]);
        assert_eq!("Signed".parse::<Verdict>(), Err(UnknownValue));
    }

    #[test]
    fn the_guide_lists_all_causes() {
        let mut before = None;
        let expected = Cause::ALL.iter().map(|cause| {
            let verdict =
                if before.replace(cause.verdict()) == Some(cause.verdict()) { "" } else { cause.verdict().name() };
            format!("| {verdict} | `{cause}` | {} |", cause.meaning()).replace("|  |", "| |")
        });
        let guide = include_str!("../docs/operations.md");
        let (_, table) = guide.split_once("| verdict | `cause` | |\n| --- | --- | --- |\n").unwrap();
        let listed: Vec<_> = table.lines().take_while(|line| line.starts_with('|')).collect();
        assert_eq!(listed, expected.collect::<Vec<_>>());
    }
}
