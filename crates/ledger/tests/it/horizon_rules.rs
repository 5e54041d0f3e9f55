//! Rule tables of gates of kind *horizon*, in rule order: a refusal changes nothing but the author's nonce.

use super::{commands::row, common::*, horizon::*};
use gridaccord_ledger::{
    CELLS_MAX, Command, Refusal, Role,
    command::{PIECE_SIZE_MAX, PIECES_MAX},
    gate::Verdict,
    genesis::GateKind,
};
use gridaccord_model::{
    Block, CostCurve, GateId, HorizonNeed, HorizonOffer, HorizonPosting, HorizonPostingError,
    Joules, MemberId, Price, Series, Watts,
    codec::Bounded,
    horizon::{HorizonTier, ShiftableNeed, StorageOffer},
};

#[test]
fn each_kind_of_gate_takes_its_own_commands() {
    let mut world = filled(genesis());
    let wrong = Refusal::KindWrong { kind: "open" };
    for command in [
        post(0, CAMPUS, of_need(firm(flat(1, 2)))),
        post(9, CAMPUS, HorizonPosting::default()),
        piece(0, GAS, 0, 1, &[1]),
        reveal_pieces(0, GAS, GAS),
    ] {
        row(&mut world, command, wrong, "C8");
    }
    let mut world = simple(market(2));
    let wrong = Refusal::KindWrong { kind: "horizon" };
    row(&mut world, offer(0, SOLAR, blocks(0, &[(1, 1)])), wrong, "C8");
    row(&mut world, need_of(9, TENANT, need(1, &[])), wrong, "C8");
}

#[test]
fn rules_of_postings() {
    let mut world = simple(market(2));
    let sun = || generator(flat(KW, 2), 50_000);
    let store = StorageOffer {
        charge_max: Watts(KW),
        discharge_max: Watts(KW),
        charge_efficiency_ppb: 900_000_000,
        discharge_efficiency_ppb: 900_000_000,
        loss_ppb: 0,
        capacity_uwh: 1_000_000_000,
        stored_uwh: 0,
        final_min_uwh: 0,
        wear: 0,
    };
    for (author, posting) in [
        (UTILITY, of_generator(sun())),
        (UTILITY, of_storage(store)),
        (SOLAR, of_tie(tie(1, 1, 30_000, 2))),
        (SOLAR, of_need(firm(flat(1, 2)))),
        (TENANT, of_generator(sun())),
        (AUDITOR, HorizonPosting::default()),
    ] {
        row(&mut world, post(0, author, posting), Refusal::RoleForbids, "C4");
    }
    let need = || of_need(firm(flat(1, 2)));
    row(&mut world, post(7, TENANT, need()), Refusal::GateNotLive(GateId(7)), "C5");
    let refused = |error| Refusal::Posting(error);
    let empty = HorizonPosting::default();
    row(&mut world, post(0, TENANT, empty), refused(HorizonPostingError::Empty), "S1");
    let short = HorizonPostingError::SeriesLength { field: "firm", given: 1, needed: 2 };
    row(&mut world, post(0, TENANT, of_need(firm(flat(1, 1)))), refused(short), "S2");
    let promise = StorageOffer { final_min_uwh: 1_000_000_000, ..store };
    // Two times 300 s at 1 kW and 90 % are 150 Wh.
    let out_of_reach = HorizonPostingError::FinalOutOfReach {
        reached_uwh: 150_000_000,
        promised_uwh: 1_000_000_000,
    };
    row(&mut world, post(0, BATTERY, of_storage(promise)), refused(out_of_reach), "S16");
    let cap = world.genesis.market.price_cap;
    for price in [1_000_001, -1_000_001] {
        let outside = Refusal::PostingOutsideCap { price: Price(price), cap };
        row(&mut world, post(0, GAS, of_generator(generator(flat(1, 2), price))), outside, "S22");
    }
    let mut dear = tie(KW, KW, 30_000, 2);
    dear.tariff = Series::new(vec![Price(30_000), Price(2_000_000)]).unwrap();
    let outside = Refusal::PostingOutsideCap { price: Price(2_000_000), cap };
    row(&mut world, post(0, UTILITY, of_tie(dear)), outside, "S22");

    for (author, posting) in
        [(GAS, of_generator(sun())), (BATTERY, of_storage(store)), (CAMPUS, of_storage(store))]
    {
        world.take(vec![post(0, author, posting)]);
    }
    world.beacon = false;
    world.at(START - 60).block(vec![]);
    let wrong = super::commands::wrong_phase(0, "closed", "open");
    row(&mut world, post(0, TENANT, need()), wrong, "C6");
}

/// 65 members with 28 parts each are as many as a check of 288 intervals is given time for.
#[test]
fn a_gate_has_room_for_so_many_parts() {
    let names: Vec<String> = (0..66).map(|id| format!("c{id}")).collect();
    let cast: Vec<_> = names.iter().map(|name| (name.as_str(), Role::Campus)).collect();
    let mut genesis = genesis_of(&cast);
    genesis.market.kind = GateKind::Horizon { intervals: 288 };
    let mut world = World::new(genesis);
    world.at(START - 290).block(vec![]);
    let posting = || {
        let steps = vec![Block { power: Watts(1), price: Price(1) }; 16];
        let mut offer = generator(flat(16, 288), 0);
        offer.cost = CostCurve::Blocks { blocks: Bounded::new(steps).unwrap() };
        let tier = HorizonTier { power: flat(1, 288), value: Price(1) };
        let load = ShiftableNeed { energy: Joules(1), from: 0, until: 288, power_max: Watts(1) };
        HorizonPosting {
            offer: Some(HorizonOffer::Generator { generator: offer }),
            need: Some(HorizonNeed {
                firm: flat(1, 288),
                sheddable: Bounded::new(vec![tier; 4]).unwrap(),
                shiftable: Bounded::new(vec![load; 8]).unwrap(),
            }),
        }
    };
    assert_eq!(usize::from(posting().parts()) * 65, CELLS_MAX / 288);
    world.take((0..65).map(|id| post(0, id, posting())).collect());
    // A posting in place of an earlier one needs no more room.
    world.take(vec![post(0, 7, posting())]);
    row(&mut world, post(0, 65, posting()), Refusal::GateFull(GateId(0)), "C7");
    let firm_only = of_need(firm(flat(1, 288)));
    world.take(vec![post(0, 7, firm_only), post(0, 65, posting())]);
}

