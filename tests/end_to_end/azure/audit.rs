//! The history of signatures: written to append blobs while instances sign, exported, and checked.

use crate::azure::cloud::{self, KnownKey, always, baker};
use crate::azure::instance::{Instance, command, run};
use crate::support::eventually::eventually;
use crate::support::payloads::payload;
use azurehsm_signer::tezos::payload::Kind;
use stand_ins::{Azure, Blobs, Effect, Operation};
use std::path::Path;
use std::process::Output;

fn start() -> (Azure, KnownKey, Blobs) {
    let azure = cloud::start();
    let key = baker(&azure);
    let blobs = azure.try_start_blobs().unwrap();
    (azure, key, blobs)
}

/// Signs a payload of each kind at these levels.
fn sign(signer: &Instance, key: &KnownKey, levels: std::ops::RangeInclusive<u32>) {
    for level in levels {
        for kind in Kind::ALL {
            signer.sign(&key.hash, &payload(kind, level, 0, 0)).signature();
        }
    }
}

/// How many versions of marks the container has.
fn versions_in(blobs: &Blobs) -> usize {
    let lines = |blob: &Vec<u8>| {
        String::from_utf8(blob.clone()).unwrap().lines().filter(|line| !line.contains("public_key")).count()
    };
    blobs.contents().values().map(lines).sum()
}

/// The history in the container, as an auditor exports it.
fn export(azure: &Azure, blobs: &Blobs, arguments: &[&str]) -> String {
    blobs.allow_read(true);
    let url = blobs.url();
    let settings = [("AUDIT_CONTAINER_URL", url.as_str())];
    let output = command(azure, &settings).args(["audit", "export"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    blobs.allow_read(false);
    String::from_utf8(output.stdout).unwrap()
}

/// The result of `audit verify`: its status, and its output.
fn verify(azure: &Azure, folder: &Path, texts: &[&str]) -> (i32, String) {
    let files = texts.iter().enumerate().map(|(number, text)| {
        let path = folder.join(format!("{number}.jsonl"));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    });
    let files: Vec<_> = files.collect();
    let arguments: Vec<_> = ["audit", "verify"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let Output { status, stdout, stderr } = run(azure, &arguments);
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.code().unwrap(), text)
}

#[test]
fn the_history_of_several_instances_is_complete_and_shows_each_change() {
    let (azure, key, blobs) = start();
    let folder = tempfile::tempdir().unwrap();
    let url = blobs.url();
    let settings = [("AUDIT_CONTAINER_URL", url.as_str())];
    let mut log = Vec::new();
    // One after the other, and then two side by side, so that the versions of a mark are in several blobs.
    let first = Instance::start_ready(&azure, &settings);
    sign(&first, &key, 10..=12);
    let second = Instance::start_ready(&azure, &settings);
    for level in 13..=16 {
        sign(if level % 2 == 0 { &first } else { &second }, &key, level..=level);
    }
    if first.named_by_host().is_some() {
        // A host kills its handlers, and what they have not written yet is lost. Otherwise the end of the program writes it.
        eventually("a history of all versions", || (versions_in(&blobs) == 21).then_some(()));
    }
    log.extend(first.stop());
    log.extend(second.stop());
    assert_eq!(blobs.contents().len(), 2, "{:?}", blobs.contents().keys());

    let history = export(&azure, &blobs, &[]);
    let (status, text) = verify(&azure, folder.path(), &[&history]);
    assert_eq!(status, 0, "{text}\n{history}");
    assert!(
        text.contains(
            "21 versions of 3 marks, 18 linked to the one before; 7 signatures of blocks valid, 0 not checked"
        ),
        "{text}"
    );

    // The log agrees with it.
    let file = folder.path().join("log");
    std::fs::write(&file, log.join("\n")).unwrap();
    let exported = run(&azure, &["audit", "export", "--log", file.to_str().unwrap()]);
    let of_log = String::from_utf8(exported.stdout).unwrap();
    assert_eq!(of_log.lines().count(), 21, "{of_log}");
    let (status, text) = verify(&azure, folder.path(), &[&history, &of_log]);
    assert_eq!((status, text.contains("0 only in the log; 0 gaps, 0 changes")), (0, true), "{text}");

    let is_vote = |line: &&str| line.contains(":attestation\"") && line.contains("\"level\":12,");
    let vote = history.lines().find(is_vote).unwrap();
    let lost = history.replace(&format!("{vote}\n"), "");
    let (status, text) = verify(&azure, folder.path(), &[&lost]);
    assert!(status == 4 && text.contains(":attestation  version ") && text.contains(" is missing"), "{status} {text}");
    let changed = history.replace(vote, &vote.replace("\"round\":0", "\"round\":1"));
    let (status, text) = verify(&azure, folder.path(), &[&changed]);
    assert!(status == 3 && text.contains("tampering  ") && text.contains("does not fit"), "{status} {text}");
}

#[test]
fn signing_goes_on_without_the_container_and_what_was_signed_is_written_later() {
    let (azure, key, blobs) = start();
    let folder = tempfile::tempdir().unwrap();
    let url = blobs.url();
    always(blobs.faults(), Operation::CreateBlob, Effect::status(503));
    let signer = Instance::start_ready(&azure, &[("AUDIT_CONTAINER_URL", &url)]);
    sign(&signer, &key, 10..=11);
    let line = signer.logged("audit_write_failed");
    assert!(line.contains("Put Blob answered 503 (ServerBusy)"), "{line}");
    sign(&signer, &key, 12..=13);
    blobs.faults().clear();
    // A condition that is not met is no proof that the block is there, unless it is the one on the blob's length.
    cloud::next(1, blobs.faults(), Operation::AppendBlock, Effect::status(412));
    // Some answers are lost after the work was done: blocks are appended once all the same.
    cloud::next(2, blobs.faults(), Operation::AppendBlock, Effect::status_after_work(500));
    signer.logged("audit_write_recovered");
    eventually("the blob", || blobs.contents().values().any(|blob| !blob.is_empty()).then_some(()));
    let (status, text) = verify(&azure, folder.path(), &[&export(&azure, &blobs, &[])]);
    assert!(status == 0 && text.contains("12 versions of 3 marks, 9 linked"), "{status} {text}");
    assert_eq!(export(&azure, &blobs, &["--day", "1999-01-01"]), "");
}
