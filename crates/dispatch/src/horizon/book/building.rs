//! Postings, one by one, into the parts of a problem.

use super::{
    super::{
        CarbonLimit, CarbonLimits, Generator, HorizonParts, Ramp, ShiftableLoad, Storage, Tie,
        limits::CARBON_MASS_MAX,
    },
    CarbonCaps, Emission, GeneratorPart, HorizonSetting, Participant,
};
use gridaccord_model::{
    CarbonMg, CostCurve, HorizonNeed, HorizonOffer, MemberId, Price, Watts,
    horizon::{GeneratorOffer, StorageOffer, TieOffer},
    offer::{Block, LINEAR_PER_PRICE},
};

/// W·s·mg/kWh in one mg.
const PER_MG: i128 = 3_600_000;
const PPM: i128 = 1_000_000;

/// The parts while members are added.
pub(super) struct Building {
    pub(super) setting: HorizonSetting,
    pub(super) parts: HorizonParts,
    pub(super) generators: Vec<GeneratorPart>,
    pub(super) storages: Vec<MemberId>,
    pub(super) tie: Option<MemberId>,
    pub(super) shiftable: Vec<MemberId>,
    /// Firm demand of each interval.
    pub(super) firm: Vec<i64>,
    pub(super) price_floor: Price,
}

impl Building {
    pub(super) fn new(setting: HorizonSetting) -> Self {
        let intervals = usize::from(setting.intervals);
        let none = vec![Watts::ZERO; intervals];
        let parts = HorizonParts {
            duration_s: setting.duration_s,
            demand: none.clone(),
            reserve: none.clone(),
            tie: Tie {
                import_max: none.clone(),
                export_max: none,
                tariff: vec![Price::ZERO; intervals],
                feed_in: vec![Price::ZERO; intervals],
                carbon_mg_per_kwh: vec![0; intervals],
                embodied_mg_per_kwh: vec![0; intervals],
                demand_charge: 0,
                peak_before: setting.peak_before,
            },
            tiers: Vec::new(),
            generators: Vec::new(),
            storages: Vec::new(),
            shiftable: Vec::new(),
            carbon: CarbonLimits::default(),
            contingency: None,
        };
        Self {
            setting,
            parts,
            generators: Vec::new(),
            storages: Vec::new(),
            tie: None,
            shiftable: Vec::new(),
            firm: vec![0; intervals],
            price_floor: Price::ZERO,
        }
    }

    pub(super) fn add(&mut self, participant: &Participant) {
        let member = participant.member;
        if let Some(offer) = &participant.posting.offer {
            self.price_floor = self.price_floor.min(offer.price_range().0);
            match offer {
                HorizonOffer::Generator { generator } => self.add_generator(participant, generator),
                HorizonOffer::Storage { storage } => {
                    self.parts.storages.push(storage_of(storage, participant.emission));
                    self.storages.push(member);
                }
                HorizonOffer::Tie { tie } if self.tie.is_none() => {
                    self.parts.tie = tie_of(tie, participant.emission, self.setting);
                    self.tie = Some(member);
                }
                HorizonOffer::Tie { .. } => {}
            }
        }
        if let Some(need) = &participant.posting.need {
            self.add_need(member, need);
        }
    }

    fn add_generator(&mut self, participant: &Participant, offer: &GeneratorOffer) {
        let Emission { operating, beyond } = participant.emission;
        let of = |power_min, power_max, quadratic, linear, ramp| Generator {
            power_min,
            power_max,
            quadratic,
            linear,
            ramp,
            carbon_mg_per_kwh: i64::from(operating),
            embodied_mg_per_kwh: i64::from(beyond),
        };
        let part = GeneratorPart::Resource { member: participant.member };
        match &offer.cost {
            CostCurve::Quadratic { quadratic, linear } => {
                let ramp = offer.ramp.map(|limit| Ramp {
                    up: limit.up,
                    down: limit.down,
                    // A posting that passed rule S12 has such a power.
                    initial: offer.power_before(limit, participant.before).unwrap_or_default(),
                });
                let (min, max) = (offer.power_min.to_vec(), offer.power_max.to_vec());
                self.parts.generators.push(of(min, max, *quadratic, *linear, ramp));
                self.generators.push(part);
            }
            CostCurve::Blocks { blocks } => {
                let mut below = 0i64;
                for Block { power, price } in blocks {
                    let within = |series: &[Watts]| slice(series, below, power.0);
                    let linear = price.0.saturating_mul(LINEAR_PER_PRICE);
                    let (min, max) = (within(&offer.power_min), within(&offer.power_max));
                    self.parts.generators.push(of(min, max, 0, linear, None));
                    self.generators.push(part);
                    below = below.saturating_add(power.0);
                }
            }
        }
    }

