//! Exact quantities, identities, offers and scenarios.
//!
//! Everything here is an integer in the quantum the ledger settles in, so that replicas on any machine
//! agree to the last unit. Positive power is injection into the bus.

#![warn(missing_docs)]
#![warn(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

pub mod codec;
pub mod series;
pub mod quantity;
pub mod id;
pub mod offer;
pub mod need;
pub mod horizon;
pub mod carbon;
pub mod terms;
pub mod scenario;

pub use horizon::{HorizonNeed, HorizonOffer, HorizonPosting, HorizonPostingError};
pub use id::{GateId, MemberId, OwnerId};
pub use need::{Need, NeedError, Tier};
pub use offer::{Block, CostCurve, Offer, OfferError};
pub use quantity::{CarbonMg, Interval, Joules, Money, Picos, Price, TimeMs, TimeS, Watts};
pub use scenario::{Scenario, ScenarioError};
pub use series::Series;
