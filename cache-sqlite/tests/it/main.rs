//! What the crate promises, by behaviour.

mod bench;
mod budgets;
mod conformance;
mod crash;
mod damage;
mod format;
mod model;
mod processes;
mod queue;
mod use_order;
