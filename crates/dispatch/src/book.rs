//! Block offers kept sorted by price, so that clearing one more time costs next to nothing.
//!
//! A list of short sorted runs, each with the sum of its widths: inserting or withdrawing an offer touches a
//! few runs, clearing walks the sums and then one run. It answers how much clears at which price; who of those
//! tied at the price gets what is [`merit`](crate::merit)'s business.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "an offer's powers pass its check; 2^16 members sum far inside i64"
)]

use crate::{ShadowPrice, curve::Curve, merit::Imbalance};
use gridaccord_model::{CostCurve, MemberId, Offer, OfferError, Watts};
use std::collections::BTreeMap;

/// Steps in one run before it is split.
const RUN_MAX: usize = 512;

/// Why an offer does not enter the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The offer breaks its own rules.
    #[error("offer of member {member}")]
    Offer {
        /// Whose offer.
        member: MemberId,
        /// The offer's rule.
        #[source]
        source: OfferError,
    },
    /// Only block offers can be kept sorted.
    #[error("offer of member {0} has a quadratic cost, the book keeps blocks")]
    NotBlocks(MemberId),
}

/// Where the book clears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clearing {
    /// Lowest price at which supply reaches demand.
    pub price: ShadowPrice,
    /// Supply cheaper than that, least powers included: all of it runs.
    pub cheaper: Watts,
    /// Supply at exactly that price: shared.
    pub tied: Watts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    shadow: i64,
    member: MemberId,
    power: i64,
}

#[derive(Clone, Debug, Default)]
struct Run {
    /// Sum of the widths.
    power: i64,
    /// Ascending, never empty within a book.
    entries: Vec<Entry>,
}

impl Run {
    fn of(entries: Vec<Entry>) -> Self {
        Self { power: entries.iter().map(|entry| entry.power).sum(), entries }
    }
}

/// Block offers by member, their steps sorted by price.
#[derive(Clone, Debug, Default)]
pub struct OfferBook {
    runs: Vec<Run>,
    offers: BTreeMap<MemberId, Offer>,
    /// Sum of least powers.
    least: i64,
}

impl OfferBook {
    /// Builds a book with one sort. Where a member appears twice the later offer stands.
    ///
    /// # Errors
    /// [`BookError`] of the first offer that does not enter.
    pub fn from_offers(
        offers: impl IntoIterator<Item = (MemberId, Offer)>,
    ) -> Result<Self, BookError> {
        let mut book = Self::default();
        for (member, offer) in offers {
            admissible(member, &offer)?;
            book.offers.insert(member, offer);
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(book.offers.len());
        for (member, offer) in &book.offers {
            book.least += offer.power_min.0;
            entries.extend(entries_of(*member, offer));
        }
        entries.sort_unstable();
        book.runs = entries.chunks(RUN_MAX / 2).map(|chunk| Run::of(chunk.to_vec())).collect();
        Ok(book)
    }

    /// Members with an offer in the book.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offers.len()
    }

