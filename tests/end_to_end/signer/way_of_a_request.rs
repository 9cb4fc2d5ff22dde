//! The path of a request through the signer, with a vault and a store that can be slow, wrong or down.

use crate::support::marks::{Fault as StoreFault, MemoryMarks};
use crate::support::payloads::{MAINNET, attestation, bls_attestation, payload, transfer};
use crate::support::vault::{Fault as VaultFault, Listing, MemoryVault, is_p256_signature};
use azurehsm_signer::marks::{Ledger, MarkId};
use azurehsm_signer::signer::{
    AuthorizedKeys, Failure, HeadRule, KeyRing, NotSigned, Policy, Refusal, SignRequest, Signer, WhenHeadUnknown,
};
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{BlsScheme, Curve, SecretKey, Signature, SignatureVersion};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

struct Setup {
    vault: Arc<MemoryVault>,
    store: Arc<MemoryMarks>,
    signer: Signer,
}

fn signer(vault: &Arc<MemoryVault>, store: &Arc<MemoryMarks>, policy: &str, authorized_keys: AuthorizedKeys) -> Signer {
    Signer::new(
        KeyRing::new(Arc::clone(vault) as _, Duration::ZERO),
        Ledger::new(Arc::clone(store) as _, "test"),
        policy.parse::<Policy>().unwrap(),
        HeadRule { watch: None, when_unknown: WhenHeadUnknown::Fail, jump_limit: 100_000 },
        authorized_keys,
    )
}

impl Setup {
    fn new(curve: Curve) -> Self {
        Self::with(MemoryVault::new(curve), MemoryMarks::default(), "{}")
    }

    fn with(vault: MemoryVault, store: MemoryMarks, policy: &str) -> Self {
        let (vault, store) = (Arc::new(vault), Arc::new(store));
        let signer = signer(&vault, &store, policy, AuthorizedKeys::default());
        Self { vault, store, signer }
    }

    fn request(&self, payload: Vec<u8>) -> SignRequest {
        SignRequest {
            key: self.vault.key.hash,
            payload,
            version: SignatureVersion::default(),
            authentication: None,
            deadline: Instant::now() + Duration::from_secs(4),
            invocation: None,
            parent: None,
        }
    }

    async fn sign(&self, payload: Vec<u8>) -> Result<Signature, NotSigned> {
        self.signer.sign(&self.request(payload)).await
    }

    fn mark(&self, kind: Kind) -> Option<azurehsm_signer::marks::Mark> {
        self.store.get(&MarkId { chain: MAINNET.parse().unwrap(), key: self.vault.key.hash, kind })
    }
}

#[tokio::test(start_paused = true)]
async fn a_vote_waits_for_the_longer_of_vault_and_store_and_a_block_for_both() {
    for (kind, vault_ms, store_ms, expected_ms) in [
        (Kind::Attestation, 100, 30, 100),
        (Kind::Attestation, 30, 100, 100),
        (Kind::Preattestation, 50, 50, 50),
        (Kind::Block, 100, 30, 130),
    ] {
        let mut vault = MemoryVault::new(Curve::P256);
        vault.delay = Duration::from_millis(vault_ms);
        let store = MemoryMarks::with_delay(Duration::from_millis(store_ms));
        let setup = Setup::with(vault, store, "{}");
        setup.sign(payload(kind, 1, 0, 0)).await.unwrap();
        let start = Instant::now();
        setup.sign(payload(kind, 2, 0, 0)).await.unwrap();
        let took = start.elapsed().as_millis();
        // The clock is paused except for the delays; timers have a resolution of one millisecond.
        assert!((expected_ms..=expected_ms + 2).contains(&took), "{kind}: {took} ms");
    }
}

