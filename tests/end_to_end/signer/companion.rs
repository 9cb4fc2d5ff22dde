//! A companion key signs in the same request, after the consensus key and under its own policy, mark and authentication.

use crate::support::http::{self, Answer};
use crate::support::marks::MemoryMarks;
use crate::support::payloads::{bls_attestation, payload};
use crate::support::process::{Signer as Program, run};
use async_trait::async_trait;
use azurehsm_signer::answer::Cause;
use azurehsm_signer::marks::{Ledger, NotSafe};
use azurehsm_signer::signer::{
    AuthorizedKeys, Companion, HeadRule, KeyRing, NotSigned, Policy, Refusal, SignRequest, Signer, WhenHeadUnknown,
};
use azurehsm_signer::tezos::authentication::request_to_authenticate;
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{
    BlsPublicKey, BlsScheme, Curve, PublicKey, PublicKeyHash, SecretKey, Signature, SignatureText, SignatureVersion,
};
use azurehsm_signer::vault::{FoundKeys, Key, Vault, VaultError};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The shipped binary, with several tz4 keys and a tz3 key.
struct Setup {
    _folder: tempfile::TempDir,
    program: Program,
    keys: HashMap<String, String>,
}

impl Setup {
    fn new(policy: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let generate = |name: &str, curve: &str| {
            assert!(run(folder.path(), &["keys", "generate", name, "--curve", curve], "").status.success());
        };
        for name in ["consensus", "companion", "restricted", "voted"] {
            generate(name, "bls");
        }
        generate("tz3", "p256");
        let list = || Program::start(folder.path(), &[]).keys().into_iter().collect::<HashMap<_, _>>();
        let keys = list();
        let policy = policy.replace("restricted", &keys["restricted"]);
        let program = Program::start(folder.path(), &[&[("POLICY", policy.as_str())], settings].concat());
        Self { _folder: folder, program, keys }
    }

    /// Requests a signature with these headers.
    fn sign(&self, key: &str, query: &str, headers: &[String], payload: &[u8]) -> Answer {
        let mut lines = vec!["host: signer", "connection: close"];
        lines.extend(headers.iter().map(String::as_str));
        let body = format!("\"{}\"", hex::encode(payload));
        let request = http::request("POST", &format!("/keys/{}{query}", self.keys[key]), &lines, &body);
        http::send(self.program.address, request.as_bytes()).unwrap()
    }

    fn companion(&self, name: &str) -> String {
        format!("x-signer-companion: {}", self.keys[name])
    }

    fn verify(&self, key: &str, payload: &[u8], signature: &str) {
        let answer = http::get(self.program.address, &format!("/keys/{}", self.keys[key])).unwrap().json();
        let key: PublicKey = answer["public_key"].as_str().unwrap().parse().unwrap();
        let Ok(SignatureText::Known(signature)) = signature.parse() else { panic!("{signature}") };
        key.verify(payload, BlsScheme::ProofOfPossession, &signature).unwrap();
    }
}

fn bls_preattestation(level: u32) -> Vec<u8> {
    let mut payload = bls_attestation(level, 0, 0);
    (payload[0], payload[37]) = (0x12, 40);
    payload
}

