//! Runs the stand-ins of Azure on a developer's machine: `cargo run -p stand-ins`.

use clap::Parser;
use oracle::chain::Key;
use oracle::crypto::Curve;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use stand_ins::{
    Azure, Control, ControlledNode, CosmosOptions, KeyVersion, NewKey, Options, Ports, TezosNode, Transport, VaultKind,
    chain_of,
};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Stand-ins of Key Vault, Cosmos DB and managed identity on loopback. Keys and items are in memory only.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Port of the vault.
    #[arg(long, default_value_t = 7443)]
    key_vault_port: u16,
    /// Port of Cosmos DB.
    #[arg(long, default_value_t = 7444)]
    cosmos_port: u16,
    /// Port of the managed identity endpoint.
    #[arg(long, default_value_t = 7445)]
    identity_port: u16,
    /// Port of the Tezos node, over plain HTTP. Its bakers are those with keys in the vault, and another one.
    #[arg(long, default_value_t = 7447)]
    tezos_node_port: u16,
    /// Port of the control API.
    #[arg(long, default_value_t = 7446)]
    control_port: u16,
    /// Type of the vault.
    #[arg(long, value_enum, default_value_t)]
    vault: VaultKind,
    /// Default consistency that the Cosmos DB account reports.
    #[arg(long, default_value = "Strong")]
    consistency: String,
    /// Make the Cosmos DB account report multiple write regions.
    #[arg(long)]
    multiple_write_locations: bool,
    /// Region of the Cosmos DB account; repeat for several. The first is the write region at the start.
    #[arg(long = "region", default_value = "West Europe")]
    regions: Vec<String>,
    /// Start without keys, instead of with baker-p256 and baker-k256.
    #[arg(long)]
    no_keys: bool,
    /// File with an RSA private key (PKCS #8 in PEM), which the vault then has as the key "sealing", for sealed keys. The identity may
    /// unwrap with it.
    #[arg(long, value_name = "FILE")]
    unwrapping_key: Option<PathBuf>,
    /// File for the environment variables that a signer needs, to be sourced by a shell.
    #[arg(long, default_value = "target/stand-ins.env")]
    environment_file: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> io::Result<()> {
    let ports =
        Ports { identity: arguments.identity_port, key_vault: arguments.key_vault_port, cosmos: arguments.cosmos_port };
    let cosmos = CosmosOptions {
        consistency: arguments.consistency,
        multiple_write_locations: arguments.multiple_write_locations,
        regions: arguments.regions,
        ..CosmosOptions::default()
    };
    let options = Options { ports, vault: arguments.vault, cosmos, ..Options::default() };
    let azure = Azure::try_start(options).await?;
    let keys = [Curve::P256, Curve::Secp256k1].map(|curve| Key::of_name(curve, "a developer's baker"));
    if !arguments.no_keys {
        for (key, (name, hsm)) in keys.iter().zip([("baker-p256", true), ("baker-k256", false)]) {
            let key = NewKey::holding(name, &key.secret).ok_or_else(|| io::Error::other("no key of this curve"))?;
            azure.key_vault.add_key(NewKey { hsm, ..key });
        }
    }
    if let Some(file) = &arguments.unwrapping_key {
        let KeyVersion { name, version } = azure.key_vault.add_key(unwrapping_key(file)?);
        azure.key_vault.allow_unwrap(true);
        println!("Recipient of sealed keys: {}keys/{name}/{version}", azure.key_vault.url());
    }
    let chain = chain_of(keys);
    let node = TezosNode::following_at(&chain, Transport::Http, arguments.tezos_node_port)?;
    let node_url = node.url();
    let control = Control::open(arguments.control_port, &azure, ControlledNode { node, chain })?;

    let environment = shell_commands(&azure);
    write_for_owner(&arguments.environment_file, &environment)?;
    print!("{environment}");
    println!(
        "\nThe stand-ins are running. In another shell:\n\n  . {}\n  cargo run\n\nWith NODE_URLS={node_url}, it follows \
        a chain, too. To inject faults, and to extend the chain:\n\n  curl http://{}/\n\nPress Ctrl-C to stop.",
        arguments.environment_file.display(),
        control.address()
    );
    // On SIGTERM, too, the temporary files are to be removed.
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}

fn unwrapping_key(file: &Path) -> io::Result<NewKey> {
    let in_file = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", file.display()));
    let key = PrivatePkcs8KeyDer::from_pem_file(file).map_err(|error| in_file(&error))?;
    Ok(NewKey::unwrapping("sealing", key.secret_pkcs8_der().to_vec()))
}

fn shell_commands(azure: &Azure) -> String {
    let quoted = |value: &str| value.replace('\'', r"'\''");
    let variables = azure.environment();
    let commands = variables.iter().map(|(name, value)| format!("export {name}='{}'", quoted(value)));
    commands.collect::<Vec<_>>().join("\n") + "\n"
}

/// The file holds the identity endpoint's secret, so only its owner may read it.
fn write_for_owner(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let to = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(to)?;
    }
    let mut file = fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path).map_err(to)?;
    file.write_all(text.as_bytes()).map_err(to)
}
