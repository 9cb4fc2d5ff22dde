//! Services that are slow or down.

use crate::doctor::deployment::Deployment;
use crate::doctor::node::{self, Says};
use stand_ins::{Delay, Effect, Fault, Operation, Times};
use std::time::{Duration, Instant};

fn hang(on: Operation) -> Fault {
    Fault { on, times: Times::Forever, effect: Effect::Hang }
}

#[tokio::test]
async fn slow_services_are_reported() {
    let deployment = Deployment::start().await;
    let latency = Delay::Fixed(Duration::from_millis(150));
    deployment.azure.key_vault.latency(latency);
    deployment.azure.cosmos.latency(latency);
    let examined = deployment.examine(&["--sign"]);
    for check in ["latency.vault.get", "latency.vault.sign", "latency.marks.read", "latency.marks.replace"] {
        examined.assert_finds(check, "warning", &["p50", "of 10 calls", " region: each signature waits"]);
    }
    assert_eq!(examined.status, 0);
}

/// For any services that are down, in any way, the report is ready within seconds.
#[tokio::test]
async fn with_everything_down_the_report_is_ready_soon() {
    for on in [Operation::Any, Operation::ListKeys, Operation::GetKey, Operation::Sign, Operation::RotationPolicy] {
        let mut deployment = Deployment::start().await;
        if on == Operation::Any {
            deployment.azure.identity.faults().add(hang(on));
            let silent = node::url(Says { answers: false, ..Says::default() });
            deployment.set("NODE_URLS", silent);
        }
        deployment.azure.key_vault.faults().add(hang(on));
        let on_marks = match on {
            Operation::ListKeys => Operation::Account,
            Operation::GetKey => Operation::Metadata,
            Operation::Sign => Operation::ReadItem,
            Operation::RotationPolicy => Operation::ReplaceItem,
            other => other,
        };
        deployment.azure.cosmos.faults().add(hang(on_marks));
        let start = Instant::now();
        let examined = deployment.examine(&["--sign"]);
        assert!(start.elapsed() < Duration::from_secs(30), "{on:?}: {:?}", start.elapsed());
        assert_eq!(examined.status, 1, "{on:?}: {examined}");
        if on == Operation::Any {
            let expected = ["identity.token", "identity.token", "vault.reachable", "marks.reachable", "nodes.head"];
            assert_eq!(examined.checks("failed"), expected);
        }
    }
}
