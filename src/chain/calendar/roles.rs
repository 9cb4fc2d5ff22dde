//! The roles of a key for the delegates on chain. Pure.

use crate::tezos::PublicKeyHash;

/// The keys of one delegate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegateKeys {
    /// The delegate.
    pub delegate: PublicKeyHash,
    /// The key that signs its blocks and votes.
    pub consensus: Schedule,
    /// The tz4 key that signs the same attestations again if they have DAL content.
    pub companion: Schedule,
}

/// Which key has a duty now, and which ones are to follow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    /// The key that has the duty now.
    pub active: Option<PublicKeyHash>,
    /// The keys that replace it, in any order.
    pub pending: Vec<Pending>,
}

/// A key that is to have a duty from the first block of a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The cycle.
    pub cycle: u32,
    /// The key.
    pub key: PublicKeyHash,
}

/// What a key does for a delegate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Signs its blocks and votes.
    Consensus,
    /// Signs its attestations with DAL content, after the consensus key.
    Companion,
    /// Owns the delegate, while another key signs its blocks and votes.
    Owner,
}

/// A duty of a key for a delegate, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// The delegate.
    pub delegate: PublicKeyHash,
    /// The duty.
    pub duty: Duty,
    /// The cycle in which it begins; `None` if it has begun.
    pub from: Option<u32>,
    /// The cycle in which another key takes over, and that key.
    pub until: Option<Pending>,
}

/// A key that is to have a duty of a key of this vault, but is not in the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The delegate.
    pub delegate: PublicKeyHash,
    /// The duty.
    pub duty: Duty,
    /// The key, and the cycle.
    pub next: Pending,
}

impl Schedule {
    /// The keys in their order, each with the cycle in which it begins; a key that follows itself is there once.
    fn in_order(&self) -> Vec<(Option<u32>, PublicKeyHash)> {
        let mut pending = self.pending.clone();
        pending.sort_by_key(|pending| pending.cycle);
        let mut all: Vec<_> = self.active.map(|key| (None, key)).into_iter().collect();
        all.extend(pending.into_iter().map(|pending| (Some(pending.cycle), pending.key)));
        all.dedup_by_key(|(_, key)| *key);
        all
    }

    /// When the key has the duty: from when, and until when.
    fn periods_of(&self, key: &PublicKeyHash) -> Vec<(Option<u32>, Option<Pending>)> {
        let all = self.in_order();
        let next = all.iter().skip(1).map(Some).chain([None]);
        let periods = all.iter().zip(next).filter(|((_, holder), _)| holder == key);
        periods
            .map(|((from, _), next)| {
                let until = next.and_then(|(cycle, key)| Some(Pending { cycle: (*cycle)?, key: *key }));
                (*from, until)
            })
            .collect()
    }
}

/// All roles of a key for these delegates: those that it has now first.
pub fn roles(delegates: &[DelegateKeys], key: &PublicKeyHash) -> Vec<Role> {
    let mut roles = Vec::new();
    for of in delegates {
        for (duty, schedule) in [(Duty::Consensus, &of.consensus), (Duty::Companion, &of.companion)] {
            let periods = schedule.periods_of(key);
            roles.extend(periods.into_iter().map(|(from, until)| Role { delegate: of.delegate, duty, from, until }));
        }
        if of.delegate == *key && of.consensus.active.is_some_and(|active| active != *key) {
            roles.push(Role { delegate: of.delegate, duty: Duty::Owner, from: None, until: None });
        }
    }
    roles.sort_by_key(|role| role.from);
    roles
}

/// The keys that are to take over from a key of the vault (`held`), and are not in it.
pub fn missing(delegates: &[DelegateKeys], held: &[PublicKeyHash]) -> Vec<Missing> {
    let mut missing = Vec::new();
    for of in delegates {
        for (duty, schedule) in [(Duty::Consensus, &of.consensus), (Duty::Companion, &of.companion)] {
            let is_ours = schedule.active.is_some_and(|active| held.contains(&active));
            let unheld = schedule.pending.iter().filter(|pending| is_ours && !held.contains(&pending.key));
            missing.extend(unheld.map(|next| Missing { delegate: of.delegate, duty, next: *next }));
        }
    }
    missing
}

