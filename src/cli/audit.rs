//! `audit`: collects the history of signatures, and checks it.

use super::{
    CommandError, output_failed, print_line, read_file_or_input, runtime, variable, variable_names, wrong_settings,
};
use azurehsm_signer::audit::{Container, Line, Report, Severity, lines_of_log, verify};
use azurehsm_signer::settings::AuditSettings;
use azurehsm_signer::wiring::Azure;
use clap::Subcommand;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Writes the history of signatures as JSON lines to standard output: from the container in the settings, or from a log
    Export {
        /// Reads a log of the service instead, or the result of a query of its workspace; - reads standard input
        #[arg(long, value_name = "FILE")]
        log: Option<PathBuf>,
        /// Only this day (UTC), such as 2026-01-31, or this month, such as 2026-01
        #[arg(long, conflicts_with = "log", value_parser = day)]
        day: Option<String>,
    },
    /// Checks the chain of digests and the signatures of blocks in files of `audit export`. Exits with 0 if they are complete and
    /// consistent, 3 if something was changed, and 4 if something is missing
    Verify {
        /// The files. Default: standard input
        files: Vec<PathBuf>,
    },
}

/// Something was changed.
const TAMPERED: u8 = 3;
/// Something is missing.
const GAP: u8 = 4;

pub(super) fn run(command: Command) -> Result<ExitCode, CommandError> {
    match command {
        Command::Export { log: Some(log), .. } => {
            let text = read(&log)?;
            lines_of_log(&text).try_for_each(|line| print_line(&line))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Export { log: None, day } => {
            let exported = runtime()?.block_on(export(&day.unwrap_or_default()));
            exported.map(|()| ExitCode::SUCCESS)
        }
        Command::Verify { files } => check(&files),
    }
}

/// Writes all lines of the container.
async fn export(prefix: &str) -> Result<(), CommandError> {
    let settings = AuditSettings::read(variable, &variable_names()).map_err(|error| wrong_settings(&error))?;
    let url = settings.container.ok_or("AUDIT_CONTAINER_URL is not set: set it, or export a log with --log FILE")?;
    let azure = Azure::prepare(&settings.services)?;
    let container = Container::new(url, Arc::clone(&azure.tokens), &azure.roots)?;
    for name in container.list(prefix).await.map_err(|error| format!("{}: {error}", container.url()))? {
        let content = container.read(&name).await.map_err(|error| format!("{name}: {error}"))?;
        std::io::stdout().lock().write_all(&content).map_err(|error| output_failed(&error))?;
    }
    Ok(())
}

fn check(files: &[PathBuf]) -> Result<ExitCode, CommandError> {
    let standard_input = [PathBuf::from("-")];
    let files = if files.is_empty() { &standard_input } else { files };
    let mut lines = Vec::new();
    for file in files {
        let text = read(file)?;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let read = Line::read(line).map_err(|error| format!("{}, line {}: {error}", file.display(), index + 1))?;
            lines.push(read);
        }
    }
    let report = verify(lines);
    for (id, finding) in &report.findings {
        let severity = match finding.severity() {
            Severity::Gap => "gap",
            Severity::Tampering => "tampering",
        };
        print_line(&format!("{severity}  {id}  {finding}"))?;
    }
    print_line(&summary(&report))?;
    Ok(match report.worst() {
        None => ExitCode::SUCCESS,
        Some(Severity::Gap) => ExitCode::from(GAP),
        Some(Severity::Tampering) => ExitCode::from(TAMPERED),
    })
}

fn summary(report: &Report) -> String {
    let Report { marks, versions, linked, only_in_log, valid_signatures, unchecked_signatures, .. } = report;
    let of = |severity| report.findings.iter().filter(|(_, finding)| finding.severity() == severity).count();
    let (gaps, changes) = (of(Severity::Gap), of(Severity::Tampering));
    format!(
        "{versions} versions of {marks} marks, {linked} linked to the one before; {valid_signatures} signatures of blocks valid, \
         {unchecked_signatures} not checked; {only_in_log} only in the log; {gaps} gaps, {changes} changes"
    )
}

fn read(path: &Path) -> Result<String, CommandError> {
    Ok(read_file_or_input(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

/// The prefix of blobs' names: a day or a month.
fn day(text: &str) -> Result<String, String> {
    let is_day = |day: &str| OffsetDateTime::parse(&format!("{day}T00:00:00Z"), &Rfc3339).is_ok();
    // Each month has a first day.
    if is_day(text) || is_day(&format!("{text}-01")) {
        Ok(text.to_owned())
    } else {
        Err("expected a day such as 2026-01-31, or a month such as 2026-01".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_day_or_a_month_is_accepted() {
        for (text, is_accepted) in [
            ("2026-01-31", true),
            ("2024-02-29", true),
            ("2026-01", true),
            ("2026", false),
            ("2026-1-31", false),
            ("2026-02-30", false),
            ("2026-13", false),
            ("2026-01-", false),
            ("2026-W05-6", false),
            ("2026-031", false),
            ("20260131", false),
            ("----------", false),
            ("0000", false),
        ] {
            assert_eq!(day(text).is_ok(), is_accepted, "{text}");
        }
    }
}
