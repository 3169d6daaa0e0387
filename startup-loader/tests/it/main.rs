//! Plans and starts, from outside.

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
