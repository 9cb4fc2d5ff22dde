//! A healthy deployment, and the formats of the report.

use crate::doctor::deployment::Deployment;
use stand_ins::Operation;

const CHECKS: [&str; 34] = [
    "settings",
    "settings.mode",
    "identity",
    "identity.token",
    "identity.token",
    "vault.reachable",
    "vault.list",
    "vault.key",
    "vault.rotation",
    "vault.sign",
    "marks.reachable",
    "marks.consistency",
    "marks.regions",
    "marks.container",
    "marks.read",
    "marks.create",
    "marks.replace",
    "marks.delete",
    "marks.upsert",
    "marks.binding",
    "nodes.head",
    "nodes.synced",
    "nodes.head",
    "nodes.synced",
    "nodes.chain",
    "nodes.level",
    "calendar.protocol",
    "calendar.key",
    "clock",
    "latency.vault.get",
    "latency.vault.sign",
    "latency.marks.read",
    "latency.marks.replace",
    "latency.node",
];

#[tokio::test]
async fn a_healthy_deployment_has_only_ok_findings() {
    let deployment = Deployment::start().await;
    let examined = deployment.examine(&["--sign"]);
    let expected: Vec<_> =
        CHECKS.iter().chain(["latency.node"].iter()).map(|check| ((*check).to_owned(), "ok".to_owned())).collect();
    assert_eq!(examined.outcomes(), expected, "{examined}");
    assert_eq!(examined.status, 0);
    let key = deployment.key();
    examined.assert_finds("vault.key", "ok", &[&key, "tz3", "P-256, HSM, sign verify, no expiry"]);
    examined.assert_finds("identity", "ok", &["managed identity (App Service), system-assigned"]);
    examined.assert_finds("identity.token", "ok", &["https://cosmos.azure.com", "valid for 59 min"]);
    examined.assert_finds("marks.regions", "ok", &["write region West Europe"]);
    examined.assert_finds("nodes.level", "ok", &["1000 to 1001"]);
}

#[tokio::test]
async fn text_and_json_have_the_same_content() {
    let deployment = Deployment::start().await;
    deployment.azure.cosmos.allow_delete(true);
    let (text, status) = deployment.print(&[]);
    let examined = deployment.examine(&[]);
    assert_eq!(status, 1);
    let mut lines: Vec<_> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    let summary = lines.pop().unwrap();
    let of_lines: Vec<_> = lines
        .iter()
        .map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let outcome = words.next().unwrap();
            (words.next().unwrap(), outcome)
        })
        .collect();
    assert_eq!(of_lines, examined.outcomes());
    assert_eq!(summary, format!("{} checks: {} ok, 0 warnings, 1 failed, 1 skipped", lines.len(), lines.len() - 2));
    let advice: Vec<_> = text.lines().filter(|line| line.starts_with("         → ")).collect();
    assert_eq!(advice.len(), 1, "{text}");
    assert!(advice[0].contains("az cosmosdb sql role assignment delete"), "{text}");
}

#[tokio::test]
async fn without_sign_nothing_is_signed() {
    let deployment = Deployment::start().await;
    deployment.examine(&[]).assert_finds("vault.sign", "skipped", &["--sign"]);
    assert_eq!(deployment.azure.key_vault.requests(Operation::Sign), 0);
}

#[tokio::test]
async fn only_one_item_is_written_which_is_not_a_mark() {
    let deployment = Deployment::start().await;
    for _ in 0..2 {
        assert_eq!(deployment.examine(&[]).status, 0);
    }
    let items = deployment.azure.cosmos.items().await;
    assert_eq!(items.len(), 1, "{items:?}");
    let id = items[0]["id"].as_str().unwrap();
    assert_eq!((id, &items[0]["pkh"]), ("doctor:probe", &"doctor".into()));
    assert!(id.parse::<azurehsm_signer::marks::MarkId>().is_err());
}
