//! From postings to the problem over a horizon and back: figures worked out by hand, and one problem for one set of
//! postings.

use gridaccord_dispatch::horizon::{
    CarbonCaps, Emission, GeneratorPart, HorizonAnswer, HorizonBook, HorizonCertificate,
    HorizonError, HorizonSetting, HorizonSolution, MULTIPLIER_MAX, Participant, Storage, check,
    pin,
};
use gridaccord_model::{
    Block, CarbonMg, CostCurve, HorizonNeed, HorizonOffer, HorizonPosting, Joules, MemberId, Price,
    Series, Watts,
    codec::Bounded,
    horizon::{GeneratorOffer, HorizonTier, RampLimit, ShiftableNeed, StorageOffer, TieOffer},
};
use proptest::prelude::*;

fn watts(powers: &[i64]) -> Series<Watts> {
    Series::new(powers.iter().map(|power| Watts(*power)).collect()).unwrap()
}

fn of_watts(powers: &[i64]) -> Vec<Watts> {
    powers.iter().map(|power| Watts(*power)).collect()
}

fn setting(carbon: CarbonCaps) -> HorizonSetting {
    HorizonSetting {
        duration_s: 3_600,
        intervals: 2,
        price_cap: Price(1_000_000),
        peak_before: Watts(70),
        carbon,
    }
}

fn part(id: u16, offer: Option<HorizonOffer>, need: Option<HorizonNeed>) -> Participant {
    Participant {
        member: MemberId(id),
        posting: HorizonPosting { offer, need },
        emission: Emission { operating: 400_000, beyond: 20_000 },
        before: Watts(90),
    }
}

fn sun() -> HorizonOffer {
    let blocks = [(60, -3), (60, 5)]
        .map(|(power, price)| Block { power: Watts(power), price: Price(price) });
    let generator = GeneratorOffer {
        power_min: watts(&[10, 0]),
        power_max: watts(&[100, 40]),
        cost: CostCurve::Blocks { blocks: Bounded::new(blocks.to_vec()).unwrap() },
        ramp: None,
    };
    HorizonOffer::Generator { generator }
}

fn gas() -> HorizonOffer {
    let generator = GeneratorOffer {
        power_min: watts(&[0, 0]),
        power_max: watts(&[50, 50]),
        cost: CostCurve::Quadratic { quadratic: 7, linear: 90_000 },
        ramp: Some(RampLimit { up: Watts(20), down: Watts(20) }),
    };
    HorizonOffer::Generator { generator }
}

fn battery() -> StorageOffer {
    StorageOffer {
        charge_max: Watts(30),
        discharge_max: Watts(40),
        charge_efficiency_ppb: 900_000_000,
        discharge_efficiency_ppb: 800_000_000,
        loss_ppb: 1_000_000,
        capacity_uwh: 100_000_000,
        stored_uwh: 50_000_000,
        final_min_uwh: 10_000_000,
        wear: 11,
    }
}

fn tie() -> HorizonOffer {
    let tie = TieOffer {
        import_max: watts(&[200, 0]),
        export_max: watts(&[80, 0]),
        tariff: Series::flat(Price(120), 2),
        feed_in: Series::flat(Price(-8), 2),
        demand_charge: 5,
    };
    HorizonOffer::Tie { tie }
}

fn campus() -> HorizonNeed {
    let tier = HorizonTier { power: watts(&[30, 0]), value: Price(500) };
    let load = ShiftableNeed { energy: Joules(3_601), from: 1, until: 2, power_max: Watts(25) };
    HorizonNeed {
        firm: watts(&[100, 90]),
        sheddable: Bounded::new(vec![tier]).unwrap(),
        shiftable: Bounded::new(vec![load]).unwrap(),
    }
}

fn everybody() -> Vec<Participant> {
    vec![
        part(4, Some(tie()), None),
        part(1, Some(gas()), None),
        part(0, Some(sun()), None),
        part(3, None, Some(campus())),
        part(2, Some(HorizonOffer::Storage { storage: battery() }), None),
    ]
}

