//! Postings over a horizon: one row per rule, in rule order, and canonical bytes.

use commonware_codec::{Copying, DecodeExt as _, Encode as _, EncodeSize as _};
use gridaccord_model::{
    Block, CostCurve, HorizonNeed, HorizonOffer, HorizonPosting, HorizonPostingError, Joules,
    Price, Series, Watts,
    codec::Bounded,
    horizon::{
        CONSUMPTION_MAX, GeneratorOffer, HorizonTier, POSTING_SIZE_MAX, POWER_MAX, RampLimit,
        Shape, ShiftableNeed, StorageOffer, TieOffer,
    },
};
use proptest::prelude::*;

const SHAPE: Shape = Shape { intervals: 4, duration_s: 300 };

fn watts(powers: &[i64]) -> Series<Watts> {
    Series::new(powers.iter().map(|power| Watts(*power)).collect()).unwrap()
}

fn prices(prices: &[i64]) -> Series<Price> {
    Series::new(prices.iter().map(|price| Price(*price)).collect()).unwrap()
}

fn generator() -> GeneratorOffer {
    GeneratorOffer {
        power_min: watts(&[0, 0, 0, 0]),
        power_max: watts(&[1_000, 1_000, 2_000, 2_000]),
        cost: CostCurve::Quadratic { quadratic: 5, linear: 40_000 },
        ramp: None,
    }
}

fn blocks(steps: &[(i64, i64)]) -> CostCurve {
    let steps =
        steps.iter().map(|(power, price)| Block { power: Watts(*power), price: Price(*price) });
    CostCurve::Blocks { blocks: Bounded::new(steps.collect()).unwrap() }
}

fn ramp(up: i64, down: i64) -> Option<RampLimit> {
    Some(RampLimit { up: Watts(up), down: Watts(down) })
}

fn storage() -> StorageOffer {
    StorageOffer {
        charge_max: Watts(1_200),
        discharge_max: Watts(1_200),
        charge_efficiency_ppb: 1_000_000_000,
        discharge_efficiency_ppb: 900_000_000,
        loss_ppb: 0,
        capacity_uwh: 1_000_000_000,
        stored_uwh: 100_000_000,
        final_min_uwh: 500_000_000,
        wear: 0,
    }
}

fn tie() -> TieOffer {
    TieOffer {
        import_max: watts(&[5_000, 5_000, 0, 5_000]),
        export_max: watts(&[0, 0, 0, 5_000]),
        tariff: prices(&[100_000, 120_000, 120_000, 90_000]),
        feed_in: prices(&[50_000, 50_000, 50_000, 90_000]),
        demand_charge: 12,
    }
}

fn need() -> HorizonNeed {
    let tier = HorizonTier { power: watts(&[100, 100, 0, 0]), value: Price(500_000) };
    let load = ShiftableNeed { energy: Joules(300_001), from: 1, until: 3, power_max: Watts(501) };
    HorizonNeed {
        firm: watts(&[1_000, 1_000, 900, 900]),
        sheddable: Bounded::new(vec![tier]).unwrap(),
        shiftable: Bounded::new(vec![load]).unwrap(),
    }
}

fn of_generator(change: impl FnOnce(&mut GeneratorOffer)) -> HorizonPosting {
    let mut generator = generator();
    change(&mut generator);
    HorizonPosting { offer: Some(HorizonOffer::Generator { generator }), need: None }
}

fn of_storage(change: impl FnOnce(&mut StorageOffer)) -> HorizonPosting {
    let mut storage = storage();
    change(&mut storage);
    HorizonPosting { offer: Some(HorizonOffer::Storage { storage }), need: None }
}

fn of_tie(change: impl FnOnce(&mut TieOffer)) -> HorizonPosting {
    let mut tie = tie();
    change(&mut tie);
    HorizonPosting { offer: Some(HorizonOffer::Tie { tie }), need: None }
}

