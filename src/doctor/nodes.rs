//! Checks of the Tezos nodes.

use super::area::{Area, each};
use super::clock::ANSWER_TIMEOUT;
use super::{Finding, INSTALL_CERTIFICATES, clock, latency};
use crate::azure::reason_of;
use crate::chain::{Inspection, NodeError, NodeUrl, WatchSettings};
use crate::tezos::ChainId;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// A head this old is worth a warning: many block times.
pub(crate) const STALE: time::Duration = time::Duration::seconds(60);
/// A head this old is a failure: running networks do not pause that long.
const DEAD: time::Duration = time::Duration::minutes(10);
/// A difference between heads worth a warning, in levels: blocks reach all nodes within seconds.
pub(crate) const FAR_APART: u32 = 5;

/// The head of one node.
struct Head {
    node: NodeUrl,
    chain: ChainId,
    level: u32,
}

pub(super) async fn check(area: &mut Area, settings: Option<&WatchSettings>) {
    let Some(settings) = settings else {
        return area.add(Finding::warning(
            "nodes.configured",
            "no NODE_URLS: levels are checked against marks only, not against the head of the chain",
            "set NODE_URLS to at least two nodes, so that a signature for a level far in the future cannot block a key",
        ));
    };
    let examined = each(&settings.nodes, async |url: &NodeUrl| {
        let mut area = Area::default();
        let head = check_one(&mut area, url).await;
        (area, head)
    })
    .await;
    let mut heads = Vec::new();
    for (of_node, head) in examined {
        area.findings.extend(of_node.findings);
        area.skews.extend(of_node.skews);
        area.latency.extend(of_node.latency);
        heads.extend(head);
    }
    if heads.is_empty() {
        return area.add(Finding::skipped("nodes.chain", "no node reported its head"));
    }
    area.observed.heads.extend(heads.iter().filter_map(|head| Some((head.chain, head.level.try_into().ok()?))));
    area.add(same_chain(&heads));
    area.findings.extend(levels(&heads, settings.threshold));
}

async fn check_one(area: &mut Area, url: &NodeUrl) -> Option<Head> {
    let node = match Inspection::new(url.clone(), ANSWER_TIMEOUT) {
        Ok(node) => node,
        Err(error) => {
            area.add(Finding::failed("nodes.head", reason_of(&error), INSTALL_CERTIFICATES).about(url));
            return None;
        }
    };
    if let Some(proxy) = url.proxy() {
        area.add(Finding::ok("nodes.proxy", format!("reached through {proxy}")).about(url));
    }
    let answers = async { Ok::<_, NodeError>((node.chain().await?, node.head().await?)) };
    let name = url.to_string();
    let (answers, sync, skew) =
        tokio::join!(answers, node.synchronisation(), clock::probe(&name, node.cheap_request()));
    area.skews.extend(skew.ok().flatten());
    let (chain, head) = match answers {
        Ok(answers) => answers,
        Err(error) => {
            let advice = "check that the node is running, that NODE_URLS is right, that this machine can reach its RPC port, \
                          and that its access rules (--allow-all-rpc or an ACL) permit /chains/main/chain_id and \
                          /chains/main/blocks/head/header/shell";
            area.add(Finding::failed("nodes.head", error.to_string(), advice).about(url));
            return None;
        }
    };
    let age = OffsetDateTime::now_utc() - head.timestamp;
    let text = format!("{chain}, level {}, {} s old", head.level, age.whole_seconds());
    let stale = "the node may have lost its peers, or the chain has halted: compare with another node or an explorer";
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
                "permit /chains/main/is_bootstrapped in its access rules; only this check needs it, signing does not",
            ),
        }
        .about(url),
    );
    let call = async || node.head().await.map(drop);
    let advice = "use a closer node; signatures do not wait for it, but heads arrive late";
    area.latency.push(latency::measure("latency.node", advice, call).await.about(url));
    Some(Head { node: url.clone(), chain, level: head.level })
}

fn same_chain(heads: &[Head]) -> Finding {
    let mut chains: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Head { node, chain, .. } in heads {
        chains.entry(chain.to_string()).or_default().push(node.to_string());
    }
    let text: Vec<_> = chains.iter().map(|(chain, nodes)| format!("{chain}: {}", nodes.join(", "))).collect();
    if chains.len() == 1 {
        Finding::ok("nodes.chain", text.join("; "))
    } else {
        let advice = "set NODE_URLS to nodes of one chain";
        Finding::failed("nodes.chain", format!("the nodes follow different chains: {}", text.join("; ")), advice)
    }
}

/// Compares the heads of each chain.
fn levels(heads: &[Head], threshold: u32) -> Vec<Finding> {
    let mut chains: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for Head { chain, level, .. } in heads {
        chains.entry(chain.to_string()).or_default().push(*level);
    }
    let several = chains.into_iter().filter(|(_, levels)| levels.len() > 1);
    several
        .map(|(chain, levels)| {
            let lowest = levels.iter().min().copied().unwrap_or_default();
            let highest = levels.iter().max().copied().unwrap_or_default();
            let text = format!("heads from level {lowest} to {highest}");
            let advice = "the highest head counts; check why the other nodes are behind";
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
