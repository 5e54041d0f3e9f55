//! One member's automation.
