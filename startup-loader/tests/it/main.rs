//! Plans and starts, from outside.

#[path = "../../../tests/shared/ends.rs"]
mod ends;
mod events;
mod failures;
mod foreign;
mod inside;
mod main_thread;
mod model;
mod plans;
mod scarce;
mod spans;
mod times;
