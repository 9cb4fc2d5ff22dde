//! Everything that can go wrong, at random, while two bakers share one key.
//!
//! Four processes of the shipped program, stand-ins of Azure that fail in every way they can, kills, pauses and clocks that
//! jump, and trouble that lasts; two bakers who want different things signed at the same positions; and a judge who reads what happened and knows
//! nothing but the invariants. `README.md` beside this crate tells how to read what it prints.

mod anew;
mod availability;
mod baker;
mod calm;
mod client;
mod clock;
mod dice;
mod disrupt;
mod fleet;
mod flood;
mod history;
mod honest;
mod judge;
mod keys;
mod payload;
mod report;
mod season;
mod setup;
mod spells;
mod stored;
mod storm;
mod weather;

use availability::LEAST_PERCENT;
use clap::Parser;
use dice::Seed;
use history::History;
use judge::Violation;
use report::Figures;
use season::{Programs, Season};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Everything that can go wrong, at random, while two bakers share one key.
///
/// Ends with 0 if no invariant was violated and an honest baker had his signatures outside outages, with 1 otherwise, and with
/// 2 if the run could not be made or did not disturb enough to mean anything.
#[derive(Debug, Parser)]
#[command(version = None)]
struct Arguments {
    /// How long the trouble lasts, in seconds: storms and spells together.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// How long it lasts, in minutes.
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    minutes: Option<u64>,
    /// What all randomness comes from; another one each time if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// The shipped program.
    #[arg(long, value_name = "PATH", default_value = "target/package/app/azurehsm-signer")]
    signer: PathBuf,
    /// The same program, dynamically linked, so that libfaketime can set its wall clock; two of the four signers run it.
    #[arg(long, value_name = "PATH")]
    clock_signer: Option<PathBuf>,
}

/// A longer run is one of several parts, each from the start: all that happened in a part is kept in memory. It begins with
/// a storm, and most of it are spells.
const MAX_SEASON: Duration = Duration::from_mins(2);

/// So many violations of an invariant are told with all that is known of their slots.
const TOLD: usize = 3;

/// So many signatures that an honest baker did not get are told.
const LOST_TOLD: usize = 20;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let programs = programs(arguments)?;
    let length = Duration::from_secs(arguments.minutes.map_or(arguments.seconds, |minutes| minutes * 60));
    let seed = arguments.seed.unwrap_or_else(from_the_clock);
    println!("seed {seed}, {} s", length.as_secs());
    let mut figures = Figures::new(seed, length, programs.with_clock.is_some());
    let (mut left, mut part) = (length, 0);
    while !left.is_zero() {
        let length = left.min(MAX_SEASON);
        for (season, percent) in [(Season::Storm, 40), (Season::Spells, 60)] {
            let seed = Seed(seed.wrapping_add(part));
            add_season(&mut figures, season, &programs, seed, length * percent / 100)?;
        }
        left -= length;
        part += 1;
    }
    print!("\n{figures}");
    let lacking = figures.lacking();
    for lost in figures.availability.lost.iter().take(LOST_TOLD) {
        println!("not signed outside outages: {lost}");
    }
    if figures.violations > 0 || !figures.availability.is_enough() {
        if !figures.availability.is_enough() {
            println!("an honest baker must have {LEAST_PERCENT} % of his signatures in each kind of spell but outages");
        }
        println!("{}", figures.summary());
        return Ok(ExitCode::FAILURE);
    }
    if !lacking.is_empty() {
        println!("chaos: too little happened to mean anything: no {} (seed {seed})", lacking.join(", no "));
        return Ok(ExitCode::from(2));
    }
    println!("{}", figures.summary());
    Ok(ExitCode::SUCCESS)
}

/// Runs a season with a runtime of its own, so that nothing of it is left for the next.
fn add_season(
    figures: &mut Figures,
    season: Season,
    programs: &Programs,
    seed: Seed,
    length: Duration,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let outcome = runtime.block_on(season::run(season, programs, seed, length)).map_err(|error| error.to_string())?;
    runtime.shutdown_background();
    let violations = judge::judge(&outcome.history);
    tell(&violations, &outcome.history, seed);
    figures.add(&outcome.history, outcome.happened, violations.len());
    Ok(())
}

/// Each invariant that was violated, and how often; the first times with all that is known of the slot.
fn tell(violations: &[Violation], history: &History, seed: Seed) {
    for of_one in violations.chunk_by(|one, other| one.invariant == other.invariant) {
        let Some(Violation { invariant, .. }) = of_one.first() else { continue };
        println!("\nviolated {} times (seed {seed}): {invariant}", of_one.len());
        for Violation { slot, what, .. } in of_one.iter().take(TOLD) {
            println!("* {what}");
            if let Some(slot) = slot {
                println!("  {slot}");
                for line in judge::story(history, slot) {
                    println!("  {line}");
                }
            }
        }
    }
}

fn programs(arguments: &Arguments) -> Result<Programs, String> {
    let signer = &arguments.signer;
    if !signer.is_file() {
        let signer = signer.display();
        return Err(format!(
            "there is no {signer}: make it with `cargo run --locked -p packaging`, or name another one with --signer"
        ));
    }
    let with_clock = match (&arguments.clock_signer, clock::library()) {
        (None, _) => {
            println!("no --clock-signer: wall clocks do not jump in this run");
            None
        }
        (Some(program), _) if !program.is_file() => {
            return Err(format!("there is no {}: make it with `cargo build`", program.display()));
        }
        (Some(_), None) => {
            println!("libfaketime is not installed: wall clocks do not jump in this run");
            None
        }
        (Some(program), Some(library)) => Some((absolute(program)?, library)),
    };
    Ok(Programs { signer: absolute(signer)?, with_clock })
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

fn from_the_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}
