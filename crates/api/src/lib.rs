//! HTTP interface of a node.
