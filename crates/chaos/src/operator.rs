//! The commands of an operator.

use crate::error::SeasonError;
use crate::setup::Programs;
use stand_ins::Azure;
use tokio::process::Command;

/// Runs a command of the program to its end, with access to these services.
pub(crate) async fn operator(azure: &Azure, programs: &Programs, arguments: &[&str]) -> Result<(), SeasonError> {
    let mut command = Command::new(&programs.signer);
    command.env_clear().envs(azure.environment()).args(arguments);
    let output = command.output().await.map_err(|error| SeasonError::Command(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(SeasonError::Command(String::from_utf8_lossy(&output.stderr).into_owned()))
}
