//! The Tezos nodes.

use super::area::{Area, each};
use super::{ANSWER_TIMEOUT, Finding, clock, latency};
use crate::azure::reason_of;
use crate::chain::{Inspection, NodeUrl, WatchSettings};
use crate::tezos::ChainId;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// Many times the time of a block.
const STALE: time::Duration = time::Duration::seconds(60);
/// No network pauses so long and goes on.
const DEAD: time::Duration = time::Duration::minutes(10);
/// Nodes hear of a block within seconds.
const FAR_APART: u32 = 5;

/// What one node told of its head.
struct Told {
    node: NodeUrl,
    chain: ChainId,
    level: u32,
}

pub(super) async fn check(area: &mut Area, settings: Option<&WatchSettings>) {
    let Some(settings) = settings else {
        return area.add(Finding::warning(
            "nodes.configured",
            "no NODE_URLS: levels are checked against marks only, not against the head of the chain",
            "set NODE_URLS to two nodes or more, so that a level far in the future cannot silence a key",
        ));
    };
    let examined = each(&settings.nodes, async |url: &NodeUrl| {
        let mut area = Area::default();
        let told = check_one(&mut area, url).await;
        (area, told)
    })
    .await;
    let mut told = Vec::new();
    for (of_node, head) in examined {
        area.findings.extend(of_node.findings);
        area.skews.extend(of_node.skews);
        area.latency.extend(of_node.latency);
        told.extend(head);
    }
    if told.is_empty() {
        return area.add(Finding::skipped("nodes.chain", "no node told its head"));
    }
    area.known.heads.extend(told.iter().filter_map(|told| Some((told.chain, told.level.try_into().ok()?))));
    area.add(same_chain(&told));
    area.findings.extend(levels(&told, settings.threshold));
}

async fn check_one(area: &mut Area, url: &NodeUrl) -> Option<Told> {
    let node = match Inspection::new(url.clone(), ANSWER_TIMEOUT) {
        Ok(node) => node,
        Err(error) => {
            let advice = "install ca-certificates, or name a file of them in SSL_CERT_FILE";
            area.add(Finding::failed("nodes.head", reason_of(&error), advice).about(url));
            return None;
        }
    };
    if let Some(proxy) = url.proxy() {
        area.add(Finding::ok("nodes.proxy", format!("asked through {proxy}")).about(url));
    }
    let answers = async { Ok((node.chain().await?, node.head().await?)) };
    let name = url.to_string();
    let (answers, sync, skew) = tokio::join!(answers, node.synchronisation(), clock::ask(&name, node.cheap_question()));
    area.skews.extend(skew.ok().flatten());
    let (chain, head) = match answers {
        Ok(answers) => answers,
        Err(error) => {
            let error: crate::chain::NodeError = error;
            let advice = "is it running, is NODE_URLS right, does this machine reach its RPC port, and do its access \
                          rules (--allow-all-rpc or an ACL) permit /chains/main/chain_id and \
                          /chains/main/blocks/head/header/shell?";
            area.add(Finding::failed("nodes.head", error.to_string(), advice).about(url));
            return None;
        }
    };
    let age = OffsetDateTime::now_utc() - head.timestamp;
    let text = format!("{chain}, level {}, {} s old", head.level, age.whole_seconds());
    let stale = "the node may have lost its peers, or the chain stands still: compare with another node or an explorer";
    area.add(
        if age > DEAD {
            Finding::failed("nodes.head", text, stale)
        } else if age > STALE {
            Finding::warning("nodes.head", text, stale)
        } else {
            Finding::ok("nodes.head", text)
        }
        .about(url),
    );
    area.add(
        match sync {
            Ok(sync) if sync.bootstrapped && sync.sync_state == "synced" => {
                Finding::ok("nodes.synced", "bootstrapped and synced")
            }
            Ok(sync) => Finding::failed(
                "nodes.synced",
                format!("bootstrapped: {}, sync_state: {}", sync.bootstrapped, sync.sync_state),
                "wait for it (`octez-client bootstrapped`), or import a fresh snapshot; until then, take it out of \
                 NODE_URLS",
            ),
            Err(error) => Finding::warning(
                "nodes.synced",
                error.to_string(),
                "let its access rules permit /chains/main/is_bootstrapped to see it here; signing does not need it",
            ),
        }
        .about(url),
    );
    let call = async || node.head().await.map(drop).map_err(|error| error.to_string());
    let advice = "use a node nearby; signatures do not wait for it, but heads come late";
    area.latency.push(latency::measure("latency.node", advice, call).await.about(url));
    Some(Told { node: url.clone(), chain, level: head.level })
}

fn same_chain(told: &[Told]) -> Finding {
    let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Told { node, chain, .. } in told {
        chains.entry(chain.to_string()).or_default().push(node.to_string());
    }
    let text: Vec<_> = chains.iter().map(|(chain, nodes)| format!("{chain}: {}", nodes.join(", "))).collect();
    if chains.len() == 1 {
        Finding::ok("nodes.chain", text.join("; "))
    } else {
        let advice =
            "let NODE_URLS name nodes of one chain: a signer of several chains checks only that some node follows it";
        Finding::failed("nodes.chain", format!("they follow different chains: {}", text.join("; ")), advice)
    }
}

/// How far apart the heads of one chain are.
fn levels(told: &[Told], threshold: u32) -> Vec<Finding> {
    let mut chains: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for Told { chain, level, .. } in told {
        chains.entry(chain.to_string()).or_default().push(*level);
    }
    let several = chains.into_iter().filter(|(_, levels)| levels.len() > 1);
    several
        .map(|(chain, levels)| {
            let lowest = levels.iter().min().copied().unwrap_or_default();
            let highest = levels.iter().max().copied().unwrap_or_default();
            let text = format!("heads from level {lowest} to {highest}");
            let advice = "the highest counts; see what keeps the other nodes back";
            let finding = match highest - lowest {
                apart if apart > threshold => {
                    let text = format!("{text}, more than HEAD_THRESHOLD ({threshold}) apart");
                    Finding::failed("nodes.level", text, advice)
                }
                apart if apart > FAR_APART => Finding::warning("nodes.level", text, advice),
                _ => Finding::ok("nodes.level", text),
            };
            finding.about(chain)
        })
        .collect()
}
