use super::effects::{Cost, effects};
use crate::tezos::payload::operations::Content;
use std::fmt;

/// What a byte of storage costs, in mutez, all of it burnt: `cost_per_byte` of mainnet (`default_parameters.ml` of protocols 023
/// to 025).
pub const COST_PER_BYTE: u64 = 250;

/// What a smart rollup's operator bonds with a first commitment, in mutez: `smart_rollup_stake_amount` of mainnet
/// (`stake_amount` in `default_parameters.ml` of protocols 023 to 025). Whoever loses a refutation game loses it, and the winner gets half.
pub const ROLLUP_BOND: u64 = 10_000_000_000;

/// What an operation can cost its source at most, beside the fee: in mutez, of all contents together. Sums that do not fit stay at
/// [`u64::MAX`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spending {
    /// Sent or staked.
    pub sent: u64,
    /// Burnt for storage.
    pub storage: u64,
    /// Bonded.
    pub bonded: u64,
}

impl Spending {
    /// Of the contents of one operation.
    pub fn of(contents: &[Content]) -> Self {
        let mut spending = Self::default();
        for content in contents {
            for cost in effects(content.kind).costs {
                spending.add(*cost, content);
            }
        }
        spending
    }

    /// In all.
    pub const fn total(&self) -> u64 {
        self.sent.saturating_add(self.storage).saturating_add(self.bonded)
    }

    fn add(&mut self, cost: Cost, content: &Content) {
        let (sum, mutez) = match cost {
            Cost::Amount => (&mut self.sent, content.amount.unwrap_or(0)),
            Cost::StorageLimit => (&mut self.storage, storage(content.storage_limit)),
            Cost::PaidStorage => (&mut self.storage, storage(content.paid_storage)),
            Cost::Bond => (&mut self.bonded, ROLLUP_BOND),
            // What the account holds is not known here: it is more than any limit.
            Cost::Everything => (&mut self.sent, u64::MAX),
        };
        *sum = sum.saturating_add(mutez);
    }
}

fn storage(bytes: Option<u64>) -> u64 {
    bytes.unwrap_or(0).saturating_mul(COST_PER_BYTE)
}

/// The parts that there are, so that one sees which of them is too large.
impl fmt::Display for Spending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let storage = format!("burnt for storage at {COST_PER_BYTE} mutez a byte");
        let parts = [(self.sent, "sent or staked"), (self.storage, &storage), (self.bonded, "bonded")];
        let parts: Vec<_> =
            parts.iter().filter(|(mutez, _)| *mutez > 0).map(|(mutez, what)| format!("{mutez} {what}")).collect();
        formatter.write_str(&parts.join(", "))
    }
}
