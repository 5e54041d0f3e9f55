//! Why a genesis file is refused.

use crate::{Name, file::FileError, name::NameError};
use gridaccord_ledger::genesis::GenesisError;
use std::path::PathBuf;

/// Why a genesis file is refused, or a step on it.
#[derive(Debug, thiserror::Error)]
pub enum GenesisFileError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not such a file; the message shows line and place.
    #[error("{path} is refused: {problem}", path = path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// More of something than a document holds.
    #[error("there are more {what} than a chain takes, {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many it takes.
        limit: usize,
    },
    /// A number that TOML has no room for.
    #[error("{field} is {number}, more than a genesis file holds")]
    TooLarge {
        /// Which one.
        field: &'static str,
        /// Its value.
        number: u64,
    },
    /// A name no card can have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A rule of the document.
    #[error(transparent)]
    Rule(#[from] GenesisError),
    /// A validator that is no member.
    #[error("validator {0} is no member of the document")]
    UnknownValidator(Name),
    /// In the document already.
    #[error("the {what} of {name} is in the document already")]
    Twice {
        /// Whose card.
        name: Name,
        /// What of it.
        what: &'static str,
    },
    /// A term that nobody gave.
    #[error(
        "the file expects nobody called {name}: say on which terms it is admitted with {option}"
    )]
    Term {
        /// Whose card.
        name: Name,
        /// What is missing.
        option: &'static str,
    },
    /// A validator without a node.
    #[error(
        "{0} is expected to run a validator, but its card shows no node: ask for one made with --address HOST:PORT"
    )]
    NoNode(Name),
    /// A validator that nobody can reach.
    #[error("validator {0} has no address")]
    NoAddress(Name),
    /// A key nobody knows.
    #[error("the key is of no member of the document")]
    NotAMember,
    /// A signature by somebody else.
    #[error("there is a signature of {0}, who is no member of the document")]
    ForeignSignature(Name),
    /// A signature that does not hold.
    #[error(
        "the signature of {0} does not hold: the document was changed after it was given, or {0} signed another one; compare the copies, then sign again"
    )]
    Signature(Name),
    /// Not everybody has signed.
    #[error("not signed by {}: each signs with `gridaccord genesis sign FILE --key MEMBER_KEY`", listed(.0))]
    Unsigned(Vec<Name>),
}

fn listed(names: &[Name]) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ")
}
