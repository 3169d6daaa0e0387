//! Plain bytes, read and written piece by piece.

use std::{
    io::{self, Read, Write},
    sync::Arc,
};

use bytes::Bytes;

use super::{Handle, space::Space, ticket::Place};
use crate::{
    EntryMeta, EntryReader, EntryWriter, Guard, Key, Result, Ttl, Writer, stats::Event, sync::AtomicU64,
};

/// Values larger than memory.
impl Handle<Bytes> {
    /// The value under `key`, to be read piece by piece. No copy is kept in memory.
    ///
    /// An entry that cannot be read is a miss. Damage that shows later fails the reader: use nothing of the
    /// value before its end is reached, or be ready to take it back. A value that is replaced or removed
    /// meanwhile is read on as it was, or the reader fails.
    pub fn reader(&self, key: &str) -> Option<EntryReader> {
        self.inner.check_open().ok()?;
        let key = self.space.key(key).ok()?;
        let reader = self.space.seats().find_map(|seat| {
            let found = seat.found(&key, seat.tier.reader(&key));
            let found = found.filter(|reader| reader.fingerprint == self.codec.fingerprint());
            seat.counters.count(if found.is_some() { Event::Hit } else { Event::Miss });
            found
        })?;
        let stream = self.counted(&key, reader.stream);
        Some(EntryReader { stream: Box::new(stream), ..reader })
    }

    /// Stores a value under `key` for as long as the route says, written piece by piece. No copy is kept in
    /// memory, and it counts its length, whatever a weigher says.
    ///
    /// # Errors
    /// [`KeyTooLong`](crate::ErrorKind::KeyTooLong), or the home tier cannot be written. What does not fit is
    /// refused by a write or by the commit.
    pub fn writer<'a>(&'a self, key: &'a str) -> Result<Writer<'a>> {
        self.writer_with(key, self.space.category.route().default_ttl())
    }

    /// Stores a value under `key` for as long as `ttl` says from its commit on, written piece by piece.
    ///
    /// # Errors
    /// As [`writer`](Self::writer).
    pub fn writer_with<'a>(&'a self, key: &'a str, ttl: impl Into<Ttl>) -> Result<Writer<'a>> {
        self.inner.check_open()?;
        let (key, ttl) = (self.space.key(key)?, ttl.into());
        let home = &self.space.home;
        let entry = home.tier.writer(&key);
        home.heard(&entry, key);
        let entry = self.counted(&key, entry?);
        Ok(Writer::new(Box::new(entry), Box::new(move |entry| self.commit(&key, ttl, entry))))
    }

    fn commit(&self, key: &Key<'_>, ttl: Ttl, entry: Box<dyn EntryWriter + '_>) -> Result<()> {
        self.inner.check_open()?;
        let created_at = self.inner.clock.now().wall;
        let fingerprint = self.codec.fingerprint();
        let meta = EntryMeta { created_at, expires_at: ttl.expires_at(created_at), fingerprint };
        // No clear makes it stand back, for it could not be written again if the clear fails; and it leaves
        // no copy in front that a clear could miss.
        let epoch = AtomicU64::new(0);
        let ticket = self.inner.tickets.write(key, &epoch);
        let outcome = self.space.home.stored(key, entry.commit(&meta, &ticket.at(Place::Home)));
        self.stored(key, None, &ticket, outcome)
    }

    fn counted<S>(&self, key: &Key<'_>, stream: S) -> Counted<S> {
        Counted { stream, space: self.space.clone(), key: key.to_string() }
    }
}

/// A stream from or to the home tier, whose failures are counted and told as those of any call. One from
/// memory does not fail.
struct Counted<S> {
    stream: S,
    space: Arc<Space>,
    key: String,
}

impl<S> Counted<S> {
    fn heard<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        outcome.inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.space.home.failed(error, &self.key);
            }
        })
    }
}

impl<S: Read> Read for Counted<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let outcome = self.stream.read(buffer);
        self.heard(outcome)
    }
}

impl<S: Write> Write for Counted<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let outcome = self.stream.write(bytes);
        self.heard(outcome)
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = self.stream.flush();
        self.heard(outcome)
    }
}

impl EntryWriter for Counted<Box<dyn EntryWriter + '_>> {
    fn commit(self: Box<Self>, meta: &EntryMeta, guard: &dyn Guard) -> Result<()> {
        self.stream.commit(meta, guard)
    }
}
