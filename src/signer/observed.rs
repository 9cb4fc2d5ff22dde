//! The state of the signer, for metrics.

use super::{Signer, binding};
use crate::marks::MarkId;
use crate::metrics::{CallCounts, HeadSeen, KeyState, MarkSeen, Service, SignatureSeen, SignerState};
use crate::tezos::payload::NonNegative;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// When and at which level this process last released a signature, by mark. A signature requires a mark, and the number of marks is limited.
#[derive(Debug, Default)]
pub(super) struct LastSigned(Mutex<HashMap<MarkId, (Instant, NonNegative)>>);

impl LastSigned {
    pub(super) fn note(&self, id: MarkId, level: NonNegative) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (Instant::now(), level));
    }

    fn get(&self, id: &MarkId) -> Option<SignatureSeen> {
        let signed = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied();
        signed.map(|(at, level)| SignatureSeen { level: level.get(), age: at.elapsed() })
    }
}

impl SignerState for Signer {
    fn marks(&self) -> Vec<MarkSeen> {
        let marks = self.ledger.levels_seen().into_iter().map(|mark| MarkSeen {
            key: mark.id.key,
            kind: mark.id.kind.into(),
            chain: mark.id.chain,
            level: mark.level.get(),
            seen: mark.at.elapsed(),
            signed: self.last_signed.get(&mark.id),
        });
        marks.collect()
    }

    fn keys(&self) -> Vec<(KeyState, u64)> {
        let (usable, unusable) = self.keys.list_and_count_unusable();
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            usable.iter().partition(|key| binding::may_be_here(self.ledger.store(), self.bound_to(key)));
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        vec![
            (KeyState::Usable, count(here.len())),
            (KeyState::BoundElsewhere, count(elsewhere.len())),
            (KeyState::Unusable, count(unusable)),
        ]
    }

    fn head(&self) -> Option<HeadSeen> {
        let head = self.head.watch.as_ref()?.latest()?;
        Some(HeadSeen { chain: head.chain, level: head.level.get(), age: head.at.elapsed() })
    }

    fn store_conflicts(&self) -> u64 {
        self.ledger.conflicts()
    }

    fn calls(&self, service: Service) -> Option<&CallCounts> {
        match service {
            Service::Vault => self.keys.vault().calls(),
            Service::Store => self.ledger.store().calls(),
        }
    }
}
