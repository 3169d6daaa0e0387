//! A flag that one thread at a time has raised.
//!
//! A general lock parks those that wait, so that letting go of it has to ask whether anybody does, with an atomic
//! exchange: as dear as taking it, and each a fifth of a hit. This one is let go of by a plain store. Those that
//! wait look again by themselves: after a few turns in place, then giving way to other threads, then after short
//! sleeps, so that a holder that is not running, or of lower priority, gets to finish.

use std::{
    sync::atomic::Ordering::{Acquire, Relaxed, Release},
    time::Duration,
};

use super::sync::{AtomicBool, sleep, spin_loop, yield_now};

#[derive(Debug)]
pub(crate) struct Flag(pub(crate) AtomicBool);

impl Flag {
    /// Looks in place, up to some microseconds: many times as long as a look into a map.
    const SPINS: u32 = 100;
    /// Times that other threads go first.
    const YIELDS: u32 = 10;

    /// Then it sleeps, longer each time: a hundred that wake up every 50 us would leave the holder no time to finish.
    const SHORTEST: Duration = Duration::from_micros(50);
    const LONGEST: Duration = Duration::from_millis(1);

    #[inline]
    pub(crate) fn raise(&self) {
        if !self.try_raise() {
            self.wait();
        }
    }

    #[inline]
    pub(crate) fn try_raise(&self) -> bool {
        !self.0.swap(true, Acquire)
    }

    /// By the thread that has raised it.
    #[inline]
    pub(crate) fn lower(&self) {
        self.0.store(false, Release);
    }

    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Relaxed)
    }

    #[cold]
    fn wait(&self) {
        let (mut turn, mut pause) = (0, Self::SHORTEST);
        loop {
            match turn {
                ..Self::SPINS => spin_loop(),
                turn if turn < Self::SPINS + Self::YIELDS => yield_now(),
                _ => {
                    sleep(pause);
                    pause = (2 * pause).min(Self::LONGEST);
                }
            }
            turn = turn.saturating_add(1);
            if !self.is_raised() && self.try_raise() {
                return;
            }
        }
    }
}
