//! The drills: what an operator does, one thing at a time, under load.

use crate::chain_drill::{self, ChainFigures};
use crate::dice::Seed;
use crate::error::SeasonError;
use crate::handover_drill::{self, HandoverFigures};
use crate::history::History;
use crate::restore_drill::{self, RestoreFigures};
use crate::sealed_drill::{self, SealedFigures};
use crate::setup::Programs;
use crate::stop_drill::{self, StopDrillFigures};
use clap::ValueEnum;

/// A drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drill {
    /// An older copy of the marks is restored, and an operator runs `marks recover`.
    Restore,
    /// An operator stops a key while four signers sign with it at full rate.
    Stop,
    /// The signers watch the chain that they make; then a second signer votes with one of the keys.
    Chain,
    /// A key is handed over to signers with another store, and back.
    Handover,
    /// A sealed consensus key and its companion, in a storm.
    Sealed,
}

/// The figures of a drill.
#[derive(Debug, Clone)]
pub(crate) enum DrillFigures {
    Restore(RestoreFigures),
    Stop(StopDrillFigures),
    Chain(ChainFigures),
    Handover(HandoverFigures),
    Sealed(SealedFigures),
}

impl Drill {
    /// All, in the order in which they are run.
    pub(crate) const ALL: [Self; 5] = [Self::Restore, Self::Stop, Self::Chain, Self::Handover, Self::Sealed];

    /// Carries it out. Returns the history of each store's signers for the judge, too.
    pub(crate) async fn run(
        self,
        programs: &Programs,
        seed: Seed,
    ) -> Result<(Vec<History>, DrillFigures), SeasonError> {
        Ok(match self {
            Self::Restore => {
                let (history, figures) = restore_drill::run(programs).await?;
                (vec![history], DrillFigures::Restore(figures))
            }
            Self::Stop => {
                let (history, figures) = stop_drill::run(programs, seed).await?;
                (vec![history], DrillFigures::Stop(figures))
            }
            Self::Chain => {
                let (history, figures) = chain_drill::run(programs, seed).await?;
                (vec![history], DrillFigures::Chain(figures))
            }
            Self::Handover => {
                let (histories, figures) = handover_drill::run(programs).await?;
                (histories, DrillFigures::Handover(figures))
            }
            Self::Sealed => {
                let (history, figures) = sealed_drill::run(programs, seed).await?;
                (vec![history], DrillFigures::Sealed(figures))
            }
        })
    }
}

impl DrillFigures {
    /// The figures as rows of the report.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Restore(figures) => figures.rows(),
            Self::Stop(figures) => figures.rows(),
            Self::Chain(figures) => figures.rows(),
            Self::Handover(figures) => figures.rows(),
            Self::Sealed(figures) => figures.rows(),
        }
    }

    /// Whether anything was requested between a restore and the recovery.
    pub(crate) fn had_requests_after_a_restore(&self) -> bool {
        matches!(self, Self::Restore(figures) if figures.refused > 0)
    }

    /// Whether sealed keys signed, refused and met faults.
    pub(crate) fn had_sealed_keys(&self) -> bool {
        matches!(self, Self::Sealed(figures) if figures.is_eventful())
    }
}