fn of_need(change: impl FnOnce(&mut HorizonNeed)) -> HorizonPosting {
    let mut need = need();
    change(&mut need);
    HorizonPosting { offer: None, need: Some(need) }
}

fn shiftable(change: impl FnOnce(&mut ShiftableNeed)) -> HorizonPosting {
    of_need(|need| {
        let mut load = need.shiftable[0];
        change(&mut load);
        need.shiftable = Bounded::new(vec![load]).unwrap();
    })
}

#[test]
fn each_rule_refuses_what_it_names() {
    let rows: Vec<(u16, HorizonPosting)> = vec![
        (1, HorizonPosting::default()),
        (2, of_generator(|generator| generator.power_min = watts(&[0, 0, 0]))),
        (2, of_tie(|tie| tie.feed_in = prices(&[0; 5]))),
        (2, of_need(|need| need.firm = Series::default())),
        (3, of_generator(|generator| generator.power_min = watts(&[0, 0, 0, -1]))),
        (3, of_generator(|generator| generator.power_max = watts(&[0, 0, 0, POWER_MAX.0 + 1]))),
        (3, of_generator(|generator| generator.ramp = ramp(-1, 0))),
        (3, of_storage(|storage| storage.discharge_max = Watts(-1))),
        (3, of_tie(|tie| tie.import_max = watts(&[i64::MAX; 4]))),
        (3, of_need(|need| need.firm = watts(&[0, 0, 0, CONSUMPTION_MAX.0 + 1]))),
        (3, shiftable(|load| load.power_max = Watts(-1))),
        (4, of_generator(|generator| generator.power_min = watts(&[0, 1_001, 0, 0]))),
        (5, of_generator(|generator| generator.cost = blocks(&[(2_000, 1 << 40)]))),
        (5, of_tie(|tie| tie.tariff = prices(&[i64::MIN; 4]))),
        (6, of_generator(|g| g.cost = CostCurve::Quadratic { quadratic: -1, linear: 0 })),
        (7, of_generator(|g| g.cost = CostCurve::Quadratic { quadratic: 1, linear: 1 << 38 })),
        (7, of_generator(|g| g.cost = CostCurve::Quadratic { quadratic: 1 << 30, linear: 0 })),
        (8, of_generator(|generator| generator.cost = blocks(&[(2_000, 1), (0, 2)]))),
        (9, of_generator(|generator| generator.cost = blocks(&[(1_000, 2), (1_000, 1)]))),
        (10, of_generator(|generator| generator.cost = blocks(&[(1_999, 2)]))),
        (
            11,
            of_generator(|generator| {
                generator.cost = blocks(&[(2_000, 2)]);
                generator.ramp = ramp(1, 1);
            }),
        ),
        (
            12,
            of_generator(|generator| {
                generator.power_min = watts(&[0, 0, 1_500, 0]);
                generator.ramp = ramp(499, 10);
            }),
        ),
        (13, of_storage(|storage| storage.charge_efficiency_ppb = 0)),
        (13, of_storage(|storage| storage.discharge_efficiency_ppb = 249_999_999)),
        (13, of_storage(|storage| storage.loss_ppb = 1_000_000_001)),
        (14, of_storage(|storage| storage.capacity_uwh = -1)),
        (14, of_storage(|storage| storage.stored_uwh = 1_000_000_001)),
        (14, of_storage(|storage| storage.final_min_uwh = -1)),
        (15, of_storage(|storage| storage.wear = -1)),
        (16, of_storage(|storage| storage.final_min_uwh = 500_000_001)),
        (17, of_tie(|tie| tie.feed_in = prices(&[50_000, 120_001, 0, 0]))),
        (18, of_tie(|tie| tie.demand_charge = -1)),
        (
            19,
            of_need(|need| need.firm = watts(&[CONSUMPTION_MAX.0 - 100, CONSUMPTION_MAX.0, 0, 0])),
        ),
        (
            20,
            of_need(|need| {
                let tier = HorizonTier { power: watts(&[0; 4]), value: Price(-1) };
                need.sheddable = Bounded::new(vec![tier]).unwrap();
            }),
        ),
        (21, shiftable(|load| load.energy = Joules(0))),
        (21, shiftable(|load| load.energy = Joules(300_601))),
        (21, shiftable(|load| load.until = load.from)),
        (21, shiftable(|load| (load.from, load.until) = (4, u16::MAX))),
    ];
    let mut seen = Vec::new();
    for (rule, posting) in rows {
        let error = posting.check(SHAPE).unwrap_err();
        assert_eq!(error.rule(), rule, "{error}");
        seen.push(rule);
    }
    seen.dedup();
    assert_eq!(seen, (1..=21).collect::<Vec<u16>>());
}

