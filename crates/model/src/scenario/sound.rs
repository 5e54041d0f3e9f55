//! Runs the ledger's own rules over all that a scenario will ever post, so that nothing derived from it fails later.

use super::{
    GateKind, Member, Progress, Scenario, ScenarioError, Series,
    reader::Reader,
    supply::{PlantCost, Restriction, Supply},
};
use crate::{HorizonPosting, MemberId, Price, horizon::Shape};
use std::ops::Range;

/// What only a market of horizons can express, and how to ask for one.
const NEEDS_HORIZON: &str = "which only a market of horizons knows";
const GIVE_HORIZON: &str = "give `horizon_intervals` in [market]";

pub(super) fn check(
    reader: &Reader<'_>,
    scenario: &Scenario,
    spans: &[Range<usize>],
) -> Result<(), ScenarioError> {
    for ((id, member), span) in scenario.members().zip(spans) {
        let at = Place { reader, scenario, span, member };
        at.check_class()?;
        match (scenario.market.kind, scenario.shape()) {
            (GateKind::Horizon { .. }, Some(shape)) => {
                at.check_constant()?;
                at.check_postings(id, shape)?;
            }
            _ => {
                at.check_open()?;
                at.check_intervals(id)?;
            }
        }
    }
    Ok(())
}

/// A member, and where the file names it.
struct Place<'a> {
    reader: &'a Reader<'a>,
    scenario: &'a Scenario,
    span: &'a Range<usize>,
    member: &'a Member,
}

impl Place<'_> {
    fn refuse(&self, message: &str) -> ScenarioError {
        self.reader.refuse(self.span.clone(), format!("`{}`{message}", self.member.name))
    }

    /// Whoever offers is of a class that the carbon policy allows.
    fn check_class(&self) -> Result<(), ScenarioError> {
        let policy = &self.scenario.carbon;
        let class = self.member.class.as_deref().unwrap_or_default();
        if self.member.supply.is_none() {
            return Ok(());
        }
        if policy.forbids(class) {
            return Err(self.refuse(&format!(" offers, and the carbon policy forbids `{class}`")));
        }
        if !policy.factors.is_empty() && policy.factor(class).is_none() {
            let message = format!(" offers, and the carbon policy has no factor for `{class}`");
            return Err(self
                .refuse(&message)
                .help("give the member a class, and the class a table in [carbon.factors]"));
        }
        Ok(())
    }

    /// A market of single intervals has no form for what joins them.
    fn check_open(&self) -> Result<(), ScenarioError> {
        let what = match &self.member.supply {
            Some(Supply::Storage(_)) => " has a storage",
            Some(Supply::Plant(plant)) if plant.ramp.is_some() => " has a ramp limit",
            Some(Supply::Tie(tie)) if tie.demand_charge > 0 => " has a demand charge",
            _ if self.member.load.as_ref().is_some_and(|load| !load.shiftable.is_empty()) => {
                " has a shiftable load"
            }
            _ => return Ok(()),
        };
        Err(self.refuse(&format!("{what}, {NEEDS_HORIZON}")).help(GIVE_HORIZON))
    }

    fn check_intervals(&self, id: MemberId) -> Result<(), ScenarioError> {
        for interval in 0..self.scenario.horizon.intervals {
            let refuse =
                |message: String| self.refuse(&format!(", interval {interval}: {message}"));
            let supply = self.member.supply.as_ref();
            let offer = supply.and_then(|supply| supply.offer(interval, Restriction::default()));
            if let Some(offer) = offer {
                offer.check().map_err(|error| refuse(error.to_string()))?;
            }
            if let Some(need) = self.scenario.need(id, interval) {
                need.check().map_err(|error| refuse(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// A posting has one cost and one value per tier for all its intervals.
    fn check_constant(&self) -> Result<(), ScenarioError> {
        let changes =
            |series: &Series| series.0.iter().any(|value| Some(value) != series.0.first());
        let costs = match &self.member.supply {
            Some(Supply::Plant(plant)) => match &plant.cost {
                PlantCost::Flat(price) => changes(price),
                PlantCost::Blocks(blocks) => blocks.iter().any(|(_, price)| changes(price)),
                PlantCost::Quadratic { quadratic, linear } => changes(quadratic) || changes(linear),
            },
            _ => false,
        };
        let tiers = self.member.load.iter().flat_map(|load| &load.tiers);
        if costs || tiers.into_iter().any(|(_, value)| changes(value)) {
            let message = " has a cost or a value of lost load that changes with time";
            return Err(self
                .refuse(message)
                .help("in a market of horizons only a tie's prices may; give one number"));
        }
        Ok(())
    }

    /// Every gate's posting: whole and after the events known by then, empty, full and as the run starts.
    fn check_postings(&self, id: MemberId, shape: Shape) -> Result<(), ScenarioError> {
        let mut stored = vec![None];
        if let Some(Supply::Storage(store)) = &self.member.supply {
            stored.extend([Some(0), Some(store.offer.capacity_uwh)]);
        }
        for interval in 0..self.scenario.horizon.intervals {
            for stored_uwh in &stored {
                let progress = Progress { stored_uwh: *stored_uwh, ..Progress::default() };
                let postings = [
                    self.scenario.posting_ahead(id, interval, &progress),
                    self.scenario.posting(id, interval, &progress),
                ];
                for posting in postings.iter().flatten() {
                    self.check_posting(interval, posting, shape)?;
                }
            }
        }
        Ok(())
    }

    fn check_posting(
        &self,
        interval: u32,
        posting: &HorizonPosting,
        shape: Shape,
    ) -> Result<(), ScenarioError> {
        let at =
            |message: String| self.refuse(&format!(", gate of interval {interval}: {message}"));
        posting.check(shape).map_err(|error| at(error.to_string()))?;
        let cap = self.scenario.market.price_cap;
        match posting.price_range() {
            Some((least, greatest))
                if greatest > cap || least < Price(0i64.saturating_sub(cap.0)) =>
            {
                Err(at(format!("trades at {least} to {greatest}, outside ±{cap}, the price cap")))
            }
            _ => Ok(()),
        }
    }
}
