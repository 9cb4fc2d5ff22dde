//! What the kernel says about the memory of secrets, and a real core dump.
#![cfg(test)]
#![cfg(target_os = "linux")]

use locked_memory::{Locked, with_clean_stack};
use std::fs;
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, abort};
use std::sync::Arc;
use std::thread;

/// Bytes that the program itself does not contain.
fn canary(seed: u8) -> [u8; 32] {
    let mut byte = black_box(seed);
    std::array::from_fn(|_| {
        byte = byte.wrapping_mul(89).wrapping_add(17);
        byte
    })
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The flags of the mapping at this address.
fn flags_at(address: usize) -> String {
    let start = format!("{address:x}-");
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let of_mapping = maps.lines().skip_while(|line| !line.starts_with(&start));
    of_mapping.into_iter().find_map(|line| line.strip_prefix("VmFlags: ")).unwrap().to_owned()
}

#[test]
fn its_pages_are_locked_not_dumped_and_empty_in_children() {
    let secret = Locked::new([7_u8; 32]).unwrap();
    assert!(secret.refusal().is_none(), "{:?}", secret.refusal());
    let flags = flags_at(secret.as_ptr() as usize);
    for flag in ["lo", "dd", "wf"] {
        assert!(flags.split(' ').any(|word| word == flag), "{flag} in {flags}");
    }
}

#[test]
fn it_is_a_value_like_any_other() {
    let counted = Arc::new(());
    let mut large = Locked::new((Arc::clone(&counted), [1_u64; 1000])).unwrap();
    large.1[999] = 2;
    let large = thread::spawn(move || large).join().unwrap();
    assert_eq!(large.1.iter().sum::<u64>(), 1001);
    assert_eq!(Arc::strong_count(&counted), 2);
    drop(large);
    assert_eq!(Arc::strong_count(&counted), 1, "its destructor has run");
}

/// The process whose core dump is read: one secret in locked memory, and one that is not.
#[test]
#[ignore = "ends with a core dump"]
fn dumped() {
    let write = || {
        let mut secret = Locked::new([0; 32]).unwrap();
        secret.copy_from_slice(&canary(1));
        secret
    };
    // In a thread that has ended, since a dump has the registers of all others.
    let secret = thread::spawn(move || with_clean_stack(write)).join().unwrap();
    let elsewhere = canary(2).to_vec();
    assert_eq!(secret.len(), elsewhere.len());
    abort();
}

#[test]
fn a_core_dump_has_everything_but_its_pages() {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if pattern.contains(['|', '/']) {
        eprintln!("SKIPPED: core dumps of this machine go elsewhere ({})", pattern.trim());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let script = format!("ulimit -c unlimited && exec '{}' --exact dumped --ignored", program.display());
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    if !output.status.core_dumped() {
        eprintln!("SKIPPED: no core dump: {output:?}");
        return;
    }
    let file = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let dump = fs::read(file).unwrap();
    assert!(contains(&dump, &canary(2)), "it has other memory");
    assert!(!contains(&dump, &canary(1)));
}
