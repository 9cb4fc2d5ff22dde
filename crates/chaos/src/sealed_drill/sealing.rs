//! An operator seals keys, with the commands of the shipped program.

use crate::error::SeasonError;
use crate::keys::{BakerKey, Role, SealedFor};
use crate::operator::output_of;
use crate::setup::Programs;
use oracle::base58;
use serde_json::Value;
use stand_ins::{Azure, KeyVersion, NewKey};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// RSA keys that are not secret.
const VECTORS: &str = include_str!("../../../../conformance/sealed/vectors.json");

/// The first recipient's vault, which cannot be reached, as if its region was lost.
const LOST: &str = "https://lost.vault.localhost:1/keys/sealing/0123=west.pem";

/// The folder of an operator.
pub(super) struct Desk {
    folder: TempDir,
    program: PathBuf,
    environment: Vec<(&'static str, String)>,
    recipient: String,
}

impl Desk {
    /// Adds an RSA key to the vault, and writes the public keys of all recipients and the identity of the mark store.
    pub(super) async fn new(azure: &Azure, programs: &Programs) -> Result<Self, SeasonError> {
        let folder = TempDir::new().map_err(SeasonError::Folder)?;
        let vectors: Value = serde_json::from_str(VECTORS).map_err(failed)?;
        let part = |name: &str, part: &str| {
            let text = vectors.pointer(&format!("/keys/{name}/{part}")).and_then(Value::as_str);
            text.map(str::to_owned).ok_or_else(|| failed("an RSA key is missing"))
        };
        let key = NewKey::unwrapping_from_pem("sealing", &part("north", "private_key")?);
        let key = azure.key_vault.try_add_key(key.ok_or_else(|| failed("not PEM"))?).map_err(failed)?;
        let KeyVersion { name, version } = key;
        azure.key_vault.allow_unwrap(true);
        let recipient = format!("{}keys/{name}/{version}=north.pem", azure.key_vault.url());
        let desk = Self { folder, program: programs.signer.clone(), environment: azure.environment(), recipient };
        for name in ["north", "west", "safe"] {
            desk.write(&format!("{name}.pem"), &part(name, "public_key")?)?;
        }
        let store = desk.run(&["marks", "store", "--json"], "").await?;
        desk.write("here.json", &store)?;
        let mut elsewhere: Value = serde_json::from_str(&store).map_err(failed)?;
        let elsewhere = elsewhere.as_object_mut().ok_or_else(|| failed("not an identity"))?;
        elsewhere.insert("rid".to_owned(), "u7kYALg2ZXo=".into());
        elsewhere.remove("digest");
        desk.write("elsewhere.json", &Value::from(elsewhere.clone()).to_string())?;
        Ok(desk)
    }

    /// Seals a key.
    pub(super) async fn seal(&self, name: &str, key: &BakerKey, sealed_for: SealedFor) -> Result<(), SeasonError> {
        let SealedFor { role, chain, is_here } = sealed_for;
        let role = match role {
            Role::Consensus => "consensus",
            Role::Companion => "companion",
        };
        let secret = key.secret_text().ok_or_else(|| failed("no secret"))?;
        let chain = base58::CHAIN.encode(&chain);
        let store = if is_here { "here.json" } else { "elsewhere.json" };
        let of_key = ["sealed", "import", name, "--role", role, "--chain", &chain, "--store", store];
        let recipients = ["--recipient", LOST, "--recipient", &self.recipient, "--recipient", "safe.pem"];
        self.run(&[&of_key[..], &recipients].concat(), &secret).await.map(drop)
    }

    /// The folder of the sealed keys.
    pub(super) fn folder(&self) -> String {
        self.folder.path().join("sealed").display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> Result<(), SeasonError> {
        std::fs::write(self.folder.path().join(name), text).map_err(SeasonError::Folder)
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<String, SeasonError> {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.args(arguments).current_dir(self.folder.path());
        output_of(&mut command, input).await
    }
}

#[allow(clippy::needless_pass_by_value, reason = "errors are mapped with it")]
fn failed(why: impl ToString) -> SeasonError {
    SeasonError::Command(why.to_string())
}
