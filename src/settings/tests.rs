//! Settings of every kind: how they are named, read and refused.

mod vault_and_store;

use super::*;
use crate::relay::RelaySettings;

const VAULT: (&str, &str) = ("KEY_VAULT_URL", "https://bakery.vault.azure.net/");
const DATABASE: (&str, &str) = ("COSMOS_ENDPOINT", "https://bakery.documents.azure.com/");

fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let names: Vec<_> = variables.iter().map(|(name, _)| (*name).to_owned()).collect();
    Settings::read(lookup(variables), &names)
}

fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    |name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
}

#[test]
fn the_reference_page_has_the_table() {
    let page = include_str!("../../docs/reference.md");
    assert!(
        page.contains(&listing::markdown()),
        "replace the tables of docs/reference.md with the output of `azurehsm-signer settings --markdown`"
    );
}

#[test]
fn every_setting_in_the_table_is_read() {
    // By the SDK, and for hints to clients.
    const READ_ELSEWHERE: [&str; 3] = ["AZURE_TENANT_ID", "COSMOS_DISABLE_IMDS", "WEBSITE_HOSTNAME"];
    let read = std::cell::RefCell::new(std::collections::BTreeSet::from(READ_ELSEWHERE.map(str::to_owned)));
    let nothing = |name: &str| -> Option<String> {
        read.borrow_mut().insert(name.to_owned());
        None
    };
    assert!(Settings::read(nothing, &[]).is_ok() && LogSettings::read(nothing).is_ok());
    assert!(RelaySettings::read(nothing, &[]).is_err(), "it has no upstream");
    assert_eq!(read.take(), NAMES.iter().copied().map(str::to_owned).collect());
}

