//! The history of signatures, in `doctor`.

use crate::doctor::deployment::Deployment;
use stand_ins::{Effect, Fault, Operation, Times};

#[tokio::test]
async fn the_right_to_append_is_checked_without_writing() {
    let mut deployment = Deployment::start().await;
    let blobs = deployment.azure.try_start_blobs().unwrap();
    deployment.set("AUDIT_CONTAINER_URL", blobs.url());
    let examined = deployment.examine(&[]);
    examined.assert_finds("audit.container", "ok", &["/audit", "blocks may be appended"]);
    examined.assert_finds("identity.token", "ok", &["https://storage.azure.com"]);
    assert_eq!(examined.status, 0);
    assert!(blobs.contents().is_empty(), "{:?}", blobs.contents());

    blobs.faults().add(Fault { on: Operation::AppendBlock, times: Times::Forever, effect: Effect::status(403) });
    let examined = deployment.examine(&[]);
    examined.assert_finds("audit.container", "warning", &["Append Block answered 403", "blobs/add/action"]);
    assert_eq!(examined.status, 0, "signing is not affected");
}
