//! Seeded campuses of any size: sun, wind, geothermal, biodiesel and batteries in equal shares, a tie with a
//! time-of-day tariff, reserve, one sheddable tier and a cap on carbon. The same seed gives the same campus.

use gridaccord_dispatch::horizon::{
    CarbonLimit, CarbonLimits, Generator, Horizon, HorizonAnswer, HorizonParts, Ramp, ShedTier,
    Storage, Tie,
};
use gridaccord_model::{CarbonMg, Price, Watts};

/// A linear congruential sequence.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A whole number in `from..to`.
    pub(crate) fn within(&mut self, from: i64, to: i64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        from + ((self.0 >> 33) as i64) % (to - from)
    }
}

fn wave(t: usize, intervals: usize, shift: f64) -> f64 {
    (std::f64::consts::TAU * (t as f64 / intervals as f64 - shift)).sin()
}

/// A campus of `resources` resources over `intervals` five-minute intervals.
pub(crate) fn campus(seed: u64, resources: usize, intervals: usize, quadratic: bool) -> Horizon {
    let mut random = Random::new(seed);
    let (mut generators, mut storages) = (Vec::new(), Vec::new());
    for number in 0..resources {
        if number % 5 == 4 {
            storages.push(battery(&mut random));
        } else {
            generators.push(generator(&mut random, number % 5, intervals, quadratic));
        }
    }
    let scale = 300_000.0 * resources as f64;
    let noise = |random: &mut Random| random.within(-15_000, 15_000) as f64 / 1e6;
    let demand: Vec<Watts> = (0..intervals)
        .map(|t| {
            Watts((scale * (1.0 + 0.25 * wave(t, intervals, 0.3) + noise(&mut random))) as i64)
        })
        .collect();
    let tier = demand.iter().map(|power| Watts(power.0 / 5)).collect();
    let tariff: Vec<Price> = (0..intervals)
        .map(|t| {
            Price(
                110_000
                    + (45_000.0 * wave(t, intervals, 0.4)) as i64
                    + random.within(-4_000, 4_000),
            )
        })
        .collect();
    let tie = Tie {
        import_max: vec![Watts((0.9 * scale) as i64); intervals],
        export_max: vec![Watts((0.3 * scale) as i64); intervals],
        feed_in: tariff.iter().map(|price| Price(price.0 * 2 / 5)).collect(),
        tariff,
        carbon_mg_per_kwh: (0..intervals)
            .map(|t| 380_000 + (80_000.0 * wave(t, intervals, 0.1)) as i64)
            .collect(),
        embodied_mg_per_kwh: vec![20_000; intervals],
        demand_charge: 0,
        peak_before: Watts(0),
    };
    let capacity: i64 = generators
        .iter()
        .filter(|generator| generator.ramp.is_some())
        .map(|generator| generator.power_max[0].0)
        .chain(storages.iter().map(|storage: &Storage| storage.discharge_max.0))
        .sum();
    // The tie alone would emit some 380 kg per MWh of demand.
    let energy_mwh = demand.iter().map(|power| power.0 as f64).sum::<f64>() / 12.0 / 1e6;
    Horizon::new(HorizonParts {
        duration_s: 300,
        reserve: vec![Watts(capacity / 10); intervals],
        demand,
        tie,
        tiers: vec![ShedTier { power: tier, value: Price(3_000_000) }],
        generators,
        storages,
        shiftable: vec![],
        contingency: None,
        carbon: CarbonLimits {
            operating: CarbonLimit {
                horizon: Some(CarbonMg((energy_mwh * 220.0 * 1e6) as i64)),
                ..CarbonLimit::default()
            },
            ..CarbonLimits::default()
        },
    })
    .unwrap()
}

