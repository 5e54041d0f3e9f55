//! Building a problem: one row per rule, and the order of lists.

use super::common::{blocks, need, plant, quadratic, setting};
use gridaccord_dispatch::{Problem, ProblemError, Setting};
use gridaccord_model::{MemberId, NeedError, OfferError, Price, Watts};

#[test]
fn every_rule_has_its_refusal() {
    let offer = || blocks(0, &[(10, 5)]);
    let refuse = |setting, resources, needs| Problem::new(setting, resources, needs).unwrap_err();
    for duration_s in [0, (1 << 20) + 1] {
        let refusal = refuse(Setting { duration_s, ..setting() }, vec![], vec![]);
        assert_eq!(refusal, ProblemError::DurationOutOfRange(duration_s));
    }
    let cap = Price((1 << 40) + 1);
    assert_eq!(
        refuse(Setting { price_cap: cap, ..setting() }, vec![], vec![]),
        ProblemError::PriceCapOutOfRange(cap)
    );
    let crowd = (0..4_097).map(|member| plant(member, offer())).collect();
    assert_eq!(refuse(setting(), crowd, vec![]), ProblemError::TooManyResources(4_097));
    let needs = (0..769).map(|member| (MemberId(member), need(0, &[(1, 1); 4]))).collect();
    assert_eq!(refuse(setting(), vec![], needs), ProblemError::TooManyTiers(3_076));
    assert_eq!(
        refuse(setting(), vec![plant(4, offer()), plant(2, offer()), plant(4, offer())], vec![]),
        ProblemError::OfferTwice(MemberId(4))
    );
    assert_eq!(
        refuse(setting(), vec![], vec![(MemberId(4), need(1, &[])), (MemberId(4), need(2, &[]))]),
        ProblemError::NeedTwice(MemberId(4))
    );
    let steep = quadratic(0, 1 << 31, 1 << 40, 0);
    assert_eq!(
        refuse(setting(), vec![plant(4, steep)], vec![]),
        ProblemError::Offer {
            member: MemberId(4),
            source: OfferError::MarginalOutOfRange(Watts(1 << 31))
        }
    );
    assert_eq!(
        refuse(setting(), vec![], vec![(MemberId(4), need(-1, &[]))]),
        ProblemError::Need { member: MemberId(4), source: NeedError::FirmNegative(Watts(-1)) }
    );
}

#[test]
fn resources_and_tiers_stand_in_member_order() {
    let needs = vec![(MemberId(8), need(1, &[(2, 5), (3, 4)])), (MemberId(6), need(0, &[(4, 9)]))];
    let resources = vec![plant(9, blocks(0, &[(10, 5)])), plant(1, blocks(0, &[(10, 5)]))];
    let problem = Problem::new(setting(), resources, needs).unwrap();
    let members: Vec<u16> = problem.resources().iter().map(|resource| resource.member.0).collect();
    assert_eq!(members, [1, 9]);
    let tiers: Vec<_> =
        problem.tiers().iter().map(|tier| (tier.member.0, tier.tier, tier.power.0)).collect();
    assert_eq!(tiers, [(6, 0, 4), (8, 0, 2), (8, 1, 3)]);
    assert_eq!(problem.demand(), Watts(10));
    assert_eq!(problem.range(2), None);
}