#[test]
fn postings_become_parts() {
    let book = HorizonBook::new(setting(CarbonCaps::default()), everybody()).unwrap();
    let parts = book.problem().parts();
    assert_eq!(parts.demand, of_watts(&[130, 90]));
    let resource = |id| GeneratorPart::Resource { member: MemberId(id) };
    let shed = GeneratorPart::Shed { member: MemberId(3), tier: 0 };
    assert_eq!(book.generators(), [resource(0), resource(0), resource(1), shed]);
    // 100 W of sun fill the first block of 60 W and 40 W of the second; the least 10 W are of the first.
    let powers: Vec<_> = parts
        .generators
        .iter()
        .map(|generator| (generator.power_min.clone(), generator.power_max.clone()))
        .collect();
    assert_eq!(powers[0], (of_watts(&[10, 0]), of_watts(&[60, 40])));
    assert_eq!(powers[1], (of_watts(&[0, 0]), of_watts(&[40, 0])));
    assert_eq!(powers[3], (of_watts(&[0, 0]), of_watts(&[30, 0])));
    let linear: Vec<_> = parts.generators.iter().map(|generator| generator.linear).collect();
    assert_eq!(linear, [-3_000, 5_000, 90_000, 500_000]);
    // From 90 W it could not fall to 50 W at 20 W: it is taken to have been at 70 W.
    let ramp = parts.generators[2].ramp.unwrap();
    assert_eq!((ramp.up, ramp.down, ramp.initial), (Watts(20), Watts(20), Watts(70)));
    assert_eq!(parts.storages[0].discharge_ppb, 1_250_000_000);
    assert_eq!((parts.tie.peak_before, parts.tie.demand_charge), (Watts(70), 5));
    assert_eq!(parts.shiftable[0].power_max, of_watts(&[0, 25]));
    assert_eq!(parts.shiftable[0].power_sum, Watts(2));
    assert_eq!(parts.carbon.operating.horizon, None);
    assert_eq!(parts.tie.carbon_mg_per_kwh, [400_000, 400_000]);
    assert_eq!(book.tie(), Some(MemberId(4)));
    // No lower than the cheapest of all, which is the feed-in.
    assert_eq!(book.settle(i64::MIN), Price(-8));
    assert_eq!((book.settle(1), book.settle(2_001)), (Price(1), Price(2)));
}

#[test]
fn the_order_of_entry_makes_no_difference() {
    let book = HorizonBook::new(setting(CarbonCaps::default()), everybody()).unwrap();
    let mut reversed = everybody();
    reversed.reverse();
    assert_eq!(HorizonBook::new(setting(CarbonCaps::default()), reversed).unwrap(), book);
}

#[test]
fn an_answer_comes_back_to_members() {
    let book = HorizonBook::new(setting(CarbonCaps::default()), everybody()).unwrap();
    let solution = HorizonSolution {
        generators: [[60, 9], [20, 9], [50, 9], [5, 0]].map(|powers| of_watts(&powers)).to_vec(),
        charge: vec![of_watts(&[30, 0])],
        discharge: vec![of_watts(&[0, 40])],
        import: of_watts(&[20, 0]),
        export: of_watts(&[0, 0]),
        shed: vec![],
        shift: vec![of_watts(&[0, 2])],
    };
    let net = |interval| -> Vec<i64> {
        book.plan(&solution, interval).values().map(|plan| plan.net().0).collect()
    };
    assert_eq!(net(0), [80, 50, -30, -125, 20]);
    assert_eq!(net(1), [18, 9, 40, -92, 0]);
    // 80²/100 + 50²/50 + 30²/40 + 20²/200 W, in mW.
    assert_eq!(book.concentration_mw(&solution), 64_000 + 50_000 + 22_500 + 2_000);
    assert_eq!(HorizonSolution::default().generators.len(), 0);
    assert_eq!(book.plan(&HorizonSolution::default(), 0).len(), 5);
}

#[test]
fn caps_count_what_is_served() {
    let caps =
        CarbonCaps { operating: Some(300_000), wider: Some(250_000), momentary_ppm: 100_000 };
    let book = HorizonBook::new(setting(caps), everybody()).unwrap();
    let carbon = &book.problem().parts().carbon;
    // The wider cap is the lower one, so that it holds for operating carbon too: 0.25 g per Wh of 130 Wh and 90 Wh, a
    // tenth more for the 100 Wh and 90 Wh that are firm.
    for limit in [&carbon.operating, &carbon.whole] {
        assert_eq!(limit.interval, [CarbonMg(35_000), CarbonMg(24_750)]);
        assert_eq!(limit.horizon, Some(CarbonMg(55_500)));
    }
    let shed = &book.problem().parts().generators[3];
    assert_eq!((shed.carbon_mg_per_kwh, shed.embodied_mg_per_kwh), (250_000, 0));
    let wide = CarbonCaps { operating: Some(100_000), wider: Some(300_000), momentary_ppm: 0 };
    let book = HorizonBook::new(setting(wide), everybody()).unwrap();
    let shed = &book.problem().parts().generators[3];
    assert_eq!((shed.carbon_mg_per_kwh, shed.embodied_mg_per_kwh), (100_000, 200_000));
    let one = CarbonCaps { operating: Some(100_000), wider: None, momentary_ppm: 0 };
    let book = HorizonBook::new(setting(one), everybody()).unwrap();
    assert_eq!(book.problem().parts().carbon.whole.horizon, None);
    assert_eq!(book.problem().parts().generators[3].embodied_mg_per_kwh, 0);
}

