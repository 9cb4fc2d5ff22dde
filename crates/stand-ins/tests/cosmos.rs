//! Items in Cosmos DB, and what the role of a signer does not allow.

#![cfg(test)]

mod support;

use serde_json::Value;
use stand_ins::{Azure, CosmosOptions, Curve, NewKey, Operation, Options, StoredItem};
use std::time::{Duration, Instant};
use support::{Items, VAULT_AUDIENCE, Vault, client, json, status, status_and_code, token};

#[tokio::test]
async fn every_stored_version_is_kept_in_order_if_history_is_on() {
    let cosmos = CosmosOptions { keeps_history: true, ..CosmosOptions::default() };
    let azure = Azure::start_with(Options { cosmos, ..Options::default() }).await;
    let items = Items::of(&azure).await;
    assert_eq!(status(items.create("mark")).await, 201);
    assert_eq!(status(items.create("mark")).await, 409);
    let read = items.read("mark").send().await.unwrap();
    let etag = read.headers()["etag"].to_str().unwrap().to_owned();
    let before = Instant::now();
    assert_eq!(status(items.replace("mark", &etag, 2)).await, 200);
    assert_eq!(status(items.replace("mark", &etag, 3)).await, 412);

    let history = azure.cosmos.history().await;
    let level = |item: &StoredItem| serde_json::from_slice::<Value>(&item.body).unwrap()["level"].clone();
    let versions: Vec<_> = history.iter().map(|item| (item.operation, level(item))).collect();
    assert_eq!(versions, [(Operation::CreateItem, 1.into()), (Operation::ReplaceItem, 2.into())]);
    assert!(history[0].at < before && (before..Instant::now()).contains(&history[1].at));
    assert!(Azure::start().await.cosmos.history().await.is_empty(), "history is off");
}

#[tokio::test]
async fn a_restored_container_has_the_older_items_and_another_rid() {
    let cosmos = CosmosOptions { keeps_history: true, ..CosmosOptions::default() };
    let azure = Azure::start_with(Options { cosmos, ..Options::default() }).await;
    let items = Items::of(&azure).await;
    assert_eq!(status(items.create("mark")).await, 201);
    let (copy, rid) = (azure.cosmos.items().await, azure.cosmos.container_rid().await);
    assert_eq!(status(items.create("later")).await, 201);
    let lost = azure.cosmos.restore_container(&copy).await;
    assert_ne!(azure.cosmos.container_rid().await, rid);
    let ids: Vec<_> = azure.cosmos.items().await.iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, ["mark"]);
    let history = azure.cosmos.history().await;
    assert!(history[1].at < lost && lost < history[2].at && history[2].operation == Operation::CreateItem);
}

#[tokio::test]
async fn a_token_for_cosmos_is_required() {
    let azure = Azure::start().await;
    let url = azure.cosmos.url();
    assert_eq!(status(client(&azure).get(&url)).await, 401);
    let wrong = token(&azure, VAULT_AUDIENCE).await;
    let authorization = format!("type%3Daad%26ver%3D1.0%26sig%3D{wrong}");
    assert_eq!(status(client(&azure).get(&url).header("authorization", authorization)).await, 401);
    assert_eq!(azure.cosmos.requests(Operation::Unauthorized), 2);
    let items = Items::of(&azure).await;
    azure.identity.revoke_all();
    assert_eq!(status_and_code(items.read("mark")).await, (401, "Unauthorized".to_owned()));
}

#[tokio::test]
async fn the_role_allows_nothing_else() {
    let azure = Azure::start().await;
    let items = Items::of(&azure).await;
    assert_eq!(status(items.create("mark")).await, 201);
    let container = "dbs/signer/colls/marks";
    let (documents, mark) = (format!("{container}/docs"), format!("{container}/docs/mark"));
    let post = |header: &'static str| items.create("other").header(header, "True");
    for (request, action) in [
        (items.request("DELETE", &mark), "items/delete"),
        (items.request("PATCH", &mark), "items/patch"),
        (items.request("GET", &documents), "readChangeFeed"),
        (post("x-ms-documentdb-is-upsert"), "items/upsert"),
        (post("x-ms-documentdb-isquery"), "executeQuery"),
        (post("x-ms-cosmos-is-batch-request"), "items/*"),
        (items.request("PUT", container), "write"),
        (items.request("DELETE", container), "write"),
        (items.request("POST", "dbs/signer/colls"), "write"),
        (items.request("POST", "dbs"), "write"),
        (items.request("DELETE", "dbs/signer"), "write"),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 403, "{action}");
        assert_eq!(answer.headers()["x-ms-substatus"], "5300");
        let body = json(answer).await;
        assert_eq!(body["code"], "Forbidden");
        let message = body["message"].as_str().unwrap();
        assert!(message.contains(&format!("{action}]")), "{message}");
    }
    assert_eq!(azure.cosmos.requests(Operation::Other), 11);
    assert_eq!(azure.cosmos.items().await.len(), 1);

    let query = || post("x-ms-documentdb-isquery").body(r#"{"query": "SELECT * FROM c"}"#);
    assert_eq!(status(query()).await, 403);
    azure.cosmos.allow_query(true);
    assert_eq!(status(query()).await, 200);
    assert_eq!((azure.cosmos.requests(Operation::Query), azure.cosmos.requests(Operation::Other)), (1, 12));

    azure.cosmos.allow_delete(true);
    assert_eq!(status(items.request("DELETE", &mark)).await, 204);
}

