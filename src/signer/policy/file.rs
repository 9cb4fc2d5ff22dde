//! Reads a policy from JSON, and reports everything that is wrong with it at once.

use super::error::{PolicyError, PolicyProblem};
use super::field::Field;
use super::{AllowedOperations, Policy, Rules};
use crate::json;
use crate::tezos::PublicKeyHash;
use crate::tezos::base58check::Base58CheckError;
use crate::tezos::payload::operations::OperationKind;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// All operation kinds except those that hand over or empty the account.
const ANY: &str = "any";
/// The three ballots.
const BALLOT: &str = "ballot";

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let invalid = |error| PolicyError(vec![PolicyProblem::Json(error)]);
        require_objects(&json::from_text(text).map_err(invalid)?)?;
        let file: File = json::from_text(text).map_err(invalid)?;
        let mut errors = Vec::new();
        let default = file.default.unwrap_or_default().over(&Rules::default(), "default", &mut errors);
        let mut policy = Self { default, ..Self::default() };
        for (name, rules) in file.keys.0 {
            let rules = rules.over(&policy.default, &format!("keys.{name}"), &mut errors);
            match name.parse::<PublicKeyHash>() {
                Ok(key) => drop(policy.keys.insert(key, rules)),
                Err(reason) => errors.push(PolicyProblem::InvalidKey { name, reason }),
            }
        }
        if errors.is_empty() { Ok(policy) } else { Err(PolicyError(errors)) }
    }
}

/// serde would also read a struct from an array of its values.
fn require_objects(file: &Value) -> Result<(), PolicyError> {
    let rules_of_keys = file.get("keys").and_then(Value::as_object).into_iter().flatten();
    let objects = [("policy", Some(file)), ("default", file.get("default")), ("keys", file.get("keys"))]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .chain(rules_of_keys.map(|(name, value)| (name.as_str(), value)));
    let wrong: Vec<_> = objects
        .filter(|(_, value)| !value.is_object())
        .map(|(name, _)| PolicyProblem::NotAnObject { at: name.to_owned() })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(PolicyError(wrong)) }
}

/// What each key may sign: `POLICY_FILE` or `POLICY`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(title = "Policy of azurehsm-signer"))]
#[serde(deny_unknown_fields)]
struct File {
    /// Location of the schema, for editors.
    #[serde(default, rename = "$schema")]
    #[cfg_attr(test, schemars(with = "String"))]
    _schema: Option<String>,
    /// Rules for keys that are not under keys, and for fields that a key's own rules omit.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "RulesInFile"))]
    default: Option<RulesInFile>,
    /// Rules for individual keys, by public key hash. Omitted fields are taken from default.
    #[serde(default)]
    #[cfg_attr(test, schemars(schema_with = "schema::keys"))]
    keys: Keys,
}

/// Rules for a key. Omitted fields are taken from the default rules; a field omitted there, too, has the default given here.
#[derive(Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "rules"))]
#[serde(default, deny_unknown_fields)]
struct RulesInFile {
    /// Consensus kinds. attestation covers content tags 21, 23 (with DAL) and 41 (tz4). Default: all three.
    #[cfg_attr(test, schemars(schema_with = "schema::kinds"))]
    kinds: Field<Vec<String>>,
    /// Operation kinds, by their Octez names. transaction does not include staking; ballot is all three ballots; any is every kind
    /// except `update_consensus_key`, `update_companion_key` and `drain_delegate`, which must be named. Default: none.
    #[cfg_attr(test, schemars(schema_with = "schema::operations"))]
    operations: Field<Vec<String>>,
    /// Chains of blocks and votes. null: any, regardless of the default. Default: any.
    #[cfg_attr(test, schemars(schema_with = "schema::chains"))]
    chains: Field<Vec<String>>,
    /// Allowed recipients of tez, tickets, delegations and paid storage: see the table in `docs/policy.md`. null: anyone,
    /// regardless of the default. Default: anyone.
    #[cfg_attr(test, schemars(schema_with = "schema::destinations"))]
    destinations: Field<Vec<String>>,
    /// Limit on the mutez that all contents of an operation together may send, stake, burn for storage and bond: see the table in
    /// `docs/policy.md`. null: no limit, regardless of the default. Default: no limit.
    #[cfg_attr(test, schemars(with = "Option<u64>"))]
    max_amount: Field<u64>,
    /// Limit on the fees that all contents of an operation together may pay, in mutez. null: no limit, regardless of the default.
    /// Default: no limit.
    #[cfg_attr(test, schemars(with = "Option<u64>"))]
    max_fee: Field<u64>,
    /// Whether payloads that begin with 05 may be signed. Default: false.
    #[cfg_attr(test, schemars(with = "bool"))]
    packed_data: Field<bool>,
    /// Whether `GET /bls_prove_possession/{pkh}` is allowed, for tz4 keys. Default: false.
    #[cfg_attr(test, schemars(with = "bool"))]
    proof_of_possession: Field<bool>,
    /// Whether each signing request must be signed by one of `AUTHORIZED_KEYS`. Default: true if `AUTHORIZED_KEYS` is set.
    #[cfg_attr(test, schemars(with = "bool"))]
    require_authentication: Field<bool>,
}

