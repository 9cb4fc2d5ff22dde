//! Checks of the marks in Cosmos DB: the account, the container, and the role.

use super::advice::{is_of_network, marks_role, name_of, network, no_answer};
use super::area::Area;
use super::role::{self, Probe};
use super::{Finding, Outcome, clock, latency};
use crate::azure::reason_of;
use crate::marks::cosmos::account::{self, AccountProperties, SCOPE};
use crate::marks::cosmos::{Inspection, Unsuitable};
use crate::marks::{CosmosSettings, StoreId};
use crate::wiring::Azure;
use azure_core::http::StatusCode;
use azure_data_cosmos::CosmosError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The SDK itself would first try other regions.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

const SAME_REGION: &str = "run the app in the account's write region: each signature waits for this call; with strong \
                           consistency, distant regions slow down writes";

pub(super) async fn check(area: &mut Area, settings: &CosmosSettings, instance: &str, azure: &Azure) {
    let endpoint = &settings.endpoint;
    area.store = Some(StoreId::Container { name: settings.name(), rid: None });
    let (reached, token) =
        tokio::join!(clock::probe_azure("Cosmos DB", &azure.roots, endpoint), azure.tokens.state(SCOPE));
    match reached {
        Ok(skew) => {
            area.add(Finding::ok("marks.reachable", "reachable").about(endpoint));
            area.skews.extend(skew);
        }
        Err(error) => {
            let advice = no_answer("COSMOS_ENDPOINT");
            area.add(Finding::failed("marks.reachable", reason_of(&error), advice).about(endpoint));
            return area.add(Finding::skipped("marks.account", "the account is not reachable"));
        }
    }
    if token.token.is_none() {
        return area.add(Finding::skipped("marks.account", "no token"));
    }
    let inspection = match Inspection::new(settings.clone(), Arc::clone(&azure.tokens), &azure.roots) {
        Ok(inspection) => inspection,
        Err(error) => {
            return area.add(Finding::failed("marks.account", reason_of(&error), no_answer("COSMOS_ENDPOINT")));
        }
    };
    let account = match inspection.account().await {
        Ok(account) => account,
        Err(reason) => {
            area.add(Finding::failed("marks.account", reason.log(), refused(settings, reason.log())));
            return area.add(Finding::skipped("marks.container", "cannot read the account's properties"));
        }
    };
    let (container, properties) = match tokio::time::timeout(CONNECT_TIMEOUT, inspection.container()).await {
        Ok(Ok(found)) => found,
        failed => {
            of_account(area, settings, &account);
            area.add(no_container(settings, failed.ok().and_then(Result::err).as_ref()));
            return area.add(Finding::skipped("marks.role", "cannot be tested without a container"));
        }
    };
    of_account(area, settings, &account);
    let rid = properties.system_properties.resource_id.clone();
    area.store = Some(StoreId::Container { name: settings.name(), rid });
    area.identity = inspection.identity_from(&account, &properties).ok();
    let unsuitable = account::check(&account, &properties, settings);
    of_container(area, settings, &unsuitable);
    if unsuitable.iter().any(|reason| matches!(reason, Unsuitable::PartitionKey { .. } | Unsuitable::OtherRole(_))) {
        return area.add(Finding::skipped("marks.role", "cannot be tested with this partition key"));
    }
    let probe = Probe::new(container, settings.role, instance);
    let of_role = role::check(&probe, settings).await;
    area.observed.can_read =
        of_role.iter().any(|finding| finding.check == "marks.read" && finding.outcome == Outcome::Ok);
    area.findings.extend(of_role);
    measure(area, &probe).await;
}

