//! gitweek as people run it: the built program, on repositories that the real `git` makes.

mod changes;
mod errors;
mod numbers;
mod places;
mod repo;
mod stream;
mod table;
