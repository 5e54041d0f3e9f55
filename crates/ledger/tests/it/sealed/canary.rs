//! Canaries: no hidden number stands in any record, body, block or event of a gate's whole life.

use super::world::*;
use crate::it::common::START;
use commonware_codec::Encode as _;
use gridaccord_ledger::{Event, sealed::SealedEvent};
use gridaccord_model::{Money, codec::Bounded};
use gridaccord_sealed::rehearsal::Offered;

/// Every way a number could stand somewhere by accident.
fn disguises(value: i64) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for value in [value, -value] {
        found.push(value.to_be_bytes().to_vec());
        found.push(value.to_le_bytes().to_vec());
    }
    let positive = value.unsigned_abs();
    found.push(positive.to_string().into_bytes());
    found.push(format!("{positive:08x}").into_bytes());
    found.push(format!("{positive:08X}").into_bytes());
    found
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Powers of some megawatts: a number of two bytes stands by chance wherever zeros end.
const SCALE: i64 = 251;

fn large(seed: u64) -> Bazaar {
    let factor = u32::try_from(SCALE).unwrap();
    let mut terms = terms();
    for power in [&mut terms.reserve_w, &mut terms.rating_w, &mut terms.absorb_w] {
        *power *= factor;
    }
    let mut genesis = genesis_with(terms);
    let mut members = genesis.members.into_inner();
    for (id, member) in members.iter_mut().enumerate() {
        member.deposit = Money(if id <= usize::from(UTILITY) { 900_000_017 * SCALE } else { 0 });
    }
    genesis.members = Bounded::new(members).unwrap();
    let mut bazaar = Bazaar::of(genesis, seed);
    bazaar.scale = SCALE;
    bazaar.certify_all();
    bazaar.world.at(START - 290);
    bazaar.block(vec![]);
    bazaar
}

#[test]
fn no_hidden_number_stands_anywhere() {
    let mut bazaar = large(80);
    let offers = bazaar.offers();
    bazaar.fill(0);
    bazaar.close(0);
    bazaar.open(0, AUDITOR);
    bazaar.run_interval(0);
    let mut secrets: Vec<i64> = Vec::new();
    for (id, offered) in &offers {
        match offered {
            Offered::Firm(demand) => secrets.push(demand.0),
            Offered::Curve(curve) => {
                secrets.extend((1..=28).map(|k| curve.at(k).unwrap().0));
                secrets.push(curve.reserve().0);
            }
        }
        let limits = bazaar.parties[id].limits;
        secrets.extend([limits.import.0, limits.export.0, limits.reserve.0]);
        let scaled = bazaar.scaled(0, *id).value();
        secrets.push(i64::try_from(scaled >> 20).unwrap());
        secrets.push(i64::try_from(scaled).unwrap());
    }
    let readings: Vec<_> = offers.iter().map(|(id, _)| (*id, bazaar.meter(0, *id, None))).collect();
    for (id, _) in &offers {
        let settling = &bazaar.parties[id].pending[&0];
        secrets.push(i64::try_from(settling.net.value()).unwrap());
        secrets.push(i64::try_from(settling.amount.value()).unwrap());
        secrets.push(i64::try_from(settling.amount.value() / 3_600_000).unwrap());
    }
    bazaar.take(readings);
    bazaar.settled(0);
    for (id, _) in &offers {
        secrets.push(i64::try_from(bazaar.parties[id].balance.value()).unwrap());
    }
    // What is opened is public; small and round numbers stand everywhere and prove nothing.
    let public: Vec<i64> = sealed_events(&bazaar.events)
        .iter()
        .filter_map(|event| match event {
            SealedEvent::SumOpened { value, .. } => Some(value.abs()),
            _ => None,
        })
        .collect();
    secrets.retain(|secret| secret.abs() > 1 << 17 && secret % 1_000 != 0);
    secrets.retain(|secret| !public.contains(&secret.abs()));
    secrets.sort_unstable();
    secrets.dedup();
    assert!(secrets.len() > 60, "{} canaries", secrets.len());

    let mut haystacks: Vec<Vec<u8>> = Vec::new();
    haystacks.extend(bazaar.world.log.iter().map(|block| block.encode().to_vec()));
    haystacks.extend(bazaar.world.state.records().map(|(_, record)| record.as_bytes().to_vec()));
    haystacks.extend(bazaar.world.state.bodies().map(|(_, body)| body.to_vec()));
    haystacks.extend(bazaar.events.iter().map(|event: &Event| event.encode().to_vec()));
    haystacks.push(format!("{:?}", bazaar.events).into_bytes());
    assert!(haystacks.iter().map(Vec::len).sum::<usize>() > 100_000);
    // The search finds what is there: a canary that is planted.
    let planted = [b"..".as_slice(), &(21_347 * SCALE).to_be_bytes(), b".."].concat();
    assert!(disguises(-21_347 * SCALE).iter().any(|needle| holds(&planted, needle)));
    for secret in &secrets {
        for needle in disguises(*secret) {
            for haystack in &haystacks {
                assert!(!holds(haystack, &needle), "{secret} stands somewhere as {needle:?}");
            }
        }
    }
}
