//! The digest of a policy, which is the same for all equivalent files.

use super::{Policy, Rules};
use crate::tezos::Digest;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

impl Policy {
    /// BLAKE2b-256 of the policy in a canonical form, so that signers that share keys can be compared. `by_default` is whether
    /// authentication is required where the file leaves it open.
    ///
    /// Two versions of this program may compute different digests.
    pub fn digest(&self, by_default: bool) -> Digest {
        let default = canonical(&self.default, by_default);
        let keys = self.keys.iter().map(|(key, rules)| (key.to_string(), canonical(rules, by_default)));
        // Rules that repeat the default have no effect.
        let keys: BTreeMap<_, _> = keys.filter(|(_, rules)| *rules != default).collect();
        Digest::of(json!({"default": default, "keys": keys}).to_string().as_bytes())
    }
}

/// Every rule by its name in the file, with the order of lists and repeated entries removed.
fn canonical(rules: &Rules, by_default: bool) -> Value {
    let Rules {
        kinds,
        operations,
        chains,
        destinations,
        max_amount,
        max_fee,
        packed_data,
        proof_of_possession,
        require_authentication,
    } = rules;
    json!({
        "kinds": texts(kinds),
        "operations": texts(&operations.named),
        "any_operation": operations.any,
        "chains": chains.as_ref().map(texts),
        "destinations": destinations.as_ref().map(texts),
        "max_amount": max_amount,
        "max_fee": max_fee,
        "packed_data": packed_data,
        "proof_of_possession": proof_of_possession,
        "require_authentication": require_authentication.unwrap_or(by_default),
    })
}

fn texts<T: Display>(values: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
    const OTHER: &str = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";

    fn digest(file: &Value) -> Digest {
        file.to_string().parse::<Policy>().unwrap().digest(false)
    }

    #[test]
    fn equivalent_files_have_the_same_digest() {
        let (one, two) = ("NetXdQprcVkpaWU", "NetXnHfVqm9iesp");
        for (left, right) in [
            (json!({}), json!({"default": {"kinds": ["attestation", "block", "preattestation"], "max_fee": null}})),
            (json!({}), json!({"default": {"require_authentication": false}})),
            (json!({}), json!({"keys": {KEY: {}}})),
            (json!({"default": {"chains": [one, two]}}), json!({"default": {"chains": [two, one, two]}})),
            (
                json!({"keys": {KEY: {"max_fee": 1}, OTHER: {"max_fee": 2}}}),
                json!({"keys": {OTHER: {"max_fee": 2}, KEY: {"max_fee": 1}}}),
            ),
            (
                json!({"default": {"operations": ["ballot"]}}),
                json!({"default": {"operations": ["ballot:pass", "ballot:yay", "ballot:nay"]}}),
            ),
        ] {
            assert_eq!(digest(&left), digest(&right), "{left} {right}");
        }
    }

    #[test]
    fn each_rule_counts_for_all_keys_and_for_one() {
        let rules = [
            json!({"kinds": ["block"]}),
            json!({"operations": ["reveal"]}),
            json!({"operations": ["any"]}),
            json!({"chains": []}),
            json!({"destinations": []}),
            json!({"max_amount": 0}),
            json!({"max_fee": 0}),
            json!({"packed_data": true}),
            json!({"proof_of_possession": true}),
            json!({"require_authentication": true}),
        ];
        let files = rules.iter().flat_map(|rules| {
            [json!({"default": rules}), json!({"keys": {KEY: rules}}), json!({"keys": {OTHER: rules}})]
        });
        let mut digests: BTreeSet<_> = files.map(|file| digest(&file).to_string()).collect();
        digests.insert(digest(&json!({})).to_string());
        assert_eq!(digests.len(), 3 * rules.len() + 1);
        let policy = Policy::default();
        assert_ne!(policy.digest(true), policy.digest(false), "authentication may be required without a policy");
    }
}
