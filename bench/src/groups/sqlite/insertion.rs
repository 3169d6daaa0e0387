//! Stores that are filled while that is measured.

use std::{
    path::PathBuf,
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use tempfile::TempDir;
use warmstart::sqlite::{Durability, SqliteCache};

use super::{
    Ours, Row, Rows,
    statement::{Statement, Transaction},
};
use crate::bench::Case;
#[cfg(feature = "peers")]
use crate::peers::{fjall::Fjall, redb::Redb};

/// Stores rows, and says how long that took.
pub(crate) trait Writer {
    /// The rows outlive the process once this returns, if the name of the subject does not say otherwise. A loss of
    /// power may take them, if it does not say otherwise.
    fn write(&mut self, rows: &[Row]) -> Result<Duration>;
}

/// Subjects that insert new entries. Each begins with an empty store, which grows from turn to turn by as many entries
/// as those of the others.
pub(super) struct Insertion<'c, 's> {
    case: &'c mut Case<'s>,
    rows: Rc<Rows>,
    folder: Rc<TempDir>,
    stores: usize,
    threads: usize,
}

impl<'c, 's> Insertion<'c, 's> {
    pub(super) fn new(case: &'c mut Case<'s>, size: usize, threads: usize) -> Result<Self> {
        let (rows, folder) = (Rc::new(Rows::new(0, size)), Rc::new(tempfile::tempdir()?));
        Ok(Self { case, rows, folder, stores: 0, threads })
    }

    pub(super) fn ours(&mut self, durability: Durability, at_once: usize) -> Result<()> {
        let ours = Ours::open(&self.path(), SqliteCache::options().durability(durability))?;
        self.subject("SqliteCache", vec![ours.at_once(at_once); self.threads]);
        Ok(())
    }

    /// The floor, with so many rows in a transaction.
    pub(super) fn statement(&mut self, name: &str, at_once: usize) -> Result<()> {
        let path = self.path();
        let open = |_| Ok(Statement::open(&path, Transaction::Each)?.at_once(at_once));
        self.subject(name, (0..self.threads).map(open).collect::<Result<_>>()?);
        Ok(())
    }

    /// In as large transactions as there can be.
    #[cfg(feature = "peers")]
    pub(super) fn peers(&mut self) -> Result<()> {
        let redb = Redb::open(&self.path())?;
        self.subject("redb, one transaction, synced", vec![redb; self.threads]);
        let redb = Redb::open(&self.path())?.not_durable();
        self.subject("redb, one transaction, not durable", vec![redb; self.threads]);
        let fjall = Fjall::open(&self.path())?;
        self.subject("fjall", vec![fjall; self.threads]);
        Ok(())
    }

    /// A transaction for each.
    #[cfg(feature = "peers")]
    pub(super) fn immediate_peers(&mut self) -> Result<()> {
        let redb = Redb::open(&self.path())?.at_once(1);
        self.subject("redb, synced each", vec![redb]);
        let redb = Redb::open(&self.path())?.at_once(1).not_durable();
        self.subject("redb, not durable", vec![redb]);
        let fjall = Fjall::open(&self.path())?;
        self.subject("fjall", vec![fjall]);
        Ok(())
    }

    fn path(&mut self) -> PathBuf {
        self.stores += 1;
        self.folder.path().join(format!("store {}", self.stores))
    }

    /// Writers into one store, each on a thread of its own with its share of the rows.
    fn subject(&mut self, name: &str, writers: Vec<impl Writer + Send + 's>) {
        let mut held =
            Held { writers, rows: Rc::clone(&self.rows), next: 0, _folder: Rc::clone(&self.folder) };
        self.case.subject(name, move |times| held.write(times));
    }
}

/// A store, closed before its folder is deleted.
struct Held<W> {
    writers: Vec<W>,
    rows: Rc<Rows>,
    next: u64,
    _folder: Rc<TempDir>,
}

impl<W: Writer + Send> Held<W> {
    fn write(&mut self, times: u64) -> Result<Duration> {
        let rows: Vec<Row> = (self.next..self.next + times).map(|number| self.rows.row(number)).collect();
        self.next += times;
        if let [writer] = &mut self.writers[..] {
            return writer.write(&rows);
        }
        let shares = rows.chunks(rows.len().div_ceil(self.writers.len()));
        let start = Instant::now();
        thread::scope(|scope| {
            let work = |(writer, rows): (&'_ mut W, &'_ [Row])| writer.write(rows).map(drop);
            let threads: Vec<_> =
                self.writers.iter_mut().zip(shares).map(|it| scope.spawn(move || work(it))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().expect("a writer does not panic"))
        })?;
        Ok(start.elapsed())
    }
}
