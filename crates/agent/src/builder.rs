//! What a member does with a seat: find the dispatch, commit to it, reveal it.

use gridaccord_dispatch::{Answer, Outcome, Problem};
use gridaccord_ledger::{Command, Digest, SignedCommand, command::commitment};
use gridaccord_model::{GateId, MemberId, codec::Blob};

/// A seat among a gate's builders.
#[derive(Clone, Copy, Debug)]
pub struct Seated<'a> {
    /// The chain's id.
    pub chain: &'a Digest,
    /// The gate.
    pub gate: GateId,
    /// Who sits.
    pub member: MemberId,
    /// What is to be solved.
    pub problem: &'a Problem,
    /// Secret until the reveal.
    pub salt: [u8; 32],
}

impl Seated<'_> {
    /// The command that commits to an answer.
    #[must_use]
    pub fn commit(&self, answer: &Answer) -> Command {
        let digest = commitment(self.chain, self.gate, self.member, &self.salt, &answer.to_bytes());
        Command::Commit { gate: self.gate, commitment: digest }
    }

    /// The command that reveals an answer.
    #[must_use]
    pub fn reveal(&self, answer: &Answer) -> Command {
        let bytes = Blob::new(answer.to_bytes()).expect("the largest answer fits the command");
        Command::Reveal { gate: self.gate, builder: self.member, salt: self.salt, answer: bytes }
    }
}

/// How a member builds. Hostile builders stand behind the same port.
pub trait Builder: Send {
    /// The seat was drawn: commands that commit.
    fn commit(&mut self, seat: &Seated<'_>) -> Vec<Command>;

    /// Another builder of the gate committed: commands that answer to it. Honest builders have none.
    fn overhear(&mut self, seat: &Seated<'_>) -> Vec<Command> {
        let _ = seat;
        Vec::new()
    }

    /// The commit window is over and final: commands that reveal.
    fn reveal(&mut self, seat: &Seated<'_>) -> Vec<Command>;

    /// Commands of a finalised block, as everybody can read them.
    fn see(&mut self, commands: &[SignedCommand]) {
        let _ = commands;
    }
}

/// Solves, commits, reveals. An answer follows from the problem alone, so a builder that was restarted between
/// commitment and reveal finds the same one again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Honest;

impl Honest {
    /// The best dispatch the solver finds; `None` where there is none.
    #[must_use]
    pub fn answer(problem: &Problem) -> Option<Answer> {
        match gridaccord_solver::propose(problem) {
            Outcome::Optimal(answer) => Some(answer),
            Outcome::Infeasible(_) => None,
        }
    }
}

impl Builder for Honest {
    fn commit(&mut self, seat: &Seated<'_>) -> Vec<Command> {
        Self::answer(seat.problem).map(|answer| seat.commit(&answer)).into_iter().collect()
    }

    fn reveal(&mut self, seat: &Seated<'_>) -> Vec<Command> {
        Self::answer(seat.problem).map(|answer| seat.reveal(&answer)).into_iter().collect()
    }
}
