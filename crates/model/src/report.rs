use crate::{Broken, Protocol, Setup};
use stateright::{Checker, Expectation, HasDiscoveries, Model, Property};
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// What came of a setup.
#[derive(Debug, Clone)]
pub struct Explored {
    /// Different states that were reached.
    pub states: usize,
    /// Steps between them that were taken.
    pub steps: usize,
    /// The most things that happen in one run.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// The properties that do not hold, each with a shortest run that shows it, in words. Without one: nothing shows it.
    pub violated: Vec<(&'static str, Vec<String>)>,
}

/// Explores a setup of the protocol as it is, in full.
///
/// # Errors
/// If the product's decoder does not know the payloads.
pub fn explore(setup: Setup) -> Result<Explored, String> {
    Ok(run(Protocol::new(setup, None)?, HasDiscoveries::All))
}

/// A broken variant that was caught.
#[derive(Debug, Clone)]
pub struct Caught {
    /// The property that does not hold.
    pub property: &'static str,
    /// A shortest run that shows it, in words.
    pub run: Vec<String>,
    /// States that were reached until then.
    pub states: usize,
}

/// Looks for a run of a broken variant that shows that it is, in one of the setups [where it shows](Broken::shows).
///
/// # Errors
/// If there is none.
pub fn catch(broken: Broken, setup: Setup, breaks: &'static [&'static str]) -> Result<Caught, String> {
    let explored = run(Protocol::new(setup, Some(broken))?, HasDiscoveries::AnyOf(breaks.iter().copied().collect()));
    let found = explored.violated.into_iter().find(|(property, _)| breaks.contains(property));
    let (property, run) = found.ok_or_else(|| format!("nothing wrong is found in {} states", explored.states))?;
    Ok(Caught { property, run, states: explored.states })
}

fn run(protocol: Protocol, until: HasDiscoveries) -> Explored {
    let start = Instant::now();
    let threads = available_parallelism().map_or(1, NonZero::get);
    let checker = protocol.checker().threads(threads).finish_when(until).spawn_bfs().join();
    let mut violated = Vec::new();
    for Property { expectation, name, .. } in checker.model().properties() {
        match (expectation, checker.discovery(name)) {
            (Expectation::Always, Some(run)) => {
                let actions = run.into_actions().into_iter();
                violated.push((name, actions.map(|action| checker.model().describe(action)).collect()));
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
