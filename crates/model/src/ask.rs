use crate::payload::{Form, payload};
use crate::{Broken, Setup};
use azurehsm_signer::marks::{AttemptId, MarkId, Request};
use azurehsm_signer::tezos::payload::{Kind, Payload};
use azurehsm_signer::tezos::{ChainId, Curve, Digest, PublicKeyHash, Signature};

/// What a request asks for: the payload of one baker, which may be asked for more than once.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// As the product reads it.
    pub(crate) request: Request,
    /// The number of its mark.
    pub(crate) mark: usize,
    /// The number of its slot: kind, level and round.
    pub(crate) slot: usize,
    /// For messages to people.
    pub(crate) name: String,
}

/// A request on the network: one of the times that something is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// The number of what is asked for.
    pub(crate) ask: usize,
    /// The one before, of the same bytes. They are alike, so it is enough to let them arrive in order.
    pub(crate) after: Option<usize>,
    pub(crate) attempt: AttemptId,
    /// What the vault makes for it, and for no other: it is randomised.
    pub(crate) signature: Signature,
}

/// All that the bakers of a setup ask for, and at last something above it.
pub(crate) struct Asks {
    pub(crate) wanted: Vec<Ask>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) marks: Vec<MarkId>,
    pub(crate) slots: usize,
    /// One for each mark, above all else. Nobody asks for it but when all is over.
    pub(crate) fresh: Vec<Request>,
}

const KEY: &str = "tz3ZxowXGSjiVq227GQcwKdz87rKhq62rY4t";

impl Asks {
    pub(crate) fn of(setup: &Setup, broken: Option<Broken>) -> Result<Self, String> {
        let mut all =
            Self { wanted: Vec::new(), deliveries: Vec::new(), marks: Vec::new(), slots: 0, fresh: Vec::new() };
        for forms in setup.kinds {
            for level in 1..=setup.levels {
                for (baker, variant) in (0..setup.bakers).zip(0_u8..) {
                    let form = forms[baker % forms.len()];
                    let request = request(form, level, variant, broken)?;
                    let name = format!("{form:?} at level {level} of baker {baker}");
                    all.add(request, name, all.slots, setup.times_asked)?;
                }
                all.slots += 1;
            }
        }
        for id in &all.marks {
            let form = if id.kind == Kind::Block { Form::Block } else { Form::Attestation };
            let above = request(form, setup.levels + 1, 0, None)?;
            all.fresh.push(Request { id: *id, ..above });
        }
        Ok(all)
    }

    /// What the last baker wants at the first slot.
    pub(crate) fn last_at_first_slot(&self) -> Option<&Ask> {
        self.wanted.iter().rfind(|ask| ask.slot == 0)
    }

    fn add(&mut self, request: Request, name: String, slot: usize, times: usize) -> Result<(), String> {
        let mark = self.marks.iter().position(|id| *id == request.id).unwrap_or_else(|| {
            self.marks.push(request.id);
            self.marks.len() - 1
        });
        let ask = self.wanted.len();
        self.wanted.push(Ask { request, mark, slot, name });
        for time in 0..times {
            let number = self.deliveries.len();
            let byte = u8::try_from(number).map_err(|_| "too many requests for a model".to_owned())?;
            self.deliveries.push(Delivery {
                ask,
                after: (time > 0).then(|| number - 1),
                attempt: format!("{number:032x}").parse().map_err(|error| format!("{error}"))?,
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
