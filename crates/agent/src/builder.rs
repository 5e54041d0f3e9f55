//! What a member does with a seat: find the dispatch, commit to it, reveal it.

use crate::GateProblem;
use gridaccord_ledger::{
    Command, Digest, SignedCommand,
    command::{ANSWER_SIZE_MAX, PIECE_SIZE_MAX, commitment},
};
use gridaccord_model::{GateId, MemberId, codec::Blob};
use std::sync::OnceLock;

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
    pub problem: &'a GateProblem,
    /// Largest gap of an answer that is not refused, ppb.
    pub gap_ppb: u32,
    /// Secret until the reveal.
    pub salt: [u8; 32],
    pub(crate) solved: &'a OnceLock<Option<Vec<u8>>>,
}

impl<'a> Seated<'a> {
    /// The best answer the solver finds, sought once; `None` where there is none to give.
    #[must_use]
    pub fn answer(&self) -> Option<&'a [u8]> {
        self.solved.get_or_init(|| self.problem.solve(self.gap_ppb)).as_deref()
    }

    /// The command that commits to an answer's bytes.
    #[must_use]
    pub fn commit(&self, answer: &[u8]) -> Command {
        let digest = commitment(self.chain, self.gate, self.member, &self.salt, answer);
        Command::Commit { gate: self.gate, commitment: digest }
    }

    /// The commands that reveal an answer's bytes: one, or pieces and one, where a single command does not hold them.
    #[must_use]
    pub fn reveal(&self, answer: &[u8]) -> Vec<Command> {
        let Self { gate, member: builder, salt, .. } = *self;
        if answer.len() <= ANSWER_SIZE_MAX {
            let answer = Blob::new(answer.to_vec()).expect("it was measured");
            return vec![Command::Reveal { gate, builder, salt, answer }];
        }
        let of = u16::try_from(answer.len().div_ceil(PIECE_SIZE_MAX)).unwrap_or(u16::MAX);
        let pieces = (0..of).zip(answer.chunks(PIECE_SIZE_MAX)).map(|(index, bytes)| {
            let bytes = Blob::new(bytes.to_vec()).expect("a chunk is no larger");
            Command::Piece { gate, index, of, bytes }
        });
        pieces.chain([Command::RevealPieces { gate, builder, salt }]).collect()
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

/// Solves, commits, reveals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Honest;

impl Builder for Honest {
    fn commit(&mut self, seat: &Seated<'_>) -> Vec<Command> {
        seat.answer().map(|answer| seat.commit(answer)).into_iter().collect()
    }

    fn reveal(&mut self, seat: &Seated<'_>) -> Vec<Command> {
        seat.answer().map(|answer| seat.reveal(answer)).unwrap_or_default()
    }
}
