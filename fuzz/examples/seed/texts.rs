//! Seeds that are texts, or are written down as such.

use super::Seeds;

/// `tezt/tests/expected/encoding.ml` of Octez, with watermark byte and, where it belongs there, mainnet's chain id.
pub(crate) const PAYLOADS_OF_OCTEZ: &[(&str, &str)] = &[
    (
        "attestation",
        "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a815000000000533000000000000000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "attestation with dal",
        "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8170000000005330000000000000000000000000000000000000000000000000000000000000000000000008020",
    ),
    (
        "bls attestation",
        "137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a82900000533000000000000000000000000000000000000000000000000000000000000000000000000",
    ),
    (
        "block",
        "117a06a77000000533010e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8000000005e9dcbb00442e9bc4583d4f9fa6ba422733f45d3a44397141a953d2237bf8df62e5046eef700000021000000010200000004000005330000000000000004ffffffff00000004000000024c7319284b55068bb7c4e0b9f8585729db7fb27ab4ca9cff2038a1fc324f650c000000000000000000000000000000000000000000000000000000000000000000000000101895ca000000000002",
    ),
    (
        "block with the fitness of emmy",
        "117a06a77000000533010e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8000000005e9dcbb00242e9bc4583d4f9fa6ba422733f45d3a44397141a953d2237bf8df62e5046eef700000011000000010100000008000000000000000a4c7319284b55068bb7c4e0b9f8585729db7fb27ab4ca9cff2038a1fc324f650c000000000000000000000000000000000000000000000000000000000000000000000000101895ca00000000ff043691f53c02ca1ac6f1a0c1586bf77973e04c2d9b618a8309e79651daf0d55801",
    ),
    (
        "transaction",
        "030e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a86c0002298c03ed7d454a101eb7022bc95f7e5f41ac7821dc05edecc004adcacdb7d4019703000002298c03ed7d454a101eb7022bc95f7e5f41ac7800",
    ),
    (
        "transaction to a contract",
        "030e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a86c0002298c03ed7d454a101eb7022bc95f7e5f41ac7821dc05edecc004adcacdb7d40197030138560805b4c8d7b7fbbafad5c59dbfa3878ca70500ffff06616374696f6e000000070200000002034f",
    ),
    (
        "reveal and transaction",
        "038fcf233671b6a04fcf679d2a381c2544ea6c1ea29ba6157776ed842426e5cab86b00ba3bed311a5d7b06dc4daf3c94c5c406927e4bcf940202ab0100009d05b06ea36a6ad464d94dc07a38b77b80b577c1ae51bbd8d20105cd5aed496c006c00ba3bed311a5d7b06dc4daf3c94c5c406927e4bcfed0203b51000c0843d000002298c03ed7d454a101eb7022bc95f7e5f41ac7800",
    ),
];

/// Texts that are read from Base58Check, or nearly.
pub(crate) const TEXTS: &[(&str, &str)] = &[
    ("mainnet", "NetXdQprcVkpaWU"),
    ("ghostnet", "NetXnHfVqm9iesp"),
    ("block hash", "BKpLvH3E3bUa5Z2nb3RkH2p6EKLfymvxUAEgtRJnu4m9UX1TWUb"),
    ("contract", "KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn"),
    ("mistyped", "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4u"),
    ("not base58", "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY0O"),
    ("not ascii", "tz3Zxöw"),
    ("nothing", ""),
    ("zeros", "1111111111111111111111111111111111"),
    (
        "too long",
        "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
    ),
    (
        "bls signature",
        "BLsigAJedzg2UyEeTYDMiezqfXmzXKJ72diqU7EEdVd73wc5JTN75R8PQA9okoBTxXvE8Mva23yK5hChaUQZwCVdbWGG6Eux586FSrVovHw5E1BniBKqVEtAjqh4XLzttJcdwCmGSYi5oF",
    ),
    ("with scheme", "unencrypted:edsk3qAQSJaDBSYN2PCMdv7BuJoBKeRyDFq5uPAwDfFRAhQdwHxPMN"),
    ("digest", "22a4661cd4823a14313384e510544af380ce40c3c44d3026319b191718356f4a"),
    ("digest in capitals", "22A4661CD4823A14313384E510544AF380CE40C3C44D3026319B191718356F4A"),
];

fn named(seeds: &[(&str, &str)]) -> Seeds {
    let named: Seeds = seeds.iter().map(|(name, text)| (super::file_name(name), (*text).into())).collect();
    assert_eq!(named.len(), seeds.len(), "no name stands twice");
    named
}

