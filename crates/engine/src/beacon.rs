//! The randomness beacon: the seed of every view this node has seen a certificate of.
//!
//! Every certificate of a view (notarization, nullification, finalization) carries the same seed, so a view
//! has one however it ends. Seeds of the last views survive a restart, because consensus reports the
//! certificates of its journal again.

use crate::{chain::Scheme, node_state::Shared};
use bytes::Bytes;
use commonware_actor::Feedback;
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::{
    Reporter, Viewable as _,
    simplex::{
        scheme::bls12381_threshold::vrf::{self, Certificate},
        types::Activity,
    },
    types::{Epoch, Round, View},
};
use commonware_cryptography::bls12381::primitives::variant::{MinSig, Variant};
use gridaccord_ledger::{Digest, Seed};
use std::{collections::BTreeMap, sync::Arc};

/// Seeds kept.
const SEEDS_KEPT: usize = 4_096;

type Signature = <MinSig as Variant>::Signature;

/// Seeds by view.
#[derive(Debug, Default)]
pub(crate) struct Beacon {
    seeds: BTreeMap<u64, [u8; 48]>,
}

impl Beacon {
    /// Keeps a seed; the oldest gives way. Whether it is new.
    pub(crate) fn insert(&mut self, view: u64, signature: [u8; 48]) -> bool {
        let new = self.seeds.insert(view, signature).is_none();
        while self.seeds.len() > SEEDS_KEPT {
            self.seeds.pop_first();
        }
        new
    }

    /// The seed of a view, if this node holds it.
    pub(crate) fn get(&self, view: u64) -> Option<Seed> {
        self.seeds.get(&view).map(|signature| Seed { view, signature: *signature })
    }

    /// The newest view with a seed.
    pub(crate) fn view(&self) -> u64 {
        self.seeds.last_key_value().map_or(0, |(view, _)| *view)
    }
}

/// Whether the group signed this seed: one pairing.
pub(crate) fn verify(scheme: &Scheme, seed: &Seed) -> bool {
    let Ok(signature) = Signature::decode(Bytes::copy_from_slice(&seed.signature)) else {
        return false;
    };
    vrf::Seed::<MinSig>::new(Round::new(Epoch::zero(), View::new(seed.view)), signature)
        .verify(scheme)
}

/// Listens to consensus for certificates.
#[derive(Clone)]
pub(crate) struct Tap {
    shared: Arc<Shared>,
}

impl Tap {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn keep(&self, view: View, certificate: &Certificate<MinSig>) {
        if let Some(signature) = certificate.get() {
            let mut bytes = [0; 48];
            bytes.copy_from_slice(&signature.seed_signature.encode());
            self.shared.seed(view.get(), bytes);
        }
    }
}

impl Reporter for Tap {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        match &activity {
            Activity::Notarization(found) => self.keep(found.view(), &found.certificate),
            Activity::Nullification(found) => self.keep(found.view(), &found.certificate),
            Activity::Finalization(found) => self.keep(found.view(), &found.certificate),
            _ => {}
        }
        Feedback::Ok
    }
}
