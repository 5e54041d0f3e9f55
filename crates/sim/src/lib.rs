//! A whole campus from one seed.
