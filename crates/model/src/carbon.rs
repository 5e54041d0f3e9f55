//! The carbon policy of a chain: what each class of source emits, and how much of it nobody accepts.
//!
//! Factors are data with a version and a source, fixed in genesis, so that an auditor recomputes any hour. Three
//! boundaries, never added blindly: operating; with embodied; with site and travel too. A published life-cycle factor
//! contains construction: it stands as embodied of a source without fuel, never beside an embodied one. Source: the
//! white paper's three definitions of a carbon-neutral building.

use crate::{
    codec::{Bounded, Label},
    codec_enum, codec_struct,
};

/// Classes that a policy knows.
pub const CLASSES_MAX: usize = 32;
/// Bytes of a class's name.
pub const CLASS_NAME_MAX: usize = 32;
/// Bytes of a factor's source.
pub const SOURCE_MAX: usize = 120;
/// Largest factor and largest cap, mg per kWh: 100 kg per kWh.
pub const INTENSITY_MAX: u32 = 100_000_000;

/// What a kWh of a class emits, mg CO2e per kWh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmissionFactor {
    /// The class, lower case.
    pub class: Label<CLASS_NAME_MAX>,
    /// Of its operation, fuel supply included.
    pub operating_mg_per_kwh: u32,
    /// Of making and building it, over its life.
    pub embodied_mg_per_kwh: u32,
    /// Of its site and of travel to it.
    pub travel_mg_per_kwh: u32,
    /// Who says so.
    pub source: Label<SOURCE_MAX>,
}

codec_struct!(EmissionFactor {
    class,
    operating_mg_per_kwh,
    embodied_mg_per_kwh,
    travel_mg_per_kwh,
    source
});

/// The wider of the two boundaries that a policy caps; the narrower one is operating carbon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum WiderBoundary {
    /// Operating and embodied: the second definition.
    #[default]
    Embodied,
    /// Those, site and travel: the third definition.
    Travel,
}

codec_enum!(WiderBoundary { Embodied = 0, Travel = 1 });

/// What no approval may exceed. The default allows everything and knows no class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarbonPolicy {
    /// Version of the factors, for people.
    pub version: Label<CLASS_NAME_MAX>,
    /// What the classes emit; with any of them, a class without a factor may not offer.
    pub factors: Bounded<EmissionFactor, CLASSES_MAX>,
    /// Classes that may not offer at all.
    pub forbidden: Bounded<Label<CLASS_NAME_MAX>, CLASSES_MAX>,
    /// What the wider cap counts.
    pub wider: WiderBoundary,
    /// Most operating carbon, mg per kWh of stated need.
    pub operating_max_mg_per_kwh: Option<u32>,
    /// Most carbon within the wider boundary, mg per kWh of stated need.
    pub wider_max_mg_per_kwh: Option<u32>,
    /// How far one interval may exceed a cap for a moment, ppm of it.
    pub momentary_ppm: u32,
}

codec_struct!(CarbonPolicy {
    version,
    factors,
    forbidden,
    wider,
    operating_max_mg_per_kwh,
    wider_max_mg_per_kwh,
    momentary_ppm
});

/// Why a policy is refused, in the order the rules run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarbonPolicyError {
    /// A name no class can have, or a second factor of one.
    #[error("class {0:?} is empty, has other characters than a-z, 0-9 and -, or stands twice")]
    ClassInvalid(String),
    /// A factor without who says so.
    #[error("the factor of {0:?} names no source")]
    SourceMissing(String),
    /// A factor or cap above its limit.
    #[error("{0} is above {limit} mg/kWh", limit = INTENSITY_MAX)]
    IntensityTooLarge(String),
    /// A momentary excess above the cap itself.
    #[error("momentary_ppm {0} is above 1,000,000")]
    MomentaryTooLarge(u32),
    /// A cap that nothing could be counted against.
    #[error("a cap needs the factors of the classes it counts")]
    CapWithoutFactors,
}

impl CarbonPolicy {
    /// Checks the policy.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self) -> Result<(), CarbonPolicyError> {
        let classes = self.factors.iter().map(|factor| &factor.class);
        check_names(&classes.collect::<Vec<_>>())?;
        check_names(&self.forbidden.iter().collect::<Vec<_>>())?;
        for factor in &self.factors {
            if factor.source.is_empty() {
                return Err(CarbonPolicyError::SourceMissing(factor.class.to_string()));
            }
            let parts =
                [factor.operating_mg_per_kwh, factor.embodied_mg_per_kwh, factor.travel_mg_per_kwh];
            if parts.into_iter().any(|part| part > INTENSITY_MAX) {
                let what = format!("the factor of {:?}", factor.class.to_string());
                return Err(CarbonPolicyError::IntensityTooLarge(what));
            }
        }
        let caps = [
            ("operating_max", self.operating_max_mg_per_kwh),
            ("wider_max", self.wider_max_mg_per_kwh),
        ];
        for (name, cap) in caps {
            if cap.is_some_and(|cap| cap > INTENSITY_MAX) {
                return Err(CarbonPolicyError::IntensityTooLarge(name.to_owned()));
            }
            if cap.is_some() && self.factors.is_empty() {
                return Err(CarbonPolicyError::CapWithoutFactors);
            }
        }
        if self.momentary_ppm > 1_000_000 {
            return Err(CarbonPolicyError::MomentaryTooLarge(self.momentary_ppm));
        }
        Ok(())
    }

    /// What a class emits; `None` for one the policy does not know.
    #[must_use]
    pub fn factor(&self, class: &str) -> Option<&EmissionFactor> {
        self.factors.iter().find(|factor| &*factor.class == class)
    }

    /// Whether a class may not offer.
    #[must_use]
    pub fn forbids(&self, class: &str) -> bool {
        self.forbidden.iter().any(|forbidden| &**forbidden == class)
    }
}

impl EmissionFactor {
    /// What a kWh emits beyond its operation, within the wider boundary.
    #[must_use]
    pub fn beyond_operating_mg_per_kwh(&self, wider: WiderBoundary) -> u32 {
        match wider {
            WiderBoundary::Embodied => self.embodied_mg_per_kwh,
            WiderBoundary::Travel => {
                self.embodied_mg_per_kwh.saturating_add(self.travel_mg_per_kwh)
            }
        }
    }
}

fn check_names(names: &[&Label<CLASS_NAME_MAX>]) -> Result<(), CarbonPolicyError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    for (position, name) in names.iter().enumerate() {
        let twice = names.iter().take(position).any(|other| other == name);
        if name.is_empty() || !name.bytes().all(plain) || twice {
            return Err(CarbonPolicyError::ClassInvalid(name.to_string()));
        }
    }
    Ok(())
}
