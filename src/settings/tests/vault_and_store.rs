//! Which vault and mark store the settings select, and which combinations are refused.

use super::*;

const EMBEDDED: (&str, &str) = ("MARKS", "embedded");
const FOLDER: (&str, &str) = ("LOCAL_DATA_DIR", "/var/lib/signer");

#[test]
fn the_embedded_default_is_refused_in_azure_and_under_any_functions_host_that_is_not_for_development() {
    const KEYS: (&str, &str) = ("KEY_VAULT_URL", "https://bakery.vault.azure.net/");
    const MARKS: (&str, &str) = ("COSMOS_ENDPOINT", "https://bakery.documents.azure.com:443/");
    let port = ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071");
    let development = ("AZURE_FUNCTIONS_ENVIRONMENT", "Development");
    for (variables, missing) in [
        (vec![], vec![]),
        (vec![port], vec![KEYS.0, MARKS.0]),
        (vec![port, ("AZURE_FUNCTIONS_ENVIRONMENT", "Production")], vec![KEYS.0, MARKS.0]),
        (vec![port, ("AZURE_FUNCTIONS_ENVIRONMENT", "")], vec![KEYS.0, MARKS.0]),
        (vec![port, EMBEDDED], vec![KEYS.0, MARKS.0, EMBEDDED.0]),
        (vec![port, KEYS], vec![MARKS.0]),
        (vec![port, MARKS], vec![KEYS.0]),
        (vec![port, KEYS, MARKS], vec![]),
        (vec![port, development], vec![]),
        (vec![port, development, EMBEDDED], vec![]),
        (vec![port, development, ("WEBSITE_SITE_NAME", "signer")], vec![]),
        (vec![port, development, ("WEBSITE_INSTANCE_ID", "0123")], vec![KEYS.0, MARKS.0]),
        (vec![("FUNCTIONS_CUSTOMHANDLER_PORT", "")], vec![]),
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
fn a_vault_without_a_database_is_one_error_that_names_both() {
    for others in [
        vec![],
        vec![("COSMOS_ENDPOINT", "")],
        vec![("COSMOS_DATABASE", "signer")],
        vec![FOLDER],
        vec![("WEBSITE_SITE_NAME", "signer")],
        vec![("FUNCTIONS_CUSTOMHANDLER_PORT", "7071")],
        vec![("AZURE_FUNCTIONS_ENVIRONMENT", "Development")],
        vec![EMBEDDED],
        vec![EMBEDDED, ("LOCAL_DATA_DIR", "")],
        vec![EMBEDDED, ("LOCAL_DATA_DIR", "data")],
        vec![EMBEDDED, ("LOCAL_DATA_DIR", "./data")],
        vec![EMBEDDED, FOLDER, ("WEBSITE_INSTANCE_ID", "0123")],
        vec![EMBEDDED, FOLDER, ("WEBSITE_POD_NAME", "0123")],
        vec![EMBEDDED, FOLDER, ("WEBSITE_POD_NAME", "0123"), ("AZURE_FUNCTIONS_ENVIRONMENT", "Development")],
        vec![EMBEDDED, FOLDER, ("WEBSITE_INSTANCE_ID", "0123"), ("AZURE_FUNCTIONS_ENVIRONMENT", "Development")],
        vec![EMBEDDED, FOLDER, ("WEBSITE_SITE_NAME", "signer")],
        vec![EMBEDDED, FOLDER, ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071")],
        vec![EMBEDDED, FOLDER, ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071"), ("AZURE_FUNCTIONS_ENVIRONMENT", "Production")],
    ] {
        let variables = [vec![VAULT], others].concat();
        let error = read(&variables).err().unwrap_or_else(|| panic!("{variables:?}")).to_string();
        assert!(!error.contains('\n'), "{variables:?}: {error}");
        assert!(error.contains("KEY_VAULT_URL") && error.contains("COSMOS_ENDPOINT"), "{variables:?}: {error}");
    }
}

#[test]
fn an_embedded_store_together_with_a_vault_must_be_explicit() {
    let development = ("AZURE_FUNCTIONS_ENVIRONMENT", "Development");
    for others in [vec![], vec![development, ("FUNCTIONS_CUSTOMHANDLER_PORT", "7071")]] {
        let settings =
            read(&[vec![VAULT, EMBEDDED, FOLDER], others].concat()).unwrap_or_else(|error| panic!("{error}"));
        assert!(matches!(settings.services.marks, MarkStoreSettings::Embedded));
        assert_eq!(settings.services.embedded.data_dir.to_str(), Some(FOLDER.1));
    }
    // With keys in a file, it is the default anyway.
    assert!(read(&[EMBEDDED]).is_ok());
}

#[test]
fn marks_has_one_value_and_contradicts_a_database() {
    for (variables, why) in [
        (vec![("MARKS", "cosmos")], "'cosmos': expected embedded"),
        (vec![VAULT, FOLDER, ("MARKS", "Embedded")], "'Embedded': expected embedded"),
        (vec![VAULT, DATABASE, FOLDER, EMBEDDED], "is embedded, but COSMOS_ENDPOINT is set"),
        (vec![DATABASE, EMBEDDED], "is embedded, but COSMOS_ENDPOINT is set"),
    ] {
        let error = read(&variables).err().unwrap_or_else(|| panic!("{variables:?}"));
        let [error] = error.0.as_slice() else { panic!("{error}") };
        assert_eq!(error.name, "MARKS");
        assert!(error.why.contains(why), "{error}");
    }
}

#[test]
fn commands_on_marks_open_no_other_store_than_the_signer_and_those_on_keys_open_none() {
    let value = |name: &str| (name == VAULT.0).then(|| VAULT.1.to_owned());
    let error = Services::read(value, &[]).err().unwrap().to_string();
    assert!(error.contains("COSMOS_ENDPOINT: expected, since KEY_VAULT_URL is set"), "{error}");
    assert!(Services::read_for_keys(value, &[]).is_ok());
}

#[test]
fn names_of_database_and_container_follow_the_rules_of_cosmos_db() {
    let longest = "x".repeat(255);
    for name in ["COSMOS_DATABASE", "COSMOS_CONTAINER"] {
        for value in ["marks", "my marks", "Märkte", "a.b", "...", longest.as_str()] {
            assert!(read(&[DATABASE, (name, value)]).is_ok(), "{name}={value}");
        }
        let too_long = "x".repeat(256);
        for value in ["../x", "a/b", "a\\b", "a#b", "a?b", " ", "\t", "a\nb", ".", "..", "%2E%2e", too_long.as_str()] {
            let error = read(&[DATABASE, (name, value)]).err().unwrap_or_else(|| panic!("{name}={value}"));
            let [error] = error.0.as_slice() else { panic!("{error}") };
            assert_eq!(error.name, name, "{error}");
            assert!(error.why.contains("expected a name of 1 to 255 characters without /, \\, # and ?"), "{error}");
        }
    }
}

#[test]
fn keys_are_released_through_a_sidecar_on_this_machine_by_a_named_attestation_service() {
    const SIDECAR: (&str, &str) = ("SECURE_KEY_RELEASE_URL", "http://localhost:8080");
    const ATTESTATION: (&str, &str) = ("ATTESTATION_ENDPOINT", "bakery.weu.attest.azure.net");
    let settings = read(&[SIDECAR, ATTESTATION]).unwrap_or_else(|error| panic!("{error}"));
    assert!(settings.services.key_release.is_some());
    for (variables, expected) in [
        (vec![SIDECAR], "ATTESTATION_ENDPOINT: expected, since SECURE_KEY_RELEASE_URL is set"),
        (vec![ATTESTATION], "SECURE_KEY_RELEASE_URL: expected, since ATTESTATION_ENDPOINT is set"),
        (
            vec![(SIDECAR.0, "http://10.0.0.4:8080"), ATTESTATION],
            "SECURE_KEY_RELEASE_URL: expected http://localhost:<port>",
        ),
        (vec![SIDECAR, (ATTESTATION.0, "https://a.b")], "ATTESTATION_ENDPOINT: expected the host name"),
    ] {
        let error = read(&variables).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expected), "{variables:?}: {error}");
    }
}
