//! Rules T1–T10: one row a rule, in order.

use super::world::*;
use gridaccord_ledger::{
    Genesis, Role,
    genesis::{GateKind, GenesisError},
    sealed::TermsError,
};
use gridaccord_model::{MemberId, Money, OwnerId, codec::Bounded, terms::SealedTerms};

fn refused(change: impl Fn(&mut SealedTerms)) -> TermsError {
    let mut terms = terms();
    change(&mut terms);
    broken(genesis_with(terms))
}

fn broken(genesis: Genesis) -> TermsError {
    match genesis.check() {
        Err(GenesisError::Sealed(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn of_members(
    change: impl Fn(usize, &mut gridaccord_ledger::genesis::GenesisMember),
) -> TermsError {
    let mut genesis = genesis_with(terms());
    let mut members = genesis.members.into_inner();
    members.iter_mut().enumerate().for_each(|(id, member)| change(id, member));
    genesis.members = Bounded::new(members).unwrap();
    broken(genesis)
}

#[test]
fn terms_are_checked_in_order() {
    assert_eq!(genesis_with(terms()).check(), Ok(()));
    assert_eq!(refused(|terms| terms.feed_in = 300_000), TermsError::Grid);
    assert_eq!(refused(|terms| terms.price_floor = 0), TermsError::Grid);
    assert_eq!(refused(|terms| terms.reserve_w = 1 << 31), TermsError::Tariff);
    assert_eq!(refused(|terms| terms.loss_ppm = 1_000_001), TermsError::Tariff);
    assert_eq!(refused(|terms| terms.rating_w = u32::MAX), TermsError::Widths(u32::MAX));
    assert_eq!(refused(|terms| terms.owners_min = 2), TermsError::OwnersMin(2));
    assert_eq!(refused(|terms| terms.epoch_gates = 0), TermsError::Zero("epoch_gates"));
    assert_eq!(refused(|terms| terms.cycle_window = 0), TermsError::Zero("cycle_window"));
    assert_eq!(refused(|terms| terms.grid_forming = MemberId(99)), TermsError::GridForming);
    assert_eq!(of_members(|_, member| member.deposit = Money(1 << 50)), TermsError::Members);
    let uncertified = of_members(|_, member| {
        if member.role == Role::Certifier {
            member.role = Role::Auditor;
        }
    });
    assert_eq!(uncertified, TermsError::Members);
}

#[test]
fn nobody_can_open_alone() {
    // Of seven shares an owner holds at most two, the sellers together at most four; storage sells, too.
    let one_owner = of_members(|id, member| {
        if id < 3 {
            member.owner = OwnerId(0);
        }
    });
    assert_eq!(one_owner, TermsError::OwnerShares(OwnerId(0)));
    let sellers = of_members(|id, member| {
        if id == usize::from(CAMPUS) {
            member.role = Role::StorageOwner;
        }
    });
    assert_eq!(sellers, TermsError::RoleShares(Role::Supplier));
    assert!(sellers.to_string().contains("Supplier"), "it says whom: {sellers}");
    // Four validators: at most two sellers.
    let mut genesis = genesis_with(terms());
    let four = genesis.validators.iter().take(4).cloned().collect();
    genesis.validators = Bounded::new(four).unwrap();
    assert_eq!(broken(genesis), TermsError::RoleShares(Role::Supplier));
    assert!(matches!(genesis_with(terms()).market.kind, GateKind::Sealed { .. }));
}
