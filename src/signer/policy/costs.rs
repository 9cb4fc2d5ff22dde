//! What an operation can cost its source, as `max_amount` counts it.

use super::effects::{Cost, effects};
use crate::tezos::payload::operations::Content;
use std::fmt;

/// The price of a byte of storage in mutez, which is burnt: `cost_per_byte` of mainnet (`default_parameters.ml` of protocols 023
/// to 025).
pub const COST_PER_BYTE: u64 = 250;

/// The bond of a smart rollup's operator with a first commitment, in mutez: `smart_rollup_stake_amount` of mainnet
/// (`stake_amount` in `default_parameters.ml` of protocols 023 to 025). The loser of a refutation game loses it, and the winner
/// gets half.
pub const ROLLUP_BOND: u64 = 10_000_000_000;

/// The most that an operation can cost its source, in mutez, excluding the fee: the sum over all contents, saturating at
/// [`u64::MAX`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spending {
    /// Mutez sent or staked.
    pub sent: u64,
    /// Mutez burnt for storage.
    pub storage: u64,
    /// Mutez bonded.
    pub bonded: u64,
}

impl Spending {
    /// The spending of the contents of one operation.
    pub fn of(contents: &[Content]) -> Self {
        let mut spending = Self::default();
        for content in contents {
            for cost in effects(content.kind).costs {
                spending.add(*cost, content);
            }
        }
        spending
    }

    /// The sum of all parts, in mutez.
    pub const fn total(&self) -> u64 {
        self.sent.saturating_add(self.storage).saturating_add(self.bonded)
    }

    fn add(&mut self, cost: Cost, content: &Content) {
        let (sum, mutez) = match cost {
            Cost::Amount => (&mut self.sent, content.amount.unwrap_or(0)),
            Cost::StorageLimit => (&mut self.storage, storage(content.storage_limit)),
            Cost::PaidStorage => (&mut self.storage, storage(content.paid_storage)),
            Cost::Bond => (&mut self.bonded, ROLLUP_BOND),
            // The balance is unknown here, so it exceeds any limit.
            Cost::Everything => (&mut self.sent, u64::MAX),
        };
        *sum = sum.saturating_add(mutez);
    }
}

fn storage(bytes: Option<u64>) -> u64 {
    bytes.unwrap_or(0).saturating_mul(COST_PER_BYTE)
}

/// Lists the parts other than zero, to show which of them is too large.
impl fmt::Display for Spending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let storage = format!("burnt for storage at {COST_PER_BYTE} mutez a byte");
        let parts = [(self.sent, "sent or staked"), (self.storage, &storage), (self.bonded, "bonded")];
        let parts: Vec<_> =
            parts.iter().filter(|(mutez, _)| *mutez > 0).map(|(mutez, what)| format!("{mutez} {what}")).collect();
        formatter.write_str(&parts.join(", "))
    }
}
