//! Two deciders: the plain check of a curve and the sealed proof agree at every boundary, on both sides.

use crate::world::{rng, six};
use gridaccord_model::{Price, Watts};
use gridaccord_sealed::{
    Refusal,
    curve::{Curve, Limits},
    rehearsal::{Offered, Rehearsal},
    statement::{ProveError, verify},
    submission::{Admission, SealError, Wallet, seal_curve},
    tariff::PRICES,
};

/// A curve on every limit of party 0 at once: −L, C − r, Q, R. L is 0, C 50,000, Q 30,000, R 60,000.
fn on_every_limit() -> ([i64; PRICES], i64) {
    let mut points = [0; PRICES];
    for (k, point) in points.iter_mut().enumerate() {
        *point = if k > 20 { 20_000 } else { i64::try_from(k).unwrap() * 900 };
    }
    (points, 30_000)
}

fn curve(points: [i64; PRICES], reserve: i64) -> Curve {
    Curve::new(points.map(Watts), Watts(reserve))
}

fn seal(market: &Rehearsal, curve: Curve) -> Option<ProveError> {
    let sealed = market.seal(&market.parties[0], &Offered::Curve(Box::new(curve)), &mut rng(1));
    match sealed {
        Ok((posting, _)) => {
            assert!(verify(posting, &market.admission(&market.parties[0])).is_ok());
            None
        }
        Err(SealError::Unprovable(error)) => Some(error),
        Err(SealError::Refused(refusal)) => panic!("{refusal}"),
    }
}

#[test]
fn each_of_the_32_inequalities_holds_on_its_boundary_and_fails_one_watt_beyond() {
    let market = six(50);
    let limits: Limits = market.parties[0].limits;
    let (points, reserve) = on_every_limit();
    assert_eq!(curve(points, reserve).check(&limits, &market.tariff), Ok(()));
    assert_eq!(seal(&market, curve(points, reserve)), None);
    let mut cases: Vec<([i64; PRICES], i64, usize, Refusal)> = Vec::new();
    let mut below = points;
    below[0] = -1;
    cases.push((below, reserve, 0, Refusal::CurveBelowImport));
    for k in 0..PRICES - 1 {
        // Flat up to k, then one watt down: only the k-th increment is negative.
        let mut falling = [500; PRICES];
        falling[..=k].fill(501);
        cases.push((falling, 0, k + 1, Refusal::CurveFalls));
    }
    let mut above = points;
    above[PRICES - 1] = 20_001;
    cases.push((above, reserve, 28, Refusal::CurveAboveExport));
    cases.push((points, -1, 29, Refusal::ReserveRange));
    let low = [0; PRICES];
    cases.push((low, 30_001, 30, Refusal::ReserveRange));
    for (points, reserve, form, refusal) in cases {
        assert_eq!(curve(points, reserve).check(&limits, &market.tariff), Err(refusal));
        assert_eq!(seal(&market, curve(points, reserve)), Some(ProveError::OutOfRange { form }));
    }
}

#[test]
fn no_injection_exceeds_the_reserve_that_stands_behind_it() {
    let mut market = six(51);
    market.tariff.reserve_required = Watts(45_000);
    market.gate.grid = market.tariff.hash();
    let limits = market.parties[0].limits;
    for (last, refused) in [(35_000, None), (35_001, Some((31, Refusal::CurveAboveReserve)))] {
        let mut points = [0; PRICES];
        points[PRICES - 1] = last;
        let check = curve(points, 10_000).check(&limits, &market.tariff).err();
        assert_eq!(check, refused.map(|(_, refusal)| refusal));
        let proven = seal(&market, curve(points, 10_000));
        assert_eq!(proven, refused.map(|(form, _)| ProveError::OutOfRange { form }));
    }
}

#[test]
fn an_emitting_curve_is_covered_by_its_allowance_or_not_proven() {
    use gridaccord_sealed::{group::Opening, limit::LimitCertificate, limit::SourceClass};
    let mut rng = rng(52);
    let market = six(52);
    let party = &market.parties[0];
    let mut limit = party.certificate.limit.clone();
    limit.source = SourceClass::Biofuel;
    limit.carbon_mg_per_kwh = 230_000;
    let issued = LimitCertificate::issue(limit, &market.certifier);
    let live = issued.check(party.seat.member, market.gate.interval, &market.registry).unwrap();
    let step = [(Price(60_000), Watts(12_000))];
    let offered = || Curve::from_steps(&market.tariff.grid, Watts(0), &step, Watts(100));
    let needed = 230_000i128 * 300 * (12_000 + 100);
    let missing = Admission { limit: live, ..market.admission(party) };
    for (quanta, covered) in [(needed, true), (needed - 1, false)] {
        let allowance = Opening::hide(quanta, &mut rng);
        let facts = Admission { allowance: Some(allowance.commit()), ..missing.clone() };
        let wallet = Wallet {
            limits: &party.openings,
            balance: &party.balance,
            allowance: Some(&allowance),
        };
        match seal_curve(&offered(), &facts, &wallet, &mut rng) {
            Ok((posting, _)) => {
                assert!(covered && verify(posting.clone(), &facts).is_ok());
                assert_eq!(verify(posting, &missing).unwrap_err(), Refusal::AllowanceMissing);
            }
            Err(error) => {
                assert!(!covered);
                assert_eq!(error, SealError::Unprovable(ProveError::OutOfRange { form: 33 }));
            }
        }
    }
    let wallet = Wallet { limits: &party.openings, balance: &party.balance, allowance: None };
    let refused = seal_curve(&offered(), &missing, &wallet, &mut rng).err();
    assert_eq!(refused, Some(SealError::Refused(Refusal::AllowanceMissing)));
}
