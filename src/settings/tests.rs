use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::read(|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn defaults_are_those_of_the_readme() {
    let settings = read(&[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:6732");
    assert_eq!(settings.request_deadline, Duration::from_secs(4));
    assert_eq!(settings.when_head_unknown, WhenHeadUnknown::Fail);
    assert!(settings.nodes.is_none() && settings.authorized_keys.is_empty() && !settings.list_known_keys);
}

#[test]
fn every_setting_that_is_read_stands_in_the_readme() {
    let asked = std::cell::RefCell::new(Vec::new());
    let ask = |name: &str| -> Option<String> {
        asked.borrow_mut().push(name.to_owned());
        None
    };
    assert!(Settings::read(ask).is_ok() && log_format(ask).is_ok());
    for name in asked.into_inner() {
        assert!(NAMES.contains(&name.as_str()), "{name}");
    }
    for name in NAMES {
        assert!(include_str!("../../README.md").contains(&format!("`{name}")), "{name}");
    }
}

#[test]
fn the_port_of_the_functions_host_wins() {
    let settings = read(&[("SIGNER_LISTEN", "0.0.0.0:1"), ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071")]);
    let settings = settings.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:7071");
}

#[test]
fn all_wrong_settings_are_named_at_once() {
    let error = read(&[
        ("SIGNER_LISTEN", "6732"),
        ("LOCAL_VAULT_PASSPHRASE", "correct horse"),
        ("LOCAL_VAULT_PASSPHRASE_FILE", "/nowhere"),
        ("POLICY", r#"{"default": {"kinds": ["blocks"], "operations": ["transfer"]}}"#),
        ("NODE_URLS", "http://good.example, ftp://bad.example, worse"),
        ("HEAD_THRESHOLD", "-1"),
        ("WHEN_HEAD_UNKNOWN", "maybe"),
        ("MAX_LEVEL_JUMP", "many"),
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
            "LOCAL_VAULT_PASSPHRASE",
            "POLICY",
            "POLICY",
            "NODE_URLS",
            "NODE_URLS",
            "HEAD_THRESHOLD",
            "HEAD_MAX_AGE_MS",
            "WHEN_HEAD_UNKNOWN",
            "MAX_LEVEL_JUMP",
            "AUTHORIZED_KEYS",
            "ALLOW_LIST_KNOWN_KEYS",
            "REQUEST_DEADLINE_MS",
        ]
    );
    assert!(!error.to_string().contains("correct horse"));
}

#[test]
fn what_looks_set_is_never_taken_as_not_set() {
    for (name, value) in [
        ("AUTHORIZED_KEYS", ","),
        ("AUTHORIZED_KEYS", " "),
        ("POLICY", "\n"),
        ("NODE_URLS", "http://node,"),
        ("POLICY", "[]"),
        ("POLICY", "null"),
    ] {
        let error = read(&[(name, value)]).err().unwrap();
        assert_eq!(error.0[0].name, name, "{name}={value}");
    }
}

#[test]
fn secrets_in_the_wrong_place_are_not_repeated() {
    for (name, value, secret) in [
        ("AUTHORIZED_KEYS", "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD9", "p2sk2"),
        ("AUTHORIZED_KEYS", "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD8", "p2sk2"),
        ("NODE_URLS", "http://user:secretpassword@node:99999", "secretpassword"),
        ("NODE_URLS", "ftp://user:secretpassword@node", "secretpassword"),
    ] {
        let error = read(&[(name, value)]).err().unwrap().to_string();
        assert!(error.starts_with(&format!("{name}: entry 1: ")) && !error.contains(secret), "{error}");
    }
}

#[test]
fn the_embedded_default_is_refused_in_azure() {
    const KEYS: (&str, &str) = ("KEY_VAULT_URL", "https://bakery.vault.azure.net/");
    const MARKS: (&str, &str) = ("COSMOS_ENDPOINT", "https://bakery.documents.azure.com:443/");
    let development = ("AZURE_FUNCTIONS_ENVIRONMENT", "Development");
    for (variables, missing) in [
        (vec![], vec![]),
        (vec![("FUNCTIONS_CUSTOMHANDLER_PORT", "7071")], vec![]),
        (vec![("WEBSITE_SITE_NAME", "signer")], vec![KEYS.0, MARKS.0]),
        (vec![("WEBSITE_SITE_NAME", "signer"), KEYS], vec![MARKS.0]),
        (vec![("WEBSITE_SITE_NAME", "signer"), MARKS], vec![KEYS.0]),
        (vec![("WEBSITE_SITE_NAME", "signer"), KEYS, MARKS], vec![]),
        (vec![("WEBSITE_SITE_NAME", "signer"), development], vec![]),
        (vec![("WEBSITE_INSTANCE_ID", "0123"), development], vec![KEYS.0, MARKS.0]),
        (vec![("WEBSITE_POD_NAME", "0123"), development], vec![KEYS.0, MARKS.0]),
    ] {
        let named: Vec<_> =
            read(&variables).err().into_iter().flat_map(|error| error.0).map(|error| error.name).collect();
        assert_eq!(named, missing, "{variables:?}");
    }
}

#[test]
fn settings_of_azure_say_what_is_expected() {
    let vault = ("KEY_VAULT_URL", "https://bakery.vault.azure.net/");
    for (variables, name, why) in [
        (vec![("KEY_VAULT_URL", "http://bakery.vault.azure.net/")], "KEY_VAULT_URL", "expected https://<name>"),
        (vec![("COSMOS_ENDPOINT", "bakery")], "COSMOS_ENDPOINT", "expected https://<account>"),
        (vec![("SIGNING_KEYS", "baker/01")], "KEY_VAULT_URL", "expected, since SIGNING_KEYS is set"),
        (vec![("COSMOS_CONTAINER", "marks")], "COSMOS_ENDPOINT", "expected, since COSMOS_CONTAINER is set"),
        (vec![vault, ("SIGNING_KEYS", "baker")], "SIGNING_KEYS", "entry 1: expected <name>/<version>"),
        (
            vec![vault, ("SIGNING_KEYS", "baker/01,https://other.vault.azure.net/keys/baker/01")],
            "SIGNING_KEYS",
            "expected keys of https://bakery.vault.azure.net/, not of other.vault.azure.net",
        ),
        (vec![vault, ("VAULT_HEDGE_MS", "-1")], "VAULT_HEDGE_MS", "expected a whole number"),
        (vec![("KEYS_REFRESH_SECONDS", "0")], "KEYS_REFRESH_SECONDS", "expected 1 to 86400 seconds"),
    ] {
        let error = read(&variables).err().unwrap_or_else(|| panic!("{variables:?}"));
        let [error] = error.0.as_slice() else { panic!("{error}") };
        assert_eq!(error.name, name, "{error}");
        assert!(error.why.contains(why), "{error}");
    }
}