impl RulesInFile {
    fn over(self, base: &Rules, at: &str, errors: &mut Vec<PolicyProblem>) -> Rules {
        const NO_LIST: &str = "expected a list, such as [] for none; without the field, the default applies";
        const NO_BOOL: &str = "expected true or false; without the field, the default applies";
        let mut rules = base.clone();
        if let Some(names) = self.kinds.value(|| format!("{at}.kinds"), NO_LIST, errors) {
            let unknown = |name, _| PolicyProblem::UnknownKind { at: format!("{at}.kinds"), name };
            rules.kinds = parse_each(names, errors, unknown).into_iter().collect();
        }
        if let Some(names) = self.operations.value(|| format!("{at}.operations"), NO_LIST, errors) {
            rules.operations = operations(&names, &format!("{at}.operations"), errors);
        }
        let chains = |names: Vec<String>| parse(names, &format!("{at}.chains"), "expected chain ids (Net…)", errors);
        rules.chains = self.chains.map(chains).over(rules.chains);
        let addresses = "expected addresses (tz1… to tz5…, KT1…)";
        let destinations = |names: Vec<String>| parse(names, &format!("{at}.destinations"), addresses, errors);
        rules.destinations = self.destinations.map(destinations).over(rules.destinations);
        rules.max_amount = self.max_amount.over(rules.max_amount);
        rules.max_fee = self.max_fee.over(rules.max_fee);
        let mut flag = |said: Field<bool>, name: &str| said.value(|| format!("{at}.{name}"), NO_BOOL, errors);
        rules.packed_data = flag(self.packed_data, "packed_data").unwrap_or(rules.packed_data);
        let proof_of_possession = flag(self.proof_of_possession, "proof_of_possession");
        rules.proof_of_possession = proof_of_possession.unwrap_or(rules.proof_of_possession);
        let require_authentication = flag(self.require_authentication, "require_authentication");
        rules.require_authentication = require_authentication.or(rules.require_authentication);
        rules
    }
}

fn operations(names: &[String], at: &str, errors: &mut Vec<PolicyProblem>) -> AllowedOperations {
    let mut named = BTreeSet::new();
    let mut any = false;
    for name in names {
        match name.as_str() {
            ANY => any = true,
            BALLOT => named.extend([OperationKind::BallotYay, OperationKind::BallotNay, OperationKind::BallotPass]),
            name => match name.parse() {
                Ok(kind) => drop(named.insert(kind)),
                Err(unknown) => {
                    let known = known_operations();
                    errors.push(PolicyProblem::UnknownOperation { at: at.to_owned(), unknown, known });
                }
            },
        }
    }
    AllowedOperations { named, any }
}

fn known_operations() -> Vec<&'static str> {
    let mut names: Vec<_> = OperationKind::ALL.iter().map(|kind| kind.name()).collect();
    names.extend([BALLOT, ANY]);
    names
}

