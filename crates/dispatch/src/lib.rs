//! Economic dispatch of a single bus: the problem, exact clearing, and the certificate every replica checks.