/// In the language of `properties::http`.
pub(crate) fn http() -> Seeds {
    named(&[
        (
            "routes",
            "k\nGET /\n===\nGET /health\n===\nGET /keys\n===\nGET /keys/{tz2}\n===\nGET /known_keys\n===\nGET /authorized_keys\n===\nGET /bls_prove_possession/{tz4}",
        ),
        (
            "unknown",
            "\nGET /nowhere\n===\nGET /known_keys\n===\nGET /keys/tz1nope\n===\nGET /keys/%ff\n===\nPUT /keys\n===\nHEAD /keys\n===\nPOST /keys/tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT\n\n@a 10 0 1",
        ),
        (
            "votes",
            "\nPOST /keys/{tz3}\n\n@p 10 0 1\n===\nPOST /keys/{tz3}\n\n@a 10 0 1\n===\nPOST /keys/{tz2}?version=3\n\n@a 10 0 1\n===\nPOST /keys/{tz3}\n\n@d 11 2 1",
        ),
        (
            "repeats",
            "\nPOST /keys/{tz3}\n\n@b 10 0 1\n===\nPOST /keys/{tz3}\n\n@b 10 0 1\n===\n!POST /keys/{tz3}\n\n@b 10 0 1\n===\nPOST /keys/{tz2}\n\n@a 10 0 1\n===\n!POST /keys/{tz2}\n\n@a 10 0 1",
        ),
        (
            "different data",
            "\nPOST /keys/{tz3}\n\n@a 10 0 1\n===\nPOST /keys/{tz3}\n\n@a 10 0 2\n===\n!POST /keys/{tz3}\n\n@d 10 0 1\n===\nPOST /keys/{tz2}\n\n@b 10 0 1\n===\n!POST /keys/{tz2}\n\n@b 10 0 2",
        ),
        (
            "below",
            "\nPOST /keys/{tz3}\n\n@a 10 3 1\n===\nPOST /keys/{tz3}\n\n@a 10 2 1\n===\n!POST /keys/{tz3}\n\n@a 9 9 1",
        ),
        (
            "too far",
            "\nPOST /keys/{tz3}\n\n@a 10 0 1\n===\nPOST /keys/{tz3}\n\n@a 100011 0 1\n===\nPOST /keys/{tz3}\n\n@a 100010 0 1",
        ),
        ("answer lost", "\nPOST /keys/{tz3}\nx-fault: answer-lost\n\n@b 10 0 1\n===\n!POST /keys/{tz3}\n\n@b 10 0 1"),
        ("write lost", "\nPOST /keys/{tz3}\nx-fault: write-lost\n\n@a 10 0 1\n===\n!POST /keys/{tz3}\n\n@a 10 0 2"),
        (
            "write late",
            "\nPOST /keys/{tz3}\nx-fault: write-late\n\n@b 10 0 1\n===\n!POST /keys/{tz3}\nx-fault: written-twice\n\n@b 11 0 2",
        ),
        (
            "write refused",
            "\nPOST /keys/{tz2}\nx-fault: write-refused\n\n@b 10 0 1\n===\n!POST /keys/{tz2}\nx-fault: read-fails\n\n@b 10 0 1\n===\nPOST /keys/{tz2}\n\n@b 10 0 2",
        ),
        (
            "tz4",
            "\nPOST /keys/{tz4}\n\n@s 10 0 1\n===\nPOST /keys/{tz4}?version=0\n\n@s 10 0 1\n===\nPOST /keys/{tz4}\n\n@a 10 0 1",
        ),
        (
            "operations",
            "o\nPOST /keys/{tz3}\n\n@t 7 1\n===\nPOST /keys/{tz3}\n\n@x\u{5}\u{1}\n===\nGET /bls_prove_possession/{tz4}?bls_pk=BLpk1yUiLJ7RezbyViD5ZvWTfQndM3TRRYmvYWkUfH2EJqsLFnzzvpJss6pbuz3U1DDMpk8v16nV\n===\nGET /bls_prove_possession/{tz2}",
        ),
        (
            "not allowed",
            "\nPOST /keys/{tz3}\n\n@t 7 1\n===\nPOST /keys/{tz3}\n\n@x\u{5}\u{1}\n===\nGET /bls_prove_possession/{tz4}\n===\nPOST /keys/{tz3}\norigin: http://localhost\n\n@a 10 0 1",
        ),
        (
            "authenticated",
            "a\nPOST /keys/{tz3}?authentication={auth}\n\n@a 10 0 1\n===\nPOST /keys/{tz3}?version=2&authentication={auth}\n\n@b 10 0 1\n===\nGET /authorized_keys",
        ),
        (
            "not authenticated",
            "a\nPOST /keys/{tz3}\n\n@a 10 0 1\n===\nPOST /keys/{tz3}?authentication=\n\n@a 10 0 1\n===\nPOST /keys/{tz3}?authentication=sigMzJ4GVAvXEd2RjsKGfG2H9QvqTSKCZsuB2KiHbZRGFz72XgF6KaKADznh674fQgBatxw3xdHqTtMHUZAGRprxy64wg1aq\n\n@a 10 0 1",
        ),
        (
            "bodies",
            "\nPOST /keys/{tz3}\n\n{}\n===\nPOST /keys/{tz3}\n\n\"0\"\n===\nPOST /keys/{tz3}\n\n\"0g\"\n===\nPOST /keys/{tz3}\n\n \"1300\" \n===\nPOST /keys/{tz3}\n\n\"00\" \"00\"\n===\nPOST /keys/{tz3}\n\n@z 128\n===\nPOST /keys/{tz3}\n\n@z 64",
        ),
        (
            "queries",
            "\nPOST /keys/{tz3}?version=9\n\n@a 10 0 1\n===\nPOST /keys/{tz3}?version=%33&x=y\n\n@a 10 0 1\n===\nPOST /keys/{tz3}?version=1&version=1\n\n@a 10 0 1\n===\nPOST /keys/{tz3}?%ff\n\n@a 10 0 1",
        ),
    ])
}

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
const OTHER_KEY: &str = "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT";