impl Duty {
    /// The key with this duty, in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consensus => "consensus key",
            Self::Companion => "companion key",
            Self::Owner => "owner",
        }
    }
}

impl Role {
    /// The role in words. `cycle` is that of the head.
    pub fn text(&self, cycle: u32) -> String {
        let Self { delegate, duty, from, until } = *self;
        let state = match (duty, from) {
            (Duty::Owner, _) => return format!("delegate {delegate}; another key signs its blocks and votes"),
            (_, None) => "active",
            (_, Some(_)) => "pending",
        };
        let from = from.map(|from| format!(" from {}", cycle_in_words(from, cycle))).unwrap_or_default();
        let until = until.map(|Pending { cycle: until, key }| {
            format!(", until {}, when {key} takes over", cycle_in_words(until, cycle))
        });
        format!("{state} {} of {delegate}{from}{}", duty.name(), until.unwrap_or_default())
    }
}

/// A cycle, and how far it is from that of the head.
pub(crate) fn cycle_in_words(cycle: u32, now: u32) -> String {
    match cycle.saturating_sub(now) {
        0 => format!("cycle {cycle}"),
        1 => format!("cycle {cycle} (the next one)"),
        more => format!("cycle {cycle} (in {more} cycles)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> PublicKeyHash {
        let text =
            crate::tezos::base58check::encode(crate::tezos::base58check::Prefix::P256PublicKeyHash, &[number; 20]);
        text.parse().unwrap()
    }

    fn schedule(active: Option<u8>, pending: &[(u32, u8)]) -> Schedule {
        let pending = pending.iter().map(|(cycle, number)| Pending { cycle: *cycle, key: key(*number) }).collect();
        Schedule { active: active.map(key), pending }
    }

    fn texts(delegates: &[DelegateKeys], number: u8) -> Vec<String> {
        let short = |text: String| {
            (0..9).fold(text, |text, number| text.replace(&key(number).to_string(), &format!("key {number}")))
        };
        roles(delegates, &key(number)).iter().map(|role| short(role.text(100))).collect()
    }

    #[test]
    fn each_key_has_the_roles_of_its_delegates() {
        let delegates = [
            // Votes with its own key, then with 5, then with its own again.
            DelegateKeys {
                delegate: key(0),
                consensus: schedule(Some(0), &[(103, 0), (102, 5)]),
                companion: Schedule::default(),
            },
            DelegateKeys {
                delegate: key(1),
                consensus: schedule(Some(2), &[]),
                companion: schedule(None, &[(101, 3)]),
            },
            DelegateKeys {
                delegate: key(4),
                consensus: schedule(Some(3), &[(101, 3)]),
                companion: schedule(Some(6), &[]),
            },
        ];
        for (number, expected) in [
            (
                0,
                &[
                    "active consensus key of key 0, until cycle 102 (in 2 cycles), when key 5 takes over",
                    "pending consensus key of key 0 from cycle 103 (in 3 cycles)",
                ][..],
            ),
            (1, &["delegate key 1; another key signs its blocks and votes"]),
            (2, &["active consensus key of key 1"]),
            (3, &["active consensus key of key 4", "pending companion key of key 1 from cycle 101 (the next one)"]),
            (4, &["delegate key 4; another key signs its blocks and votes"]),
            (
                5,
                &[
                    "pending consensus key of key 0 from cycle 102 (in 2 cycles), until cycle 103 (in 3 cycles), when key 0 takes over",
                ],
            ),
            (6, &["active companion key of key 4"]),
            (7, &[]),
        ] {
            assert_eq!(texts(&delegates, number), expected, "key {number}");
        }
    }

    #[test]
    fn a_key_that_takes_over_from_ours_and_is_not_ours_is_missing() {
        let delegates = |active: u8, pending: u8| {
            [DelegateKeys {
                delegate: key(9),
                consensus: schedule(Some(active), &[(101, pending)]),
                companion: Schedule::default(),
            }]
        };
        for (active, pending, is_missing) in [(1, 2, false), (1, 3, true), (3, 4, false), (3, 1, false)] {
            let found = missing(&delegates(active, pending), &[key(1), key(2)]);
            assert_eq!(!found.is_empty(), is_missing, "from {active} to {pending}: {found:?}");
        }
    }
}
