//! A companion's signature comes with the consensus key's, and octez' second request for it is answered from memory.

use super::front::{Effect, Front};
use super::setup::{Relay, sign, signing_request, verify};
use crate::support::eventually::eventually;
use crate::support::http::{self, Answer};
use crate::support::payloads::{bls_attestation, payload};
use crate::support::process::{Signer, printed, run};
use azurehsm_signer::tezos::payload::Kind;
use azurehsm_signer::tezos::{Curve, SecretKey};
use tempfile::TempDir;

const HEADER: &str = "x-signer-companion";

/// A signer with a consensus key and a companion, and a relay that knows both public keys.
struct Pair {
    _folder: TempDir,
    _signer: Signer,
    front: Front,
    relay: Relay,
    consensus: String,
    companion: String,
}

impl Pair {
    fn start(of_signer: &[(&str, &str)], of_relay: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["consensus", "companion"] {
            printed(&run(folder.path(), &["keys", "generate", name, "--curve", "bls"], ""));
        }
        let signer = Signer::start(folder.path(), of_signer);
        let keys = signer.keys();
        let hash = |name: &str| keys.iter().find(|(other, _)| other == name).unwrap().1.clone();
        let (consensus, companion) = (hash("consensus"), hash("companion"));
        let front = Front::start(signer.address);
        let pair = format!("{consensus}={companion}");
        let relay =
            Relay::start(folder.path(), &[&front], &[&[("RELAY_COMPANIONS", pair.as_str())], of_relay].concat());
        relay.wait_until_ready();
        // The relay reads the public keys of the pair by itself.
        let state = folder.path().join("relay/relay.json");
        let known = || {
            let state: serde_json::Value = serde_json::from_slice(&std::fs::read(&state).ok()?).ok()?;
            (state["public_keys"].as_array()?.len() == 2).then_some(())
        };
        eventually("the keys are known", known);
        Self { _folder: folder, _signer: signer, front, relay, consensus, companion }
    }

    fn public_key(&self, hash: &str) -> String {
        self.relay.get(&format!("/keys/{hash}")).json()["public_key"].as_str().unwrap().to_owned()
    }
}

#[test]
fn both_keys_sign_in_one_request_where_the_signer_requires_authentication() {
    let key = SecretKey::generate(Curve::Bls).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), key.to_text().as_bytes()).unwrap();
    let authorized = key.public_key().to_string();
    let pair = Pair::start(
        &[("AUTHORIZED_KEYS", &authorized)],
        &[("RELAY_AUTHENTICATION_KEY_FILE", file.path().to_str().unwrap())],
    );
    let (relay, vote) = (&pair.relay, bls_attestation(1, 0, 1));
    verify(&pair.public_key(&pair.consensus), &vote, &relay.sign(&pair.consensus, &vote));
    verify(&pair.public_key(&pair.companion), &vote, &relay.sign(&pair.companion, &vote));
    assert_eq!(pair.front.signing_requests(), 1);
}

#[test]
fn a_companions_signature_comes_with_the_consensus_keys() {
    let pair = Pair::start(&[], &[]);
    let (of_consensus, of_companion) = (pair.public_key(&pair.consensus), pair.public_key(&pair.companion));
    let Pair { front, relay, consensus, companion, .. } = pair;

    let first = bls_attestation(1, 0, 1);
    // The second key is slow when it is used for the first time.
    verify(&of_consensus, &first, &relay.sign(&consensus, &first));
    assert_eq!(front.posts()[0].headers.get(HEADER), Some(&companion));
    verify(&of_companion, &first, &relay.sign(&companion, &first));
    verify(&of_companion, &first, &relay.sign(&companion, &first));
    assert_eq!(front.posts().len(), 1, "the second request is answered from memory");

    let web_page = signing_request(&companion, &first).replace("host: localhost", "host: localhost\r\norigin: null");
    assert_eq!(http::send(relay.address(), web_page.as_bytes()).unwrap().status, 403);

    // Another payload is another request, and no attestation has no companion.
    verify(&of_companion, &bls_attestation(2, 0, 1), &relay.sign(&companion, &bls_attestation(2, 0, 1)));
    let preattestation = payload(Kind::Preattestation, 3, 0, 1);
    relay.sign(&consensus, &preattestation);
    let others = front.posts();
    assert_eq!(others.len(), 3, "{others:?}");
    assert!(others[1..].iter().all(|seen| !seen.headers.contains_key(HEADER)), "{others:?}");

    // A companion's signature that is wrong is not kept, and octez' second request goes the ordinary way.
    let wrong: fn(&mut Answer) = |answer| {
        let signature = answer.signature();
        answer.headers.insert("x-signer-companion-signature".to_owned(), signature);
    };
    front.next([Effect::Changed(wrong)]);
    let fourth = bls_attestation(4, 0, 1);
    verify(&of_consensus, &fourth, &relay.sign(&consensus, &fourth));
    verify(&of_companion, &fourth, &relay.sign(&companion, &fourth));
    assert_eq!(front.posts().len(), 5);
}

#[test]
fn two_bakers_with_two_companions_never_win_one_key_each() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["consensus", "first", "second"] {
        printed(&run(folder.path(), &["keys", "generate", name, "--curve", "bls"], ""));
    }
    let signer = Signer::start(folder.path(), &[]);
    let keys = signer.keys();
    let hash = |name: &str| keys.iter().find(|(other, _)| other == name).unwrap().1.clone();
    let consensus = hash("consensus");
    let front = Front::start(signer.address);
    let bakers = ["first", "second"].map(|name| {
        let companion = hash(name);
        let pair = format!("{consensus}={companion}");
        let relay = Relay::start(&folder.path().join(name), &[&front], &[("RELAY_COMPANIONS", &pair)]);
        relay.wait_until_ready();
        eventually("the companion is known", || (relay.get(&format!("/keys/{companion}")).status == 200).then_some(()));
        (relay.address(), companion, relay)
    });
    for level in 1..=8 {
        let votes = [1, 2].map(|variant| bls_attestation(level, 0, variant));
        let answers = std::thread::scope(|scope| {
            let ask = |baker: usize| {
                let (address, vote, consensus) = (bakers[baker].0, &votes[baker], &consensus);
                scope.spawn(move || sign(address, consensus, vote))
            };
            let (one, other) = (ask(0), ask(1));
            [one.join().unwrap(), other.join().unwrap()]
        });
        let winner = usize::from(answers[0].status != 200);
        let loser = 1 - winner;
        assert_eq!((answers[winner].status, answers[loser].status), (200, 409), "level {level}: {answers:?}");
        assert_eq!(answers[loser].header("x-signer-reason"), "different_data");
        let ask = |baker: usize, vote: &[u8]| sign(bakers[baker].0, &bakers[baker].1, vote).signature();
        ask(winner, &votes[winner]);
        // The loser's companion has signed nothing, so it still signs the vote that won.
        ask(loser, &votes[winner]);
    }
}
