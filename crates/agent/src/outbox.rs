//! Commands on their way: signed in order, sent again until the ledger has used up their nonces.

use gridaccord_ledger::{Command, Digest, SignedCommand};
use std::collections::VecDeque;

/// Heights after which a command that the ledger has not taken is sent again.
pub const RESEND_AFTER: u64 = 20;

#[derive(Debug)]
struct Pending {
    signed: SignedCommand,
    id: Digest,
    /// Height at which it is sent (again).
    due_at: u64,
}

/// A member's commands that the ledger has not confirmed.
#[derive(Debug, Default)]
pub struct Outbox {
    /// The nonce of the next new command.
    next: u64,
    pending: VecDeque<Pending>,
}

impl Outbox {
    /// Forgets everything: the ledger says the member's next nonce is `nonce`.
    pub fn restart(&mut self, nonce: u64) {
        *self = Self { next: nonce, pending: VecDeque::new() };
    }

    /// Signs new commands and gives back everything that should be sent now.
    pub fn send(
        &mut self,
        height: u64,
        commands: Vec<Command>,
        sign: impl Fn(u64, Command) -> SignedCommand,
    ) -> Vec<SignedCommand> {
        let mut out = Vec::new();
        for pending in &mut self.pending {
            if height >= pending.due_at {
                pending.due_at = height.saturating_add(RESEND_AFTER);
                out.push(pending.signed.clone());
            }
        }
        for command in commands {
            let signed = sign(self.next, command);
            self.next = self.next.saturating_add(1);
            self.pending.push_back(Pending {
                id: signed.id(),
                signed: signed.clone(),
                due_at: height.saturating_add(RESEND_AFTER),
            });
            out.push(signed);
        }
        out
    }

    /// The ledger used up `nonce` for the command named `id`.
    ///
    /// If that command is not ours, somebody else signs with the member's key (its owner, by hand): what we
    /// still have to say is signed anew behind it.
    pub fn confirm(
        &mut self,
        nonce: u64,
        id: Digest,
        sign: impl Fn(u64, Command) -> SignedCommand,
    ) {
        if self
            .pending
            .front()
            .is_some_and(|pending| pending.signed.nonce == nonce && pending.id == id)
        {
            self.pending.pop_front();
            return;
        }
        if nonce >= self.pending.front().map_or(self.next, |pending| pending.signed.nonce) {
            self.rebase(nonce.saturating_add(1), sign);
        }
    }

    /// Signs everything unsaid anew, from nonce `next` on; it goes out with the next [`Outbox::send`].
    pub fn rebase(&mut self, next: u64, sign: impl Fn(u64, Command) -> SignedCommand) {
        let unsaid: Vec<Command> =
            self.pending.drain(..).map(|pending| pending.signed.command).collect();
        self.next = next;
        for command in unsaid {
            let signed = sign(self.next, command);
            self.next = self.next.saturating_add(1);
            self.pending.push_back(Pending { id: signed.id(), signed, due_at: 0 });
        }
    }
}
