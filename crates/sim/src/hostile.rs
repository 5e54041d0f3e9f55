//! Hostile builders: each breaks one rule, and the ledger must show it to be of no use.

mod horizon;
mod interval;

use gridaccord_agent::{Builder, GateProblem, Seated};
use gridaccord_ledger::{Command, Digest, SignedCommand, command::commitment};
use gridaccord_model::{GateId, MemberId, codec::Blob};
use std::collections::{BTreeMap, BTreeSet};

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
    /// States that there is no dispatch, with multipliers that prove nothing; of a single interval, where nobody can
    /// state that, as [`Vice::Infeasible`].
    DeniesDispatch,
}

impl Vice {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Infeasible,
        Self::Worse,
        Self::ForgedPrice,
        Self::Copies,
        Self::Silent,
        Self::CommitsTwice,
        Self::RevealsTwice,
        Self::DeniesDispatch,
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
            Self::DeniesDispatch => "false proof of infeasibility",
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

    /// The bytes it answers with; `None` where the problem has no answer to spoil.
    fn answer(&self, seat: &Seated<'_>) -> Option<Vec<u8>> {
        let honest = seat.answer()?;
        match self.vice {
            Vice::Copies | Vice::Silent | Vice::CommitsTwice | Vice::RevealsTwice => {
                Some(honest.to_vec())
            }
            vice => spoilt(seat, vice, honest),
        }
    }
}

fn spoilt(seat: &Seated<'_>, vice: Vice, honest: &[u8]) -> Option<Vec<u8>> {
    match seat.problem {
        GateProblem::Interval(problem) => interval::spoilt(problem, vice, honest, seat.gap_ppb),
        GateProblem::Horizon(book) => horizon::spoilt(book, vice, honest, seat.gap_ppb),
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
                let other = commitment(seat.chain, seat.gate, seat.member, &[9; 32], &answer);
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
            Vice::RevealsTwice => {
                let other = spoilt(seat, Vice::Infeasible, &answer).unwrap_or_default();
                [seat.reveal(&answer), seat.reveal(&other)].concat()
            }
            _ => seat.reveal(&answer),
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
