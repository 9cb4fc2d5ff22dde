//! Chaos testing: random faults while pairs of bakers compete with the same keys.
//!
//! Four processes of the shipped program run against stand-ins of Azure, with every kind of fault, kills, pauses, clock jumps, and
//! trouble that lasts; then four relays in front of signers in two regions. Bakers that share keys want different payloads signed at the same positions. A judge then checks the
//! history against the invariants. `README.md` explains the output.

mod availability;
mod baker;
mod calm;
mod chain_drill;
mod client;
mod clock;
mod dice;
mod disrupt;
mod drills;
mod error;
mod fleet;
mod flood;
mod handover_drill;
mod history;
mod honest;
mod interventions;
mod judge;
mod keys;
mod loss_drill;
mod operator;
mod outcome;
mod paced;
mod payload;
mod relays;
mod release;
mod report;
mod restore_drill;
mod sealed_drill;
mod season;
mod served;
mod setup;
mod side_by_side;
mod spells;
mod stop_drill;
mod stop_figures;
mod stored;
mod storm;
mod turns;
mod weather;

use availability::MIN_PERCENT;
use clap::Parser;
use dice::Seed;
use drills::{Drill, DrillFigures};
use error::SeasonError;
use history::History;
use judge::Violation;
use report::Figures;
use setup::{Programs, Season};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Random faults while pairs of bakers compete with the same keys.
///
/// Exits with 0 if no invariant was violated and honest bakers got their signatures outside outages, with 1 otherwise, and with 2
/// if the run failed or was not eventful enough to be meaningful.
#[derive(Debug, Parser)]
#[command(version = None)]
struct Arguments {
    /// Length of all seasons together, in seconds.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Length in minutes.
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    minutes: Option<u64>,
    /// Seed of all randomness; different every time by default.
    #[arg(long)]
    seed: Option<u64>,
    /// The shipped program.
    #[arg(long, value_name = "PATH", default_value = "target/package/app/azurehsm-signer")]
    signer: PathBuf,
    /// The same program, linked dynamically, so that libfaketime can set its wall clock; two of the four signers run it.
    #[arg(long, value_name = "PATH")]
    clock_signer: Option<PathBuf>,
    /// Another release of the program. Half of the processes run each release at the start, and every restart changes the release.
    #[arg(long, value_name = "PATH")]
    beside: Option<PathBuf>,
    /// Runs this drill alone.
    #[arg(long, value_enum, conflicts_with_all = ["seconds", "minutes"])]
    drill: Option<Drill>,
}

/// Maximum length of a part. A longer run has several independent parts, since the history of a part is kept in memory. Each has a
/// storm, spells, and a season with relays.
const MAX_SEASON: Duration = Duration::from_mins(2);

/// Maximum number of violations of an invariant that are printed with the history of their slot.
const MAX_DETAILED: usize = 3;

/// Maximum number of missing signatures that are listed.
const MAX_LISTED_LOSSES: usize = 20;

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
    if let Some(drill) = arguments.drill {
        return run_only(drill, &programs, seed);
    }
    println!("seed {seed}, {} s", length.as_secs());
    let mut figures = Figures::new(seed, length, &programs);
    let (mut left, mut part) = (length, 0);
    while !left.is_zero() {
        let length = left.min(MAX_SEASON);
        for (season, percent) in [(Season::Storm, 30), (Season::Spells, 45), (Season::Relays, 25)] {
            let seed = Seed(seed.wrapping_add(part));
            add_season(&mut figures, season, &programs, seed, length * percent / 100)?;
        }
        left -= length;
        part += 1;
    }
    for drill in Drill::ALL {
        let (drilled, violations) = run_drill(drill, &programs, seed)?;
        figures.add_drill(drilled, violations);
    }
    if programs.other.is_some() {
        take_turns(&mut figures, &programs)?;
    }
    print!("\n{figures}");
    let lacking = figures.lacking();
    for lost in figures.availability.lost.iter().take(MAX_LISTED_LOSSES) {
        println!("not signed outside outages: {lost}");
    }
    for lost in figures.served.lost.iter().take(MAX_LISTED_LOSSES) {
        println!("not served through a relay: {lost}");
    }
    if figures.violations > 0 || !figures.availability.is_enough() || !figures.served.is_enough() {
        if !figures.availability.is_enough() {
            println!(
                "honest bakers must get more than {MIN_PERCENT} % of their signatures in each kind of spell outside outages"
            );
        }
        if !figures.served.is_enough() {
            println!(
                "living relays must serve {} % of requests while one region and the store are well",
                served::MIN_PERCENT
            );
        }
        println!("{}", figures.summary());
        return Ok(ExitCode::FAILURE);
    }
    if !lacking.is_empty() {
        println!("chaos: the run was not eventful enough: no {} (seed {seed})", lacking.join(", no "));
        return Ok(ExitCode::from(2));
    }
    println!("{}", figures.summary());
    Ok(ExitCode::SUCCESS)
}

