//! The test keys, and cases of key texts.

use super::consequences;
use crate::base58::{CONTRACT, ENCRYPTED_ED25519_SECRET, ML_DSA_44_HASH, Prefix};
use crate::case::{Consequence, Key, KeyCase, KeyFile, KeyText, Role};
use crate::crypto::{Curve, SecretKey};
use crate::payload::operations::{KT1, TZ3};

/// Role, whether the signer holds its keys, what they may sign, and their curves.
const ROLES: [(&str, bool, &str, &[Curve]); 13] = [
    ("baker", true, "blocks, preattestations and attestations of every chain, and nothing else", &Curve::ALL),
    ("other", true, "the same, for another baker", &Curve::ALL),
    (
        "payer",
        true,
        "every operation, including those that transfer control of the account or empty it, and packed data; no block \
         and no vote",
        &Curve::ALL,
    ),
    (
        "staker",
        true,
        "what a baker may, reveals, staking operations and ballots, with total fees of at most 10000 mutez",
        &[Curve::P256],
    ),
    (
        "limited",
        true,
        "transactions, originations and ticket transfers, to {TZ3} and {KT1} only: in total at most 1000000 mutez, \
         and fees of at most 5000 mutez",
        &[Curve::Ed25519],
    ),
    (
        "open",
        true,
        "blocks, votes and every operation except update_consensus_key, update_companion_key and drain_delegate, \
         which must be permitted by name",
        &[Curve::Secp256k1],
    ),
    (
        "spender",
        true,
        "every operation except those three, for {TZ3} and {KT1} only: sending, burning and bonding at most 1000000 \
         mutez in total",
        &[Curve::P256],
    ),
    ("drainer", true, "what a baker may, and drain_delegate, by name", &[Curve::P256]),
    ("attester", true, "attestations only, as for a companion key", &[Curve::Bls]),
    ("bound", true, "what a baker may, on mainnet only", &[Curve::P256]),
    ("prover", true, "what a baker may, and proofs of possession", &[Curve::Bls]),
    ("client", false, "the keys of authorized clients, for the signer that requires authentication", &Curve::ALL),
    ("stranger", false, "a key that the signer does not hold", &Curve::ALL),
];

/// A test key and its entry, by name, such as `baker-p256`.
pub fn named(name: &str) -> (SecretKey, Key) {
    let (role, curve) = name.split_once('-').expect("a role and a curve");
    let curve = Curve::ALL.into_iter().find(|known| known.name() == curve).expect("a curve");
    let secret = SecretKey::of_name(curve, name).expect("a number below the order");
    let public_key = secret.public_key();
    let key = Key {
        name: name.to_owned(),
        role: role.to_owned(),
        curve,
        secret_key: secret.text(),
        public_key: public_key.text(),
        hash: public_key.hash(),
        proof_of_possession: secret.prove_possession(None).map(|proof| curve.signature().encode(&proof)),
    };
    (secret, key)
}

fn all_keys() -> Vec<Key> {
    let names = ROLES.iter().flat_map(|(role, _, _, curves)| curves.iter().map(move |curve| (role, curve)));
    names.map(|(role, curve)| named(&format!("{role}-{}", curve.name())).1).collect()
}

/// The keys that a signer must hold.
pub(super) fn held() -> Vec<Key> {
    let is_held = |key: &Key| ROLES.iter().any(|(role, held, _, _)| *held && *role == key.role);
    all_keys().into_iter().filter(is_held).collect()
}

pub(super) fn file() -> KeyFile {
    KeyFile {
        schema: "../schema/keys.schema.json".to_owned(),
        about: "Keys that the cases refer to, with their secrets in the clear: FOR TESTS ONLY, anyone can sign with \
             them. Then cases of valid and malformed keys and hashes."
            .to_owned(),
        roles: ROLES
            .iter()
            .map(|(role, held, may_sign, _)| Role {
                role: (*role).to_owned(),
                held: *held,
                may_sign: may_sign.replace("{TZ3}", &TZ3.text()).replace("{KT1}", &KT1.text()),
            })
            .collect(),
        keys: all_keys(),
        cases: cases(),
    }
}

