//! Keys of Octez's own tests (`src/lib_crypto/test/key_encoding_vectors.ml`, `tezt/lib_tezos/constant.ml`), and the
//! numbers that bound what a key and a signature can be.

use azurehsm_signer::tezos::{Curve, SecretKey};

pub(crate) fn generate(curve: Curve) -> SecretKey {
    SecretKey::generate(curve).unwrap()
}

/// `tz4_account` of Octez (`tezt/lib_tezos/constant.ml`).
pub(crate) const TZ4_SECRET: &str = "BLsk1hKAHyGqY9qRbgoSVnjiSmDWpKGjFF3WNQ7BaiaMUA6RMA6Pfq";

/// Secret key, public key and address.
pub(crate) const KEYS: [[&str; 3]; 9] = [
    [
        "edsk3qAQSJaDBSYN2PCMdv7BuJoBKeRyDFq5uPAwDfFRAhQdwHxPMN",
        "edpkufnz668CdgnVC4X5KRvJoXCMgicr29Tjmr5vxGzvMdipwkTZmM",
        "tz1SodoUsWVe1Yey9eMFbqRUtNpBWfir5NRr",
    ],
    [
        "edsk4ERiv9CNq5KqVnAisihtXskKQLopY9Ux2gNuQbH61zahXx9xjR",
        "edpktkyJU8x7cyDuFPFqR7W5fAGB2jgZF38YD57K7jXxRAPUutt2q5",
        "tz1hzyx6kUgxkM8DeWDQ8Zd1jqTdkHFjMRMT",
    ],
    [
        "spsk2oCGdj7yZFmAWr1wqopU512kDtCfWfs7N4FoRH6bkHhgXk5Tu5",
        "sppk7aFpmJLm3ZxMd3F4osvGBq77R1NeSpiJVnof3Wiv4mt84EBE9aX",
        "tz2SSuN7FRcAurZPSAQS1swNWE8xxf71MTjt",
    ],
    [
        "spsk2R8x2JbQq2jPn1SuJK7NBxAajNgoctcLgat99fMPBr8nrQxPqc",
        "sppk7cNMvaoPostzGxnKFNkqx2QKUKs2YHjokroHEGq1S2hUvRJa89X",
        "tz2EoucBgYrBemSsLszAZP86cEfsz13idBaT",
    ],
    [
        "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD9",
        "p2pk66Y3178eHvgWFA4CDsgGPhbkWtwrYCVUKJnsAi41eGP7MbHKv24",
        "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t",
    ],
    [
        "p2sk31mNkuAeEXhnTTzkwTXFgso6z7pfDsiKfepQNdTSzs9zWFDcV2",
        "p2pk64ie1DPcsWgEazYYWkFWNVwqs7jCdKeVwF8NVZRu5yr757vWaTM",
        "tz3e8QcfwZce1z5YmgZjgAdd7aNr8yBnYbv8",
    ],
    [
        TZ4_SECRET,
        "BLpk1yUiLJ7RezbyViD5ZvWTfQndM3TRRYmvYWkUfH2EJqsLFnzzvpJss6pbuz3U1DDMpk8v16nV",
        "tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn",
    ],
    [
        "BLsk1eGhiPQXKtvvkBeXzmtVVJs6KPhEF45drF7MLjoCDcSnTGuyjL",
        "BLpk1ur5XXicWYMMzCVZZWyLZhybtyX8Zot2uCzDCZW8KcC5BdZiLVXRZvZzi4GuZYL9SarUvKpE",
        "tz4TFJdv9Jd44FtBMAxi3KQT7AtazhVyaPa6",
    ],
    [
        "BLsk2iUavBozFrCLSM7X5UXLzkDx39sDEHkJJUTYaEgWxbLRrtvyNf",
        "BLpk1p9AGKVCAGq5D6qoMsYwqGpefnz7vfmQMrU75rEjsNpj8L6VMyiwBs2mdUo2t7GGZpEbNwZu",
        "tz4NhiAC3w3PjbQ98CgHGJoio5rSynDHNqiP",
    ],
];

pub(crate) const SECP256K1_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc,
    0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];
pub(crate) const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// `a − b` of two big-endian numbers, the larger first.
pub(crate) fn difference(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let mut result = [0; 32];
    let mut borrow = false;
    for index in (0..32).rev() {
        let (digit, first) = a[index].overflowing_sub(b[index]);
        let (digit, second) = digit.overflowing_sub(borrow.into());
        result[index] = digit;
        borrow = first || second;
    }
    result
}