fn of_account(area: &mut Area, settings: &CosmosSettings, account: &AccountProperties) {
    let unsuitable: Vec<_> = account.check(settings.allow_weak_consistency).collect();
    let name = name_of(&settings.endpoint);
    let level = account.consistency();
    let to_strong = format!("`az cosmosdb update -g <group> -n {name} --default-consistency-level Strong`");
    let weak = unsuitable.iter().find(|reason| matches!(reason, Unsuitable::Consistency(_)));
    area.add(match weak {
        Some(reason) => {
            let text =
                format!("{reason}: an acknowledged mark could be lost in a failover, so no block or vote is signed");
            Finding::failed("marks.consistency", text, to_strong)
        }
        None if level == "Strong" => Finding::ok("marks.consistency", "Strong"),
        None => Finding::warning(
            "marks.consistency",
            format!(
                "{level}, permitted only by ALLOW_WEAK_CONSISTENCY: a region failure may lose marks, and keys may then \
                 double-sign"
            ),
            format!("for tests only. For mainnet: {to_strong}, and remove ALLOW_WEAK_CONSISTENCY"),
        ),
    });
    let several = unsuitable.iter().find(|reason| matches!(reason, Unsuitable::SeveralWriteRegions(_)));
    area.add(match several {
        Some(reason) => Finding::failed(
            "marks.regions",
            format!("{reason}: two regions could accept different marks for one slot, so no block or vote is signed"),
            format!("`az cosmosdb update -g <group> -n {name} --enable-multiple-write-locations false`"),
        ),
        None => Finding::ok(
            "marks.regions",
            format!("write region {}, all regions: {}", account.write_regions(), account.regions()),
        ),
    });
}

fn of_container(area: &mut Area, settings: &CosmosSettings, unsuitable: &[Unsuitable]) {
    let subject = format!("{}/{}", settings.database, settings.container);
    let another = format!(
        "this cannot be changed: create another container, `az cosmosdb sql container create -g <group> -a {} -d {} -n \
         <name> --partition-key-path {} --partition-key-version 2`, transfer the marks with `azurehsm-signer marks \
         export` and `marks import`, and set COSMOS_CONTAINER",
        name_of(&settings.endpoint),
        settings.database,
        settings.role.partition_key()
    );
    let mut is_suitable = true;
    for reason in unsuitable {
        let advice = match reason {
            Unsuitable::PartitionKey { .. } | Unsuitable::PartitionKeyVersion => another.clone(),
            Unsuitable::OtherRole(_) => "set COSMOS_CONTAINER or OBSERVE as described".to_owned(),
            Unsuitable::TimeToLive => "set Time to Live to Off in the container's Settings in the portal, or remove \
                                       defaultTtl from its template"
                .to_owned(),
            Unsuitable::Consistency(_) | Unsuitable::SeveralWriteRegions(_) | Unsuitable::Recreated => continue,
        };
        is_suitable = false;
        area.add(Finding::failed("marks.container", reason.to_string(), advice).about(&subject));
    }
    if is_suitable {
        let key = settings.role.partition_key();
        let text = format!("partition key {key} version 2, no time to live");
        area.add(Finding::ok("marks.container", text).about(&subject));
    }
}

fn no_container(settings: &CosmosSettings, error: Option<&CosmosError>) -> Finding {
    let (database, container) = (&settings.database, &settings.container);
    let reason =
        error.map_or_else(|| format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()), |error| reason_of(error));
    let advice = if error.is_some_and(|error| error.status().status_code() == StatusCode::NotFound) {
        let account = name_of(&settings.endpoint);
        format!(
            "correct COSMOS_DATABASE and COSMOS_CONTAINER, or create them: `az cosmosdb sql database create -g <group> -a \
             {account} -n {database}` if the database is missing, then `az cosmosdb sql container create -g <group> -a \
             {account} -d {database} -n {container} --partition-key-path {} --partition-key-version 2`",
            settings.role.partition_key()
        )
    } else {
        refused(settings, &reason)
    };
    Finding::failed("marks.container", reason, advice).about(format!("{database}/{container}"))
}

async fn measure(area: &mut Area, probe: &Probe) {
    // Without an item, the role is insufficient, which has been reported.
    let Ok(first) = probe.read().await else { return };
    let read = async || probe.read().await.map(drop);
    area.latency.push(latency::measure("latency.marks.read", SAME_REGION, read).await);

    let version = Mutex::new(role::etag(&first));
    let replace = async || {
        let answer = probe.replace(&version.lock().await).await?;
        *version.lock().await = role::etag(&answer);
        Ok::<_, CosmosError>(())
    };
    area.latency.push(latency::measure("latency.marks.replace", SAME_REGION, replace).await);
}

fn refused(settings: &CosmosSettings, reason: &str) -> String {
    if is_of_network(reason) {
        network("account")
    } else {
        format!("if access is denied: {}", marks_role(&settings.endpoint, &settings.database, &settings.container))
    }
}
