//! The problem that a closed book states, of either kind, and what an answer to it comes to.

use crate::gate::{Score, Verdict};
use gridaccord_dispatch::{
    Answer, Plan, Problem, check,
    horizon::{
        self, HorizonAnswer, HorizonBook, HorizonCertificate, HorizonSolution, check_infeasible,
    },
    merit,
};
use gridaccord_model::MemberId;
use std::collections::BTreeMap;

/// Rule A0: the bytes are no answer.
const RULE_MALFORMED: u16 = 0;
/// The K-rules of an answer over a horizon have this number more in a verdict.
pub const HORIZON_RULES: u16 = 100;

/// A problem that changes no more.
#[derive(Clone, Debug)]
pub(super) enum Stated {
    /// Of one interval.
    Open(Box<Problem>),
    /// Of many.
    Horizon(Box<HorizonBook>),
    /// The postings are possible one by one, their sum is beyond the limits of a problem.
    Beyond,
}

impl Stated {
    /// Whether it is plain that no dispatch balances it.
    pub(super) fn is_unbalanced(&self) -> bool {
        match self {
            Self::Open(problem) => merit::imbalance(problem).is_some(),
            Self::Horizon(book) => book.imbalance().is_some(),
            Self::Beyond => true,
        }
    }

    /// Checks an answer in exact integers: every replica does, and none trusts another's word.
    pub(super) fn judge(&self, bytes: &[u8], gap_ppb: u32) -> Verdict {
        match self {
            Self::Open(problem) => judge_interval(problem, bytes, gap_ppb),
            Self::Horizon(book) => judge_horizon(book, bytes, gap_ppb),
            Self::Beyond => Verdict::Refused { rule: RULE_MALFORMED },
        }
    }

    /// What a valid answer asks of each member in the gate's own interval.
    pub(super) fn plan(&self, bytes: &[u8]) -> BTreeMap<MemberId, Plan> {
        const VALID: &str = "a valid verdict is of bytes that decode";
        match self {
            Self::Open(problem) => problem.plan(&Answer::decode(bytes).expect(VALID).solution),
            Self::Horizon(book) => {
                book.plan(&HorizonAnswer::decode(bytes).expect(VALID).solution, 0)
            }
            Self::Beyond => BTreeMap::new(),
        }
    }

    /// The book of a horizon.
    pub(super) fn book(&self) -> Option<&HorizonBook> {
        match self {
            Self::Horizon(book) => Some(book),
            Self::Open(_) | Self::Beyond => None,
        }
    }
}

fn judge_interval(problem: &Problem, bytes: &[u8], gap_ppb: u32) -> Verdict {
    let Ok(answer) = Answer::decode(bytes) else {
        return Verdict::Refused { rule: RULE_MALFORMED };
    };
    match check(problem, &answer, gap_ppb) {
        Err(refusal) => Verdict::Refused { rule: refusal.rule() },
        Ok(verified) => Verdict::Valid {
            score: Score {
                cost: verified.cost,
                bound: verified.bound,
                turnover: verified.turnover,
                price: verified.price,
                concentration_mw: u64::try_from(verified.concentration_mw).unwrap_or(u64::MAX),
            },
        },
    }
}

/// An answer without a dispatch states that there is none, its multipliers the proof.
fn judge_horizon(book: &HorizonBook, bytes: &[u8], gap_ppb: u32) -> Verdict {
    let Ok(answer) = HorizonAnswer::decode(bytes) else {
        return Verdict::Refused { rule: RULE_MALFORMED };
    };
    let HorizonAnswer { solution, certificate } = &answer;
    let refused = |rule: u16| Verdict::Refused { rule: HORIZON_RULES.saturating_add(rule) };
    if *solution == HorizonSolution::default() {
        return match check_infeasible(book.problem(), certificate) {
            Ok(_) => Verdict::Infeasible {},
            Err(refusal) => refused(refusal.rule()),
        };
    }
    match horizon::check(book.problem(), &answer, gap_ppb) {
        Err(refusal) => refused(refusal.rule()),
        Ok(verified) => Verdict::Valid {
            score: Score {
                cost: verified.cost,
                bound: verified.bound,
                turnover: verified.turnover,
                price: book.settle(first_price(certificate)),
                concentration_mw: book.concentration_mw(solution),
            },
        },
    }
}

fn first_price(certificate: &HorizonCertificate) -> i64 {
    certificate.price.first().copied().expect("a checked answer has a price for each interval")
}
