//! Settlement over random meters: it sums to zero, and what rounding leaves is small and never negative.

use gridaccord_ledger::{
    records::Metered,
    settle::{Participant, Terms, settle},
};
use gridaccord_model::{Joules, MemberId, Price};
use proptest::prelude::*;

const LIMIT: i64 = (1 << 31) * 300;

fn energy() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), -100i64..100, -40_000_000i64..40_000_000, -LIMIT..LIMIT]
}

fn metered() -> impl Strategy<Value = Option<Metered>> {
    let sides = (energy(), energy()).prop_map(|(injected, absorbed)| Metered {
        injected: Joules(injected.abs()),
        absorbed: Joules(absorbed.abs()),
    });
    prop::option::weighted(0.8, sides)
}

fn participants() -> impl Strategy<Value = Vec<Participant>> {
    let one = (energy(), metered(), prop::bool::weighted(0.15));
    prop::collection::vec(one, 0..14).prop_map(|list| {
        (0u16..)
            .zip(list)
            .map(|(member, (planned, metered, balances))| Participant {
                member: MemberId(member),
                planned: Joules(planned),
                metered,
                balances,
            })
            .collect()
    })
}

fn terms() -> impl Strategy<Value = Terms> {
    let price = prop_oneof![Just(0), -100i64..100, -57_000_000i64..57_000_000];
    (price, 0u32..=1_000_000, 0u32..=100_000).prop_map(|(price, fee_ppm, tolerance_ppm)| Terms {
        price: Price(price),
        fee_ppm,
        tolerance_ppm,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn sums_to_zero_with_a_small_remainder(
        participants in participants(),
        terms in terms(),
        extra in 1u16..6,
    ) {
        // Builders: the first is a participant where there is one, the others mostly are not.
        let builders: Vec<MemberId> = (0..extra).map(|step| MemberId(step * 4)).collect();
        let settled = settle(terms, &participants, builders[0], &builders);
        let sum = |amounts: Vec<i64>| amounts.into_iter().map(i128::from).sum::<i128>();
        let of = |amount: fn(&gridaccord_ledger::records::Line) -> i64| {
            sum(settled.lines.iter().map(|(_, line)| amount(line)).collect())
        };
        let remainder = i128::from(settled.remainder.0);
        prop_assert_eq!(of(|line| line.total().0) + i128::from(settled.losses.0) + remainder, 0);

        let count = participants.len() as i128;
        let most = 3 * count + builders.len() as i128 + 2;
        prop_assert!((0..=most).contains(&remainder), "remainder {} of {}", remainder, most);

        // Fees: what is paid is charged, and is no more than the share of the turnover.
        let (charged, earned) = (of(|line| line.fee_charged.0), of(|line| line.fee_earned.0));
        prop_assert_eq!(earned, i128::from(settled.fees.0));
        prop_assert!(charged >= earned && charged <= earned + count + builders.len() as i128 + 1);
        let fee = i128::from(settled.turnover.0) * i128::from(terms.fee_ppm) / 1_000_000;
        prop_assert!(earned <= fee);

        for (participant, (member, line)) in participants.iter().zip(&settled.lines) {
            prop_assert_eq!(participant.member, *member);
            prop_assert_eq!(line.estimated, participant.metered.is_none());
            let deviation = line.deviation_money.0;
            if participant.balances {
                prop_assert!(deviation >= 0);
            } else {
                prop_assert!(deviation <= 0);
                let missed = i128::from(line.energy.0) - i128::from(participant.planned.0);
                let tolerated = i128::from(participant.planned.0).abs()
                    * i128::from(terms.tolerance_ppm) / 1_000_000;
                if missed.abs() <= tolerated {
                    prop_assert_eq!(deviation, 0);
                } else {
                    // Between half and all of the energy's value, rounded up.
                    let value = i128::from(terms.price.0).abs() * missed.abs();
                    let charge = -i128::from(deviation);
                    prop_assert!(charge * 7_200_000 >= value);
                    prop_assert!((charge - 1) * 3_600_000 < value || charge == 0);
                }
            }
        }
    }

    #[test]
    fn no_reading_beats_the_plan_beyond_tolerance(
        planned in energy(),
        claim in metered(),
        price in -57_000_000i64..57_000_000,
    ) {
        let terms = Terms { price: Price(price), fee_ppm: 0, tolerance_ppm: 0 };
        let total = |metered| {
            let one = Participant {
                member: MemberId(0),
                planned: Joules(planned),
                metered,
                balances: false,
            };
            settle(terms, &[one], MemberId(1), &[MemberId(1)]).lines[0].1.total().0
        };
        let honest = total(Some(Metered {
            injected: Joules(planned.max(0)),
            absorbed: Joules((-planned).max(0)),
        }));
        prop_assert!(total(claim) <= honest);
    }
}
