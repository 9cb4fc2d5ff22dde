//! Policies. An input is the text of a policy file.
//!
//! The signer parses the text with serde; here, the rules are read independently from the JSON tree.

use azurehsm_signer::signer::Policy;
use azurehsm_signer::signer::policy::Rules;
use azurehsm_signer::tezos::payload::Payload;
use azurehsm_signer::tezos::payload::operations::OperationKind;
use azurehsm_signer::tezos::{Curve, PublicKeyHash};
use oracle::base58::{CONTRACT, encode};
use serde_json::{Map, Value};
use std::sync::LazyLock;

type Object = Map<String, Value>;

/// An accepted policy allows exactly what its text allows.
pub fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let policy: Policy = match text.parse() {
        Ok(policy) => policy,
        Err(error) => {
            assert!(!format!("{error}").is_empty());
            return;
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let file: Value = serde_json::from_str(text).expect("an accepted policy is JSON");
    let file = file.as_object().expect("a policy is an object");
    let none = Object::new();
    let default = file.get("default").map_or(&none, |default| default.as_object().unwrap());
    let keys = file.get("keys").map_or(&none, |keys| keys.as_object().unwrap());
    assert_eq!(policy.named_keys().count(), keys.len(), "every key has its rules");

    check_rules(policy.rules_of(&UNNAMED), &[default]);
    for (name, rules) in keys {
        let key: PublicKeyHash = name.parse().expect("a key is a public key hash");
        check_rules(policy.rules_of(&key), &[rules.as_object().unwrap(), default]);
    }
    let reformatted: Policy = Value::Object(file.clone()).to_string().parse().expect("the reformatted policy is valid");
    assert_eq!(reformatted.rules_of(&UNNAMED), policy.rules_of(&UNNAMED));
    for key in policy.named_keys() {
        assert_eq!(reformatted.rules_of(key), policy.rules_of(key));
    }
}

/// A hash without a key, which no policy lists.
static UNNAMED: LazyLock<PublicKeyHash> = LazyLock::new(|| account(0x9f, [0xee; 20]).parse().unwrap());

fn account(last_of_prefix: u8, hash: [u8; 20]) -> String {
    encode(&[[0x06, 0xa1, last_of_prefix].as_slice(), &hash].concat())
}

/// `said` has the rules of the key, followed by the default.
fn check_rules(rules: &Rules, said: &[&Object]) {
    let says = Said(said);
    for (payload, sample) in SAMPLES.iter() {
        assert_eq!(rules.allow(payload).is_ok(), says.allows(sample), "{sample:?} of {said:?}");
        if let Err(not_allowed) = rules.allow(payload) {
            assert!(!not_allowed.to_string().is_empty());
        }
    }
    assert_eq!(rules.allow_proof_of_possession().is_ok(), says.is_true("proof_of_possession"));
    for kind in OperationKind::ALL {
        assert!(!rules.operations.named.contains(kind) || says.names("operations", kind.name()) || is_ballot(*kind));
    }
}

const fn is_ballot(kind: OperationKind) -> bool {
    matches!(kind, OperationKind::BallotYay | OperationKind::BallotNay | OperationKind::BallotPass)
}

struct Said<'a>(&'a [&'a Object]);

impl Said<'_> {
    /// The rule of the key, or of the default. `null` is no limit.
    fn of(&self, rule: &str) -> Option<&Value> {
        self.0.iter().find_map(|rules| rules.get(rule)).filter(|value| !value.is_null())
    }

    fn is_true(&self, rule: &str) -> bool {
        self.of(rule) == Some(&Value::Bool(true))
    }

    fn names(&self, rule: &str, name: &str) -> bool {
        self.of(rule).and_then(Value::as_array).is_some_and(|names| names.iter().any(|value| value == name))
    }

    fn allows_amount(&self, rule: &str, amount: u64) -> bool {
        self.of(rule).and_then(Value::as_u64).is_none_or(|limit| amount <= limit)
    }

    fn allows(&self, sample: &Sample) -> bool {
        match sample {
            Sample::Consensus { kind, chain } => {
                (self.of("kinds").is_none() || self.names("kinds", kind))
                    && (self.of("chains").is_none() || self.names("chains", chain))
            }
            Sample::PackedData => self.is_true("packed_data"),
            Sample::Operation(Operation { name, destination, amount, cost, fee, needs_its_name, takes_all, stays }) => {
                let is_named = self.names("operations", name)
                    || (name.starts_with("ballot:") && self.names("operations", "ballot"));
                let is_any = self.names("operations", "any") && !*needs_its_name;
                let may_go_there = *stays
                    || self.of("destinations").is_none()
                    || match destination {
                        Some(destination) => self.names("destinations", destination),
                        None => *amount == 0,
                    };
                (is_named || is_any)
                    && may_go_there
                    && self.allows_amount("max_amount", amount + cost)
                    && !(*takes_all && self.of("max_amount").is_some())
                    && self.allows_amount("max_fee", *fee)
            }
        }
    }
}

/// The properties of a payload that a policy depends on.
#[derive(Debug)]
enum Sample {
    Consensus { kind: &'static str, chain: &'static str },
    PackedData,
    Operation(Operation),
}

#[derive(Debug)]
struct Operation {
    name: &'static str,
    destination: Option<String>,
    amount: u64,
    /// The tez that it burns or bonds in addition to the amount.
    cost: u64,
    fee: u64,
    /// Whether `any` does not cover it.
    needs_its_name: bool,
    /// Whether its amount is unlimited.
    takes_all: bool,
    /// Whether its tez stay with their owner.
    stays: bool,
}

const NOTHING: Operation = Operation {
    name: "",
    destination: None,
    amount: 0,
    cost: 0,
    fee: 0,
    needs_its_name: false,
    takes_all: false,
    stays: false,
};

const MAINNET: (&str, [u8; 4]) = ("NetXdQprcVkpaWU", [0x7a, 0x06, 0xa7, 0x70]);
const GHOSTNET: (&str, [u8; 4]) = ("NetXnHfVqm9iesp", [0xaf, 0x18, 0x64, 0xd9]);
const SOURCE: [u8; 21] = [0; 21];
const OTHER: [u8; 20] = [0x22; 20];

static SAMPLES: LazyLock<Vec<(Payload, Sample)>> = LazyLock::new(|| {
    let mut samples = vec![(vec![0x05, 0x01], Sample::PackedData)];
    for (chain, bytes) in [MAINNET, GHOSTNET] {
        for (kind, watermark, tag) in [("preattestation", 0x12, 20), ("attestation", 0x13, 21)] {
            let vote = [[watermark].as_slice(), &bytes, &[0; 32], &[tag], &[0; 42]].concat();
            samples.push((vote, Sample::Consensus { kind, chain }));
        }
        let block = [[0x11].as_slice(), &bytes, &[0; 78], FITNESS, &[0; 78]].concat();
        samples.push((block, Sample::Consensus { kind: "block", chain }));
    }
    let operation = |contents: &[&[u8]], operation: Operation| {
        ([[0x03].as_slice(), &[0; 32], &contents.concat()].concat(), Sample::Operation(operation))
    };
    let manager = |tag: u8| [[tag].as_slice(), &SOURCE, &[5, 0, 0, 0]].concat();
    let (tz2, kt1) = (Some(account(0xa1, OTHER)), Some(CONTRACT.encode(&OTHER)));
    samples.extend([
        operation(&[&manager(110), &[0]], Operation { name: "delegation", fee: 5, ..NOTHING }),
        operation(
            &[&manager(110), &[0xff, 1], &OTHER],
            Operation { name: "delegation", destination: tz2.clone(), fee: 5, ..NOTHING },
        ),
        operation(
            &[&manager(113), &[2, 1], &OTHER, &[0]],
            Operation { name: "increase_paid_storage", destination: kt1.clone(), cost: 500, fee: 5, ..NOTHING },
        ),
        operation(
            &[&[111], &SOURCE, &[5, 0, 0, 3], &[0; 4]],
            Operation { name: "register_global_constant", cost: 750, fee: 5, ..NOTHING },
        ),
        operation(
            &[&manager(114), &[0; 34]],
            Operation { name: "update_consensus_key", fee: 5, needs_its_name: true, ..NOTHING },
        ),
        operation(
            &[&manager(108), &[7, 0, 1], &OTHER, &[0]],
            Operation { name: "transaction", destination: tz2.clone(), amount: 7, fee: 5, ..NOTHING },
        ),
        operation(
            &[&manager(108), &[3, 1], &OTHER, &[0, 0]],
            Operation { name: "transaction", destination: kt1, amount: 3, fee: 5, ..NOTHING },
        ),
        operation(
            &[&manager(108), &[9, 0], &SOURCE, &[0xff, 6, 0, 0, 0, 0]],
            Operation { name: "transaction:stake", amount: 9, fee: 5, stays: true, ..NOTHING },
        ),
        operation(&[&manager(109), &[4, 0], &[0; 8]], Operation { name: "origination", amount: 4, fee: 5, ..NOTHING }),
        operation(&[&[6], &SOURCE, &[0; 36], &[1]], Operation { name: "ballot:nay", ..NOTHING }),
        operation(&[&[17, 0, 0, 0, 0]], Operation { name: "failing_noop", ..NOTHING }),
        operation(
            &[&[9], &SOURCE, &SOURCE, &[1], &OTHER],
            Operation { name: "drain_delegate", destination: tz2, needs_its_name: true, takes_all: true, ..NOTHING },
        ),
    ]);
    let decode = |(payload, sample): (Vec<u8>, Sample)| {
        (Payload::decode(&payload, Curve::P256).unwrap_or_else(|error| panic!("{sample:?}: {error}")), sample)
    };
    samples.into_iter().map(decode).collect()
});

const FITNESS: &[u8] = &[
    0, 0, 0, 33, 0, 0, 0, 1, 2, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4, 0,
    0, 0, 0,
];
