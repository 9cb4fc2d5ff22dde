//! Checks of the calendar of the keys: for whom they vote, what is to change, and the next protocol.

use super::Finding;
use super::area::Area;
use crate::chain::WatchSettings;
use crate::chain::calendar::{self, Calendar, Protocols, Upgrade};
use crate::tezos::PublicKeyHash;
use std::collections::BTreeSet;

/// Reads the calendar of the vault's keys (`addresses`) from the first node that answers.
pub(super) async fn check(area: &mut Area, nodes: &WatchSettings, addresses: &BTreeSet<String>) {
    let keys: Vec<PublicKeyHash> = addresses.iter().filter_map(|address| address.parse().ok()).collect();
    if keys.is_empty() {
        return area.add(Finding::skipped("calendar.key", "the vault has no key that can sign"));
    }
    match calendar::read(nodes, &keys).await {
        Ok(calendar) => area.findings.extend(findings(&calendar, &keys)),
        Err(errors) => {
            for (node, error) in errors {
                let text = format!("which keys are active on chain is unknown: {error}");
                area.add(Finding::warning("calendar.node", text, PERMIT).about(node));
            }
        }
    }
}

const PERMIT: &str = "check that the node is running, and that its access rules (--allow-all-rpc or an ACL) permit \
                      /chains/main/blocks/head/helpers/**, …/context/** , …/protocols and …/votes/**; only this check needs them, \
                      signing does not";

fn findings(calendar: &Calendar, keys: &[PublicKeyHash]) -> Vec<Finding> {
    let mut findings = vec![protocol(&calendar.protocols)];
    findings.extend(calendar.protocols.upgrade.as_ref().map(upgrade));
    if let Err(error) = &calendar.rights {
        let text = format!("the delegates of consensus keys are unknown: {error}");
        findings.push(Finding::warning("calendar.rights", text, PERMIT).about(&calendar.node));
    }
    for key in keys {
        let roles = calendar::roles(&calendar.delegates, key);
        let roles: Vec<_> = roles.iter().map(|role| role.text(calendar.cycle)).collect();
        let text = match roles.as_slice() {
            [] if calendar.rights.is_ok() => "signs for no delegate now".to_owned(),
            [] => continue,
            roles => roles.join("; "),
        };
        findings.push(Finding::ok("calendar.key", format!("{}: {text}", calendar.chain)).about(key));
    }
    for missing in calendar::missing(&calendar.delegates, keys) {
        let calendar::Missing { delegate, duty, next } = missing;
        let cycle = calendar::cycle_in_words(next.cycle, calendar.cycle);
        let text =
            format!("{} becomes the {} of {delegate} in {cycle}, and is not in the vault", next.key, duty.name());
        let advice = "if another signer has the key, point the baker there for it before that cycle; otherwise cancel with another \
                      update_consensus_key or update_companion_key";
        findings.push(Finding::warning("calendar.next_key", text, advice).about(delegate));
    }
    findings
}

fn protocol(Protocols { current, .. }: &Protocols) -> Finding {
    let finding = if let Some(name) = current.known_name() {
        Finding::ok("calendar.protocol", format!("{name}, whose payloads this release knows"))
    } else {
        let text = "this release does not know it: payloads in a new form are refused";
        Finding::warning("calendar.protocol", text, UPGRADE)
    };
    finding.about(current)
}

fn upgrade(Upgrade { protocol, period, remaining }: &Upgrade) -> Finding {
    let when = format!("in the {period} period, which has {remaining} blocks left");
    let finding = if let Some(name) = protocol.known_name() {
        Finding::ok("calendar.upgrade", format!("{name}, {when}; this release knows its payloads"))
    } else {
        let text = format!("{when}; this release does not know it, and would refuse payloads in a new form");
        Finding::warning("calendar.upgrade", text, UPGRADE)
    };
    finding.about(protocol)
}

const UPGRADE: &str = "install a release that knows it before it is activated; see docs/compatibility.md";
