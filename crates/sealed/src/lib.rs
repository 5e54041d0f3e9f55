//! Curves nobody sees, clearing everybody can verify.
