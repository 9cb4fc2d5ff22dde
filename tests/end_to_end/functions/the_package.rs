//! Tests that need the real package, in `SIGNER_PACKAGE`.

use crate::azure::cloud::{self, baker, wait};
use crate::support::eventually::eventually;
use crate::support::http;
use crate::support::node::Node;
use crate::support::package;
use crate::support::payloads::{MAINNET, payload};
use azurehsm_signer::tezos::payload::Kind;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const MAX_BYTES: u64 = 15_000_000;

fn zip() -> std::path::PathBuf {
    package::zip().expect("SIGNER_PACKAGE=target/package/azurehsm-signer.zip, which `cargo run -p packaging` builds")
}

#[test]
#[ignore = "needs the real package"]
fn it_is_small_and_its_program_is_static_and_executable() {
    assert!(fs::metadata(zip()).unwrap().len() < MAX_BYTES);
    let package = package::unpacked(&zip());
    let program = package.folder().join("azurehsm-signer");
    assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o7777, 0o755);
    let ldd = Command::new("ldd").arg(&program).output().unwrap();
    let said = String::from_utf8([ldd.stdout, ldd.stderr].concat()).unwrap();
    assert!(["statically linked", "not a dynamic executable"].iter().any(|text| said.contains(text)), "{said}");
}

#[test]
#[ignore = "needs the real package"]
fn its_program_contains_no_path_of_the_build_machine() {
    let program = fs::read(package::unpacked(&zip()).folder().join("azurehsm-signer")).unwrap();
    let home = std::env::var("HOME").unwrap();
    for path in [env!("CARGO_MANIFEST_DIR"), &home] {
        let needle = format!("{path}/");
        assert!(path.len() < 2 || !program.windows(needle.len()).any(|bytes| bytes == needle.as_bytes()), "{path}");
    }
}

/// A program whose root is a folder. Killed when dropped.
struct Confined(Child);

impl Drop for Confined {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// `chroot`, directly if permitted, otherwise in a new user namespace.
fn confined(root: &Path) -> Command {
    let is_root = fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0);
    let mut command = Command::new(if is_root { "chroot" } else { "unshare" });
    if !is_root {
        command.args(["--map-root-user", "chroot"]);
    }
    command.arg(root).arg("/azurehsm-signer");
    command
}

#[test]
#[ignore = "needs the real package"]
fn its_program_signs_in_a_root_folder_with_only_certificates() {
    signs_in_a_folder_with_certificates(None);
}

#[test]
#[ignore = "needs the real package"]
fn its_program_resolves_names_without_a_c_library() {
    signs_in_a_folder_with_certificates(Some(&Node::start(Some((MAINNET, 7)))));
}

/// With a node, `/etc/hosts` has its name.
fn signs_in_a_folder_with_certificates(node: Option<&Node>) {
    let azure = cloud::start();
    let key = baker(&azure);
    let root = TempDir::new().unwrap();
    fs::copy(package::unpacked(&zip()).folder().join("azurehsm-signer"), root.path().join("azurehsm-signer")).unwrap();
    fs::write(root.path().join("authority.pem"), azure.authority_pem()).unwrap();
    if node.is_some() {
        fs::create_dir(root.path().join("etc")).unwrap();
        fs::write(root.path().join("etc/resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
        fs::write(root.path().join("etc/hosts"), "127.0.0.1 node.example\n").unwrap();
    }

    let mut child = confined(root.path())
        .env_clear()
        // Needed by chroot itself.
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .envs(azure.environment())
        .env("SSL_CERT_FILE", "/authority.pem")
        .envs(node.map(|node| ("NODE_URLS", node.url().replace("127.0.0.1", "node.example"))))
        .env("SIGNER_LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .spawn()
        .map(Confined)
        .unwrap();
    let lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let (sender, addresses) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        lines.filter_map(|line| crate::support::process::address_in(&line)).try_for_each(|a| sender.send(a))
    });
    let address = addresses.recv_timeout(crate::functions::hosted::PATIENCE).unwrap();

    eventually("a ready signer", || (http::get(address, "/health").unwrap().status == 200).then_some(()));
    // The refusal of a jump that the node does not confirm shows that the node is used.
    for (level, status) in [(7, 200), (1_000, if node.is_some() { 409 } else { 200 })] {
        let vote = payload(Kind::Attestation, level, 0, 0);
        let answer = http::sign(address, &key.hash, &vote).unwrap();
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 200 {
            key.verify(&vote, &answer.signature());
        }
    }
    assert!(wait(azure.cosmos.item(&key.hash, &key.mark(Kind::Attestation))).is_some());
}
