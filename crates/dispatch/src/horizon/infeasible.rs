//! Proof that no dispatch exists.
//!
//! With every cost at zero a feasible dispatch costs nothing, and the Lagrangian of any multipliers is below it. So
//! multipliers whose Lagrangian is above zero leave no dispatch: the least of multipliers · residual over all
//! bounds is positive (Farkas). Nothing here is trusted, and scaling multipliers changes nothing.

use super::{
    Horizon, HorizonCertificate, HorizonParts, HorizonRefusal,
    bound::bound,
    check::{check_certificate_shape, check_multipliers},
};
use gridaccord_model::{Picos, Price};

/// What a proof of infeasibility shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HorizonInfeasible {
    /// Least sum of multiplier times violated constraint, above zero; its size is that of the multipliers.
    pub violation: Picos,
}

/// Checks that multipliers prove that no dispatch of the problem exists. Prices need not be pinned.
///
/// # Errors
/// Rules K1 and K2 as for an answer, multipliers of the demand charge being zero; K12 where nothing is proven.
pub fn check_infeasible(
    problem: &Horizon,
    certificate: &HorizonCertificate,
) -> Result<HorizonInfeasible, HorizonRefusal> {
    let costless = problem.costless();
    check_certificate_shape(&costless, certificate)?;
    check_multipliers(&costless, certificate)?;
    let violation = Picos(bound(&costless, certificate).value.div_euclid(2));
    if violation.0 <= 0 {
        return Err(HorizonRefusal::NotInfeasible { violation });
    }
    Ok(HorizonInfeasible { violation })
}

impl Horizon {
    /// The same constraints, all costs zero: whatever is feasible costs nothing.
    #[must_use]
    pub fn costless(&self) -> Self {
        let mut parts: HorizonParts = self.parts().clone();
        parts.tie.tariff.fill(Price::ZERO);
        parts.tie.feed_in.fill(Price::ZERO);
        parts.tie.demand_charge = 0;
        parts.tiers.iter_mut().for_each(|tier| tier.value = Price::ZERO);
        parts.storages.iter_mut().for_each(|storage| storage.wear = 0);
        for generator in &mut parts.generators {
            generator.quadratic = 0;
            generator.linear = 0;
        }
        // Every rule that held still holds: zero is within all limits of costs.
        Self(parts)
    }
}
