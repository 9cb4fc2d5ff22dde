//! The calendar of the keys, in `doctor` and `keys list`.

use crate::doctor::deployment::{Examined, run};
use crate::doctor::node::{self, Says};
use crate::support::process;
use std::collections::BTreeMap;
use std::path::Path;

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
const SECRET_KEY: &str = "p2sk2g5Btw8MK7fnhQg9d7DaE8QYX8A89BLWaqWTQcHuATYY3ABjD9";

/// Our key votes for a delegate until cycle 102, when one that is not in the vault takes over.
const ROUTES: [(&str, &str); 6] = [
    (
        "/helpers/attestation_rights",
        r#"[{"level": 1001, "delegates": [{"delegate": "tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT", "first_slot": 4, "attesting_power": 7,
             "consensus_key": "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t"}]}]"#,
    ),
    ("/context/contracts/tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t/delegate", r#""tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT""#),
    (
        "/context/delegates/tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT/consensus_key",
        r#"{"active": {"pkh": "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t", "pk": "p2pk66Y3178eHvgWFA4CDsgGPhbkWtwrYCVUKJnsAi41eGP7MbHKv24"},
            "pendings": [{"cycle": 102, "pkh": "tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn",
             "pk": "BLpk1yUiLJ7RezbyViD5ZvWTfQndM3TRRYmvYWkUfH2EJqsLFnzzvpJss6pbuz3U1DDMpk8v16nV"}]}"#,
    ),
    ("/context/delegates/tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT/companion_key", r#"{"active": null, "pendings": []}"#),
    ("/votes/current_proposal", r#""PsRiotumaAMotcRoDWW1bysEhQy2n1M5fy8JgRp8jjRfHGmfeA7""#),
    (
        "/votes/current_period",
        r#"{"voting_period": {"index": 150, "kind": "promotion", "start_position": 900}, "position": 99, "remaining": 4000}"#,
    ),
];

fn variables(data: &Path, nodes: &str) -> BTreeMap<&'static str, String> {
    process::printed(&process::run(data, &["keys", "import", "baker"], SECRET_KEY));
    BTreeMap::from([("LOCAL_DATA_DIR", data.to_str().unwrap().to_owned()), ("NODE_URLS", nodes.to_owned())])
}

fn examine(variables: &BTreeMap<&'static str, String>) -> Examined {
    let (printed, _, status) = run(variables, &["--json"]);
    Examined::new(&printed, status)
}

#[test]
fn the_role_of_a_key_and_its_successor_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    // The first node does not permit these requests.
    let nodes = [Says { is_open: false, ..Says::default() }, Says { head: &ROUTES, ..Says::default() }];
    let variables = variables(folder.path(), &nodes.map(node::url).join(","));
    let role = "NetXdQprcVkpaWU: active consensus key of tz1cG2jx3W4bZFeVGBjsTxUAG8tdpTXtE8PT, until cycle 102 (in 2 cycles), when \
                tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn takes over";
    let examined = examine(&variables);
    examined.assert_finds("calendar.key", "ok", &[KEY, role]);
    examined.assert_finds("calendar.next_key", "warning", &["becomes the consensus key", "not in the vault"]);
    examined.assert_finds("calendar.protocol", "ok", &["Ushuaia (025)"]);
    examined.assert_finds("calendar.upgrade", "warning", &["PsRiotum", "promotion period, which has 4000 blocks left"]);

    let settings: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let listed = process::command(folder.path(), &settings).args(["keys", "list"]).output().unwrap();
    let printed = process::printed(&listed);
    assert!(
        printed.contains("octez-client import secret key baker") && printed.contains(&format!("\n  {role}")),
        "{printed}"
    );
}

#[test]
fn without_permission_the_keys_are_listed_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let variables = variables(folder.path(), &node::url(Says { is_open: false, ..Says::default() }));
    examine(&variables).assert_finds(
        "calendar.node",
        "warning",
        &["/helpers/current_level answered 401", "access rules"],
    );
    let settings: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let listed = process::command(folder.path(), &settings).args(["keys", "list"]).output().unwrap();
    assert!(process::printed(&listed).contains(KEY));
    let notes = String::from_utf8(listed.stderr).unwrap();
    assert!(
        notes.contains("which keys are active on chain is unknown: /helpers/current_level answered 401"),
        "{notes}"
    );
}
