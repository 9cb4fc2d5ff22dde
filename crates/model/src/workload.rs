//! What the bakers of a setup want signed, and the requests that they send.

use crate::payload::{Form, payload};
use crate::{Broken, Setup};
use azurehsm_signer::marks::{AttemptId, MarkId, Request};
use azurehsm_signer::tezos::payload::{Kind, Payload};
use azurehsm_signer::tezos::{ChainId, Curve, Digest, PublicKeyHash, Signature};

/// A payload that a baker wants signed, and may send more than once.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// As the product decodes it.
    pub(crate) request: Request,
    /// Number of its mark.
    pub(crate) mark: usize,
    /// Number of its slot: kind, level and round.
    pub(crate) slot: usize,
    /// Name in the description of a run.
    pub(crate) name: String,
}

/// A request on the network: one of the times that a payload is sent.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Number of the job.
    pub(crate) job: usize,
    /// The previous delivery of the same job. They are interchangeable, so it is enough that they arrive in order.
    pub(crate) after: Option<usize>,
    pub(crate) attempt: AttemptId,
    /// The signature that the vault computes for this delivery only: signing is randomised.
    pub(crate) signature: Signature,
}

/// All jobs and deliveries of a setup.
pub(crate) struct Workload {
    pub(crate) jobs: Vec<Job>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) marks: Vec<MarkId>,
    /// Number of slots.
    pub(crate) slots: usize,
    /// For each mark, a request above all others, for use after the run.
    pub(crate) fresh: Vec<Request>,
}

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";
const COMPANION: &str = "tz3gXffsd2euM7pzj2uEXyfpeWXuBBsjLWM2";

impl Workload {
    pub(crate) fn of(setup: &Setup, broken: Option<Broken>) -> Result<Self, String> {
        let mut all = Self { jobs: Vec::new(), deliveries: Vec::new(), marks: Vec::new(), slots: 0, fresh: Vec::new() };
        for forms in setup.kinds {
            for level in 1..=setup.levels {
                for (baker, variant) in (0..setup.bakers).zip(setup.first_baker..) {
                    let form = forms[baker % forms.len()];
                    let request = request(form, level, variant, broken)?;
                    let name = format!("{form:?} at level {level} of baker {baker}");
                    all.add(request, name, all.slots, setup)?;
                }
                all.slots += 1;
            }
        }
        if setup.has_companion {
            all.add_companions(setup)?;
        }
        for id in &all.marks {
            let form = if id.kind == Kind::Block { Form::Block } else { Form::Attestation };
            let above = request(form, setup.levels + 1, 0, None)?;
            all.fresh.push(Request { id: *id, ..above });
        }
        Ok(all)
    }

    /// The last baker's job at the first slot.
    pub(crate) fn last_at_first_slot(&self) -> Option<&Job> {
        self.jobs.iter().rfind(|job| job.slot == 0)
    }

    /// The job with the companion key for the same bytes, if there is one.
    pub(crate) fn companion_of(&self, job: usize) -> Option<usize> {
        let (digest, key) = (self.jobs[job].request.digest, self.jobs[job].request.id.key);
        self.jobs.iter().position(|other| other.request.digest == digest && other.request.id.key != key)
    }

    /// Every job again, with the companion key.
    fn add_companions(&mut self, setup: &Setup) -> Result<(), String> {
        let key: PublicKeyHash = COMPANION.parse().map_err(|error| format!("{error}"))?;
        let slots = self.slots;
        for job in self.jobs.clone() {
            let id = MarkId { key, ..job.request.id };
            let request = Request { id, ..job.request };
            self.add(request, format!("{}, companion", job.name), slots + job.slot, setup)?;
        }
        self.slots *= 2;
        Ok(())
    }

    fn add(&mut self, request: Request, name: String, slot: usize, setup: &Setup) -> Result<(), String> {
        let mark = self.marks.iter().position(|id| *id == request.id).unwrap_or_else(|| {
            self.marks.push(request.id);
            self.marks.len() - 1
        });
        let job = self.jobs.len();
        self.jobs.push(Job { request, mark, slot, name });
        for time in 0..setup.times_sent {
            let number = self.deliveries.len();
            let byte = u8::try_from(number + usize::from(setup.site) * 0x80);
            let byte = byte.map_err(|_| "more than 128 requests".to_owned())?;
            self.deliveries.push(Delivery {
                job,
                after: (time > 0).then(|| number - 1),
                attempt: format!("{byte:032x}").parse().map_err(|error| format!("{error}"))?,
                signature: Signature::P256([byte; 64]),
            });
        }
        Ok(())
    }
}

fn request(form: Form, level: u8, variant: u8, broken: Option<Broken>) -> Result<Request, String> {
    let bytes = payload(form, level, 0, variant);
    let decoded = Payload::decode(&bytes, Curve::P256).map_err(|error| format!("{form:?}: {error}"))?;
    let consensus = decoded.consensus().ok_or_else(|| format!("{form:?} is neither a block nor a vote"))?;
    let key: PublicKeyHash = KEY.parse().map_err(|error| format!("{error}"))?;
    let mut id = MarkId { chain: consensus.chain, key, kind: consensus.kind };
    if broken == Some(Broken::MarkPerContentTag) && form == Form::AttestationWithDal {
        id.chain = ChainId::from_bytes([23; 4]);
    }
    let digest = Digest::of(&bytes);
    Ok(Request { id, position: consensus.position, digest, jump_limit: None, max_level: None, requester: None })
}
