//! Sealed markets with real proofs against the plaintext twin.

use crate::world::{rng, six};
use gridaccord_model::{Price, Watts};
use gridaccord_sealed::{
    book::SealedGate, clearing::Search, curve::Curve, gate::Outcome, rehearsal::Offered,
};

#[test]
fn a_sealed_market_clears() {
    let mut rng = rng(1);
    let mut market = six(1);
    let grid = market.tariff.grid;
    let offers: Vec<Offered> = (0..6)
        .map(|member| match member {
            0..3 => Offered::Curve(Curve::from_steps(
                &grid,
                Watts(0),
                &[(Price(60_000 + member * 40_000), Watts(20_000))],
                Watts(20_000),
            )),
            _ => Offered::Firm(Watts(10_000)),
        })
        .collect();
    let mut postings = Vec::new();
    let mut secrets = Vec::new();
    for (party, offer) in market.parties.iter().zip(&offers) {
        let (posting, secret) = market.seal(party, offer, &mut rng).unwrap();
        postings.push(posting);
        secrets.push(secret);
    }
    let verified = market.verify(postings).unwrap();
    let closed = market.close(verified).unwrap();
    let mut gate = SealedGate::new(closed, market.tariff, Watts(0), Search::cold());
    let (outcome, _) = market.decide(&mut gate, &mut rng).unwrap();
    let Outcome::Balanced { cleared, reserve } = outcome else { panic!("{outcome:?}") };
    assert_eq!(reserve, 60_000);
    println!("{cleared:?}");
}
