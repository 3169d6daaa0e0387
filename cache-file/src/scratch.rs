//! What reading and writing need and can be used again.

use std::ops::{Deref, DerefMut};

use cache_core::Packer;
use parking_lot::Mutex;

/// How many are kept. More are made when more threads need one at once.
const KEPT: usize = 4;

/// Buffers and compression contexts for one read or write.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) packer: Packer,
    /// Stored bytes: at most those of one block and of one head.
    pub(crate) buffer: Vec<u8>,
}

/// Those that nobody uses.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<Scratch>>);

impl Pool {
    pub(crate) fn take(&self) -> Lent<'_> {
        let scratch = self.0.lock().pop().unwrap_or_default();
        Lent { pool: self, scratch }
    }
}

/// One in use; it goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lent<'a> {
    pool: &'a Pool,
    scratch: Scratch,
}

impl Deref for Lent<'_> {
    type Target = Scratch;

    fn deref(&self) -> &Scratch {
        &self.scratch
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Scratch {
        &mut self.scratch
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut kept = self.pool.0.lock();
        if kept.len() < KEPT {
            kept.push(std::mem::take(&mut self.scratch));
        }
    }
}
