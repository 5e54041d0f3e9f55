//! Floating-point optimiser: proposes a dispatch and its multipliers.