fn generator(random: &mut Random, kind: usize, intervals: usize, quadratic: bool) -> Generator {
    let peak = random.within(100_000, 900_000);
    let shift = random.within(0, 100) as f64 / 1_000.0;
    let available = |t: usize| match kind {
        0 => peak as f64 * wave(t, intervals, 0.25 + shift).max(0.0),
        1 => {
            peak as f64
                * (0.5
                    + 0.3 * wave(t, intervals, 7.0 * shift)
                    + 0.1 * wave(5 * t, intervals, shift))
        }
        _ => peak as f64,
    };
    let dispatchable = kind >= 2;
    let power_max: Vec<Watts> = (0..intervals).map(|t| Watts(available(t) as i64)).collect();
    let least = if dispatchable { peak / 10 } else { 0 };
    let ramp = dispatchable.then_some(Ramp {
        up: Watts(peak / 20),
        down: Watts(peak / 20),
        initial: Watts(peak / 2),
    });
    let (low, high) = [(5, 20), (4, 18), (40, 80), (70, 140), (0, 1)][kind];
    Generator {
        power_min: vec![Watts(least); intervals],
        power_max,
        // Up to 20 currency per MWh over the range.
        quadratic: if quadratic && dispatchable {
            random.within(5_000_000, 20_000_000) / (peak / 1_000) / 1_000 + 1
        } else {
            0
        },
        linear: random.within(low * 1_000, high * 1_000) * 1_000,
        ramp,
        carbon_mg_per_kwh: [0, 0, 38_000, 210_000, 0][kind],
        embodied_mg_per_kwh: [40_000, 12_000, 6_000, 3_000, 0][kind],
    }
}

fn battery(random: &mut Random) -> Storage {
    let power = random.within(50_000, 400_000);
    let capacity = power * 1_000_000 * random.within(2, 5);
    Storage {
        charge_max: Watts(power),
        discharge_max: Watts(power),
        charge_ppb: 950_000_000,
        discharge_ppb: 1_052_631_579,
        loss_ppb: 10_000,
        capacity_uwh: capacity,
        initial_uwh: capacity / 2,
        final_min_uwh: capacity / 2,
        wear: random.within(2_000, 9_000) * 1_000,
        embodied_mg_per_kwh: 50_000,
    }
}

/// Intervals `start..start + size` of a long campus; storages and ramps start where the first interval of the answer to
/// the window before left them.
#[allow(dead_code, reason = "shared with examples that need only campuses")]
pub(crate) fn window(
    long: &Horizon,
    start: usize,
    size: usize,
    before: Option<(&Horizon, &HorizonAnswer)>,
) -> Horizon {
    let mut parts = long.parts().clone();
    let cut = |list: &mut Vec<Watts>| *list = list[start..start + size].to_vec();
    cut(&mut parts.demand);
    cut(&mut parts.reserve);
    cut(&mut parts.tie.import_max);
    cut(&mut parts.tie.export_max);
    parts.tiers.iter_mut().for_each(|tier| cut(&mut tier.power));
    parts.tie.tariff = parts.tie.tariff[start..start + size].to_vec();
    parts.tie.feed_in = parts.tie.feed_in[start..start + size].to_vec();
    parts.tie.carbon_mg_per_kwh = parts.tie.carbon_mg_per_kwh[start..start + size].to_vec();
    parts.tie.embodied_mg_per_kwh = parts.tie.embodied_mg_per_kwh[start..start + size].to_vec();
    for generator in &mut parts.generators {
        cut(&mut generator.power_min);
        cut(&mut generator.power_max);
    }
    if let Some((problem, answer)) = before {
        for (number, generator) in parts.generators.iter_mut().enumerate() {
            if let Some(ramp) = &mut generator.ramp {
                ramp.initial = answer.solution.generators[number][0];
            }
        }
        for (number, storage) in parts.storages.iter_mut().enumerate() {
            let earlier = &problem.parts().storages[number];
            let charge = answer.solution.charge[number][0];
            let discharge = answer.solution.discharge[number][0];
            let duration_s = problem.parts().duration_s;
            storage.initial_uwh = earlier.after(earlier.initial_uwh, charge, discharge, duration_s);
        }
    }
    Horizon::new(parts).unwrap()
}
