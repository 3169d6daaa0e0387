//! A value that a user writes piece by piece.

use std::{
    fmt,
    io::{self, Write},
};

use crate::{EntryWriter, Error, ErrorKind, Result};

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
    /// Why the value is not whole. A caller may not have seen it: dropping an [`io::BufWriter`] tells nobody.
    failure: Option<Error>,
}

/// Commits an entry with its times and its guard.
pub(crate) type Commit<'a> = Box<dyn FnOnce(Box<dyn EntryWriter + 'a>) -> Result<()> + Send + 'a>;

impl<'a> Writer<'a> {
    pub(crate) fn new(entry: Box<dyn EntryWriter + 'a>, commit: Commit<'a>) -> Self {
        Self { entry, commit, failure: None }
    }

    /// Stores what was written. Of several writes of one key, the one that was committed last stays, whenever
    /// it began.
    ///
    /// # Errors
    /// What was there stays. A write has failed; [`TooLarge`](crate::ErrorKind::TooLarge) if it does not fit,
    /// [`Closed`](crate::ErrorKind::Closed) if the cache was closed meanwhile, or the tier cannot be written.
    pub fn commit(self) -> Result<()> {
        match self.failure {
            Some(failure) => Err(failure),
            None => (self.commit)(self.entry),
        }
    }

    fn noted<T>(&mut self, outcome: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &outcome
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.failure.get_or_insert_with(|| again(error));
        }
        outcome
    }
}

/// A write that fails because of the cache has a [`cache_core::Error`](crate::Error) inside:
/// [`io::Error::get_ref`].
impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.entry.write(bytes);
        self.noted(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = self.entry.flush();
        self.noted(outcome)
    }
}

/// The same error once more.
fn again(error: &io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(ours) => Error::new(ours.kind().clone()).about(ours.subject().unwrap_or("the value")),
        None => ErrorKind::Storage(format!("the value could not be written: {error}")).into(),
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}