    fn add_need(&mut self, member: MemberId, need: &HorizonNeed) {
        let caps = self.setting.carbon;
        let (operating, wider) = (caps.operating_share(), caps.wider_share());
        for (interval, demand) in self.parts.demand.iter_mut().enumerate() {
            *demand = Watts(demand.0.saturating_add(need.stated(interval).0));
        }
        for (sum, firm) in self.firm.iter_mut().zip(&need.firm) {
            *sum = sum.saturating_add(firm.0);
        }
        for (position, tier) in (0u16..).zip(&need.sheddable) {
            self.parts.generators.push(Generator {
                power_min: vec![Watts::ZERO; tier.power.len()],
                power_max: tier.power.to_vec(),
                quadratic: 0,
                linear: tier.value.0.saturating_mul(LINEAR_PER_PRICE),
                ramp: None,
                carbon_mg_per_kwh: operating,
                embodied_mg_per_kwh: wider.saturating_sub(operating),
            });
            self.generators.push(GeneratorPart::Shed { member, tier: position });
        }
        for load in &need.shiftable {
            let power = |interval| {
                if load.is_within(interval) { load.power_max } else { Watts::ZERO }
            };
            self.parts.shiftable.push(ShiftableLoad {
                power_max: (0..self.setting.intervals).map(power).collect(),
                power_sum: load.power_sum(self.setting.duration_s),
            });
            self.shiftable.push(member);
        }
    }
}

/// The part of a series of powers that lies between `below` and `below + width`.
fn slice(series: &[Watts], below: i64, width: i64) -> Vec<Watts> {
    series.iter().map(|power| Watts(power.0.saturating_sub(below).clamp(0, width.max(0)))).collect()
}

fn storage_of(offer: &StorageOffer, emission: Emission) -> Storage {
    Storage {
        charge_max: offer.charge_max,
        discharge_max: offer.discharge_max,
        charge_ppb: i64::from(offer.charge_efficiency_ppb),
        discharge_ppb: offer.discharge_factor_ppb(),
        loss_ppb: i64::from(offer.loss_ppb),
        capacity_uwh: offer.capacity_uwh,
        initial_uwh: offer.stored_uwh,
        final_min_uwh: offer.final_min_uwh,
        wear: offer.wear,
        embodied_mg_per_kwh: i64::from(emission.beyond),
    }
}

fn tie_of(offer: &TieOffer, emission: Emission, setting: HorizonSetting) -> Tie {
    let flat = |value: u32| vec![i64::from(value); usize::from(setting.intervals)];
    Tie {
        import_max: offer.import_max.to_vec(),
        export_max: offer.export_max.to_vec(),
        tariff: offer.tariff.to_vec(),
        feed_in: offer.feed_in.to_vec(),
        carbon_mg_per_kwh: flat(emission.operating),
        embodied_mg_per_kwh: flat(emission.beyond),
        demand_charge: offer.demand_charge,
        peak_before: setting.peak_before,
    }
}

impl CarbonCaps {
    /// Operating cap, no higher than the wider one, which holds it anyway; 0 for none.
    fn operating_share(self) -> i64 {
        self.operating.map_or(0, |cap| i64::from(cap.min(self.wider.unwrap_or(cap))))
    }

    /// Cap within the wider boundary; the operating one where there is none.
    fn wider_share(self) -> i64 {
        self.wider.map_or_else(|| self.operating_share(), i64::from)
    }
}

/// Caps: of an interval, what its demand allows and a little more for a moment; of the horizon, what all intervals'
/// demand and the shiftable energy allow.
pub(super) fn carbon_limits(
    setting: HorizonSetting,
    parts: &HorizonParts,
    firm: &[i64],
) -> CarbonLimits {
    let caps = setting.carbon;
    let limit = |cap: Option<u32>, share: i64| {
        cap.map_or_else(CarbonLimit::default, |_| carbon_limit(setting, parts, firm, share))
    };
    CarbonLimits {
        operating: limit(caps.operating, caps.operating_share()),
        whole: limit(caps.wider, caps.wider_share()),
    }
}

fn carbon_limit(
    setting: HorizonSetting,
    parts: &HorizonParts,
    firm: &[i64],
    share: i64,
) -> CarbonLimit {
    let per_watt = i128::from(share).saturating_mul(i128::from(setting.duration_s));
    let mass = |power: i128, ppm: i128| per_watt.saturating_mul(power).saturating_mul(ppm);
    let interval = parts.demand.iter().zip(firm).map(|(demand, firm)| {
        let more = mass(i128::from(*firm), i128::from(setting.carbon.momentary_ppm));
        milligrams(mass(i128::from(demand.0), PPM).saturating_add(more))
    });
    let shifted = parts.shiftable.iter().map(|load| i128::from(load.power_sum.0));
    let served = parts.demand.iter().map(|demand| i128::from(demand.0)).chain(shifted);
    CarbonLimit {
        horizon: Some(milligrams(mass(served.fold(0i128, i128::saturating_add), PPM))),
        interval: interval.collect(),
        ..CarbonLimit::default()
    }
}

/// From ppm of W·s·mg/kWh, floored.
fn milligrams(scaled: i128) -> CarbonMg {
    let mass = scaled.div_euclid(PER_MG.saturating_mul(PPM)).clamp(0, i128::from(CARBON_MASS_MAX));
    CarbonMg(i64::try_from(mass).unwrap_or(CARBON_MASS_MAX))
}
