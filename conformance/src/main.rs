//! Runs the conformance cases against a Tezos remote signer.

use clap::{Parser, Subcommand};
use conformance::profile::Profile;
use conformance::report::{Report, row};
use conformance::run::{Client, Options, Pattern, Restart, Strictness, elsewhere, run};
use conformance::{files, tables};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the conformance cases against a Tezos remote signer, and reports the differences.
///
/// The signer must hold the keys of conformance/cases/keys.json, which are public. Never run this against a signer with other keys.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Task>,
    /// Address of the signer: http[s]://host[:port][/prefix]
    #[arg(long)]
    url: Option<String>,
    /// Address of a second instance with the same keys and the same high watermark store
    #[arg(long)]
    second_url: Option<String>,
    /// Address of an instance that requires requests to be authenticated by one of the client keys
    #[arg(long)]
    authenticated_url: Option<String>,
    /// Address of another signer for the keys with these names, such as payer-*
    #[arg(long, value_name = "KEYS=URL")]
    keys_at: Vec<String>,
    /// Header for every request, such as 'x-functions-key: …'
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(String, String)>,
    /// Shell command that restarts the signer at --url and returns when it is up again
    #[arg(long, value_name = "COMMAND")]
    restart_command: Option<String>,
    /// Run only the cases whose id starts with this or matches: sequence/block, '*/repeat'
    #[arg(long, value_name = "PATTERN")]
    only: Vec<Pattern>,
    /// Skip what this kind of signer lacks by design: octez, signatory or azurehsm-signer. By default, nothing is skipped
    #[arg(long, value_name = "SIGNER")]
    profile: Option<Profile>,
    /// Count differences in status or error format as failures, not just differences in verdict
    #[arg(long)]
    strict: bool,
    /// Write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Folder with the cases
    #[arg(long, value_name = "FOLDER", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))]
    cases: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Generate the case and setup files from the tables in the code
    Generate {
        /// Folder that contains cases/ and setup/
        #[arg(long, value_name = "FOLDER", default_value = env!("CARGO_MANIFEST_DIR"))]
        into: PathBuf,
    },
    /// Print name and secret key of each key that the signer must hold, one per line, separated by a tab
    Keys,
    /// Print the public keys of authorized clients, separated by commas, for a signer's configuration
    Clients,
}

fn main() -> ExitCode {
    match run_program(&Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run_program(arguments: &Arguments) -> Result<ExitCode, String> {
    match &arguments.command {
        Some(Task::Generate { into }) => generate(into)?,
        Some(Task::Keys) => {
            let suite = tables::suite().keys;
            let is_held = |role: &str| suite.roles.iter().any(|known| known.held && known.role == role);
            for key in suite.keys.iter().filter(|key| is_held(&key.role)) {
                println!("{}\t{}", key.name, key.secret_key);
            }
        }
        Some(Task::Clients) => {
            let keys = tables::suite().keys.keys;
            let clients: Vec<_> = keys.iter().filter(|key| key.role == "client").map(|key| &*key.public_key).collect();
            println!("{}", clients.join(","));
        }
        None => return run_cases(arguments),
    }
    Ok(ExitCode::SUCCESS)
}

fn generate(into: &Path) -> Result<(), String> {
    for (path, text) in files::generated().map_err(|error| error.to_string())? {
        let path = into.join(path);
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        std::fs::write(&path, text).map_err(failed)?;
        println!("{}", path.display());
    }
    Ok(())
}

fn run_cases(arguments: &Arguments) -> Result<ExitCode, String> {
    let url = arguments
        .url
        .as_deref()
        .ok_or("--url is missing; expected the signer's address, such as http://127.0.0.1:6732")?;
    let client = |url: &str| Client::new(url, &arguments.header).map_err(|error| error.to_string());
    let optional = |url: &Option<String>| url.as_deref().map(client).transpose();
    let options = Options {
        first: client(url)?,
        second: optional(&arguments.second_url)?,
        authenticated: optional(&arguments.authenticated_url)?,
        elsewhere: arguments.keys_at.iter().map(|text| elsewhere(text, &arguments.header)).collect::<Result<_, _>>()?,
        restart: arguments.restart_command.clone().map(Restart::Command),
        only: arguments.only.clone(),
        profile: arguments.profile,
    };
    let suite = files::read(&arguments.cases).map_err(|error| error.to_string())?;
    options.first.connect().map_err(|error| format!("{url}: {error}"))?;

    let reports = run(&suite, &options, |report| {
        if let Some(row) = row(report) {
            println!("{row}");
        }
    })?;
    if reports.is_empty() {
        return Err("no case matches --only".to_owned());
    }
    let strictness = if arguments.strict { Strictness::Strict } else { Strictness::Lenient };
    let report = Report::new(url, arguments.profile, strictness, reports);
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))?;
    }
    print!("{}", report.summary());
    Ok(if report.counts.differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected 'name: value', such as 'x-functions-key: …'")?;
    let is_token =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_token(name) || value.contains(['\r', '\n']) {
        return Err(format!("{name:?} is not a header name, or its value has several lines"));
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}