#[test]
fn what_is_possible_passes() {
    for posting in [
        of_generator(|_| {}),
        of_generator(|generator| generator.cost = blocks(&[(1_500, -5), (1_500, 7)])),
        of_generator(|generator| {
            generator.power_min = watts(&[0, 0, 1_500, 0]);
            generator.ramp = ramp(500, 1_500);
        }),
        of_storage(|_| {}),
        of_tie(|_| {}),
        of_need(|_| {}),
        shiftable(|load| load.energy = Joules(300_600)),
    ] {
        assert_eq!(posting.check(SHAPE), Ok(()), "{posting:?}");
        let bytes = posting.encode();
        assert_eq!(HorizonPosting::decode(bytes).unwrap(), posting);
    }
    assert_eq!(of_need(|_| {}).parts(), 2);
    assert_eq!(of_generator(|g| g.cost = blocks(&[(1_500, 1), (1_500, 7)])).parts(), 2);
}

#[test]
fn a_power_before_is_moved_no_further_than_the_limits_need() {
    let ramp = RampLimit { up: Watts(500), down: Watts(300) };
    let generator = GeneratorOffer {
        power_min: watts(&[0, 0, 1_500, 0]),
        power_max: watts(&[2_000, 2_000, 2_000, 100]),
        cost: CostCurve::Quadratic { quadratic: 0, linear: 0 },
        ramp: Some(ramp),
    };
    // 1,500 W cannot fall to 100 W within one interval.
    assert_eq!(
        generator.power_before(ramp, Watts(0)),
        Err(HorizonPostingError::RampTooSlow { interval: 2 })
    );
    let generator = GeneratorOffer { power_max: watts(&[2_000; 4]), ..generator };
    // 1,500 W in the third interval need 1,000 W in the second, 500 W in the first, 0 W before.
    for (before, taken) in [(0, 0), (700, 700), (5_000, 2_300)] {
        assert_eq!(generator.power_before(ramp, Watts(before)), Ok(Watts(taken)));
    }
    let generator = GeneratorOffer { power_min: watts(&[900, 0, 1_500, 0]), ..generator };
    assert_eq!(generator.power_before(ramp, Watts(0)), Ok(Watts(400)));
}

#[test]
fn prices_at_which_a_resource_trades() {
    let range = |posting: HorizonPosting| posting.price_range().unwrap();
    // 40,000 + 5·2,000 pico-currency per Wh are 50 µ-currency per kWh.
    assert_eq!(range(of_generator(|_| {})), (Price(40), Price(50)));
    assert_eq!(
        range(of_generator(|g| g.cost = blocks(&[(1_000, -3), (1_000, 7)]))),
        (Price(-3), Price(7))
    );
    assert_eq!(range(of_storage(|storage| storage.wear = 1)), (Price(0), Price(1)));
    assert_eq!(range(of_tie(|_| {})), (Price(50_000), Price(120_000)));
    assert_eq!(of_need(|_| {}).price_range(), None);
}