    /// Whether nobody has an offer in the book.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offers.is_empty()
    }

    /// Puts a member's offer in place of its earlier one, which is returned. A refused offer changes nothing.
    ///
    /// # Errors
    /// [`BookError`], in the order of its variants.
    pub fn insert(&mut self, member: MemberId, offer: Offer) -> Result<Option<Offer>, BookError> {
        admissible(member, &offer)?;
        let earlier = self.withdraw(member);
        self.least += offer.power_min.0;
        for entry in entries_of(member, &offer) {
            self.insert_entry(entry);
        }
        self.offers.insert(member, offer);
        Ok(earlier)
    }

    /// Takes a member's offer out.
    pub fn withdraw(&mut self, member: MemberId) -> Option<Offer> {
        let offer = self.offers.remove(&member)?;
        self.least -= offer.power_min.0;
        for entry in entries_of(member, &offer) {
            self.remove_entry(entry);
        }
        Some(offer)
    }

    /// Clears the book against a demand; the price floor is that of [`Problem`](crate::Problem::shadow_floor).
    ///
    /// # Errors
    /// By how much no dispatch of the book's offers balances.
    pub fn clear(&self, demand: Watts) -> Result<Clearing, Imbalance> {
        if self.least > demand.0 {
            return Err(Imbalance::Surplus(Watts(self.least - demand.0)));
        }
        if self.least == demand.0 {
            return Ok(self.at_floor());
        }
        let mut supply = self.least;
        for (position, run) in self.runs.iter().enumerate() {
            if supply + run.power >= demand.0 {
                return Ok(self.within(position, supply, demand.0));
            }
            supply += run.power;
        }
        Err(Imbalance::Shortfall(Watts(demand.0 - supply)))
    }

    /// The run at `position` holds the step at which supply reaches demand.
    fn within(&self, position: usize, supply: i64, demand: i64) -> Clearing {
        let mut reached = supply;
        let mut marginal = 0i64;
        for entry in &self.runs[position].entries {
            marginal = entry.shadow;
            reached += entry.power;
            if reached >= demand {
                break;
            }
        }
        // Steps of this price may begin in an earlier run and end in a later one.
        let first = self
            .runs
            .partition_point(|run| run.entries.last().is_some_and(|entry| entry.shadow < marginal));
        let before: i64 = self.runs[..first].iter().map(|run| run.power).sum();
        let (mut cheaper, mut tied) = (self.least + before, 0i64);
        for entry in self.runs[first..].iter().flat_map(|run| &run.entries) {
            match entry.shadow.cmp(&marginal) {
                core::cmp::Ordering::Less => cheaper += entry.power,
                core::cmp::Ordering::Equal => tied += entry.power,
                core::cmp::Ordering::Greater => break,
            }
        }
        Clearing { price: ShadowPrice(marginal), cheaper: Watts(cheaper), tied: Watts(tied) }
    }

    fn at_floor(&self) -> Clearing {
        let cheapest =
            self.runs.first().and_then(|run| run.entries.first()).map_or(0, |entry| entry.shadow);
        let price = cheapest.min(0);
        let at_price =
            self.runs.iter().flat_map(|run| &run.entries).take_while(|entry| entry.shadow == price);
        let tied = at_price.map(|entry| entry.power).sum();
        Clearing { price: ShadowPrice(price), cheaper: Watts(self.least), tied: Watts(tied) }
    }

    fn insert_entry(&mut self, entry: Entry) {
        if self.runs.is_empty() {
            self.runs.push(Run::default());
        }
        let after =
            self.runs.partition_point(|run| run.entries.last().is_some_and(|last| *last < entry));
        let position = after.min(self.runs.len() - 1);
        let run = &mut self.runs[position];
        let place = run.entries.partition_point(|other| *other < entry);
        run.entries.insert(place, entry);
        run.power += entry.power;
        if run.entries.len() > RUN_MAX {
            let upper = Run::of(run.entries.split_off(RUN_MAX / 2));
            run.power -= upper.power;
            self.runs.insert(position + 1, upper);
        }
    }

    fn remove_entry(&mut self, entry: Entry) {
        let position =
            self.runs.partition_point(|run| run.entries.last().is_some_and(|last| *last < entry));
        let run = &mut self.runs[position];
        let place = run
            .entries
            .binary_search(&entry)
            .expect("every step of an offer in the book is in a run");
        run.entries.remove(place);
        run.power -= entry.power;
        if run.entries.is_empty() {
            self.runs.remove(position);
        }
    }
}

fn admissible(member: MemberId, offer: &Offer) -> Result<(), BookError> {
    offer.check().map_err(|source| BookError::Offer { member, source })?;
    match offer.cost {
        CostCurve::Blocks { .. } => Ok(()),
        CostCurve::Quadratic { .. } => Err(BookError::NotBlocks(member)),
    }
}

fn entries_of(member: MemberId, offer: &Offer) -> impl Iterator<Item = Entry> {
    let curve = Curve::of_offer(offer);
    let steps: Vec<_> = curve.steps_within().into_iter().flatten().collect();
    steps.into_iter().map(move |step| Entry { shadow: step.shadow, member, power: step.power })
}