#[test]
fn every_default_and_every_choice_is_accepted_as_an_explicit_value() {
    for entry in table::entries() {
        for value in entry.default.iter().map(String::as_str).chain(entry.choices.iter().copied()) {
            let others = if value == "embedded" { vec![] } else { vec![VAULT, DATABASE] };
            let variables = [others, vec![(entry.name, value)]].concat();
            let errors = read(&variables).err().into_iter().chain(LogSettings::read(lookup(&variables)).err());
            let relay = [variables.clone(), vec![("RELAY_UPSTREAMS", "https://signer.example")]].concat();
            let errors = errors.chain(RelaySettings::read(lookup(&relay), &[]).err());
            assert_eq!(errors.map(|error| error.to_string()).collect::<Vec<_>>(), [""; 0], "{}={value}", entry.name);
        }
    }
    let settings = read(&[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(settings.when_head_unknown, WhenHeadUnknown::Fail);
    assert!(settings.nodes.is_none() && settings.authorized_keys.is_empty() && !settings.list_known_keys);
}

#[test]
fn no_message_repeats_the_value_of_a_secret_setting() {
    let secret = "socks5://hunter2\u{7f}";
    for entry in table::entries().into_iter().filter(|entry| entry.secret) {
        let variables = [("NODE_URLS", "http://node.example"), (entry.name, secret)];
        let errors = read(&variables).err().into_iter().chain(RelaySettings::read(lookup(&variables), &[]).err());
        let error: String = errors.map(|error| error.to_string()).collect();
        assert!(!error.contains("hunter2"), "{}: {error}", entry.name);
    }
}

#[test]
fn a_name_in_lower_case_is_read_if_the_other_is_not_set() {
    let node = ("NODE_URLS", "http://node.example");
    let (upper, lower) = (("HTTP_PROXY", "http://proxy:1"), ("http_proxy", "socks5://proxy:1"));
    let error = read(&[node, lower]).err().unwrap();
    assert_eq!(error.0[0].name, "http_proxy", "{error}");
    assert!(read(&[node, lower, upper]).is_ok());
    assert!(read(&[node, lower, ("no_proxy", "node.example")]).is_ok());
}

#[test]
fn the_port_of_the_functions_host_wins() {
    let settings = read(&[
        ("SIGNER_LISTEN", "0.0.0.0:1"),
        ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071"),
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Development"),
    ]);
    let settings = settings.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:7071");
}

#[test]
fn all_invalid_settings_are_reported_at_once() {
    let error = read(&[
        ("SIGNER_LISTEN", "6732"),
        ("LOCAL_VAULT_PASSPHRASE", "correct horse"),
        ("LOCAL_VAULT_PASSPHRASE_FILE", "/nowhere"),
        ("POLICY", r#"{"default": {"kinds": ["blocks"], "operations": ["transfer"]}}"#),
        ("NODE_URLS", "http://good.example, ftp://bad.example, worse"),
        ("HEAD_THRESHOLD", "-1"),
        ("WHEN_HEAD_UNKNOWN", "maybe"),
        ("MAX_LEVEL_JUMP", "many"),
        ("CHAIN_WITNESS", "true"),
        ("ON_FOREIGN_SIGNATURE", "panic"),
        ("AUTHORIZED_KEYS", "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT"),
        ("ALLOW_LIST_KNOWN_KEYS", "yes"),
        ("REQUEST_DEADLINE_MS", "0"),
        ("HEAD_MAX_AGE_MS", "100"),
    ])
    .err()
    .unwrap();
    let names: Vec<_> = error.0.iter().map(|error| error.name).collect();
    assert_eq!(
        names,
        [
            "SIGNER_LISTEN",
            "REQUEST_DEADLINE_MS",
            "LOCAL_VAULT_PASSPHRASE",
            "POLICY",
            "POLICY",
            "NODE_URLS",
            "NODE_URLS",
            "HEAD_THRESHOLD",
            "HEAD_MAX_AGE_MS",
            "WHEN_HEAD_UNKNOWN",
            "MAX_LEVEL_JUMP",
            "CHAIN_WITNESS",
            "ON_FOREIGN_SIGNATURE",
            "AUTHORIZED_KEYS",
            "ALLOW_LIST_KNOWN_KEYS",
        ]
    );
    assert!(!error.to_string().contains("correct horse"));
}

#[test]
fn client_certificates_are_accepted_only_behind_the_platform() {
    let list = ("CLIENT_CERTIFICATES", "a9993e364706816aba3e25717850c26c9cd0d89d");
    let (host, instance) = (("FUNCTIONS_CUSTOMHANDLER_PORT", "7071"), ("WEBSITE_INSTANCE_ID", "instance"));
    let development = ("AZURE_FUNCTIONS_ENVIRONMENT", "Development");
    let azure = [
        ("KEY_VAULT_URL", "https://signer.vault.azure.net/"),
        ("COSMOS_ENDPOINT", "https://signer.documents.azure.com/"),
    ];
    for (platform, is_accepted) in [
        (vec![host, instance], true),
        (vec![], false),
        (vec![host], false),
        (vec![instance], false),
        (vec![host, instance, development], false),
    ] {
        let error = read(&[&azure[..], &platform, &[list]].concat()).err();
        let names: Vec<_> = error.iter().flat_map(|error| &error.0).map(|error| error.name).collect();
        let expected: &[_] = if is_accepted { &[] } else { &["CLIENT_CERTIFICATES"] };
        assert_eq!(names, expected, "{platform:?}");
    }
}

#[test]
fn a_blank_or_empty_looking_value_is_never_taken_as_not_set() {
    for (name, value) in [
        ("AUTHORIZED_KEYS", ","),
        ("AUTHORIZED_KEYS", " "),
        ("POLICY", "\n"),
        ("NODE_URLS", "http://node,"),
        ("POLICY", "[]"),
        ("POLICY", "null"),
        ("CLIENT_CERTIFICATES", ","),
    ] {
        let error = read(&[(name, value)]).err().unwrap();
        assert_eq!(error.0[0].name, name, "{name}={value}");
    }
}

#[test]
fn paths_must_not_need_a_shell_to_expand_them() {
    let names = [
        "SEALED_KEYS_DIR",
        "LOCAL_DATA_DIR",
        "LOCAL_VAULT_PASSPHRASE_FILE",
        "POLICY_FILE",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "OTEL_EXPORTER_OTLP_HEADERS_FILE",
    ];
    let of_the_relay = [
        "RELAY_STATE_DIR",
        "RELAY_FUNCTION_KEYS_FILE",
        "RELAY_AUTHENTICATION_KEY_FILE",
        "RELAY_CLIENT_CERTIFICATE_FILE",
        "RELAY_CLIENT_KEY_FILE",
        "RELAY_HEARTBEAT_URL_FILE",
    ];
    let is_of_path = |name: &str| ["_FILE", "_DIR", "_PATH"].iter().any(|end| name.ends_with(end));
    assert!(
        NAMES.iter().filter(|name| is_of_path(name)).all(|name| names.iter().chain(&of_the_relay).any(|of| of == name))
    );
    for name in names.into_iter().chain(of_the_relay) {
        for (value, why) in [
            (" \t", "contains only blanks: expected a path"),
            ("~/x", "only a shell expands ~: expected the full path"),
            ("$HOME/x", "$HOME is not expanded here"),
        ] {
            let variables = [("RELAY_UPSTREAMS", "https://signer.example"), (name, value)];
            let error = if of_the_relay.contains(&name) {
                RelaySettings::read(lookup(&variables), &[]).err()
            } else {
                read(&variables).err()
            };
            let error = error.unwrap_or_else(|| panic!("{name}={value}"));
            let [error] = error.0.as_slice() else { panic!("{error}") };
            assert!(error.name == name && error.why.contains(why), "{name}={value}: {error}");
        }
    }
}

#[test]
fn secrets_in_the_wrong_setting_are_not_repeated() {
    for (name, value, secret) in [
        ("AUTHORIZED_KEYS", "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD9", "p2sk2"),
        ("AUTHORIZED_KEYS", "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD8", "p2sk2"),
        ("NODE_URLS", "http://user:secretpassword@node:99999", "secretpassword"),
        ("NODE_URLS", "ftp://user:secretpassword@node", "secretpassword"),
        ("NODE_URLS", "user:secretpassword@node", "secretpassword"),
        ("NODE_URLS", "node/secretpassword", "secretpassword"),
    ] {
        let error = read(&[(name, value)]).err().unwrap().to_string();
        assert!(error.starts_with(&format!("{name}: entry 1: ")) && !error.contains(secret), "{error}");
    }
}

#[test]
fn errors_in_azure_settings_describe_the_expected_value() {
    let vault = ("KEY_VAULT_URL", "https://bakery.vault.azure.net/");
    let database = ("COSMOS_ENDPOINT", "https://bakery.documents.azure.com/");
    for (variables, name, why) in [
        (vec![("KEY_VAULT_URL", "http://bakery.vault.azure.net/")], "KEY_VAULT_URL", "expected https://<name>"),
        (vec![("COSMOS_ENDPOINT", "bakery")], "COSMOS_ENDPOINT", "expected https://<account>"),
        (
            vec![("COSMOS_ENDPOINT", "bakery.documents.azure.com:443")],
            "COSMOS_ENDPOINT",
            "https:// is missing: expected https://<account>",
        ),
        (
            vec![("KEY_VAULT_URL", "bakery.vault.azure.net"), database],
            "KEY_VAULT_URL",
            "https:// is missing: expected https://<name>.vault.azure.net/",
        ),
        (
            vec![("NODE_URLS", "127.0.0.1:8732")],
            "NODE_URLS",
            "entry 1: has no scheme: write http://127.0.0.1:8732, or https",
        ),
        (
            vec![("NODE_URLS", "http://a,localhost:8732")],
            "NODE_URLS",
            "entry 2: has no scheme: write http://localhost:8732",
        ),
        (vec![("NODE_URLS", "node.example.com")], "NODE_URLS", "entry 1: has no scheme: write http://node.example.com"),
        (vec![("NODE_URLS", "[::1]:8732")], "NODE_URLS", "entry 1: has no scheme: write http://[::1]:8732"),
        (vec![("NODE_URLS", "user:secret@node")], "NODE_URLS", "entry 1: has no scheme: expected http://host:port"),
        (vec![("SIGNING_KEYS", "baker/01")], "KEY_VAULT_URL", "expected, since SIGNING_KEYS is set"),
        (vec![("COSMOS_CONTAINER", "marks")], "COSMOS_ENDPOINT", "expected, since COSMOS_CONTAINER is set"),
        (vec![("SEALED_KEYS_CONTAINER", "keys")], "COSMOS_ENDPOINT", "expected, since SEALED_KEYS_CONTAINER is set"),
        (
            vec![vault, database, ("SEALED_KEYS_CONTAINER", "marks")],
            "SEALED_KEYS_CONTAINER",
            "expected another container than that of the marks",
        ),
        (vec![vault, database, ("SIGNING_KEYS", "baker")], "SIGNING_KEYS", "entry 1: expected <name>/<version>"),
        (
            vec![vault, database, ("SIGNING_KEYS", "baker/01,https://other.vault.azure.net/keys/baker/01")],
            "SIGNING_KEYS",
            "expected keys of https://bakery.vault.azure.net/, not of other.vault.azure.net",
        ),
        (vec![vault, database, ("VAULT_HEDGE_MS", "-1")], "VAULT_HEDGE_MS", "expected a whole number"),
        (vec![("KEYS_REFRESH_SECONDS", "0")], "KEYS_REFRESH_SECONDS", "expected 1 to 86400 seconds"),
        (vec![("HEAD_THRESHOLD", "0")], "HEAD_THRESHOLD", "0: expected 1 to 100000 levels"),
        (vec![("HEAD_THRESHOLD", "100001")], "HEAD_THRESHOLD", "100001: expected 1 to 100000 levels"),
        (vec![("HEAD_THRESHOLD", "4294967295")], "HEAD_THRESHOLD", "4294967295: expected 1 to 100000 levels"),
        (vec![("MAX_LEVEL_JUMP", "0")], "MAX_LEVEL_JUMP", "0: expected 1 to 10000000 levels"),
        (vec![("MAX_LEVEL_JUMP", "4294967295")], "MAX_LEVEL_JUMP", "4294967295: expected 1 to 10000000 levels"),
    ] {
        let error = read(&variables).err().unwrap_or_else(|| panic!("{variables:?}"));
        let [error] = error.0.as_slice() else { panic!("{error}") };
        assert_eq!(error.name, name, "{error}");
        assert!(error.why.contains(why), "{error}");
    }
}

#[test]
fn a_probable_typo_stops_every_reader_of_settings() {
    let names = ["COSMOS_ENDPIONT".to_owned()];
    let value = |name: &str| (name == "COSMOS_ENDPIONT").then(|| DATABASE.1.to_owned());
    for error in [
        Settings::read(value, &names).err(),
        Services::read(value, &names).err(),
        Services::read_for_keys(value, &names).err(),
    ] {
        let error = error.unwrap().to_string();
        assert!(error.contains("COSMOS_ENDPOINT: is not set, but \"COSMOS_ENDPIONT\" is, probably a typo"), "{error}");
    }
}
