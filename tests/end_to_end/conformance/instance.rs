//! A signer with the keys of the suite, whose address survives a restart.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use conformance::run::Client;

pub(crate) struct Instance {
    settings: Vec<(String, String)>,
    pub(crate) address: SocketAddr,
    child: Mutex<Child>,
}

/// The folder described in `conformance/setup`.
pub(crate) fn setup() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/setup/azurehsm-signer")
}

/// A folder with all keys of the suite.
pub(crate) fn keys() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let suite = conformance::tables::suite().keys;
    let is_held = |role: &str| suite.roles.iter().any(|known| known.held && known.role == role);
    let keys = suite.keys.iter().filter(|key| is_held(&key.role));
    let lines: Vec<_> = keys.map(|key| format!("{}\t{}\n", key.name, key.secret_key)).collect();
    let list = folder.path().join("keys.txt");
    std::fs::write(&list, lines.concat()).unwrap();
    let imported = Command::new(setup().join("import"))
        .arg(env!("CARGO_BIN_EXE_azurehsm-signer"))
        .arg(folder.path().join("data"))
        .stdin(std::fs::File::open(list).unwrap())
        .status()
        .unwrap();
    assert!(imported.success());
    folder
}

impl Instance {
    /// Starts one, and waits until it is ready.
    pub(crate) fn start(keys: &tempfile::TempDir, settings: &[(String, String)]) -> Self {
        // Other processes are unlikely to take this port: the system hands out others first.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut all = vec![
            ("LOCAL_DATA_DIR".to_owned(), keys.path().join("data").display().to_string()),
            ("POLICY_FILE".to_owned(), setup().join("policy.json").display().to_string()),
            ("SIGNER_LISTEN".to_owned(), address.to_string()),
            ("RUST_LOG".to_owned(), "error".to_owned()),
        ];
        all.extend_from_slice(settings);
        let child = Mutex::new(spawn(&all));
        let instance = Self { settings: all, address, child };
        instance.wait_until_ready();
        instance
    }

    /// Kills it, like a power cut, and starts it again.
    pub(crate) fn restart(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        *child = spawn(&self.settings);
        drop(child);
        self.wait_until_ready();
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&format!("http://{}", self.address), &[]).unwrap()
    }

    fn wait_until_ready(&self) {
        let start = Instant::now();
        while !is_ready(self.address) {
            assert!(start.elapsed() < Duration::from_secs(30), "the signer at {} is not ready", self.address);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn spawn(settings: &[(String, String)]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azurehsm-signer"));
    command.env_clear().envs(settings.iter().cloned()).stdout(Stdio::null()).spawn().unwrap()
}

fn is_ready(address: SocketAddr) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = std::net::TcpStream::connect(address) else { return false };
    let mut answer = String::new();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: signer\r\nconnection: close\r\n\r\n").is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

impl Drop for Instance {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        drop(child.kill());
        drop(child.wait());
    }
}
