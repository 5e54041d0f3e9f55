//! Identities: small numbers given in order of admission, so that ties break the same way everywhere.

use crate::codec_newtype;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        codec_newtype!($name, $inner);
    };
}

id!(
    /// A member: one signing key, one account, one set point.
    MemberId, u16, "m"
);
id!(
    /// The admitted legal identity behind members. Draws and caps count owners.
    OwnerId, u16, "o"
);
id!(
    /// A gate: the market for one interval.
    GateId, u64, "g"
);