/// Parses chain ids or addresses.
fn parse<T: FromStr<Err = Base58CheckError>>(
    names: Vec<String>,
    at: &str,
    expected: &'static str,
    errors: &mut Vec<PolicyProblem>,
) -> Vec<T> {
    parse_each(names, errors, |text, reason| PolicyProblem::InvalidValue { at: at.to_owned(), text, reason, expected })
}

fn parse_each<T: FromStr>(
    names: Vec<String>,
    errors: &mut Vec<PolicyProblem>,
    problem: impl Fn(String, T::Err) -> PolicyProblem,
) -> Vec<T> {
    let mut values = Vec::with_capacity(names.len());
    for name in names {
        match name.parse() {
            Ok(value) => values.push(value),
            Err(error) => errors.push(problem(name, error)),
        }
    }
    values
}

/// The keys, in the order of the file.
#[derive(Default)]
struct Keys(Vec<(String, RulesInFile)>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeysVisitor;
        impl<'de> Visitor<'de> for KeysVisitor {
            type Value = Keys;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of public key hashes")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Keys, M::Error> {
                let mut keys: Vec<(String, RulesInFile)> = Vec::new();
                while let Some((name, rules)) = map.next_entry::<String, _>()? {
                    keys.push((name, rules));
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(KeysVisitor)
    }
}

#[cfg(test)]
mod schema;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";

    #[test]
    fn the_rules_of_a_key_override_the_default() {
        let policy: Policy = json!({
            "default": {"operations": ["reveal", "ballot"], "max_fee": 5},
            "keys": {KEY: {"kinds": [], "operations": ["any"]}},
        })
        .to_string()
        .parse()
        .unwrap();
        let of_key = policy.rules_of(&KEY.parse().unwrap());
        assert!(of_key.kinds.is_empty() && of_key.operations.any && of_key.operations.named.is_empty());
        assert_eq!(of_key.max_fee, Some(5));
        let of_others = policy.rules_of(&"tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT".parse().unwrap());
        assert_eq!(of_others.kinds.len(), 3);
        assert_eq!(of_others.operations.named.len(), 4);
    }

    #[test]
    fn null_lifts_a_limit_and_is_an_error_elsewhere() {
        let limits = json!({"chains": ["NetXdQprcVkpaWU"], "destinations": [KEY], "max_amount": 5, "max_fee": 5});
        let lifted = json!({"chains": null, "destinations": null, "max_amount": null, "max_fee": null});
        for (file, is_limited) in [
            (json!({"default": limits, "keys": {KEY: {}}}), true),
            (json!({"default": limits, "keys": {KEY: lifted}}), false),
            (json!({"default": lifted, "keys": {KEY: limits}}), true),
            (json!({"default": lifted, "keys": {KEY: {}}}), false),
        ] {
            let policy: Policy = file.to_string().parse().unwrap();
            let Rules { chains, destinations, max_amount, max_fee, .. } = policy.rules_of(&KEY.parse().unwrap());
            let there = [chains.is_some(), destinations.is_some(), max_amount.is_some(), max_fee.is_some()];
            assert_eq!(there, [is_limited; 4], "{file}");
        }
        for (name, expected) in [
            ("kinds", "a list, such as [] for none"),
            ("operations", "a list, such as [] for none"),
            ("packed_data", "true or false"),
            ("proof_of_possession", "true or false"),
            ("require_authentication", "true or false"),
        ] {
            for (file, at) in [
                (json!({"default": {name: null}}), format!("default.{name}")),
                (json!({"keys": {KEY: {name: null}}}), format!("keys.{KEY}.{name}")),
            ] {
                let error = file.to_string().parse::<Policy>().unwrap_err().to_string();
                assert!(error.starts_with(&at) && error.contains(expected), "{file}: {error}");
            }
        }
    }

    #[test]
    fn an_empty_policy_allows_consensus_only() {
        assert_eq!("{}".parse::<Policy>().unwrap(), Policy::default());
        let rules = Rules::default();
        assert_eq!(rules.kinds.len(), 3);
        assert!(rules.operations.named.is_empty() && !rules.operations.any);
        assert!(!rules.packed_data && !rules.proof_of_possession);
    }

    #[test]
    fn every_error_is_reported_with_what_is_expected() {
        let error = json!({
            "default": {"kinds": ["blocks"], "operations": ["transfer"]},
            "keys": {"tz1nope": {"chains": ["mainnet"], "destinations": ["sr1"]}},
        })
        .to_string()
        .parse::<Policy>()
        .unwrap_err()
        .to_string();
        for expected in [
            "default.kinds: 'blocks'",
            "block, preattestation, attestation",
            "default.operations: 'transfer'",
            "transaction:stake",
            "keys.tz1nope.chains: 'mainnet'",
            "keys.tz1nope.destinations: 'sr1'",
            "keys: 'tz1nope' is not a public key hash",
        ] {
            assert!(error.contains(expected), "{expected} is not in:\n{error}");
        }
        for once in ["'blocks'", "block, preattestation", "'transfer'"] {
            assert_eq!(error.matches(once).count(), 1, "{once} in:\n{error}");
        }
    }

    #[test]
    fn unknown_fields_and_wrong_types_are_errors() {
        for (text, expected) in [
            (r#"{"defaults": {}}"#, "unknown field `defaults`, expected one of `$schema`, `default`, `keys`"),
            (r#"{"default": {"kind": []}}"#, "unknown field `kind`, expected one of `kinds`"),
            (r#"{"default": {"max_fee": -1}}"#, "invalid value"),
            (r#"{"default": {"max_fee": "1 tez"}}"#, "invalid type"),
            (r#"{"keys": {"a": {}, "a": {}}}"#, "keys: duplicate name 'a'"),
            (r#"{"default": {"kinds": [], "kinds": ["block"]}}"#, "default: duplicate name 'kinds'"),
            (r#"{"default": {}, "default": {}}"#, "duplicate name 'default'"),
            ("", "EOF"),
            ("[]", "policy: expected a JSON object"),
            ("[null, {}]", "policy: expected a JSON object"),
            (r#"{"default": []}"#, "default: expected a JSON object"),
            (r#"{"keys": {"tz1": []}}"#, "tz1: expected a JSON object"),
        ] {
            let error = text.parse::<Policy>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_published_schema_matches_the_parser() {
        let published: Value = serde_json::from_str(include_str!("../../../docs/policy.schema.json")).unwrap();
        let schema = serde_json::to_value(schema::published()).unwrap();
        assert_eq!(schema, published, "docs/policy.schema.json should be\n{schema:#}");

        let validator = jsonschema::validator_for(&schema).unwrap();
        let good = json!({
            "$schema": "policy.schema.json",
            "default": {
                "kinds": ["block"], "operations": ["transaction", "ballot:yay"], "chains": ["NetXdQprcVkpaWU"],
                "destinations": ["KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn"], "max_amount": 1, "max_fee": 1,
                "packed_data": true, "proof_of_possession": true, "require_authentication": true,
            },
            "keys": {KEY: {"operations": ["any"], "chains": null, "destinations": null, "max_amount": null, "max_fee": null}},
        });
        assert!(validator.is_valid(&good));
        good.to_string().parse::<Policy>().unwrap();
        for bad in [
            json!({"defaults": {}}),
            json!({"default": {"kind": []}}),
            json!({"default": {"kinds": ["blocks"]}}),
            json!({"default": {"operations": ["transfer"]}}),
            json!({"default": {"chains": ["mainnet"]}}),
            json!({"default": {"destinations": ["sr1"]}}),
            json!({"default": {"max_amount": -1}}),
            json!({"default": {"packed_data": "yes"}}),
            json!({"default": {"require_authentication": null}}),
            json!({"default": {"kinds": null}}),
            json!({"keys": {"tz1nope": {}}}),
        ] {
            assert!(!validator.is_valid(&bad), "{bad}");
            assert!(bad.to_string().parse::<Policy>().is_err(), "{bad}");
        }
    }
}