#[tokio::test]
async fn sealed_keys_are_read_and_listed_by_a_signer_and_written_by_an_operator_only() {
    let azure = Azure::start().await;
    let items = Items::of(&azure).await;
    let (documents, key) = ("dbs/signer/colls/keys/docs", "dbs/signer/colls/keys/docs/baker");
    let item = r#"{ "id": "baker", "type": "tz1" }"#;
    let post = |header: Option<&'static str>| {
        let request = items.request("POST", documents).body(item);
        header.into_iter().fold(request, |request, header| request.header(header, "True"))
    };
    let query = || post(Some("x-ms-documentdb-isquery")).body(r#"{"query": "SELECT * FROM c"}"#);
    let replace = || items.request("PUT", key).body(item);
    let (read, list) = (|| items.request("GET", key), || items.request("GET", "dbs/signer/colls/keys"));
    azure.cosmos.allow_delete(true);
    for (is_operator, create, replaced, then_read) in [(false, 403, 403, 404), (true, 201, 200, 200)] {
        azure.cosmos.allow_write_of_keys(is_operator);
        let answers = [status(post(None)).await, status(replace()).await, status(read()).await];
        assert_eq!(answers, [create, replaced, then_read], "operator: {is_operator}");
        assert_eq!([status(query()).await, status(list()).await], [200, 200]);
        for refused in [
            post(Some("x-ms-documentdb-is-upsert")),
            post(Some("x-ms-cosmos-is-batch-request")),
            items.request("PATCH", key),
            items.request("DELETE", key),
            items.request("GET", documents),
            items.request("DELETE", "dbs/signer/colls/keys"),
        ] {
            assert_eq!(status(refused).await, 403, "operator: {is_operator}");
        }
    }
    assert_eq!(azure.cosmos.items().await.len(), 0, "it is another container");
}

#[tokio::test]
async fn a_container_that_is_created_again_is_empty_and_has_another_rid() {
    let azure = Azure::start().await;
    let items = Items::of(&azure).await;
    assert_eq!(status(items.create("mark")).await, 201);
    let container = async || json(items.request("GET", "dbs/signer/colls/marks").send().await.unwrap()).await;
    let before = container().await;
    assert_eq!(azure.cosmos.container_rid().await.as_deref(), before["_rid"].as_str());
    azure.cosmos.recreate_container().await;
    let after = container().await;
    assert_ne!(before["_rid"], after["_rid"]);
    assert_eq!(before["partitionKey"], after["partitionKey"]);
    assert_eq!(azure.cosmos.container_rid().await.as_deref(), after["_rid"].as_str());
    assert_eq!(azure.cosmos.items().await.len(), 0);
    assert_eq!(status(items.read("mark")).await, 404);
    assert_eq!(status(items.create("mark")).await, 201);
}

/// Both endpoints share the items; only the write region's accepts writes, and the account document follows a failover.
#[tokio::test]
async fn an_account_of_two_regions_has_one_set_of_items_and_one_write_region() {
    let regions = ["West Europe", "North Europe"];
    let cosmos = CosmosOptions { regions: regions.map(str::to_owned).to_vec(), ..CosmosOptions::default() };
    let azure = Azure::start_with(Options { cosmos, ..Options::default() }).await;
    let global = Items::of(&azure).await;
    let [west, north] = regions.map(|name| global.at(azure.cosmos.region(name).unwrap().address()));
    let refused = (403, "Forbidden".to_owned());
    assert_eq!(status(west.create("first")).await, 201);
    assert_eq!(status_and_code(north.create("second")).await, refused);
    assert_eq!(status(north.read("first")).await, 200);
    assert_eq!(status(global.create("third")).await, 201, "the global endpoint accepts writes");
    let written = async || json(global.account().send().await.unwrap()).await["writableLocations"][0]["name"].clone();
    assert_eq!(written().await, "West Europe");

    azure.cosmos.move_writes_to("North Europe");
    assert_eq!(written().await, "North Europe");
    assert_eq!(status_and_code(west.create("second")).await, refused);
    assert_eq!(status(north.create("second")).await, 201);
    west.read("second").send().await.unwrap();
    azure.cosmos.region("West Europe").unwrap().refuse_connections(true);
    assert!(west.read("second").send().await.is_err());
    assert_eq!(status(north.read("second")).await, 200);
}

const REGIONS: [&str; 3] = ["West Europe", "North Europe", "France Central"];