/// Vectors of Octez's own tests (`src/lib_crypto/test/key_encoding_vectors.ml`, `tezt/lib_tezos/constant.ml`).
const OCTEZ: [(&str, Curve, [&str; 3]); 9] = [
    (
        "octez-ed25519-1",
        Curve::Ed25519,
        [
            "edsk3qAQSJaDBSYN2PCMdv7BuJoBKeRyDFq5uPAwDfFRAhQdwHxPMN",
            "edpkufnz668CdgnVC4X5KRvJoXCMgicr29Tjmr5vxGzvMdipwkTZmM",
            "tz1SodoUsWVe1Yey9eMFbqRUtNpBWfir5NRr",
        ],
    ),
    (
        "octez-ed25519-2",
        Curve::Ed25519,
        [
            "edsk4ERiv9CNq5KqVnAisihtXskKQLopY9Ux2gNuQbH61zahXx9xjR",
            "edpktkyJU8x7cyDuFPFqR7W5fAGB2jgZF38YD57K7jXxRAPUutt2q5",
            "tz1hzyx6kUgxkM8DeWDQ8Zd1jqTdkHFjMRMT",
        ],
    ),
    (
        "octez-secp256k1-1",
        Curve::Secp256k1,
        [
            "spsk2oCGdj7yZFmAWr1wqopU512kDtCfWfs7N4FoRH6bkHhgXk5Tu5",
            "sppk7aFpmJLm3ZxMd3F4osvGBq77R1NeSpiJVnof3Wiv4mt84EBE9aX",
            "tz2SSuN7FRcAurZPSAQS1swNWE8xxf71MTjt",
        ],
    ),
    (
        "octez-secp256k1-2",
        Curve::Secp256k1,
        [
            "spsk2R8x2JbQq2jPn1SuJK7NBxAajNgoctcLgat99fMPBr8nrQxPqc",
            "sppk7cNMvaoPostzGxnKFNkqx2QKUKs2YHjokroHEGq1S2hUvRJa89X",
            "tz2EoucBgYrBemSsLszAZP86cEfsz13idBaT",
        ],
    ),
    (
        "octez-p256-1",
        Curve::P256,
        [
            "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD9",
            "p2pk66Y3178eHvgWFA4CDsgGPhbkWtwrYCVUKJnsAi41eGP7MbHKv24",
            "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t",
        ],
    ),
    (
        "octez-p256-2",
        Curve::P256,
        [
            "p2sk31mNkuAeEXhnTTzkwTXFgso6z7pfDsiKfepQNdTSzs9zWFDcV2",
            "p2pk64ie1DPcsWgEazYYWkFWNVwqs7jCdKeVwF8NVZRu5yr757vWaTM",
            "tz3e8QcfwZce1z5YmgZjgAdd7aNr8yBnYbv8",
        ],
    ),
    (
        "octez-bls-tz4-account",
        Curve::Bls,
        [
            "BLsk1hKAHyGqY9qRbgoSVnjiSmDWpKGjFF3WNQ7BaiaMUA6RMA6Pfq",
            "BLpk1yUiLJ7RezbyViD5ZvWTfQndM3TRRYmvYWkUfH2EJqsLFnzzvpJss6pbuz3U1DDMpk8v16nV",
            "tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn",
        ],
    ),
    (
        "octez-bls-1",
        Curve::Bls,
        [
            "BLsk1eGhiPQXKtvvkBeXzmtVVJs6KPhEF45drF7MLjoCDcSnTGuyjL",
            "BLpk1ur5XXicWYMMzCVZZWyLZhybtyX8Zot2uCzDCZW8KcC5BdZiLVXRZvZzi4GuZYL9SarUvKpE",
            "tz4TFJdv9Jd44FtBMAxi3KQT7AtazhVyaPa6",
        ],
    ),
    (
        "octez-bls-2",
        Curve::Bls,
        [
            "BLsk2iUavBozFrCLSM7X5UXLzkDx39sDEHkJJUTYaEgWxbLRrtvyNf",
            "BLpk1p9AGKVCAGq5D6qoMsYwqGpefnz7vfmQMrU75rEjsNpj8L6VMyiwBs2mdUo2t7GGZpEbNwZu",
            "tz4NhiAC3w3PjbQ98CgHGJoio5rSynDHNqiP",
        ],
    ),
];

/// From `tezt/lib_tezos/constant.ml`.
const TZ4_ACCOUNT_PROOF: &str = "BLsig9a5nLiDGB7zGFTWJGdsZT3WPMCTAh5qVUmJekTzPbiQttFVD6jDg4Mf1gEV8Y3fq7sv9Vs6U7Tpx9ZST7GZdw9NGz9JLkdfeXmGz5yh1BnVSr5aYcLfPEpwteCGRx4Bk1q2SuaAnh";

