//! Observers with a vault and a container in Azure.

use super::OBSERVE;
use crate::azure::cloud::{self, add, baker, stored};
use crate::azure::instance::{Instance, command};
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, CosmosOptions, Curve, NewKey, Options};
use std::collections::BTreeMap;

/// An account whose container is an observer's.
fn observed() -> Azure {
    let cosmos = CosmosOptions { partition_key_path: "/observed_pkh".to_owned(), ..CosmosOptions::default() };
    cloud::start_with(Options { cosmos, ..Options::default() })
}

#[test]
fn an_observer_records_marks_in_its_own_container_whatever_store_the_key_is_bound_to() {
    let azure = observed();
    let tags = BTreeMap::from([("signer-marks".to_owned(), "production.documents.azure.com/signer/marks".to_owned())]);
    let key = add(&azure, NewKey { tags, ..NewKey::new("baker", Curve::P256) }, 1);
    let observer = Instance::start_ready(&azure, &[OBSERVE]);
    for kind in Kind::ALL {
        for (variant, verdict) in
            [(0, "its verdict is signed"), (1, "its verdict is refused"), (0, "its verdict is signed")]
        {
            let answer = observer.sign(&key.hash, &payload(kind, 7, 0, variant));
            assert!(answer.status == 500 && answer.error().contains(verdict), "{kind} {variant}: {answer:?}");
        }
        let item = stored(&azure, &key, kind).unwrap();
        assert_eq!((item["observed_pkh"].as_str(), item["level"].as_u64()), (Some(key.hash.as_str()), Some(7)));
        assert!(item.get("pkh").is_none());
    }
    let doctor = command(&azure, &[OBSERVE]).arg("doctor").output().unwrap();
    let report = String::from_utf8(doctor.stdout).unwrap();
    assert!(doctor.status.success() && report.contains("/observed_pkh"), "{report}");
}

#[test]
fn a_signer_refuses_the_container_of_an_observer_and_an_observer_that_of_a_signer() {
    for (azure, settings, words) in [
        (observed(), &[][..], "the container is an observer's"),
        (cloud::start(), &[OBSERVE][..], "the container is a signer's"),
    ] {
        let key = baker(&azure);
        let signer = Instance::start(&azure, settings);
        for kind in Kind::ALL {
            let answer = signer.sign(&key.hash, &payload(kind, 7, 0, 0));
            assert!(answer.status == 500 && answer.error().contains(words), "{answer:?}");
            assert_eq!(stored(&azure, &key, kind), None);
        }
        signer.logged("\"event\":\"account_unsuitable\"");
    }
}

#[test]
fn no_key_is_bound_to_the_container_of_an_observer() {
    let azure = observed();
    azure.key_vault.allow_update(true);
    let key = baker(&azure);
    for settings in [&[OBSERVE][..], &[]] {
        let output = command(&azure, settings).args(["marks", "bind"]).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        assert_eq!(azure.key_vault.tags(&key.id.name, &key.id.version).unwrap().get("signer-marks"), None);
    }
}