#[tokio::test]
async fn invariant_1_nothing_is_released_that_the_store_did_not_accept() {
    for kind in Kind::ALL {
        for fault in [StoreFault::WriteRefused, StoreFault::ReadFails] {
            let setup = Setup::new(Curve::P256);
            setup.store.inject(fault);
            let answer = setup.sign(payload(kind, 5, 0, 0)).await;
            assert!(matches!(answer, Err(NotSigned::Failed(Failure::Store(_)))), "{kind}: {answer:?}");
            assert!(setup.mark(kind).is_none());
            setup.sign(payload(kind, 5, 0, 1)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn invariant_4_a_block_has_one_signature_even_if_the_vault_returns_another_each_time() {
    let setup = Setup::new(Curve::P256);
    let block = payload(Kind::Block, 9, 0, 0);
    let first = setup.sign(block.clone()).await.unwrap();
    assert!(is_p256_signature(&setup.vault.key.public_key, &block, &first));
    for _ in 0..5 {
        assert_eq!(setup.sign(block.clone()).await.unwrap(), first);
    }
    assert_eq!(setup.vault.signatures.load(Ordering::Relaxed), 1, "a repeat is answered from the mark");
    assert_eq!(setup.mark(Kind::Block).unwrap().signature, Some(first));
}

#[tokio::test]
async fn invariant_5_a_repeated_vote_gets_a_valid_signature_again() {
    let setup = Setup::new(Curve::P256);
    for kind in [Kind::Preattestation, Kind::Attestation] {
        let vote = payload(kind, 9, 2, 0);
        for _ in 0..5 {
            let signature = setup.sign(vote.clone()).await.unwrap();
            assert!(is_p256_signature(&setup.vault.key.public_key, &vote, &signature));
        }
    }
}

#[tokio::test]
async fn a_foreseeable_refusal_costs_no_call() {
    let setup = Setup::new(Curve::P256);
    for kind in Kind::ALL {
        setup.sign(payload(kind, 9, 0, 0)).await.unwrap();
        let calls = || {
            [&setup.vault.signatures, &setup.store.reads, &setup.store.writes]
                .map(|calls| calls.load(Ordering::Relaxed))
        };
        let before = calls();
        for (level, variant) in [(8, 0), (9, 1)] {
            let answer = setup.sign(payload(kind, level, 0, variant)).await;
            assert!(matches!(answer, Err(NotSigned::Refused(_))), "{answer:?}");
        }
        assert_eq!(calls(), before, "{kind}");
    }
}

#[tokio::test]
async fn invariant_3_tags_21_and_23_share_a_mark() {
    let setup = Setup::new(Curve::P256);
    let with_dal = |bits| attestation(9, 0, 0).with_dal(bits).bytes();
    setup.sign(with_dal(2048)).await.unwrap();
    for other in [attestation(9, 0, 0).bytes(), with_dal(1)] {
        let answer = setup.sign(other).await;
        assert!(matches!(answer, Err(NotSigned::Refused(Refusal::Mark(_)))), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn invariant_6_no_answer_in_time_is_failed_not_refused() {
    for (vault_s, store_s, who) in [(3600, 0, "signature"), (0, 3600, "mark store")] {
        let mut vault = MemoryVault::new(Curve::P256);
        vault.delay = Duration::from_secs(vault_s);
        let store = MemoryMarks::with_delay(Duration::from_secs(store_s));
        let setup = Setup::with(vault, store, "{}");
        for kind in Kind::ALL {
            let start = Instant::now();
            let answer = setup.sign(payload(kind, 1, 0, 0)).await;
            let Err(NotSigned::Failed(failure)) = answer else { panic!("{answer:?}") };
            let text = failure.to_string();
            assert!(text.contains("within the request's deadline") && text.contains(who), "{text}");
            assert!(start.elapsed() < Duration::from_millis(4010));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_recovers_in_time_costs_only_time() {
    let setup = Setup::new(Curve::P256);
    for kind in Kind::ALL {
        (0..4).for_each(|_| setup.vault.inject(VaultFault::Unavailable));
        setup.sign(payload(kind, 1, 0, 0)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_stays_down_fails_the_vote_which_can_be_repeated() {
    let setup = Setup::new(Curve::P256);
    (0..1000).for_each(|_| setup.vault.inject(VaultFault::Unavailable));
    let vote = payload(Kind::Attestation, 1, 0, 0);
    let answer = setup.sign(vote.clone()).await;
    assert!(matches!(answer, Err(NotSigned::Failed(_))), "{answer:?}");
    assert!(setup.mark(Kind::Attestation).is_some(), "the mark was written meanwhile");
    setup.vault.recover();
    setup.sign(vote).await.unwrap();
}

#[tokio::test]
async fn an_operation_that_the_vault_cannot_do_fails_at_once_and_leaves_no_block_mark() {
    let setup = Setup::new(Curve::P256);
    setup.vault.inject(VaultFault::Unable);
    let answer = setup.sign(payload(Kind::Block, 1, 0, 0)).await;
    assert!(matches!(answer, Err(NotSigned::Failed(Failure::Vault(_)))), "{answer:?}");
    assert!(setup.mark(Kind::Block).is_none());
}

#[tokio::test(start_paused = true)]
async fn invariant_7_a_wrong_signature_is_not_released() {
    for curve in Curve::ALL {
        let setup =
            Setup::with(MemoryVault::new(curve), MemoryMarks::default(), r#"{"default":{"operations":["any"]}}"#);
        let mut payloads = vec![payload(Kind::Block, 1, 0, 0), transfer(1, 1)];
        payloads.push(if curve == Curve::Bls { bls_attestation(1, 0, 0) } else { payload(Kind::Attestation, 1, 0, 0) });
        for payload in payloads {
            // It is dropped, and another one is requested.
            setup.vault.inject(VaultFault::WrongSignature);
            let signature = setup.sign(payload.clone()).await.unwrap();
            let scheme = BlsScheme::default();
            assert!(setup.vault.key.public_key.verify(&payload, scheme, &signature).is_ok(), "{curve}");
        }
        (0..100).for_each(|_| setup.vault.inject(VaultFault::WrongSignature));
        let answer = setup.sign(payload(Kind::Block, 2, 0, 0)).await;
        assert!(matches!(answer, Err(NotSigned::Failed(Failure::WrongSignature(_)))), "{curve}: {answer:?}");
        assert_eq!(setup.mark(Kind::Block).unwrap().position.level.get(), 1, "it is not recorded");
    }
}

#[tokio::test]
async fn a_block_of_a_tz4_key_is_not_signed_again_in_the_other_scheme() {
    let setup = Setup::new(Curve::Bls);
    let block = payload(Kind::Block, 1, 0, 0);
    let first = setup.sign(block.clone()).await.unwrap();
    let public_key = &setup.vault.key.public_key;
    assert!(public_key.verify(&block, BlsScheme::ProofOfPossession, &first).is_ok());
    let other = SignRequest { version: SignatureVersion::V1, ..setup.request(block.clone()) };
    let answer = setup.signer.sign(&other).await;
    assert_eq!(answer, Err(NotSigned::Refused(Refusal::StoredSignatureInvalid)));
    assert_eq!(setup.sign(block).await.unwrap(), first);
}

#[tokio::test]
async fn a_tz4_vote_is_signed_in_the_scheme_of_the_version() {
    let setup = Setup::new(Curve::Bls);
    let vote = bls_attestation(1, 0, 0);
    for (version, scheme) in [
        (SignatureVersion::V1, BlsScheme::Augmented),
        (SignatureVersion::V2, BlsScheme::ProofOfPossession),
        (SignatureVersion::V3, BlsScheme::ProofOfPossession),
        (SignatureVersion::Newer(4), BlsScheme::ProofOfPossession),
    ] {
        let request = SignRequest { version, ..setup.request(vote.clone()) };
        let signature = setup.signer.sign(&request).await.unwrap();
        assert!(setup.vault.key.public_key.verify(&vote, scheme, &signature).is_ok(), "{version:?}");
    }
    let request = SignRequest { version: SignatureVersion::V0, ..setup.request(vote) };
    assert_eq!(setup.signer.sign(&request).await, Err(NotSigned::Refused(Refusal::VersionWithoutBls)));
}

#[tokio::test]
async fn policy_decides_what_a_key_signs() {
    let vault = || MemoryVault::new(Curve::P256);
    let consensus_only = "{}";
    let small_transfers = r#"{"default":{"kinds":[],"operations":["transaction"],"max_amount":10,"max_fee":3}}"#;
    let elsewhere = r#"{"default":{"operations":["any"],"destinations":["KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn"]}}"#;
    let blocks = r#"{"default":{"kinds":["block"]}}"#;
    let attestations = r#"{"default":{"kinds":["attestation"],"chains":["NetXnHfVqm9iesp"]}}"#;
    let origination =
        [&[0x03][..], &[0x0e; 32], &[109, 0], &[1; 20], &[1, 1, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    let drain = [&[0x03][..], &[0x0e; 32], &[9, 2], &[1; 20], &[0], &[1; 20], &[0], &[2; 20]].concat();
    let packed = vec![5, 1, 0, 0, 0, 1, 0x61];
    let cases: Vec<(&str, Vec<u8>, Option<&str>)> = vec![
        (consensus_only, payload(Kind::Block, 1, 0, 0), None),
        (consensus_only, transfer(1, 1), Some("does not allow this key to sign transaction")),
        (consensus_only, packed.clone(), Some("packed data")),
        (small_transfers, transfer(10, 3), None),
        (small_transfers, transfer(11, 3), Some("the amount is 11 mutez in total, policy allows 10")),
        (small_transfers, transfer(10, 4), Some("the fee is 4 mutez in total, policy allows 3")),
        (small_transfers, [transfer(6, 1), transfer(5, 1)[33..].to_vec()].concat(), Some("the amount is 11 mutez")),
        (small_transfers, payload(Kind::Block, 1, 0, 0), Some("does not allow this key to sign a block")),
        (elsewhere, transfer(1, 1), Some("does not allow tz1")),
        (elsewhere, origination, Some("9 mutez would go to a new contract")),
        (attestations, payload(Kind::Attestation, 1, 0, 0), Some("for chain NetXdQprcVkpaWU")),
        (attestations, payload(Kind::Preattestation, 1, 0, 0), Some("to sign a preattestation")),
        (blocks, payload(Kind::Attestation, 1, 0, 0), Some("does not allow this key to sign an attestation")),
        (r#"{"default":{"operations":["any"]}}"#, drain.clone(), Some("policy must name it")),
        (r#"{"default":{"operations":["any"],"kinds":[]}}"#, drain.clone(), Some("policy must name it")),
        (r#"{"default":{"operations":["drain_delegate"]}}"#, drain, None),
        (r#"{"default":{"packed_data":true}}"#, packed, None),
    ];
    for (policy, payload, expected) in cases {
        let setup = Setup::with(vault(), MemoryMarks::default(), policy);
        let answer = setup.sign(payload).await;
        match expected {
            None => drop(answer.unwrap_or_else(|error| panic!("{policy}: {error}"))),
            Some(text) => {
                let Err(NotSigned::Refused(Refusal::Policy(reason))) = answer else { panic!("{policy}: {answer:?}") };
                assert!(reason.to_string().contains(text), "{policy}: {reason}");
                assert_eq!(setup.vault.signatures.load(Ordering::Relaxed), 0);
            }
        }
    }
}

#[tokio::test]
async fn if_there_are_authorized_keys_only_they_may_request() {
    use azurehsm_signer::tezos::authentication::request_to_authenticate;
    for curve in Curve::ALL {
        let mut setup = Setup::new(Curve::P256);
        let baker = SecretKey::generate(curve).unwrap();
        let stranger = SecretKey::generate(curve).unwrap();
        let public_key = baker.public_key().to_string();
        let authorized_keys = AuthorizedKeys::new(vec![public_key.parse().unwrap()]);
        setup.signer = signer(&setup.vault, &setup.store, "{}", authorized_keys);
        let vote = payload(Kind::Attestation, 1, 0, 0);
        let other_vote = payload(Kind::Attestation, 1, 0, 1);
        let signed_by = |key: &SecretKey, payload: &[u8]| {
            let bytes = request_to_authenticate(&setup.vault.key.hash, payload);
            Some(key.sign(&bytes, BlsScheme::ProofOfPossession).unwrap().to_string())
        };
        for (authentication, expected) in [
            (None, Some("missing authentication signature")),
            (Some("edsig".to_owned()), Some("is not a signature")),
            (signed_by(&stranger, &vote), Some("invalid authentication signature")),
            (signed_by(&baker, &other_vote), Some("invalid authentication signature")),
            (signed_by(&baker, &vote), None),
        ] {
            let request = SignRequest { authentication, ..setup.request(vote.clone()) };
            match (setup.signer.sign(&request).await, expected) {
                (Ok(_), None) => {}
                (Err(NotSigned::Refused(Refusal::Unauthenticated(why))), Some(text)) => {
                    assert!(why.to_string().contains(text), "{why}");
                    assert!(setup.mark(Kind::Attestation).is_none());
                }
                (answer, _) => panic!("{curve}: {answer:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_far_future_level_does_not_silence_the_key() {
    let setup = Setup::new(Curve::P256);
    setup.sign(payload(Kind::Attestation, 1000, 0, 0)).await.unwrap();
    let answer = setup.sign(payload(Kind::Attestation, 101_001, 0, 0)).await;
    let Err(NotSigned::Refused(reason @ Refusal::Mark(_))) = answer else { panic!("{answer:?}") };
    assert!(reason.to_string().contains("azurehsm-signer marks raise"), "{reason}");
    setup.sign(payload(Kind::Attestation, 101_000, 0, 0)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_vault_cannot_read_now_is_failed_not_unknown() {
    for (listing, is_known) in
        [(Listing::All, true), (Listing::SomeUnread, false), (Listing::Unavailable, false), (Listing::None, false)]
    {
        let setup = Setup::new(Curve::P256);
        *setup.vault.listing.lock().unwrap() = listing;
        let answer = setup.sign(payload(Kind::Attestation, 7, 0, 1)).await;
        match listing {
            Listing::All => assert!(answer.is_ok()),
            Listing::None => assert!(matches!(answer, Err(NotSigned::Refused(Refusal::UnknownKey { .. })))),
            _ => assert!(matches!(answer, Err(NotSigned::Failed(_))), "{answer:?}"),
        }
        assert_eq!(setup.signer.keys().len(), usize::from(is_known));
        *setup.vault.listing.lock().unwrap() = Listing::All;
        assert!(setup.sign(payload(Kind::Attestation, 7, 0, 1)).await.is_ok(), "after {listing:?}");
    }
}

#[tokio::test]
async fn a_vault_that_does_not_answer_drops_no_known_key() {
    let setup = Setup::new(Curve::P256);
    setup.signer.refresh_keys().await.unwrap();
    *setup.vault.listing.lock().unwrap() = Listing::Unavailable;
    assert!(setup.signer.refresh_keys().await.is_err());
    assert!(setup.sign(payload(Kind::Attestation, 7, 0, 1)).await.is_ok());
    *setup.vault.listing.lock().unwrap() = Listing::None;
    setup.signer.refresh_keys().await.unwrap();
    assert!(setup.signer.keys().is_empty());
}
