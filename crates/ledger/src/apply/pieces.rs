//! Answers too large for one command: posted piece by piece by their builder, put together when revealed.
//!
//! A piece costs its builder a command and the chain a body; how many there are is bounded, so that a seat can post no
//! more than one largest answer. What they come to is checked once, in the block of the reveal.

use super::{
    Run,
    commands::{Step, pass, wrong_phase},
};
use crate::{
    command::PIECES_MAX,
    gate::{Gate, Phase},
    records::{Piece, Upload, key},
    refusal::Refusal,
    state::{BodyId, Key, Read},
    store::Stop,
};
use bytes::Bytes;
use gridaccord_model::{GateId, MemberId};

/// A piece as its command states it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posted<'a> {
    pub(super) index: u16,
    pub(super) of: u16,
    pub(super) bytes: &'a [u8],
}

impl<R: Read> Run<'_, R> {
    /// Rules C8, C5, C6, B1, B6, B3, B5, B7, B8.
    pub(super) fn take_piece(&mut self, author: MemberId, id: GateId, piece: Posted<'_>) -> Step {
        pass!(self.kind_is(true));
        let gate = pass!(self.live_gate(id)?);
        let Phase::Committed { committed } = gate.phase else {
            return Ok(Err(wrong_phase(&gate, "committed")));
        };
        let (seat_position, seat) = pass!(self.seat_of(id, committed.seats, author)?);
        if seat.commitment.is_none() {
            return Ok(Err(Refusal::NotCommitted));
        }
        if seat.answer.is_some() {
            return Ok(Err(Refusal::RevealedAlready));
        }
        let Posted { index, of, bytes } = piece;
        let upload: Option<Upload> = self.store.find(&key::upload(id, seat_position))?;
        let most = upload.map_or(PIECES_MAX, |upload| upload.of);
        if of == 0 || of > most || upload.is_some_and(|upload| upload.of != of) {
            return Ok(Err(Refusal::PieceCount { of, most }));
        }
        let next = upload.map_or(0, |upload| upload.posted);
        if bytes.is_empty() || index != next || index >= of {
            return Ok(Err(Refusal::PieceNotNext { index, next }));
        }
        let body = self.store.append(Bytes::copy_from_slice(bytes));
        self.store.put(key::piece(id, seat_position, index), &Piece { body });
        let posted = next.saturating_add(1);
        self.store.put(key::upload(id, seat_position), &Upload { of, posted });
        Ok(Ok(()))
    }

    /// Rules C8, C5, C6, B1, B6, B9, then as for an answer in one command.
    pub(super) fn take_reveal_of_pieces(
        &mut self,
        author: MemberId,
        id: GateId,
        builder: MemberId,
        salt: &[u8; 32],
    ) -> Step {
        pass!(self.kind_is(true));
        let gate = pass!(self.live_gate(id)?);
        let Phase::Committed { committed } = gate.phase else {
            return Ok(Err(wrong_phase(&gate, "committed")));
        };
        let (position, _) = pass!(self.seat_of(id, committed.seats, builder)?);
        let pieces = self.pieces(&gate, position);
        // The problem is loaded while the pieces are.
        let problem = self.problem(&gate).map(|_| ());
        let answer = pass!(pieces?);
        problem?;
        self.take_reveal(author, id, builder, salt, &answer)
    }

    /// A seat's answer, put together.
    fn pieces(&mut self, gate: &Gate, seat: u16) -> Step<Vec<u8>> {
        let upload: Option<Upload> = self.store.find(&key::upload(gate.id, seat))?;
        let Upload { of, posted } = upload.unwrap_or(Upload { of: 0, posted: 0 });
        if posted == 0 || posted < of {
            return Ok(Err(Refusal::PiecesMissing { posted, of }));
        }
        let keys: Vec<Key> = (0..posted).map(|index| key::piece(gate.id, seat, index)).collect();
        let pieces: Vec<Piece> = self.store.get_all(&keys)?;
        let ids: Vec<BodyId> = pieces.iter().map(|piece| piece.body).collect();
        let bodies: Result<Vec<Bytes>, Stop> = self.store.bodies(&ids);
        Ok(Ok(bodies?.concat()))
    }
}