/// What happens to a write while a region is lost: strong consistency needs both of two regions, or most of three.
#[tokio::test]
async fn a_write_waits_for_the_regions_that_must_confirm_it() {
    const MAJORITY_AFTER: Duration = Duration::from_millis(200);
    #[derive(Debug, PartialEq)]
    enum Write {
        AtOnce,
        ByMajority,
        Waits,
    }
    for (regions, lost, expected) in [
        (2, &[][..], Write::AtOnce),
        (2, &["North Europe"], Write::Waits),
        (2, &["West Europe"], Write::Waits),
        (3, &["North Europe"], Write::ByMajority),
        (3, &["West Europe"], Write::Waits),
        (3, &["North Europe", "France Central"], Write::Waits),
    ] {
        let case = format!("{regions} regions without {lost:?}");
        let azure = account_of(regions, MAJORITY_AFTER).await;
        let west = Items::of(&azure).await.at(azure.cosmos.region("West Europe").unwrap().address());
        for region in lost {
            azure.cosmos.cut_off(region, true);
        }
        let start = Instant::now();
        let mut write = Box::pin(west.create("mark").send());
        // Enough for a write that does not wait, even on a busy machine.
        let limit = if expected == Write::Waits { 3 * MAJORITY_AFTER } else { Duration::from_secs(20) };
        let waited = tokio::time::timeout(limit, &mut write).await;
        let observed = match &waited {
            Err(_) => Write::Waits,
            Ok(_) if lost.is_empty() => Write::AtOnce,
            Ok(_) => {
                assert!(start.elapsed() >= MAJORITY_AFTER, "{case}");
                Write::ByMajority
            }
        };
        assert_eq!(observed, expected, "{case}");
        assert_eq!(azure.cosmos.items().await.len(), usize::from(expected != Write::Waits), "{case}");
        if expected == Write::Waits {
            // Its effect is late, not lost.
            for region in lost {
                azure.cosmos.cut_off(region, false);
            }
            assert_eq!(write.await.unwrap().status(), 201, "{case}");
        }
    }
}

/// A region that is taken offline no longer counts, answers nothing about items, and a write that waited there has no effect.
#[tokio::test]
async fn a_lost_region_is_taken_offline_and_comes_back_as_a_read_region() {
    let azure = account_of(2, Duration::ZERO).await;
    let global = Items::of(&azure).await;
    let [west, north] =
        ["West Europe", "North Europe"].map(|name| global.at(azure.cosmos.region(name).unwrap().address()));
    azure.cosmos.cut_off("West Europe", true);
    let waiting = tokio::spawn(west.create("lost").send());
    assert!(tokio::time::timeout(Duration::from_millis(100), global.read("mark").send()).await.is_err());
    azure.cosmos.take_offline("West Europe");
    assert_eq!(azure.cosmos.write_region(), "North Europe");
    assert_eq!(status(north.create("mark")).await, 201);
    assert_eq!(status(global.read("mark")).await, 200, "the account's own endpoint belongs to the write region");
    let regions = async || {
        let document = json(north.account().send().await.unwrap()).await;
        let names = document["readableLocations"].as_array().unwrap().iter().map(|region| region["name"].clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!(regions().await, ["North Europe"]);

    azure.cosmos.cut_off("West Europe", false);
    assert_eq!(waiting.await.unwrap().unwrap().status(), 403);
    assert_eq!(status(west.read("mark")).await, 403);
    azure.cosmos.bring_online("West Europe");
    assert_eq!(regions().await, ["North Europe", "West Europe"]);
    assert_eq!(status(west.read("mark")).await, 200);
    assert_eq!(azure.cosmos.items().await.len(), 1);
}

/// The vault of another region holds the same key, restored from a backup, and its signers write to the same account.
#[tokio::test]
async fn another_region_shares_the_account_and_has_a_vault_with_the_same_key() {
    let first = account_of(2, Duration::ZERO).await;
    let key = first.key_vault.add_key(NewKey::new("baker", Curve::P256));
    let second = first.try_start_other_region(Options::default()).await.unwrap();
    assert!(!second.key_vault.restore_key(&first.key_vault, "other"));
    assert!(second.key_vault.restore_key(&first.key_vault, "baker"));
    let [one, other] = [Vault::of(&first).await, Vault::of(&second).await];
    assert_ne!(one.url, other.url);
    let public = async |vault: &Vault| {
        json(vault.get(&format!("keys/baker/{}", key.version)).send().await.unwrap()).await["key"]["x"].clone()
    };
    assert_eq!(public(&one).await, public(&other).await);
    assert_eq!(status(other.sign(&key)).await, 200);

    assert_eq!(status(Items::of(&first).await.create("mark")).await, 201);
    assert_eq!(status(Items::of(&second).await.read("mark")).await, 200);
    drop(second);
    assert_eq!(status(Items::of(&first).await.read("mark")).await, 200, "the account is the first region's");
}

async fn account_of(regions: usize, majority_after: Duration) -> Azure {
    let regions = REGIONS[..regions].iter().map(ToString::to_string).collect();
    let cosmos = CosmosOptions { regions, majority_after, ..CosmosOptions::default() };
    Azure::start_with(Options { cosmos, ..Options::default() }).await
}
