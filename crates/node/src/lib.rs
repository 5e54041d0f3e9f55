//! A running member: the engine's handle, an agent that acts on it, and the HTTP interface in front of it.
//!
//! | file | joins |
//! |---|---|
//! | `member` | an agent and the validator it runs in |
//! | `guest` | an agent and somebody else's node, over HTTP |
//! | `port` | the HTTP interface and the engine |
//! | `journal` | finalised blocks and what people ask about them |

pub mod guest;
pub mod journal;
pub mod member;
pub mod port;

pub use journal::Journal;
pub use port::NodePort;
