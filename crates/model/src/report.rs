//! Explores a setup and reports what was found.

use crate::{
    Broken, BrokenHandover, BrokenRecovery, BrokenRelay, BrokenStop, BrokenWitness, HandoverProtocol, HandoverSetup,
    Protocol, RecoveryProtocol, RecoverySetup, RelayProtocol, RelaySetup, Setup, StopProtocol, StopSetup,
    WitnessProtocol, WitnessSetup,
};
use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};
use std::hash::Hash;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// Result of exploring a setup.
#[derive(Debug, Clone)]
pub struct Explored {
    /// Number of distinct states reached.
    pub states: usize,
    /// Number of steps taken between them.
    pub steps: usize,
    /// Length of the longest run.
    pub depth: usize,
    /// Elapsed time.
    pub took: Duration,
    /// Violated properties, each with a shortest run that shows it, in words; the run is empty if a required state is unreachable.
    pub violated: Vec<(&'static str, Vec<String>)>,
}

/// Explores the correct protocol in a setup, exhaustively.
///
/// # Errors
/// If the product's decoder rejects a payload of the model.
pub fn explore(setup: Setup) -> Result<Explored, String> {
    Ok(run(Protocol::new(setup, None)?, Protocol::describe, HasDiscoveries::All))
}

/// Explores correct relays in a setup, exhaustively.
///
/// # Errors
/// If the product's decoder rejects a payload of the model.
pub fn explore_relays(setup: RelaySetup) -> Result<Explored, String> {
    Ok(run(RelayProtocol::new(setup, None)?, RelayProtocol::describe, HasDiscoveries::All))
}

/// Explores stops and resumes in a setup, exhaustively.
///
/// # Errors
/// If the product's decoder rejects a payload of the model.
pub fn explore_stops(setup: StopSetup) -> Result<Explored, String> {
    Ok(run(StopProtocol::new(setup, None)?, StopProtocol::describe, HasDiscoveries::All))
}

/// Explores recoveries in a setup, exhaustively.
///
/// # Errors
/// If the product's decoder rejects a payload of the model.
pub fn explore_recoveries(setup: RecoverySetup) -> Result<Explored, String> {
    Ok(run(RecoveryProtocol::new(setup, None)?, RecoveryProtocol::describe, HasDiscoveries::All))
}

/// Explores handovers in a setup, exhaustively.
///
/// # Errors
/// If the product's decoder rejects a payload of the model.
pub fn explore_handovers(setup: HandoverSetup) -> Result<Explored, String> {
    Ok(run(HandoverProtocol::new(setup, None)?, HandoverProtocol::describe, HasDiscoveries::All))
}

/// Explores the witness in a setup, exhaustively.
///
/// # Errors
/// If the product's decoder rejects a payload of the model.
pub fn explore_witness(setup: WitnessSetup) -> Result<Explored, String> {
    Ok(run(WitnessProtocol::new(setup, None)?, WitnessProtocol::describe, HasDiscoveries::All))
}

/// A broken variant that was caught.
#[derive(Debug, Clone)]
pub struct Caught {
    /// The violated property.
    pub property: &'static str,
    /// A shortest run that violates it, in words.
    pub run: Vec<String>,
    /// Number of states explored until then.
    pub states: usize,
}

/// Searches for a run in which a broken variant violates one of the properties that it [can violate](Broken::shows).
///
/// # Errors
/// If there is no such run.
pub fn catch(broken: Broken, setup: Setup, breaks: &'static [&'static str]) -> Result<Caught, String> {
    let until = HasDiscoveries::AnyOf(breaks.iter().copied().collect());
    caught(run(Protocol::new(setup, Some(broken))?, Protocol::describe, until), breaks)
}

/// The same for a broken relay.
///
/// # Errors
/// If there is no such run.
pub fn catch_relay(broken: BrokenRelay) -> Result<Caught, String> {
    let (setup, breaks) = broken.shows();
    let until = HasDiscoveries::AnyOf(breaks.iter().copied().collect());
    caught(run(RelayProtocol::new(setup, Some(broken))?, RelayProtocol::describe, until), breaks)
}

/// The same for a mistake about stops.
///
/// # Errors
/// If there is no such run.
pub fn catch_stop(broken: BrokenStop) -> Result<Caught, String> {
    let (setup, breaks) = broken.shows();
    let until = HasDiscoveries::AnyOf(breaks.iter().copied().collect());
    caught(run(StopProtocol::new(setup, Some(broken))?, StopProtocol::describe, until), breaks)
}

/// The same for a mistake about recoveries.
///
/// # Errors
/// If there is no such run.
pub fn catch_recovery(broken: BrokenRecovery) -> Result<Caught, String> {
    let (setup, breaks) = broken.shows();
    let until = HasDiscoveries::AnyOf(breaks.iter().copied().collect());
    caught(run(RecoveryProtocol::new(setup, Some(broken))?, RecoveryProtocol::describe, until), breaks)
}

/// The same for a mistake about handovers.
///
/// # Errors
/// If there is no such run.
pub fn catch_handover(broken: BrokenHandover) -> Result<Caught, String> {
    let (setup, breaks) = broken.shows();
    let until = HasDiscoveries::AnyOf(breaks.iter().copied().collect());
    caught(run(HandoverProtocol::new(setup, Some(broken))?, HandoverProtocol::describe, until), breaks)
}

/// The same for a mistake of the witness.
///
/// # Errors
/// If there is no such run.
pub fn catch_witness(broken: BrokenWitness) -> Result<Caught, String> {
    let (setup, breaks) = broken.shows();
    let until = HasDiscoveries::AnyOf(breaks.iter().copied().collect());
    caught(run(WitnessProtocol::new(setup, Some(broken))?, WitnessProtocol::describe, until), breaks)
}

fn caught(explored: Explored, breaks: &[&str]) -> Result<Caught, String> {
    let found = explored.violated.into_iter().find(|(property, _)| breaks.contains(property));
    let (property, run) = found.ok_or_else(|| format!("no violation in {} states", explored.states))?;
    Ok(Caught { property, run, states: explored.states })
}

fn run<M>(model: M, describe: impl Fn(&M, M::Action) -> String, until: HasDiscoveries) -> Explored
where
    M: Model<State: Clone + PartialEq + Hash + Send + Sync + 'static, Action: Clone + PartialEq>
        + Send
        + Sync
        + 'static,
{
    let start = Instant::now();
    let threads = available_parallelism().map_or(1, NonZero::get);
    let checker = model.checker().threads(threads).finish_when(until).spawn_bfs().join();
    let mut violated = Vec::new();
    for Property { expectation, name, .. } in checker.model().properties() {
        match (expectation, checker.discovery(name)) {
            (Expectation::Always, Some(run)) => {
                let actions = run.into_actions().into_iter();
                violated.push((name, actions.map(|action| describe(checker.model(), action)).collect()));
            }
            (Expectation::Sometimes, None) if checker.is_done() => violated.push((name, Vec::new())),
            _ => {}
        }
    }
    Explored {
        violated,
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        took: start.elapsed(),
    }
}
