//! One honest encoding for each decoder that the fuzzer tries: where its corpus starts from.
//!
//! The files are kept in `fuzz/corpus/sealed_decode`; a changed wire format shows here first.

use crate::world::{firm, idle, rng, seal_all, six};
use bytes::Bytes;
use commonware_codec::Encode as _;
use gridaccord_model::{CarbonMg, GateId, Joules, MemberId, Price, Watts, codec::Label};
use gridaccord_sealed::{
    Digest,
    account::{Line, Prices},
    bill::{cycle_facts, make_bill},
    book::SealedGate,
    carbon::{BurnFacts, IssueFacts, burn_allowance, issue_allowances},
    claim::{Bounds, FeederFacts, claim, pair_feeder},
    clearing::Search,
    cycle::close_cycle,
    deviation::{DeviationFacts, post_deviation},
    group::{Commitment, Opening, Point, SecretScalar},
    holder::Closing,
    keygen::{Committee, Dealing, Dealings, Receiver},
    logarithm::LogTable,
    metering::{Registers, SignedBy, read_meter},
    opening::assemble,
    rehearsal::{Offered, Rehearsal},
    split::{SplitFacts, SupplyFacts, post_supply, split_energy},
    transcript::Place,
};
use rand_chacha::ChaCha20Rng;

