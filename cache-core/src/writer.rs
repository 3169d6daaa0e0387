//! A value that a user writes piece by piece.

use std::{
    fmt,
    io::{self, Write},
};

use crate::{EntryWriter, Result};

/// A value on its way into a category of plain bytes, piece by piece.
///
/// It is there once it is committed; dropped without that, it leaves everything as it was. Where the value
/// is until then is up to the tier: files write it to disk, memory and SQLite gather it in memory.
///
/// ```
/// use std::{fs::File, io};
/// # fn example(exports: cache_core::Handle<cache_core::Bytes>) -> Result<(), Box<dyn std::error::Error>> {
///
/// let mut writer = exports.writer("2026.csv")?;
/// io::copy(&mut File::open("2026.csv")?, &mut writer)?;
/// writer.commit()?;
/// if let Some(mut reader) = exports.reader("2026.csv") {
///     io::copy(&mut reader, &mut io::stdout())?;
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a value that is not committed is not stored"]
pub struct Writer<'a> {
    entry: Box<dyn EntryWriter + 'a>,
    commit: Commit<'a>,
}

/// Commits an entry with its times and its guard.
pub(crate) type Commit<'a> = Box<dyn FnOnce(Box<dyn EntryWriter + 'a>) -> Result<()> + Send + 'a>;

impl<'a> Writer<'a> {
    pub(crate) fn new(entry: Box<dyn EntryWriter + 'a>, commit: Commit<'a>) -> Self {
        Self { entry, commit }
    }

    /// Stores what was written. Of several writes of one key, the one that was committed last stays, whenever
    /// it began.
    ///
    /// # Errors
    /// What was there stays. [`TooLarge`](crate::ErrorKind::TooLarge) if it does not fit,
    /// [`Closed`](crate::ErrorKind::Closed) if the cache was closed meanwhile, or the tier cannot be written.
    pub fn commit(self) -> Result<()> {
        (self.commit)(self.entry)
    }
}

/// A write that fails because of the cache has a [`cache_core::Error`](crate::Error) inside:
/// [`io::Error::get_ref`].
impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.entry.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.entry.flush()
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
