//! `settings`: lists every setting as text, as JSON, or as Markdown for the reference page.

use super::{CommandError, print_line};
use azurehsm_signer::settings::listing;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Prints JSON, a list of objects
    #[arg(long)]
    json: bool,
    /// Prints the tables of docs/reference.md
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CommandError> {
    print_line(&match arguments {
        Arguments { json: true, .. } => listing::json()?,
        Arguments { markdown: true, .. } => listing::markdown(),
        Arguments { .. } => listing::text(),
    })
}
