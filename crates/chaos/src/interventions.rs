//! An operator stops and resumes keys while everything else goes on.
//!
//! | what the operator does | what must hold |
//! | --- | --- |
//! | a stop, and later a resume | nothing that was not recorded before leaves in between |
//! | two stops at once | only a resume that names both lifts any |
//! | a stop, while a resume lifts an earlier one | the later one |
//! | a stop that is killed halfway and repeated, then a resume to which the same happens | as if nothing had been killed |

use crate::dice::{Dice, Seed, Stream};
use crate::error::SeasonError;
use crate::keys::BakerKey;
use crate::operator::{ResumeForm, StopOperator};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What an operator does, in turn.
const WAYS: [Way; 4] = [Way::Killed, Way::StopDuringResume, Way::TwoStops, Way::Stop];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Stop,
    TwoStops,
    StopDuringResume,
    Killed,
}

/// A key that an operator stops and resumes.
#[derive(Debug, Clone)]
pub(crate) struct StoppedKey {
    pub(crate) key: BakerKey,
    /// The highest level that was requested, if the key signs on one chain only.
    pub(crate) head: Option<Arc<AtomicU32>>,
}

/// An operator who intervenes until the end of a season.
pub(crate) struct Interventions {
    pub(crate) seed: Seed,
    pub(crate) operator: StopOperator,
    pub(crate) keys: Vec<StoppedKey>,
    pub(crate) ends: Arc<AtomicBool>,
}

impl Interventions {
    /// Intervenes until `ends` is set. Then no key is stopped.
    pub(crate) async fn run(self) -> Result<(), SeasonError> {
        for number in 0.. {
            if self.ends.load(Ordering::Relaxed) {
                break;
            }
            let way = WAYS.get(number % WAYS.len()).copied().unwrap_or(Way::Stop);
            // Each key meets each way.
            let Some(key) = self.keys.get((number + number / WAYS.len()) % self.keys.len().max(1)) else { break };
            let mut dice = self.seed.dice(Stream::Stops, number as u64);
            tokio::time::sleep(dice.ms(100..800)).await;
            self.intervene(way, &mut dice, number, key).await?;
        }
        for StoppedKey { key, .. } in &self.keys {
            self.operator.resume(&key.address, ResumeForm::NothingSignedElsewhere).await?;
        }
        Ok(())
    }

    async fn intervene(
        &self,
        way: Way,
        dice: &mut Dice,
        number: usize,
        stopped: &StoppedKey,
    ) -> Result<(), SeasonError> {
        let (operator, key) = (&self.operator, &stopped.key.address);
        let [first, second] = ["first", "second"].map(|name| format!("{name} of {number}"));
        let is_raised = dice.chance(50.0);
        let form = || match &stopped.head {
            Some(head) if is_raised => ResumeForm::Above(head.load(Ordering::Relaxed)),
            _ => ResumeForm::NothingSignedElsewhere,
        };
        match way {
            Way::Stop => operator.stop(key, &first).await?,
            Way::TwoStops => {
                tokio::try_join!(operator.stop(key, &first), operator.stop(key, &second))?;
            }
            Way::StopDuringResume => {
                operator.stop(key, &first).await?;
                let behind = dice.ms(0..300);
                let stop = async {
                    tokio::time::sleep(behind).await;
                    operator.stop(key, &second).await
                };
                tokio::try_join!(operator.resume_once(key, form(), &[], None), stop)?;
            }
            Way::Killed => {
                let killed = [dice.ms(20..700), dice.ms(20..400)];
                operator.stop_once(key, &first, Some(killed[0])).await?;
                operator.stop(key, &first).await?;
                operator.resume_once(key, form(), &[], Some(killed[1])).await?;
            }
        }
        tokio::time::sleep(dice.ms(100..600)).await;
        operator.resume(key, form()).await
    }
}