#[test]
fn rules_of_pieces() {
    let mut genesis = market(2);
    (genesis.trust.commit_window, genesis.trust.reveal_window) = (8, 60);
    let mut world = simple(genesis);
    draw(&mut world, 0);
    let builders = world.builders(0);
    let [first, second, third] = builders[..] else { panic!("three seats") };
    let bytes = solved(&book(&world, 0)).to_bytes().unwrap();
    let wrong = super::commands::wrong_phase(0, "drawn", "committed");
    row(&mut world, piece(0, first, 0, 1, &bytes), wrong, "C6");
    row(&mut world, reveal_pieces(0, first, first), wrong, "C6");
    row(&mut world, piece(7, first, 0, 1, &bytes), Refusal::GateNotLive(GateId(7)), "C5");
    world.take(vec![world.commit(0, first, &bytes), world.commit(0, second, &bytes)]);
    world.until(0, "committed");

    let stranger = Refusal::NoSeat(MemberId(SOLAR));
    row(&mut world, piece(0, SOLAR, 0, 1, &bytes), stranger, "B1");
    row(&mut world, reveal_pieces(0, AUDITOR, SOLAR), stranger, "B1");
    row(&mut world, piece(0, AUTHORITY, 0, 1, &bytes), Refusal::RoleForbids, "C4");
    row(&mut world, piece(0, third, 0, 1, &bytes), Refusal::NotCommitted, "B3");
    for of in [0, PIECES_MAX + 1, u16::MAX] {
        let count = Refusal::PieceCount { of, most: PIECES_MAX };
        row(&mut world, piece(0, first, 0, of, &bytes), count, "B7");
    }
    let not_next = |index, next| Refusal::PieceNotNext { index, next };
    row(&mut world, piece(0, first, 1, 2, &bytes), not_next(1, 0), "B8");
    row(&mut world, piece(0, first, 0, 2, &[]), not_next(0, 0), "B8");
    row(
        &mut world,
        reveal_pieces(0, first, first),
        Refusal::PiecesMissing { posted: 0, of: 0 },
        "B9",
    );
    world.take(vec![piece(0, first, 0, 2, &bytes[..9])]);
    for of in [1, 3] {
        row(
            &mut world,
            piece(0, first, 1, of, &bytes[9..]),
            Refusal::PieceCount { of, most: 2 },
            "B7",
        );
    }
    row(&mut world, piece(0, first, 0, 2, &bytes[..9]), not_next(0, 1), "B8");
    row(
        &mut world,
        reveal_pieces(0, first, first),
        Refusal::PiecesMissing { posted: 1, of: 2 },
        "B9",
    );
    let all = vec![piece(0, first, 1, 2, &bytes[9..]), reveal_pieces(0, third, first)];
    world.take(all);
    row(&mut world, piece(0, first, 2, 2, &[0]), Refusal::RevealedAlready, "B5");
    row(&mut world, reveal_pieces(0, first, first), Refusal::RevealedAlready, "B5");
    assert_eq!(world.phase(0), "committed");
}

#[test]
fn pieces_of_another_answer_open_no_commitment() {
    let mut world = simple(market(2));
    draw(&mut world, 0);
    let builders = world.builders(0);
    let bytes = solved(&book(&world, 0)).to_bytes().unwrap();
    world.take(builders.iter().map(|id| world.commit(0, *id, &bytes)).collect());
    let id = builders[0];
    world.take(vec![piece(0, id, 0, 1, b"another")]);
    row(&mut world, reveal_pieces(0, CERTIFIER, id), Refusal::CommitmentMismatch, "B4");
    // Its whole answer still counts.
    world.take(vec![reveal(0, id, &bytes)]);
    assert!(matches!(world.seats(0)[0].verdict, Verdict::Valid { .. }));
}

/// A seat can make the chain keep one largest answer and no byte more, and the others decide without it.
#[test]
fn a_seat_that_floods_holds_nobody_up() {
    let mut world = simple(market(2));
    draw(&mut world, 0);
    let builders = world.builders(0);
    let bytes = solved(&book(&world, 0)).to_bytes().unwrap();
    world.take(builders.iter().map(|id| world.commit(0, *id, &bytes)).collect());
    let hostile = builders[0];
    let full = vec![7u8; PIECE_SIZE_MAX];
    let flood: Vec<(u16, Command)> =
        (0..PIECES_MAX + 3).map(|index| piece(0, hostile, index, PIECES_MAX, &full)).collect();
    let outcome = world.block(flood);
    let taken = outcome.receipts.iter().filter(|receipt| receipt.result.is_ok()).count();
    assert_eq!(taken, usize::from(PIECES_MAX));
    world.take(builders[1..].iter().map(|id| reveal(0, *id, &bytes)).collect());
    world.until(0, "decided");
    assert_eq!((world.account(hostile).stake, world.index(hostile)), (9_950, 98_000));
}
