//! Records of the carbon policy, and of gates of kind *horizon*.

use crate::state::BodyId;
use gridaccord_dispatch::horizon::Emission;
use gridaccord_model::{GateId, Watts, carbon::CarbonPolicy, codec_struct, codec_union};

/// Caps on carbon, mg per kWh of consumption served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carbon {
    /// Operating carbon.
    pub operating: Option<u32>,
    /// Carbon within the wider boundary of genesis.
    pub wider: Option<u32>,
    /// How far one interval may exceed a cap, ppm of it.
    pub momentary_ppm: u32,
}

codec_struct!(Carbon { operating, wider, momentary_ppm });

/// What the carbon policy says of a member's class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It may offer, and emits this, mg per kWh.
    Known {
        /// Of its operation.
        operating: u32,
        /// Beyond that, within the wider boundary.
        beyond: u32,
    },
    /// It may not offer.
    Forbidden {},
    /// It may not offer: the policy has factors, and none for it.
    Unknown {},
}

impl Source {
    /// What a policy says of a class; `None` without a policy.
    #[must_use]
    pub fn of(policy: &CarbonPolicy, class: &str) -> Option<Self> {
        if policy.forbids(class) {
            return Some(Self::Forbidden {});
        }
        match policy.factor(class) {
            Some(factor) => Some(Self::Known {
                operating: factor.operating_mg_per_kwh,
                beyond: factor.beyond_operating_mg_per_kwh(policy.wider),
            }),
            None if policy.factors.is_empty() => None,
            None => Some(Self::Unknown {}),
        }
    }

    /// What a kWh of it emits; nothing for what may not offer.
    #[must_use]
    pub fn emission(self) -> Emission {
        match self {
            Self::Known { operating, beyond } => Emission { operating, beyond },
            Self::Forbidden {} | Self::Unknown {} => Emission::default(),
        }
    }
}

codec_union!(Source { Known = 0 { operating, beyond }, Forbidden = 1 {}, Unknown = 2 {} });

/// What goes on from one horizon to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rolling {
    /// The youngest gate with a plan.
    pub plan: Option<GateId>,
    /// The calendar month (UTC) of that gate's interval, counted from March of the year 0.
    pub month: u32,
    /// Highest import of the plans of that month, each in its own interval: what a demand charge has counted.
    pub peak: Watts,
}

codec_struct!(Rolling { plan, month, peak });

/// What a horizon starts from; fixed when its gate closes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// Parts of its problem, of all postings.
    pub parts: u16,
    /// The gate whose plan was the last before.
    pub before: Option<GateId>,
    /// Highest import of the plans before, in the same month.
    pub peak_before: Watts,
}

codec_struct!(Outlook { parts, before, peak_before });

/// Power of a ramp-limited generator in a gate's plan: the next horizon's ramp starts from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Positive is injection.
    pub power: Watts,
}

codec_struct!(Output { power });

/// How far a seat's answer in pieces has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upload {
    /// How many pieces there will be.
    pub of: u16,
    /// How many are posted.
    pub posted: u16,
}

codec_struct!(Upload { of, posted });

/// One piece of a seat's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes.
    pub body: BodyId,
}

codec_struct!(Piece { body });
