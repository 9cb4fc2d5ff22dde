//! Sealed keys with recipients in two regions: vaults that are away, regions that are lost, and the whole life of a key.

use super::cloud::{always, baker, wait};
use super::instance::{Instance, run};
use super::sealed::{Bakery, Sealed, opened, sealing};
use crate::support::eventually::eventually;
use crate::support::payloads::{MAINNET, bls_attestation, payload};
use crate::support::process::printed;
use crate::support::tz4;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Effect, Operation, Options};
use std::{fs, thread};

/// A bakery with vaults in the north and in the west, for signers that share one mark store.
struct Regions {
    bakery: Bakery,
    west: Azure,
    /// For `sealed create`.
    recipients: [String; 3],
}

impl Regions {
    fn new() -> Self {
        let bakery = Bakery::new();
        let west = region(&bakery);
        let in_west = bakery.add_recipient(&west, "west");
        let recipients =
            [format!("{}=north.pem", bakery.recipient), format!("{in_west}=west.pem"), "safe.pem".to_owned()];
        Self { bakery, west, recipients }
    }

    fn north(&self) -> &Azure {
        &self.bakery.azure
    }

    fn create(&self, name: &str, role: &str) -> Sealed {
        self.bakery.create_for(name, role, &self.recipients.each_ref().map(String::as_str))
    }
}

/// Another region with a vault that unwraps.
fn region(bakery: &Bakery) -> Azure {
    let region = wait(bakery.azure.try_start_other_region(Options::default())).unwrap();
    region.key_vault.allow_unwrap(true);
    region
}

fn goes(region: &Azure) {
    region.key_vault.refuse_connections(true);
}

fn comes_back(region: &Azure) {
    region.key_vault.refuse_connections(false);
}

#[test]
fn a_restart_needs_the_vault_of_one_region_whichever_it_is() {
    let regions = Regions::new();
    let key = regions.create("baker", "consensus");
    let (north, west) = (regions.north(), &regions.west);
    let running = regions.bakery.start(&[]);
    running.eventually_signs(&key.hash, &bls_attestation(5, 0, 0));
    for (level, away, back) in [(10, north, west), (20, west, north)] {
        goes(away);
        let restarted = regions.bakery.start(&[]);
        let vote = bls_attestation(level, 0, 0);
        key.verify(&vote, &restarted.eventually_signs(&key.hash, &vote));
        goes(back);
        // Those that have opened it need no vault any more.
        for signer in [&running, &restarted] {
            assert_eq!(signer.sign(&key.hash, &bls_attestation(level, 0, 1)).status, 409);
        }
        running.sign(&key.hash, &bls_attestation(level + 1, 0, 0)).signature();
        let waiting = regions.bakery.start(&[("REQUEST_DEADLINE_MS", "300")]);
        let line = waiting.logged("sealed_key_unusable");
        for vault in [north, west] {
            assert!(line.contains(&vault.key_vault.url()), "{line}");
        }
        assert_eq!(waiting.sign(&key.hash, &bls_attestation(level + 2, 0, 0)).status, 500);
        comes_back(back);
        let vote = bls_attestation(level + 2, 0, 0);
        key.verify(&vote, &waiting.eventually_signs(&key.hash, &vote));
        comes_back(away);
    }
}

/// Both sign, and of two votes for a slot only one is signed, also by the other.
fn sign_once(signers: &[Instance; 2], keys: &[&Sealed; 2], level: u32) {
    let [first, second] = signers;
    let (vote, other) = (bls_attestation(level, 0, 0), bls_attestation(level, 0, 1));
    for key in keys {
        key.verify(&vote, &first.eventually_signs(&key.hash, &vote));
        let refused = second.eventually_answers(&key.hash, &other);
        assert_eq!(refused.status, 409, "{refused:?}");
        key.verify(&vote, &second.eventually_signs(&key.hash, &vote));
    }
}

