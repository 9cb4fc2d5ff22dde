//! Checks the protocol in every possible order of events, and that broken variants of it are caught.

use clap::Parser;
use model::{
    Broken, BrokenHandover, BrokenRecovery, BrokenRelay, BrokenStop, BrokenWitness, Caught, Explored, HANDOVER_SETUPS,
    RECOVERY_SETUPS, RELAY_SETUPS, SETUPS, STOP_SETUPS, Setup, THOROUGH, WITNESS_SETUPS, catch, catch_handover,
    catch_recovery, catch_relay, catch_stop, catch_witness, explore, explore_handovers, explore_recoveries,
    explore_relays, explore_stops, explore_witness,
};
use std::fmt;
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
        let bounds =
            [setup.instances, setup.levels.into(), setup.times_sent, setup.crashes.into(), setup.faults.into()];
        totals.add_setup(setup.name, bounds, &explore(*setup)?);
    }
    println!();
    heading("relays", "  calls  levels   legs    kills    lost      states       steps  depth  seconds");
    for setup in RELAY_SETUPS {
        let (levels, legs) = (setup.signers.levels.into(), setup.signers.times_sent);
        let bounds = [setup.calls.len(), levels, legs, setup.kills.into(), setup.lost_replies.into()];
        totals.add_setup(setup.name, bounds, &explore_relays(*setup)?);
    }
    println!();
    heading("stops", "signers commands   sent  crashes  faults      states       steps  depth  seconds");
    for setup in STOP_SETUPS {
        totals.add_setup(setup.name, bounds(&setup.signers, setup.commands.len()), &explore_stops(*setup)?);
    }
    println!();
    heading("a store is lost", "signers recovers   sent  crashes  faults      states       steps  depth  seconds");
    for setup in RECOVERY_SETUPS {
        totals.add_setup(setup.name, bounds(&setup.signers, setup.recoveries), &explore_recoveries(*setup)?);
    }
    println!();
    heading("two stores", "signers handovers  sent  crashes  faults      states       steps  depth  seconds");
    for setup in HANDOVER_SETUPS {
        totals.add_setup(setup.name, bounds(&setup.signers, setup.handovers), &explore_handovers(*setup)?);
    }
    println!();
    heading(
        "the chain as a witness",
        "signers watchers   sent  crashes  faults      states       steps  depth  seconds",
    );
    for setup in WITNESS_SETUPS {
        totals.add_setup(setup.name, bounds(&setup.here.signers, setup.watchers), &explore_witness(*setup)?);
    }
    println!();
    heading("broken on purpose", "         where   does not hold        after steps   of states");
    for broken in Broken::ALL {
        for (setup, breaks) in broken.shows() {
            totals.add_variant(&broken, setup.name, catch(broken, *setup, breaks), options.runs);
        }
    }
    for broken in BrokenRelay::ALL {
        totals.add_variant(&broken, broken.shows().0.name, catch_relay(broken), options.runs);
    }
    for broken in BrokenStop::ALL {
        totals.add_variant(&broken, broken.shows().0.name, catch_stop(broken), options.runs);
    }
    for broken in BrokenRecovery::ALL {
        totals.add_variant(&broken, broken.shows().0.name, catch_recovery(broken), options.runs);
    }
    for broken in BrokenHandover::ALL {
        totals.add_variant(&broken, broken.shows().0.name, catch_handover(broken), options.runs);
    }
    for broken in BrokenWitness::ALL {
        totals.add_variant(&broken, broken.shows().0.name, catch_witness(broken), options.runs);
    }
    Ok(totals.summarise())
}

/// The columns of a setup: its signers, and how many others take part.
fn bounds(signers: &Setup, others: usize) -> [usize; 5] {
    [signers.instances, others, signers.times_sent, signers.crashes.into(), signers.faults.into()]
}

impl Totals {
    /// `bounds` are the columns of the setup: the third is how often each payload is sent at most.
    fn add_setup(&mut self, name: &str, bounds: [usize; 5], explored: &Explored) {
        let [first, levels, sent, crashes, faults] = bounds;
        self.setups += 1;
        self.states += explored.states;
        println!(
            "{:<36}{:>8}{:>8}{:>7}{:>9}{:>8}{:>12}{:>12}{:>7}{:>9.1}",
            name,
            first,
            levels,
            format!("{sent} ×"),
            crashes,
            faults,
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

    fn add_variant(
        &mut self,
        broken: &dyn fmt::Display,
        setup: &str,
        found: Result<Caught, String>,
        prints_runs: bool,
    ) {
        self.variants += 1;
        match found {
            Ok(Caught { property, run, states }) => {
                self.caught += 1;
                println!("{broken:<46}{:<8}{property:<22}{:>10}{:>12}", setup, run.len(), grouped(states));
                if prints_runs {
                    print_run(&run);
                }
            }
            Err(why) => println!("{broken:<46}{setup:<8}NOT CAUGHT: {why}"),
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
