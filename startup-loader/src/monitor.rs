//! Where the time of a start goes.