#[test]
fn the_life_of_a_consensus_key_and_its_companion() {
    let regions = Regions::new();
    let Regions { bakery, west, recipients } = &regions;
    let recipients = recipients.each_ref().map(String::as_str);
    let consensus = regions.create("baker", "consensus");
    let companion =
        bakery.run_with_input(&format!("import {}", sealing("companion", "companion", &recipients)), tz4::SECRET_KEY);
    let companion = Sealed::printed(&companion);
    assert_eq!(companion.hash, tz4::ADDRESS);
    let keys = [&consensus, &companion];

    let signers = [bakery.start(&[]), bakery.start(&[])];
    sign_once(&signers, &keys, 5);

    // A recipient is rotated: the north's key gets a new version, and the old one is disabled.
    let new = bakery.add_recipient(&bakery.azure, "cabinet");
    for name in ["baker", "companion"] {
        let old = &bakery.recipient;
        bakery.run(&format!("rewrap {name} --recovery-key safe-private.pem --add {new}=cabinet.pem --remove {old}"));
    }
    for signer in &signers {
        eventually("the new versions of the files", || (opened(signer) == 4).then_some(()));
    }
    sign_once(&signers, &keys, 6);
    let (_, old) = bakery.recipient.rsplit_once('/').unwrap();
    assert!(bakery.azure.key_vault.set_enabled("sealing", old, false));

    // The other region is lost, and the signers restart.
    goes(west);
    drop(signers);
    let signers = [bakery.start(&[]), bakery.start(&[])];
    sign_once(&signers, &keys, 7);
    for key in keys {
        let below = signers[1].sign(&key.hash, &bls_attestation(6, 0, 1));
        assert_eq!(below.status, 409, "{below:?}");
    }

    // All vaults and the mark store are lost, and a store without marks is created.
    goes(regions.north());
    wait(bakery.azure.cosmos.recreate_container());
    let restarted = bakery.start(&[]);
    thread::scope(|scope| {
        for (signer, key) in signers.iter().chain([&restarted]).flat_map(|signer| keys.map(|key| (signer, key))) {
            for vote in [bls_attestation(7, 0, 0), bls_attestation(7, 0, 1), bls_attestation(8, 0, 0)] {
                // A running signer may refuse what differs from the marks that it has seen.
                scope.spawn(move || {
                    let answer = signer.sign(&key.hash, &vote);
                    assert_ne!(answer.status, 200, "{answer:?}");
                });
            }
        }
    });
    restarted.logged("it is sealed for another mark store");

    // A new region. The marks come first, and then the keys are sealed again with the recovery key.
    let south = region(bakery);
    let in_south = bakery.add_recipient(&south, "north");
    for key in keys {
        printed(&run(&bakery.azure, &["marks", "raise", MAINNET, &key.hash, "10", "--force"]));
    }
    bakery.write_store();
    for name in ["baker", "companion"] {
        bakery.run(&format!(
            "recover {name} --recovery-key safe-private.pem --store store.json --recipient {in_south}=north.pem --recipient safe.pem"
        ));
        assert!(!fs::read_to_string(bakery.path(&format!("sealed/{name}.json"))).unwrap().contains(&new));
    }
    drop(signers);
    let signers = [bakery.start(&[]), restarted];
    for signer in &signers {
        for key in keys {
            let raised = || {
                Some(signer.sign(&key.hash, &bls_attestation(10, 3, 0)))
                    .filter(|answer| !matches!(answer.status, 404 | 500))
            };
            let raised = eventually("an open key", raised);
            assert_eq!(raised.status, 409, "{raised:?}");
        }
    }
    sign_once(&signers, &keys, 11);
}

#[test]
fn a_region_whose_vault_hangs_at_the_start_delays_only_the_sealed_keys() {
    let regions = Regions::new();
    let key = regions.create("baker", "consensus");
    let tz3 = baker(regions.north());
    always(regions.north().key_vault.faults(), Operation::UnwrapKey, Effect::Hang);
    always(regions.west.key_vault.faults(), Operation::UnwrapKey, Effect::Hang);
    let signer = regions.bakery.start(&[("REQUEST_DEADLINE_MS", "500")]);
    let vote = payload(Kind::Attestation, 5, 0, 0);
    tz3.verify(&vote, &signer.eventually_signs(&tz3.hash, &vote));
    assert_eq!(opened(&signer), 0);
    assert_eq!(signer.sign(&key.hash, &bls_attestation(5, 0, 0)).status, 500);
    regions.west.key_vault.faults().clear();
    let vote = bls_attestation(5, 0, 0);
    key.verify(&vote, &signer.eventually_signs(&key.hash, &vote));
}
