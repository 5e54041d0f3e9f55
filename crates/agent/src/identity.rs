//! Who an agent acts for, and what it must know of the chain.

use commonware_cryptography::ed25519;
use gridaccord_dispatch::horizon::{CarbonCaps, Emission};
use gridaccord_ledger::{
    Digest, Genesis, Role,
    genesis::{GateKind, Market},
};
use gridaccord_model::MemberId;
use std::{collections::BTreeMap, sync::Arc};

/// Who an agent acts for, and what it must know of the chain.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The chain's id.
    pub chain: Digest,
    /// The member.
    pub member: MemberId,
    /// Signs its commands.
    pub key: ed25519::PrivateKey,
    /// Every member's role: the utility's resource is a tie.
    pub roles: Arc<BTreeMap<MemberId, Role>>,
    /// The rhythm of gates, their kind, and the highest price that is settled.
    pub market: Market,
    /// Largest gap of an answer that is not refused, ppb.
    pub gap_ppb: u32,
    /// Caps of the carbon policy.
    pub carbon: CarbonCaps,
    /// What members' resources emit, by the carbon policy; those not named, nothing.
    pub emissions: Arc<BTreeMap<MemberId, Emission>>,
}

impl Identity {
    /// A member of the chain that starts from `genesis`.
    #[must_use]
    pub fn of(genesis: &Genesis, member: MemberId, key: ed25519::PrivateKey) -> Self {
        let members = || (0u16..).map(MemberId).zip(&genesis.members);
        let policy = &genesis.carbon;
        let emissions = members().filter_map(|(id, member)| {
            let factor = policy.factor(&member.class)?;
            let beyond = factor.beyond_operating_mg_per_kwh(policy.wider);
            Some((id, Emission { operating: factor.operating_mg_per_kwh, beyond }))
        });
        Self {
            chain: genesis.chain_id(),
            member,
            key,
            roles: Arc::new(members().map(|(id, member)| (id, member.role)).collect()),
            market: genesis.market,
            gap_ppb: genesis.thresholds.gap_ppb,
            carbon: CarbonCaps {
                operating: policy.operating_max_mg_per_kwh,
                wider: policy.wider_max_mg_per_kwh,
                momentary_ppm: policy.momentary_ppm,
            },
            emissions: Arc::new(emissions.collect()),
        }
    }

    /// Intervals of a gate's horizon; `None` where each interval stands alone.
    pub(crate) const fn intervals(&self) -> Option<u16> {
        match self.market.kind {
            GateKind::Horizon { intervals } => Some(intervals),
            GateKind::Open {} | GateKind::Sealed { .. } => None,
        }
    }
}