#[test]
fn what_cannot_be_balanced_is_named() {
    let of = |firm: &[i64]| {
        let need = HorizonNeed { firm: watts(firm), ..HorizonNeed::default() };
        let participants = vec![part(0, Some(sun()), None), part(1, None, Some(need))];
        let book = HorizonBook::new(setting(CarbonCaps::default()), participants).unwrap();
        book.imbalance().map(|imbalance| (imbalance.interval, imbalance.short.0))
    };
    assert_eq!(of(&[100, 40]), None);
    assert_eq!(of(&[100, 41]), Some((1, 1)));
    assert_eq!(of(&[9, 41]), Some((0, -1)));
}

#[test]
fn a_sum_beyond_all_limits_is_an_error() {
    let need = || HorizonNeed { firm: Series::flat(Watts(1 << 27), 2), ..HorizonNeed::default() };
    let participants = (0..17).map(|id| part(id, None, Some(need()))).collect();
    assert!(matches!(
        HorizonBook::new(setting(CarbonCaps::default()), participants),
        Err(HorizonError::OutOfRange { part: "the demand", .. })
    ));
}

#[test]
fn where_nothing_can_give_way_the_lowest_price_is_pinned() {
    let need = HorizonNeed { firm: watts(&[10, 0]), ..HorizonNeed::default() };
    let generator = GeneratorOffer {
        power_min: watts(&[10, 0]),
        power_max: watts(&[10, 0]),
        cost: CostCurve::Quadratic { quadratic: 0, linear: 3_000 },
        ramp: None,
    };
    let offer = HorizonOffer::Generator { generator };
    let participants = vec![part(0, Some(offer), None), part(1, None, Some(need))];
    let book = HorizonBook::new(setting(CarbonCaps::default()), participants).unwrap();
    let idle = of_watts(&[0, 0]);
    let solution = HorizonSolution {
        generators: vec![of_watts(&[10, 0])],
        import: idle.clone(),
        export: idle,
        ..HorizonSolution::default()
    };
    let zeros = vec![0; 2];
    let mut certificate = HorizonCertificate {
        price: zeros.clone(),
        reserve: zeros.clone(),
        peak: zeros,
        ramp: vec![vec![]],
        ..HorizonCertificate::default()
    };
    pin(book.problem(), &mut certificate);
    assert_eq!(certificate.price, [-MULTIPLIER_MAX; 2]);
    let price = certificate.price[0];
    assert!(check(book.problem(), &HorizonAnswer { solution, certificate }, 0).is_ok());
    // What is settled is no lower than anybody asks, or nothing.
    assert_eq!(book.settle(price), Price(0));
}

proptest! {
    /// What a member states of its storage and what the check of an answer follows are one recursion.
    #[test]
    fn stored_energy_follows_one_recursion(
        (charge, discharge) in (0i64..1 << 31, 0i64..1 << 31),
        (eta, delta, loss) in (1u32..=1_000_000_000, 250_000_000u32..=1_000_000_000, 0u32..=1_000_000_000),
        stored in 0i64..1 << 50,
        duration_s in 1u32..1 << 14,
    ) {
        let offer = StorageOffer {
            charge_efficiency_ppb: eta,
            discharge_efficiency_ppb: delta,
            loss_ppb: loss,
            ..battery()
        };
        let storage = Storage {
            charge_max: offer.charge_max,
            discharge_max: offer.discharge_max,
            charge_ppb: i64::from(eta),
            discharge_ppb: offer.discharge_factor_ppb(),
            loss_ppb: i64::from(loss),
            capacity_uwh: offer.capacity_uwh,
            initial_uwh: 0,
            final_min_uwh: 0,
            wear: 0,
            embodied_mg_per_kwh: 0,
        };
        let (charge, discharge) = (Watts(charge), Watts(discharge));
        prop_assert_eq!(
            offer.after(stored, charge, discharge, duration_s),
            storage.after(stored, charge, discharge, duration_s)
        );
    }
}
