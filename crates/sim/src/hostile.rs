//! Hostile builders: each breaks one rule, and the ledger must show it to be of no use.

use gridaccord_agent::{Builder, Honest, Seated};
use gridaccord_dispatch::{Answer, ShadowPrice, check};
use gridaccord_ledger::{Command, Digest, SignedCommand, command::commitment};
use gridaccord_model::{GateId, MemberId, Watts, codec::Blob, codec::Bounded};
use std::collections::{BTreeMap, BTreeSet};

/// Loss threshold that a worse answer stays just within, ppb: the scenarios'.
const GAP_PPB: u32 = 1_000_000;

/// What a hostile builder does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vice {
    /// Answers with a dispatch that does not balance.
    Infeasible,
    /// Answers with a dispatch that balances and costs more.
    Worse,
    /// States another price than the one that clears.
    ForgedPrice,
    /// Commits to another builder's commitment and hopes to reveal its answer as its own.
    Copies,
    /// Never reveals.
    Silent,
    /// Signs a second commitment.
    CommitsTwice,
    /// Reveals, then signs another answer.
    RevealsTwice,
}

impl Vice {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Infeasible,
        Self::Worse,
        Self::ForgedPrice,
        Self::Copies,
        Self::Silent,
        Self::CommitsTwice,
        Self::RevealsTwice,
    ];

    /// As people read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Infeasible => "infeasible answer",
            Self::Worse => "feasible but worse",
            Self::ForgedPrice => "forged duals",
            Self::Copies => "copied commitment",
            Self::Silent => "no reveal",
            Self::CommitsTwice => "two commitments",
            Self::RevealsTwice => "two reveals",
        }
    }
}

/// A builder with a vice.
#[derive(Debug)]
pub struct Hostile {
    vice: Vice,
    /// Commitments of others, by gate: everybody can read them.
    commitments: BTreeMap<GateId, (MemberId, Digest)>,
    /// Gates in which it copied one.
    copied: BTreeSet<GateId>,
    /// Reveals of others, by gate and builder.
    reveals: BTreeMap<
        (GateId, MemberId),
        ([u8; 32], Blob<{ gridaccord_ledger::command::ANSWER_SIZE_MAX }>),
    >,
}

impl Hostile {
    /// A builder with this vice.
    #[must_use]
    pub const fn new(vice: Vice) -> Self {
        Self {
            vice,
            commitments: BTreeMap::new(),
            copied: BTreeSet::new(),
            reveals: BTreeMap::new(),
        }
    }

    fn answer(&self, seat: &Seated<'_>) -> Option<Answer> {
        let honest = Honest::answer(seat.problem)?;
        Some(match self.vice {
            Vice::Infeasible => shifted(&honest, 0, 1),
            Vice::Worse => worse(&honest, seat),
            Vice::ForgedPrice => {
                let mut forged = honest;
                forged.certificate.price = ShadowPrice(forged.certificate.price.0 + 1);
                forged
            }
            Vice::Copies | Vice::Silent | Vice::CommitsTwice | Vice::RevealsTwice => honest,
        })
    }
}

impl Builder for Hostile {
    fn commit(&mut self, seat: &Seated<'_>) -> Vec<Command> {
        let Some(answer) = self.answer(seat) else {
            return Vec::new();
        };
        match self.vice {
            // It waits for one to copy.
            Vice::Copies => Vec::new(),
            Vice::CommitsTwice => {
                let other =
                    commitment(seat.chain, seat.gate, seat.member, &[9; 32], &answer.to_bytes());
                vec![seat.commit(&answer), Command::Commit { gate: seat.gate, commitment: other }]
            }
            _ => vec![seat.commit(&answer)],
        }
    }

    fn overhear(&mut self, seat: &Seated<'_>) -> Vec<Command> {
        if self.vice != Vice::Copies || !self.copied.insert(seat.gate) {
            return Vec::new();
        }
        let victim = self.commitments.get(&seat.gate);
        victim
            .map(|(_, commitment)| Command::Commit { gate: seat.gate, commitment: *commitment })
            .into_iter()
            .collect()
    }

    fn reveal(&mut self, seat: &Seated<'_>) -> Vec<Command> {
        let Some(answer) = self.answer(seat) else {
            return Vec::new();
        };
        match self.vice {
            Vice::Silent => Vec::new(),
            Vice::Copies => {
                match self.commitments.get(&seat.gate).map(|(victim, _)| (seat.gate, *victim)) {
                    Some(place) => self
                        .reveals
                        .get(&place)
                        .map(|(salt, answer)| Command::Reveal {
                            gate: seat.gate,
                            builder: seat.member,
                            salt: *salt,
                            answer: answer.clone(),
                        })
                        .into_iter()
                        .collect(),
                    None => Vec::new(),
                }
            }
            Vice::RevealsTwice => vec![seat.reveal(&answer), seat.reveal(&shifted(&answer, 0, 1))],
            _ => vec![seat.reveal(&answer)],
        }
    }

    fn see(&mut self, commands: &[SignedCommand]) {
        for signed in commands {
            match &signed.command {
                Command::Commit { gate, commitment } => {
                    self.commitments.entry(*gate).or_insert((signed.member, *commitment));
                }
                Command::Reveal { gate, builder, salt, answer } => {
                    self.reveals.insert((*gate, *builder), (*salt, answer.clone()));
                }
                _ => {}
            }
        }
    }
}

/// The answer with one set point moved.
fn shifted(answer: &Answer, position: usize, by_w: i64) -> Answer {
    let mut set_points = answer.solution.set_points.to_vec();
    if let Some(power) = set_points.get_mut(position) {
        *power = Watts(power.0 + by_w);
    }
    let mut moved = answer.clone();
    moved.solution.set_points = Bounded::new(set_points).expect("as many as before");
    moved
}

/// Moves power from a resource that has some to one that has room: balanced, and no cheaper. As much as still
/// passes the check, so that it costs the most that is not refused; one watt where nothing passes.
fn worse(answer: &Answer, seat: &Seated<'_>) -> Answer {
    let range = |position: usize| seat.problem.range(position);
    let set_points = &answer.solution.set_points;
    let positions = 0..set_points.len();
    let giver =
        positions.clone().find(|at| range(*at).is_some_and(|(min, _)| set_points[*at] > min));
    let taker = positions
        .rev()
        .find(|at| Some(*at) != giver && range(*at).is_some_and(|(_, max)| set_points[*at] < max));
    match (giver, taker) {
        (Some(giver), Some(taker)) => {
            let room = range(taker).map_or(0, |(_, max)| max.0 - set_points[taker].0);
            let spare = range(giver).map_or(0, |(min, _)| set_points[giver].0 - min.0);
            let moved = |by_w: i64| shifted(&shifted(answer, giver, -by_w), taker, by_w);
            let halves = std::iter::successors(Some(room.min(spare)), |by_w| {
                (*by_w > 1).then_some(by_w / 2)
            });
            let passes = |by_w: &i64| check(seat.problem, &moved(*by_w), GAP_PPB).is_ok();
            moved(halves.clone().find(passes).unwrap_or(1))
        }
        _ => answer.clone(),
    }
}