#[test]
fn the_largest_posting_fits() {
    let shape = Shape { intervals: 288, duration_s: 300 };
    let zigzag = |most: i64| {
        watts(
            &(0..288).map(|interval| if interval % 2 == 0 { most } else { 0 }).collect::<Vec<_>>(),
        )
    };
    let money = |sign: i64| {
        let price = |interval: i64| if interval % 2 == 0 { sign * 137_438_953 } else { 0 };
        prices(&(0..288).map(price).collect::<Vec<_>>())
    };
    let tie = TieOffer {
        import_max: zigzag(POWER_MAX.0),
        export_max: zigzag(POWER_MAX.0),
        tariff: money(1),
        feed_in: money(-1),
        demand_charge: 1 << 40,
    };
    let tier = HorizonTier { power: zigzag(CONSUMPTION_MAX.0 / 8), value: Price(137_438_953) };
    let load = ShiftableNeed { energy: Joules(1), from: 0, until: 288, power_max: Watts(1 << 20) };
    let need = HorizonNeed {
        firm: zigzag(CONSUMPTION_MAX.0 / 4),
        sheddable: Bounded::new(vec![tier; 4]).unwrap(),
        shiftable: Bounded::new(vec![load; 8]).unwrap(),
    };
    let posting = HorizonPosting { offer: Some(HorizonOffer::Tie { tie }), need: Some(need) };
    assert_eq!(posting.check(shape), Ok(()));
    assert!(
        (8_000..POSTING_SIZE_MAX).contains(&posting.encode_size()),
        "{}",
        posting.encode_size()
    );
    let flat = HorizonNeed { firm: Series::flat(Watts(7_000), 288), ..HorizonNeed::default() };
    assert!(flat.encode_size() < 16, "{}", flat.encode_size());
}

proptest! {
    #[test]
    fn a_series_has_one_encoding(
        values in prop::collection::vec(prop_oneof![3 => 0i64..3, 1 => any::<i64>()], 0..40),
    ) {
        let series = watts(&values);
        let bytes = series.encode();
        prop_assert_eq!(bytes.len(), series.encode_size());
        prop_assert_eq!(Series::<Watts>::decode(bytes).unwrap(), series);
    }

    #[test]
    fn whatever_decodes_encodes_to_the_same_bytes(
        length in 0u8..12,
        tail in prop::collection::vec(prop_oneof![2 => 0u8..4, 1 => any::<u8>()], 0..24),
    ) {
        let bytes = [&[0, length][..], &tail].concat();
        if let Ok(series) = Series::<Watts>::decode(Copying(&bytes)) {
            prop_assert_eq!(series.encode().to_vec(), bytes);
        }
    }

    #[test]
    fn any_posting_is_judged_and_none_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        powers in prop::collection::vec(any::<i64>(), 4),
        numbers in prop::array::uniform6(any::<i64>()),
        shares in prop::array::uniform3(any::<u32>()),
    ) {
        if let Ok(posting) = HorizonPosting::decode(Copying(&bytes)) {
            let _ = posting.check(SHAPE);
        }
        let [a, b, c, d, e, f] = numbers;
        let [x, y, z] = shares;
        let odd = StorageOffer {
            charge_max: Watts(a),
            discharge_max: Watts(b),
            charge_efficiency_ppb: x,
            discharge_efficiency_ppb: y,
            loss_ppb: z,
            capacity_uwh: c,
            stored_uwh: d,
            final_min_uwh: e,
            wear: f,
        };
        let _ = odd.check(SHAPE);
        let _ = odd.after(a, Watts(b), Watts(c), x);
        let generator = GeneratorOffer {
            power_min: watts(&powers),
            power_max: watts(&powers),
            cost: CostCurve::Quadratic { quadratic: a, linear: b },
            ramp: ramp(c, d),
        };
        let _ = generator.check(SHAPE);
        let _ = generator.price_range();
        let _ = generator.power_before(RampLimit { up: Watts(e), down: Watts(f) }, Watts(a));
        let load = ShiftableNeed { energy: Joules(a), from: 0, until: 9, power_max: Watts(b) };
        let _ = shiftable(|need| *need = load).check(SHAPE);
    }
}
