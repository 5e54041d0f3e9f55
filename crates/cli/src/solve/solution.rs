//! The solution file: set points and shedding by name, and the shadow price that proves them, per interval.

use anyhow::{Result, anyhow, bail};
use gridaccord_dispatch::{Answer, OptimalityCertificate, Problem, ShadowPrice, Solution};
use gridaccord_model::{Scenario, Watts, codec::Bounded};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Format this program writes and reads.
const FORMAT: &str = "gridaccord-solution-1";

/// `solution.json`
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SolutionFile {
    format: String,
    /// Name of the scenario it belongs to.
    pub(crate) scenario: String,
    /// One entry per interval solved.
    pub(crate) intervals: Vec<IntervalSolution>,
}

/// The answer of one interval.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IntervalSolution {
    /// Counted from 0.
    pub(crate) interval: u32,
    shadow_price_half_pico_per_wh: i64,
    /// By member.
    set_points_w: BTreeMap<String, i64>,
    /// By member and tier, as `member/0`; what is left out is not shed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    shed_w: BTreeMap<String, i64>,
}

impl SolutionFile {
    /// Names what the answers number.
    pub(crate) fn of<'a>(
        scenario: &Scenario,
        answers: impl Iterator<Item = (u32, &'a Problem, &'a Answer)>,
    ) -> Self {
        let intervals = answers.map(|(interval, problem, answer)| {
            let solution = &answer.solution;
            let points = solution.set_points.iter().map(|power| power.0);
            let shed = tier_names(scenario, problem).zip(solution.shed.iter().map(|power| power.0));
            IntervalSolution {
                interval,
                shadow_price_half_pico_per_wh: answer.certificate.price.0,
                set_points_w: resource_names(scenario, problem).zip(points).collect(),
                shed_w: shed.filter(|(_, power)| *power != 0).collect(),
            }
        });
        Self {
            format: FORMAT.to_owned(),
            scenario: scenario.name.clone(),
            intervals: intervals.collect(),
        }
    }

    /// Reads a file for a scenario.
    ///
    /// # Errors
    /// Text that is not of this format, another scenario's name, an interval beyond the last or given twice.
    pub(crate) fn parse(text: &str, scenario: &Scenario) -> Result<Self> {
        let file: Self =
            serde_json::from_str(text).map_err(|error| anyhow!("not a solution file: {error}"))?;
        if file.format != FORMAT {
            bail!("format is `{}`, this program reads `{FORMAT}`", file.format);
        }
        if file.scenario != scenario.name {
            bail!("it solves scenario `{}`, not `{}`", file.scenario, scenario.name);
        }
        let mut seen = BTreeSet::new();
        for IntervalSolution { interval, .. } in &file.intervals {
            if *interval >= scenario.horizon.intervals {
                bail!("interval {interval} is beyond the last, {}", scenario.horizon.intervals - 1);
            }
            if !seen.insert(*interval) {
                bail!("interval {interval} is given twice");
            }
        }
        if seen.is_empty() {
            bail!("it has no intervals");
        }
        Ok(file)
    }
}

impl IntervalSolution {
    /// Numbers what the file names.
    ///
    /// # Errors
    /// A resource without a set point, or a name that is no resource or tier of this interval.
    pub(crate) fn answer(&self, scenario: &Scenario, problem: &Problem) -> Result<Answer> {
        let names: Vec<String> = resource_names(scenario, problem).collect();
        let tiers: Vec<String> = tier_names(scenario, problem).collect();
        if let Some(stray) = self.set_points_w.keys().find(|name| !names.contains(name)) {
            bail!("`{stray}` has a set point but no resource");
        }
        if let Some(stray) = self.shed_w.keys().find(|name| !tiers.contains(name)) {
            bail!("`{stray}` is shed but is no tier");
        }
        let point = |name: &String| {
            self.set_points_w
                .get(name)
                .copied()
                .map(Watts)
                .ok_or_else(|| anyhow!("`{name}` has no set point"))
        };
        let set_points = names.iter().map(point).collect::<Result<Vec<_>>>()?;
        let shed: Vec<Watts> =
            tiers.iter().map(|name| Watts(self.shed_w.get(name).copied().unwrap_or(0))).collect();
        let solution = Solution {
            set_points: Bounded::new(set_points).expect("one per resource, which a problem bounds"),
            shed: Bounded::new(shed).expect("one per tier, which a problem bounds"),
        };
        let certificate =
            OptimalityCertificate { price: ShadowPrice(self.shadow_price_half_pico_per_wh) };
        Ok(Answer { solution, certificate })
    }
}

fn resource_names<'a>(
    scenario: &'a Scenario,
    problem: &'a Problem,
) -> impl Iterator<Item = String> + 'a {
    problem
        .resources()
        .iter()
        .map(|resource| scenario.members[usize::from(resource.member.0)].name.clone())
}

fn tier_names<'a>(
    scenario: &'a Scenario,
    problem: &'a Problem,
) -> impl Iterator<Item = String> + 'a {
    let name = |tier: &gridaccord_dispatch::TierRef| {
        format!("{}/{}", scenario.members[usize::from(tier.member.0)].name, tier.tier)
    };
    problem.tiers().iter().map(name)
}
