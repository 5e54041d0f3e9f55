//! A gate's last step: readings become money.

use super::Run;
use crate::{
    Role,
    event::Event,
    gate::{Decision, Gate, Metered, Phase},
    records::{Account, Member, Pot, PotName, key},
    settle::{Participant, Settlement, Terms, settle},
    state::Read,
    store::Stop,
    trust,
};
use gridaccord_model::{Joules, MemberId, Money};

impl<R: Read> Run<'_, R> {
    pub(super) fn settle(&mut self, mut gate: Gate, metered: Metered) -> Result<Gate, Stop> {
        self.store.touch_rosters(&gate);
        self.store.touch_seats(gate.id, metered.seats);
        self.store.touch([PotName::Losses, PotName::Remainder].map(key::pot));
        let decision: Decision = self.store.get(&key::decision(gate.id))?;
        let participants = self.participants(&gate)?;
        let seats = self.store.seats(gate.id, metered.seats)?;
        let epsilon_ppb = self.rules.trust.epsilon_ppb;
        let builders: Vec<MemberId> = seats
            .iter()
            .filter(|seat| trust::within_epsilon(seat, &seats, epsilon_ppb))
            .map(|seat| seat.member)
            .collect();
        let terms = Terms {
            price: decision.price,
            fee_ppm: self.rules.trust.fee_ppm,
            tolerance_ppm: self.rules.thresholds.energy_loss_ppm,
        };
        let settlement = settle(terms, &participants, metered.winner, &builders);
        self.post(&gate, &settlement)?;
        self.head.turnover = self.turnover_after(settlement.turnover);
        gate.phase = Phase::Settled { settled: metered.settle(settlement.turnover) };
        Ok(gate)
    }

    /// At most twice the turnover before: one absurd reading must not lift the least wager beyond everybody.
    fn turnover_after(&self, turnover: Money) -> Money {
        let before = self.head.turnover.max(self.rules.trust.significance_floor);
        turnover.min(Money(before.0.saturating_mul(2)))
    }

    fn participants(&mut self, gate: &Gate) -> Result<Vec<Participant>, Stop> {
        let parts = self.store.parts(gate)?;
        self.store.touch(parts.iter().map(|(member, _)| key::account(*member)));
        let keys: Vec<_> = parts.iter().map(|(member, _)| key::member(*member)).collect();
        let members: Vec<Member> = self.store.get_all(&keys)?;
        let market = parts.into_iter().zip(members).filter_map(|((member, part), record)| {
            let planned = part.set_point?.over(gate.interval.duration_s).unwrap_or(Joules::ZERO);
            let balances = record.role == Role::Utility;
            Some(Participant { member, planned, metered: part.metered, balances })
        });
        Ok(market.collect())
    }

    fn post(&mut self, gate: &Gate, settlement: &Settlement) -> Result<(), Stop> {
        let keys: Vec<_> =
            settlement.lines.iter().map(|(member, _)| key::account(*member)).collect();
        let accounts: Vec<Account> = self.store.get_all(&keys)?;
        for ((member, line), mut account) in settlement.lines.iter().zip(accounts) {
            account.balance = add(account.balance, line.total());
            account.injected.0 = account.injected.0.saturating_add(line.energy.0.max(0));
            account.absorbed.0 =
                account.absorbed.0.saturating_add(line.energy.0.min(0).saturating_neg());
            self.store.put(key::account(*member), &account);
            self.store.put(key::line(gate.id, *member), line);
            self.events.push(Event::Billed { gate: gate.id, member: *member, line: *line });
        }
        for (name, money) in
            [(PotName::Losses, settlement.losses), (PotName::Remainder, settlement.remainder)]
        {
            let mut pot: Pot = self.store.get(&key::pot(name))?;
            pot.balance = add(pot.balance, money);
            self.store.put(key::pot(name), &pot);
        }
        self.events.push(Event::Settled {
            gate: gate.id,
            turnover: settlement.turnover,
            fees: settlement.fees,
            losses: settlement.losses,
            remainder: settlement.remainder,
        });
        Ok(())
    }
}

fn add(balance: Money, money: Money) -> Money {
    balance
        .checked_add(money)
        .expect("genesis bounds prices, ratings and deposits far below the range of money")
}