fn cases() -> Vec<KeyCase> {
    let mut cases = Vec::new();
    for key in all_keys() {
        let is_held = ROLES.iter().any(|(role, held, _, _)| *held && *role == key.role);
        let why = if is_held {
            "A signer that derives another public key or hash from an imported secret key is useless: octez-client \
             reads the public key from the signer when the key is imported (http_gen.ml, import_secret_key)."
        } else {
            "Every library must derive the same public key and hash from a secret key; clients authenticate with this \
             key."
        };
        cases.push(KeyCase::Derivation {
            id: format!("keys/derive/{}", key.name),
            why: why.to_owned(),
            consequence: Consequence::LostSlot,
            key: is_held.then(|| key.name.clone()),
            curve: key.curve,
            secret_key: key.secret_key,
            public_key: key.public_key,
            hash: key.hash,
            proof_of_possession: key.proof_of_possession,
        });
    }
    for (name, curve, [secret_key, public_key, hash]) in OCTEZ {
        let why = match curve {
            Curve::Bls => {
                "A vector of Octez's tests: BLS12-381 secret keys are little-endian in Tezos, big-endian in most \
                 libraries: a key with reversed bytes has another hash (tezt/lib_tezos/constant.ml)."
            }
            _ => {
                "A vector of Octez's tests: deriving another hash means losing access to the account \
                 (src/lib_crypto/test/key_encoding_vectors.ml)."
            }
        };
        cases.push(KeyCase::Derivation {
            id: format!("keys/vector/{name}"),
            why: why.to_owned(),
            consequence: Consequence::LostSlot,
            key: None,
            curve,
            secret_key: secret_key.to_owned(),
            public_key: public_key.to_owned(),
            hash: hash.to_owned(),
            proof_of_possession: (name == "octez-bls-tz4-account").then(|| TZ4_ACCOUNT_PROOF.to_owned()),
        });
    }
    cases.extend(malformed());
    cases
}

/// The text with another last character.
fn mistyped(text: &str) -> String {
    let (rest, last) = text.split_at(text.len() - 1);
    format!("{rest}{}", if last == "1" { "2" } else { "1" })
}

