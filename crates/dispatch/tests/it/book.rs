//! The kept book against merit order, and against itself rebuilt.

use super::common::{blocks, need, plant, quadratic, setting};
use gridaccord_dispatch::{Imbalance, OfferBook, Outcome, Problem, book::BookError, merit};
use gridaccord_model::{MemberId, Offer, OfferError, Watts};
use proptest::prelude::*;

fn any_blocks() -> impl Strategy<Value = Offer> {
    (-50i64..50, prop::collection::vec((1i64..100, -30i64..30), 0..6)).prop_map(
        |(power_min, mut steps)| {
            steps.sort_by_key(|(_, price)| *price);
            blocks(power_min, &steps)
        },
    )
}

#[test]
fn only_sound_block_offers_enter() {
    let mut book = OfferBook::default();
    let member = MemberId(3);
    assert_eq!(book.insert(member, quadratic(0, 1, 1, 1)), Err(BookError::NotBlocks(member)));
    let source = OfferError::BlockPriceFalls(1);
    assert_eq!(
        book.insert(member, blocks(0, &[(1, 9), (1, 8)])),
        Err(BookError::Offer { member, source })
    );
    assert!(book.is_empty());
    assert_eq!(book.clear(Watts(1)), Err(Imbalance::Shortfall(Watts(1))));
    assert_eq!(book.clear(Watts(-1)), Err(Imbalance::Surplus(Watts(1))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn clears_as_merit_order_does(
        offers in prop::collection::vec((0u16..300, any_blocks()), 1..400),
        withdrawn in prop::collection::vec(0u16..300, 0..100),
        firm in 0i64..40_000,
    ) {
        let mut book = OfferBook::default();
        let mut kept = std::collections::BTreeMap::new();
        for (member, offer) in offers {
            let earlier = book.insert(MemberId(member), offer.clone()).unwrap();
            prop_assert_eq!(earlier, kept.insert(member, offer));
        }
        for member in withdrawn {
            prop_assert_eq!(book.withdraw(MemberId(member)), kept.remove(&member));
        }
        prop_assert_eq!(book.len(), kept.len());
        let rebuilt = OfferBook::from_offers(kept.iter().map(|(member, offer)| (MemberId(*member), offer.clone()))).unwrap();
        let resources = kept.into_iter().map(|(member, offer)| plant(member, offer)).collect();
        let problem = Problem::new(setting(), resources, vec![(MemberId(900), need(firm, &[]))]).unwrap();
        let clearing = book.clear(Watts(firm));
        prop_assert_eq!(clearing, rebuilt.clear(Watts(firm)));
        match (clearing, merit::clear(&problem)) {
            (Ok(clearing), Outcome::Optimal(answer)) => {
                prop_assert_eq!(clearing.price, answer.certificate.price);
                prop_assert!(clearing.cheaper.0 <= firm && firm <= clearing.cheaper.0 + clearing.tied.0);
            }
            (Err(book), Outcome::Infeasible(merit)) => prop_assert_eq!(book, merit),
            (book, merit) => prop_assert!(false, "book {:?}, merit {:?}", book, merit),
        }
    }
}