#[test]
fn the_consensus_key_signs_regardless_of_the_companion_key() {
    let setup = Setup::new(r#"{"keys":{"restricted":{"kinds":["preattestation"]}}}"#, &[]);
    let vote = |level| bls_attestation(level, 0, 0);
    setup.sign("voted", "", &[], &bls_attestation(18, 0, 1)).signature();

    let named = |name: &str| vec![setup.companion(name)];
    let text = |value: &str| vec![format!("x-signer-companion: {value}")];
    for (name, payload, headers, reason) in [
        ("signed", vote(10), named("companion"), ""),
        ("repeated", vote(10), named("companion"), ""),
        ("repeated for another", vote(10), named("restricted"), "policy"),
        ("not an attestation", bls_preattestation(11), named("companion"), "payload"),
        ("a companion of another curve", vote(11), named("tz3"), "payload"),
        ("the same key", vote(12), named("consensus"), "request"),
        ("no key", vote(14), text("companion"), "request"),
        ("an empty header", vote(15), text(""), "request"),
        ("two keys", vote(16), [named("companion"), named("restricted")].concat(), "request"),
        ("its policy", vote(17), named("restricted"), "policy"),
        ("its mark has other bytes", vote(18), named("voted"), "different_data"),
        ("a later level", vote(21), named("companion"), ""),
    ] {
        let answer = setup.sign("consensus", "", &headers, &payload);
        setup.verify("consensus", &payload, &answer.signature());
        assert_eq!(answer.header("x-signer-verdict"), "signed", "{name}");
        assert_eq!(answer.header("x-signer-companion-reason"), reason, "{name}");
        match answer.header("x-signer-companion-signature") {
            "" => assert_ne!(reason, "", "{name}"),
            signature => setup.verify("companion", &payload, signature),
        }
    }
    let alone = setup.sign("consensus", "", &[], &vote(22));
    assert!(!alone.headers.keys().any(|name| name.starts_with("x-signer-companion")), "{alone:?}");
    let of_tz3 = setup.sign("tz3", "", &named("companion"), &payload(Kind::Attestation, 23, 0, 0));
    assert_eq!((of_tz3.status, of_tz3.header("x-signer-companion-reason")), (200, "payload"));

    // A request refused by the consensus key leaves no trace: the companion key can still sign other bytes there.
    let refused = setup.sign("consensus", "", &named("companion"), &bls_attestation(22, 0, 1));
    assert_eq!((refused.status, refused.header("x-signer-reason")), (409, "different_data"));
    assert!(!refused.headers.keys().any(|name| name.starts_with("x-signer-companion")), "{refused:?}");
    setup.sign("companion", "", &[], &bls_attestation(22, 0, 2)).signature();
}

#[test]
fn the_companion_needs_its_own_authentication() {
    let client = SecretKey::generate(Curve::Ed25519).unwrap();
    let setup = Setup::new("{}", &[("AUTHORIZED_KEYS", &client.public_key().to_string())]);
    let signed_for = |name: &str, payload: &[u8]| {
        let request = request_to_authenticate(&setup.keys[name].parse().unwrap(), payload);
        client.sign(&request, BlsScheme::default()).unwrap().to_string()
    };
    let vote = bls_attestation(10, 0, 0);
    let query = format!("?authentication={}", signed_for("consensus", &vote));
    for (authentication, reason) in [
        (None, "unauthenticated"),
        (Some(signed_for("consensus", &vote)), "unauthenticated"),
        (Some(signed_for("companion", &bls_attestation(11, 0, 0))), "unauthenticated"),
        (Some("edsig".to_owned()), "unauthenticated"),
        (Some(signed_for("companion", &vote)), ""),
    ] {
        let mut headers = vec![setup.companion("companion")];
        headers.extend(authentication.map(|text| format!("x-signer-companion-authentication: {text}")));
        let answer = setup.sign("consensus", &query, &headers, &vote);
        answer.signature();
        assert_eq!(answer.header("x-signer-companion-reason"), reason, "{headers:?}");
        assert_eq!(answer.header("x-signer-companion-signature").is_empty(), !reason.is_empty(), "{headers:?}");
    }
    let unauthenticated = setup.sign("consensus", "", &[setup.companion("companion")], &vote);
    assert_eq!(unauthenticated.status, 401);
}

/// A vault with several tz4 keys, one of which may be slow.
struct SeveralKeys {
    keys: Vec<(SecretKey, Key)>,
    slow: Option<(PublicKeyHash, Duration)>,
    signatures: AtomicUsize,
}

#[async_trait]
impl Vault for SeveralKeys {
    async fn keys(&self) -> Result<FoundKeys, VaultError> {
        Ok(FoundKeys { usable: self.keys.iter().map(|(_, key)| key.clone()).collect(), ..FoundKeys::default() })
    }

    async fn sign(&self, key: &Key, payload: &[u8], scheme: BlsScheme) -> Result<Signature, VaultError> {
        self.signatures.fetch_add(1, Ordering::Relaxed);
        if let Some((_, delay)) = self.slow.filter(|(slow, _)| *slow == key.hash) {
            tokio::time::sleep(delay).await;
        }
        let (secret, _) = self.keys.iter().find(|(_, known)| known.hash == key.hash).unwrap();
        Ok(secret.sign(payload, scheme).unwrap())
    }

    async fn prove_possession(&self, _: &Key, _: Option<&BlsPublicKey>) -> Result<Signature, VaultError> {
        Err(VaultError::unable("not tested here"))
    }
}

impl SeveralKeys {
    fn new(count: usize) -> Self {
        let keys = (0..count).map(|number| {
            let secret = SecretKey::generate(Curve::Bls).unwrap();
            let key = Key::new(format!("key-{number}"), secret.public_key().clone());
            (secret, key)
        });
        Self { keys: keys.collect(), slow: None, signatures: AtomicUsize::new(0) }
    }

    fn hash(&self, number: usize) -> PublicKeyHash {
        self.keys[number].1.hash
    }
}

fn instance(vault: &Arc<SeveralKeys>, store: &Arc<MemoryMarks>) -> Arc<Signer> {
    Arc::new(Signer::new(
        KeyRing::new(Arc::clone(vault) as _, Duration::ZERO),
        Ledger::new(Arc::clone(store) as _, "test"),
        Policy::default(),
        HeadRule { watch: None, when_unknown: WhenHeadUnknown::Fail, jump_limit: 100_000 },
        AuthorizedKeys::default(),
    ))
}

fn request(key: PublicKeyHash, payload: Vec<u8>) -> SignRequest {
    SignRequest {
        key,
        payload,
        version: SignatureVersion::default(),
        authentication: None,
        deadline: Instant::now() + Duration::from_secs(4),
        invocation: None,
        parent: None,
    }
}

const fn companion(key: PublicKeyHash) -> Companion {
    Companion { key, authentication: None }
}

#[tokio::test(start_paused = true)]
async fn the_consensus_signature_waits_200_ms_and_a_late_companion_signature_is_used_by_the_next_request() {
    let mut vault = SeveralKeys::new(2);
    vault.slow = Some((vault.hash(1), Duration::from_millis(500)));
    let vault = Arc::new(vault);
    let signer = instance(&vault, &Arc::default());
    let vote = bls_attestation(10, 0, 0);
    let start = Instant::now();
    let signed = signer.sign_with_companion(&request(vault.hash(0), vote.clone()), companion(vault.hash(1))).await;
    assert!(matches!(signed, Ok((_, Err(Cause::Deadline)))), "{signed:?}");
    // The clock is paused except for the delays; timers have a resolution of one millisecond.
    assert!((200..=202).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    signer.sign(&request(vault.hash(1), vote)).await.unwrap();
    assert!((500..=502).contains(&start.elapsed().as_millis()), "it shares the pending signature");
    assert_eq!(vault.signatures.load(Ordering::Relaxed), 2);
}

/// The consensus key signs once for both requests, and each gets the signature of its own companion key.
#[tokio::test]
async fn identical_requests_with_different_companions_do_not_share_a_companion_signature() {
    let vault = Arc::new(SeveralKeys::new(3));
    let signer = instance(&vault, &Arc::default());
    let vote = bls_attestation(10, 0, 0);
    let request = request(vault.hash(0), vote.clone());
    let sign = |number| signer.sign_with_companion(&request, companion(vault.hash(number)));
    let (first, second) = tokio::join!(sign(1), sign(2));
    for (number, answer) in [(1, first), (2, second)] {
        let signature = answer.unwrap().1.unwrap();
        vault.keys[number].1.public_key.verify(&vote, BlsScheme::ProofOfPossession, &signature).unwrap();
    }
    assert_eq!(vault.signatures.load(Ordering::Relaxed), 3);
}

/// Two bakers with the same consensus key vote for different blocks, through separate instances. The one who gets the consensus
/// key's signature also gets the companion key's; the other one gets neither, and uses up neither.
#[tokio::test(flavor = "multi_thread")]
async fn two_bakers_with_two_companions_cannot_win_one_key_each() {
    let (vault, store) = (Arc::new(SeveralKeys::new(3)), Arc::default());
    let instances = [instance(&vault, &store), instance(&vault, &store)];
    let consensus = vault.hash(0);
    // A shared companion key, and separate ones.
    for (companions, level) in [[vault.hash(1); 2], [vault.hash(1), vault.hash(2)]].iter().cycle().zip(1..=40) {
        let votes = [bls_attestation(level, 0, 0), bls_attestation(level, 0, 1)];
        let bakers = [0, 1].map(|baker| {
            let (signer, request) = (Arc::clone(&instances[baker]), request(consensus, votes[baker].clone()));
            let companion = companion(companions[baker]);
            tokio::spawn(async move { signer.sign_with_companion(&request, companion).await })
        });
        let [first, second] = bakers;
        let answers = [first.await.unwrap(), second.await.unwrap()];
        let winner = answers.iter().position(Result::is_ok).expect("one of them wins");
        let Ok((_, of_companion)) = &answers[winner] else { unreachable!("it won") };
        assert!(of_companion.is_ok(), "level {level}: {of_companion:?}");
        let loser = &answers[1 - winner];
        let is_refused = matches!(loser, Err(NotSigned::Refused(Refusal::Mark(NotSafe::DifferentData { .. }))));
        assert!(is_refused, "level {level}: {loser:?}");
        // A shared companion key can now only sign the winner's bytes.
        if companions[0] == companions[1] {
            let vote = votes[1 - winner].clone();
            let refused = instances[1 - winner].sign(&request(companions[0], vote)).await;
            assert!(matches!(refused, Err(NotSigned::Refused(Refusal::Mark(_)))), "level {level}: {refused:?}");
        }
    }
}
