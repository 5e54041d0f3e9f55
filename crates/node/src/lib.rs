//! A running member: engine, ledger, agent and API wired together.
