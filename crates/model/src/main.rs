//! Checks the protocol in every possible order of events, and that broken variants of it are caught.

use clap::Parser;
use model::{Broken, Caught, Explored, SETUPS, Setup, THOROUGH, catch, explore};
use std::process::ExitCode;

/// Checks the protocol between bakers, signers, mark store and vault in every possible order of events.
#[derive(Parser)]
struct Options {
    /// Explore larger models too. Takes minutes, and gigabytes of memory.
    #[arg(long)]
    thorough: bool,
    /// Print how each broken variant fails, step by step.
    #[arg(long)]
    runs: bool,
}

/// Sums over all setups and variants.
#[derive(Default)]
struct Totals {
    states: usize,
    setups: usize,
    violations: usize,
    variants: usize,
    caught: usize,
}

fn main() -> Result<ExitCode, String> {
    let options = Options::parse();
    let mut totals = Totals::default();
    heading(
        "two bakers, conflicting payloads",
        "signers  levels   sent  crashes  faults      states       steps  depth  seconds",
    );
    let larger = if options.thorough { THOROUGH } else { &[] };
    for setup in SETUPS.iter().chain(larger) {
        totals.add_setup(setup, &explore(*setup)?);
    }
    println!();
    heading("broken on purpose", "         where   does not hold        after steps   of states");
    for broken in Broken::ALL {
        for (setup, breaks) in broken.shows() {
            totals.add_variant(broken, setup, catch(broken, *setup, breaks), options.runs);
        }
    }
    Ok(totals.summarise())
}

impl Totals {
    fn add_setup(&mut self, setup: &Setup, explored: &Explored) {
        self.setups += 1;
        self.states += explored.states;
        println!(
            "{:<36}{:>8}{:>8}{:>7}{:>9}{:>8}{:>12}{:>12}{:>7}{:>9.1}",
            setup.name,
            setup.instances,
            setup.levels,
            format!("{} ×", setup.times_sent),
            setup.crashes,
            setup.faults,
            grouped(explored.states),
            grouped(explored.steps),
            explored.depth,
            explored.took.as_secs_f64()
        );
        for (property, run) in &explored.violated {
            self.violations += 1;
            println!("  DOES NOT HOLD: {property}");
            print_run(run);
        }
    }

    fn add_variant(&mut self, broken: Broken, setup: &Setup, found: Result<Caught, String>, prints_runs: bool) {
        self.variants += 1;
        match found {
            Ok(Caught { property, run, states }) => {
                self.caught += 1;
                println!("{broken:<46}{:<8}{property:<22}{:>10}{:>12}", setup.name, run.len(), grouped(states));
                if prints_runs {
                    print_run(&run);
                }
            }
            Err(why) => println!("{broken:<46}{:<8}NOT CAUGHT: {why}", setup.name),
        }
    }

    fn summarise(&self) -> ExitCode {
        let Self { states, setups, violations, variants, caught } = self;
        let states = grouped(*states);
        println!(
            "\nmodel: {states} states explored in {setups} setups, {violations} violations; {caught} of {variants} broken \
             variants caught"
        );
        if *violations == 0 && caught == variants { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn heading(first: &str, others: &str) {
    println!("{first:<37}{others}");
}

fn print_run(run: &[String]) {
    for (number, step) in (1..).zip(run) {
        println!("  {number:>3}. {step}");
    }
}

/// Formats a number with thousands separators.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}