type Seed = (&'static str, Bytes);

/// In the order of the fuzz target's decoders.
pub(crate) fn seeds() -> Vec<Seed> {
    let mut rng = rng(90);
    let mut market = six(90);
    let posting = firm(&market, 3, 1_234, &mut rng);
    let mut seeds = vec![("submission", posting.encode())];
    seeds.extend(metered(&market, &mut rng));
    let (opened, record) = opened(&mut market, &mut rng);
    seeds.extend(opened);
    seeds.extend(key_generation(&mut rng));
    seeds.push(("limit-certificate", market.parties[0].certificate.encode()));
    let (cycle, billed) = cycle(&market, &mut rng);
    seeds.extend(cycle);
    seeds.extend(carbon_and_claims(&market, &mut rng));
    seeds.extend(billed);
    seeds.push(("tariff", market.tariff.encode()));
    seeds.push(("proof", posting.proof.encode()));
    seeds.push(("log-record", record));
    seeds.push(("point", market.epoch.key().encode()));
    seeds
}

fn metered(market: &Rehearsal, rng: &mut ChaCha20Rng) -> [Seed; 2] {
    let party = &market.parties[0];
    let facts = market.meter_facts(party, 1);
    let signer = (SignedBy::Meter, &party.meter);
    let (reading, secret) =
        read_meter(Joules(2_900_000), Joules(0), &facts, &party.openings, signer, rng).unwrap();
    let scaled = Opening::hide(1, rng);
    let net = secret.net().unwrap();
    let facts = DeviationFacts {
        gate: market.gate,
        limit: party.live.clone(),
        set_point: scaled.commit(),
        net: net.commit(),
    };
    let (deviation, _) = post_deviation(&facts, &scaled, &net, &party.openings, rng).unwrap();
    [("reading", reading.encode()), ("deviation", deviation.encode())]
}

fn opened(market: &mut Rehearsal, rng: &mut ChaCha20Rng) -> ([Seed; 2], Bytes) {
    let mut offers = vec![idle(), idle(), idle()];
    offers.extend((0..3).map(|_| Offered::Firm(Watts(500))));
    let (postings, _) = seal_all(market, &offers, rng);
    let closed = market.close(market.verify(postings).unwrap()).unwrap();
    let gate = SealedGate::new(closed, market.tariff, Watts(0), Search::cold());
    let sum = gate.next_sum().unwrap().unwrap();
    let mut records = Vec::new();
    let mut shares = Vec::new();
    for holder in &mut market.holders {
        let intent = holder.intend(&gate, Closing::Final).unwrap();
        records.push(intent.record().encode());
        shares.push(holder.give(intent.persisted(), rng).unwrap());
    }
    let open = assemble(&sum, &market.epoch, &shares, &LogTable::new(8), 10_000).unwrap();
    ([("opened-sum", open.encode()), ("share", shares[0].encode())], records[0].clone())
}

fn key_generation(rng: &mut ChaCha20Rng) -> [Seed; 2] {
    let secrets: Vec<SecretScalar> = (0..4).map(|_| SecretScalar::random(rng)).collect();
    let keys = secrets.iter().map(|secret| Point::new(secret.public()).unwrap()).collect();
    let committee = Committee::new(Digest([1; 32]), 1, keys).unwrap();
    let dealing = Dealing::deal(&committee, 0, rng).unwrap();
    let mut dealings = Dealings::open(committee);
    dealings.post(dealing.clone()).unwrap();
    let receiver = Receiver::new(0, secrets.into_iter().next().unwrap());
    let complaint = receiver.complain(&dealings.close(), 0, rng).unwrap();
    [("dealing", dealing.encode()), ("complaint", complaint.encode())]
}

fn cycle(market: &Rehearsal, rng: &mut ChaCha20Rng) -> ([Seed; 3], [Seed; 2]) {
    let (cycle, participant) = (market.gate, MemberId(3));
    let value = Opening::hide(7_200_001, rng);
    let prices = Prices::of(Price(150_001), &market.tariff, 300).unwrap();
    let registers = Registers { injected: value.commit(), absorbed: Commitment::zero() };
    let (reserve, deviation) = (Commitment::zero(), Commitment::zero());
    let line = Line { gate: GateId(1), prices, registers, reserve, deviation };
    let facts = cycle_facts(&cycle, participant, &[line]).unwrap();
    let money = Opening::combine(&[(150_001, &value)], 0).unwrap();
    let (close, whole) = close_cycle(&facts, &value, &money, rng).unwrap();
    let bill = make_bill(&cycle, (3, Digest([3; 32])), vec![line], close.clone(), &whole).unwrap();
    let facts = SplitFacts { cycle, participant, used: value.commit(), sources: 2 };
    let (split, _) = split_energy(&facts, &value, &[1, 7_200_000], rng).unwrap();
    let facts = SupplyFacts { cycle, participant, supplied: value.commit() };
    let supply = post_supply(&facts, &value, rng).unwrap();
    let posted =
        [("cycle-close", close.encode()), ("split", split.encode()), ("supply", supply.encode())];
    (posted, [("bill", bill.encode()), ("line", line.encode())])
}

fn carbon_and_claims(market: &Rehearsal, rng: &mut ChaCha20Rng) -> [Seed; 4] {
    let (gate, participant) = (market.gate, MemberId(3));
    let facts = IssueFacts { cycle: gate, issuer: participant, cap: CarbonMg(700) };
    let amounts = [CarbonMg(500), CarbonMg(200)];
    let (issue, openings) = issue_allowances(&facts, &amounts, rng).unwrap();
    let injected = Opening::hide(9, rng);
    let (allowance, injected_c) = (issue.allowances[0], injected.commit());
    let facts =
        BurnFacts { gate, participant, allowance, injected: injected_c, carbon_mg_per_kwh: 400 };
    let (burn, _) = burn_allowance(&facts, &openings[0], &injected, rng).unwrap();
    let place = Place { gate, certificate: Digest([0; 32]), participant };
    let bounds = Bounds { metric: Label::new("current_ma").unwrap(), least: 0, most: 32_000 };
    let claim = claim(place, bounds, &injected, rng).unwrap();
    let other = Opening::hide(10, rng);
    let facts =
        FeederFacts { place, upstream: injected_c, downstream: other.commit(), tolerance: 5 };
    let pair = pair_feeder(&facts, &injected, &other, rng).unwrap();
    [
        ("allowances", issue.encode()),
        ("burn", burn.encode()),
        ("claim", claim.encode()),
        ("feeder-pair", pair.encode()),
    ]
}