fn malformed() -> Vec<KeyCase> {
    let mut cases = Vec::new();
    let mut add = |name: String, what: KeyText, text: String, why: &str| {
        cases.push(KeyCase::Malformed {
            id: format!("keys/malformed/{name}"),
            why: why.to_owned(),
            consequence: consequences::of_text(what),
            malformed: what,
            text,
        });
    };
    for curve in Curve::ALL {
        let (_, key) = named(&format!("baker-{}", curve.name()));
        for (what, word, prefix, text) in [
            (KeyText::Hash, "hash", curve.hash(), &key.hash),
            (KeyText::PublicKey, "public-key", curve.public_key(), &key.public_key),
            (KeyText::SecretKey, "secret-key", curve.secret_key(), &key.secret_key),
        ] {
            let name = |how: &str| format!("{word}-{}-{how}", curve.name());
            let payload = prefix.decode(text).expect("a text of its own prefix");
            add(
                name("checksum"),
                what,
                mistyped(text),
                "The checksum exists so that a mistyped key or hash is detected, not used (base58.ml).",
            );
            let shorter = prefix.encode(&payload[1..]);
            let longer = prefix.encode(&[payload.as_slice(), &[0]].concat());
            for (how, text) in [("short", shorter), ("long", longer)] {
                add(
                    name(how),
                    what,
                    text,
                    "The checksum is right, but the length is wrong: padding or truncating turns one key into another.",
                );
            }
        }
    }
    let (_, baker) = named("baker-p256");
    let hash = Curve::P256.hash().decode(&baker.hash).expect("a hash");
    let elsewhere = |prefix: Prefix| prefix.encode(&hash);
    for (name, what, text, why) in [
        (
            "hash-contract",
            KeyText::Hash,
            elsewhere(CONTRACT),
            "The same 20 bytes with the prefix of a contract: a signer that compares hashes without their prefix \
             would accept it.",
        ),
        (
            "hash-tz5",
            KeyText::Hash,
            elsewhere(ML_DSA_44_HASH),
            "A tz5 is a valid address of the current protocol (signature_v3.ml), but not a baker's: the signer has no \
             such key.",
        ),
        (
            "hash-public-key",
            KeyText::Hash,
            baker.public_key.clone(),
            "A public key instead of its hash: octez-signer looks up hashes (signer_services.ml, public_key).",
        ),
        (
            "hash-upper-case",
            KeyText::Hash,
            baker.hash.to_uppercase(),
            "Base58 is case-sensitive: ignoring case makes two addresses one.",
        ),
        (
            "hash-cut",
            KeyText::Hash,
            baker.hash[..baker.hash.len() - 1].to_owned(),
            "The last character is missing: the checksum reveals it, and a prefix search must not find the key.",
        ),
        (
            "hash-prefix-only",
            KeyText::Hash,
            "tz3".to_owned(),
            "Nothing follows the prefix: a decoder that does not check the length reads past the end.",
        ),
        (
            "hash-not-base58",
            KeyText::Hash,
            format!("{}0", &baker.hash[..baker.hash.len() - 1]),
            "0, O, I and l are not Base58 digits, since they are easily confused with others.",
        ),
        (
            "hash-long-text",
            KeyText::Hash,
            format!("tz3{}", "1".repeat(4000)),
            "Decoding Base58 takes quadratic time: a long text must be rejected, not decoded.",
        ),
        (
            "public-key-secp256k1-no-point",
            KeyText::PublicKey,
            Curve::Secp256k1.public_key().encode(&[[2].as_slice(), &[0xff; 32]].concat()),
            "x is not below the prime: the point does not exist, and reducing x yields another key.",
        ),
        (
            "public-key-p256-no-point",
            KeyText::PublicKey,
            Curve::P256.public_key().encode(&[[2].as_slice(), &[0xff; 32]].concat()),
            "x is not below the prime: the point does not exist, and reducing x yields another key.",
        ),
        (
            "public-key-p256-uncompressed-tag",
            KeyText::PublicKey,
            Curve::P256.public_key().encode(&[[4].as_slice(), &[0x11; 32]].concat()),
            "33 bytes with the prefix of an uncompressed point, which has 65 bytes: a decoder may read past the end.",
        ),
        (
            "public-key-ed25519-identity",
            KeyText::PublicKey,
            Curve::Ed25519.public_key().encode(&[[1].as_slice(), &[0; 31]].concat()),
            "The identity point: a signature of zeros is valid for every message under it.",
        ),
        (
            "public-key-bls-infinity",
            KeyText::PublicKey,
            Curve::Bls.public_key().encode(&[[0xc0].as_slice(), &[0; 47]].concat()),
            "The point at infinity: the signature at infinity is valid for every message under it.",
        ),
        (
            "public-key-bls-uncompressed-flag",
            KeyText::PublicKey,
            Curve::Bls.public_key().encode(&[0x11; 48]),
            "The flag for the compressed form is missing: 48 bytes are half an uncompressed point.",
        ),
        (
            "secret-key-encrypted",
            KeyText::SecretKey,
            ENCRYPTED_ED25519_SECRET.encode(&[0x5e; 56]),
            "An encrypted key is useless without its passphrase: its bytes must not be taken for a seed.",
        ),
        (
            "secret-key-secp256k1-zero",
            KeyText::SecretKey,
            Curve::Secp256k1.secret_key().encode(&[0; 32]),
            "Zero is not a secret key: its public key would be the point at infinity.",
        ),
        (
            "secret-key-p256-zero",
            KeyText::SecretKey,
            Curve::P256.secret_key().encode(&[0; 32]),
            "Zero is not a secret key: its public key would be the point at infinity.",
        ),
        (
            "secret-key-bls-zero",
            KeyText::SecretKey,
            Curve::Bls.secret_key().encode(&[0; 32]),
            "Zero is not a secret key: its public key would be the point at infinity.",
        ),
        (
            "secret-key-secp256k1-order",
            KeyText::SecretKey,
            Curve::Secp256k1.secret_key().encode(&[0xff; 32]),
            "Not below the order of the group: reducing it yields another key.",
        ),
        (
            "secret-key-p256-order",
            KeyText::SecretKey,
            Curve::P256.secret_key().encode(&[0xff; 32]),
            "Not below the order of the group: reducing it yields another key.",
        ),
        (
            "secret-key-bls-order",
            KeyText::SecretKey,
            Curve::Bls.secret_key().encode(&[0xff; 32]),
            "Not below the order of the group: reducing it yields another key.",
        ),
    ] {
        add(name.to_owned(), what, text, why);
    }
    cases
}