pub(crate) fn policy() -> Seeds {
    let of_the_page = include_str!("../../../docs/policy.md").split("```").nth(1).unwrap().trim_start_matches("json");
    let full = r#"{"$schema": "s", "default": {"kinds": ["block"], "operations": ["any", "drain_delegate", "ballot"], "chains": ["NetXdQprcVkpaWU"], "destinations": ["KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn"], "max_amount": 7, "max_fee": 5, "packed_data": true, "proof_of_possession": true}}"#;
    named(&[
        ("policy page", of_the_page),
        ("nothing said", "{}"),
        ("everything said", full),
        (
            "own rules",
            &format!(
                r#"{{"default": {{"operations": ["reveal", "ballot"], "max_fee": 5}}, "keys": {{"{KEY}": {{"kinds": [], "operations": ["any"]}}, "{OTHER_KEY}": {{"kinds": ["attestation"], "chains": []}}}}}}"#
            ),
        ),
        ("staking", r#"{"default": {"operations": ["transaction:stake"], "destinations": []}}"#),
        ("drain", r#"{"default": {"kinds": [], "operations": ["any"]}}"#),
        (
            "destinations",
            r#"{"default": {"operations": ["transaction", "origination"], "destinations": ["tz2DSNKMHZEBgWNQ2TCbwLuWtnbvvhuuYmHQ"], "max_amount": 3}}"#,
        ),
        ("any of one kind", r#"{"default": {"kinds": ["attestation"], "operations": ["any"]}}"#),
        ("null", r#"{"default": {"kinds": null, "packed_data": null}}"#),
        (
            "no limits",
            &format!(
                r#"{{"default": {{"operations": ["any", "update_consensus_key"], "max_amount": 600, "destinations": []}}, "keys": {{"{KEY}": {{"chains": null, "destinations": null, "max_amount": null, "max_fee": null, "require_authentication": true}}}}}}"#
            ),
        ),
        (
            "wrong names",
            r#"{"default": {"kinds": ["blocks"], "operations": ["transfer"]}, "keys": {"tz1nope": {"chains": ["mainnet"], "destinations": ["sr1"]}}}"#,
        ),
        ("unknown field", r#"{"defaults": {}}"#),
        ("array", r#"{"default": [["block"], ["any"]]}"#),
        ("key twice", &format!(r#"{{"keys": {{"{KEY}": {{}}, "{KEY}": {{"operations": ["any"]}}}}}}"#)),
        ("field twice", r#"{"default": {"kinds": [], "kinds": ["block"]}}"#),
        ("numbers", r#"{"default": {"max_amount": 18446744073709551615, "max_fee": 0}}"#),
    ])
}

pub(crate) fn marks_import() -> Seeds {
    let own = |mark: &str| {
        format!("\u{3}marks.json\n{{\"format\": \"azurehsm-signer marks\", \"version\": 1, \"marks\": [{mark}]}}")
    };
    let signature =
        "p2sigP2uSTiiiN95q8m56P2gtDHrcFEpWWm5eVbLeVdzqHBxgLzjAWGEDugwdfb12yG76PfNWRDDiemELCNPhEJ3Ap3g6JBBYh";
    let digest = "22a4661cd4823a14313384e510544af380ce40c3c44d3026319b191718356f4a";
    named(&[
        (
            "own without digest",
            &own(&format!(
                r#"{{"chain": "NetXdQprcVkpaWU", "key": "{KEY}", "kind": "attestation", "level": 1331, "round": 2}}"#
            )),
        ),
        (
            "own with signature",
            &own(&format!(
                r#"{{"chain": "NetXdQprcVkpaWU", "key": "{KEY}", "kind": "block", "level": 1331, "round": 2, "digest": "{digest}", "signature": "{signature}"}}"#
            )),
        ),
        ("own of nothing", &own("")),
        ("own of a later version", "\u{3}m\n{\"format\": \"azurehsm-signer marks\", \"version\": 2, \"marks\": []}"),
        (
            "octez",
            &format!(
                "\u{3}block_high_watermarks\n{{\"NetXdQprcVkpaWU\": {{\"{KEY}\": {{\"round\": 0, \"level\": 12, \"hash\": \"{digest}\", \"signature\": \"{signature}\"}}}}}}"
            ),
        ),
        (
            "octez without round",
            &format!(
                "\u{3}endorsement_high_watermarks\n{{\"NetXdQprcVkpaWU\": {{\"{KEY}\": {{\"level\": 12}}, \"{OTHER_KEY}\": {{\"level\": 2147483647, \"round\": 7}}}}}}"
            ),
        ),
        (
            "octez of a kind that is said",
            &format!("\u{2}marks\n{{\"NetXnHfVqm9iesp\": {{\"{KEY}\": {{\"level\": 0, \"round\": 1}}}}}}"),
        ),
        (
            "signatory",
            &format!(
                "\u{3}NetXdQprcVkpaWU.json\n{{\"{KEY}\": {{\"attestation\": {{\"level\": 5, \"round\": 1, \"hash\": \"vh2QWZrpQqBLzRhAJfCYo7kMZRGpYuTxNwE5TbQkHJJxUeKvBxS4\"}}, \"block\": {{\"level\": 4, \"round\": 0}}}}}}"
            ),
        ),
        (
            "signatory of a dal baker",
            &format!(
                "\u{3}NetXdQprcVkpaWU.json\n{{\"{KEY}\": {{\"attestation\": {{\"level\": 5, \"round\": 1}}, \"attestation_with_dal\": {{\"level\": 6, \"round\": 0}}}}}}"
            ),
        ),
        (
            "signatory v1",
            &format!(
                "\u{3}NetXdQprcVkpaWU.json\n{{\"{KEY}\": {{\"level\": 5, \"round\": 1, \"order\": 2, \"hash\": null}}}}"
            ),
        ),
        ("signatory v0", &format!("\u{3}NetXdQprcVkpaWU.json\n{{\"endorsement\": {{\"{KEY}\": {{\"level\": 5}}}}}}")),
        (
            "byte order mark",
            &format!("\u{0}m\n\u{feff}{{\"NetXdQprcVkpaWU\": {{\"{KEY}\": {{\"level\": 5, \"round\": 0}}}}}}"),
        ),
        (
            "level twice",
            &format!("\u{0}m\n{{\"NetXdQprcVkpaWU\": {{\"{KEY}\": {{\"level\": 5, \"level\": 4, \"round\": 0}}}}}}"),
        ),
        (
            "signatory of a chain that is said",
            &format!("\u{7}marks.json\n{{\"{KEY}\": {{\"preendorsement\": {{\"level\": 5, \"round\": 1}}}}}}"),
        ),
        ("negative", &format!("\u{0}m\n{{\"NetXdQprcVkpaWU\": {{\"{KEY}\": {{\"level\": -1, \"round\": 0}}}}}}")),
        (
            "too large",
            &format!("\u{0}m\n{{\"NetXdQprcVkpaWU\": {{\"{KEY}\": {{\"level\": 2147483648, \"round\": 0}}}}}}"),
        ),
        ("not json", "\u{3}m\n{"),
    ])
}

pub(crate) fn stored_mark() -> Seeds {
    let digest = "22a4661cd4823a14313384e510544af380ce40c3c44d3026319b191718356f4a";
    let signature =
        "p2sigP2uSTiiiN95q8m56P2gtDHrcFEpWWm5eVbLeVdzqHBxgLzjAWGEDugwdfb12yG76PfNWRDDiemELCNPhEJ3Ap3g6JBBYh";
    named(&[
        ("raised by hand", r#"{"level": 7, "round": 0, "attempt": "00000000000000000000000000000001"}"#),
        ("vote", &format!(r#"{{"level": 7, "round": 1, "digest": "{digest}", "attempt": "ff"}}"#)),
        (
            "block",
            &format!(
                r#"{{"level": 7, "round": 1, "digest": "{digest}", "signature": "{signature}", "attempt": "0af7651916cd43dd8448eb211c80319c", "instance": "one", "requester": "{KEY}", "written_at": "2026-08-21T13:31:29.5Z"}}"#
            ),
        ),
        ("of a later version", r#"{"level": 7, "round": 1, "attempt": "1", "instance": "one", "new": [1, {}]}"#),
        ("negative", r#"{"level": -1, "round": 0, "attempt": "1"}"#),
        ("array", r#"[7, 1, null, null, "1"]"#),
    ])
}