/// Runs a season or a drill in a new runtime, so that it leaves nothing behind for the next.
fn run_alone<T>(part: impl Future<Output = Result<T, SeasonError>>) -> Result<T, String> {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| format!("cannot start the runtime: {error}"))?;
    let result = runtime.block_on(part).map_err(|error| error.to_string())?;
    runtime.shutdown_background();
    Ok(result)
}

/// Runs a season, and adds it to the figures.
fn add_season(
    figures: &mut Figures,
    season: Season,
    programs: &Programs,
    seed: Seed,
    length: Duration,
) -> Result<(), String> {
    let outcome = match season {
        Season::Relays => run_alone(relays::run(programs, seed, length))?,
        Season::Storm | Season::Spells => run_alone(season::run(season, programs, seed, length))?,
    };
    let violations = judge::judge(&outcome.history);
    print_violations(&violations, &outcome.history, seed);
    figures.add(&outcome.history, outcome.happened, violations.len());
    Ok(())
}

/// Carries out a drill. Returns its figures, and the number of violations.
fn run_drill(drill: Drill, programs: &Programs, seed: u64) -> Result<(DrillFigures, usize), String> {
    let (histories, figures) = run_alone(drill.run(programs, Seed(seed)))?;
    let mut count = 0;
    for history in &histories {
        let violations = judge::judge(history);
        print_violations(&violations, history, Seed(seed));
        count += violations.len();
    }
    let across = judge::judge_across(&histories);
    if let Some(all) = histories.into_iter().reduce(History::with) {
        print_violations(&across, &all, Seed(seed));
    }
    Ok((figures, count + across.len()))
}

/// Carries out one drill and nothing else.
fn run_only(drill: Drill, programs: &Programs, seed: u64) -> Result<ExitCode, String> {
    let (figures, violations) = run_drill(drill, programs, seed)?;
    for (name, value) in figures.rows() {
        println!("{name:<28}{value}");
    }
    println!("chaos: {violations} violations in the drill (seed {seed})");
    Ok(if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Has both releases sign in turns with one embedded store.
fn take_turns(figures: &mut Figures, programs: &Programs) -> Result<(), String> {
    let wrong = run_alone(turns::run(programs))?;
    for wrong in &wrong {
        println!("embedded store, used by both releases in turns: {wrong}");
    }
    figures.violations += wrong.len() as u64;
    Ok(())
}

/// Prints each violated invariant, the number of violations, and the history of the first slots.
fn print_violations(violations: &[Violation], history: &History, seed: Seed) {
    for of_one in violations.chunk_by(|one, other| one.invariant == other.invariant) {
        let Some(Violation { invariant, .. }) = of_one.first() else { continue };
        println!("\n{} violation{} (seed {seed}): {invariant}", of_one.len(), if of_one.len() == 1 { "" } else { "s" });
        for Violation { slot, what, .. } in of_one.iter().take(MAX_DETAILED) {
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
            "{signer} does not exist: build it with `cargo run --locked -p packaging`, or use --signer"
        ));
    }
    let with_clock = match (&arguments.clock_signer, clock::library()) {
        (None, _) => {
            println!("no --clock-signer: wall clocks do not jump in this run");
            None
        }
        (Some(program), _) if !program.is_file() => {
            return Err(format!("{} does not exist: build it with `cargo build`", program.display()));
        }
        (Some(_), None) => {
            println!("libfaketime is not installed: wall clocks do not jump in this run");
            None
        }
        (Some(program), Some(library)) => Some((absolute(program)?, library)),
    };
    let other = match &arguments.beside {
        Some(program) if !program.is_file() => return Err(format!("--beside: {} does not exist", program.display())),
        Some(program) => Some(absolute(program)?),
        None => None,
    };
    Ok(Programs { signer: absolute(signer)?, with_clock, other })
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

fn from_the_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}
