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
    Filled, Ours, Row, Rows,
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

/// Subjects that insert new entries. The store of each grows from turn to turn by as many as those of the others.
pub(super) struct Insertion<'c, 's> {
    case: &'c mut Case<'s>,
    rows: Rc<Rows>,
    place: Place,
    subjects: u64,
    threads: usize,
}

/// Where they are inserted.
#[derive(Clone)]
enum Place {
    /// Into a store for each subject, empty at first.
    Empty(Rc<TempDir>),
    /// Into the stores of others.
    Filled(Rc<Filled>),
}

impl<'c, 's> Insertion<'c, 's> {
    pub(super) fn new(case: &'c mut Case<'s>, size: usize, threads: usize) -> Result<Self> {
        let place = Place::Empty(Rc::new(tempfile::tempdir()?));
        Ok(Self { case, rows: Rc::new(Rows::new(0, size)), place, subjects: 0, threads })
    }

    /// Among entries of this size that are there. The tier and the statements share a file.
    pub(super) fn among(self, filled: &Rc<Filled>) -> Self {
        Self { place: Place::Filled(Rc::clone(filled)), ..self }
    }

    pub(super) fn ours(&mut self, durability: Durability, at_once: usize) -> Result<()> {
        let ours = Ours::open(&self.sqlite(), SqliteCache::options().durability(durability))?;
        self.subject("SqliteCache", vec![ours.at_once(at_once); self.threads]);
        Ok(())
    }

    /// The floor, with so many rows in a transaction.
    pub(super) fn statement(&mut self, name: &str, at_once: usize) -> Result<()> {
        let path = self.sqlite();
        let open = |_| Ok(Statement::open(&path, Transaction::Each)?.at_once(at_once));
        self.subject(name, (0..self.threads).map(open).collect::<Result<_>>()?);
        Ok(())
    }

    /// In as large transactions as there can be.
    #[cfg(feature = "peers")]
    pub(super) fn peers(&mut self) -> Result<()> {
        let redb = self.redb()?;
        self.subject("redb, one transaction, synced", vec![redb; self.threads]);
        let redb = self.redb()?.not_durable();
        self.subject("redb, one transaction, not durable", vec![redb; self.threads]);
        let fjall = self.fjall()?;
        self.subject("fjall", vec![fjall; self.threads]);
        Ok(())
    }

    /// A transaction for each.
    #[cfg(feature = "peers")]
    pub(super) fn immediate_peers(&mut self) -> Result<()> {
        let redb = self.redb()?.at_once(1);
        self.subject("redb, synced each", vec![redb]);
        let redb = self.redb()?.at_once(1).not_durable();
        self.subject("redb, not durable", vec![redb]);
        let fjall = self.fjall()?;
        self.subject("fjall", vec![fjall]);
        Ok(())
    }

    #[cfg(feature = "peers")]
    fn redb(&self) -> Result<Redb> {
        match &self.place {
            Place::Empty(folder) => Redb::open(&self.path_in(folder)),
            Place::Filled(filled) => Ok(filled.redb()),
        }
    }

    #[cfg(feature = "peers")]
    fn fjall(&self) -> Result<Fjall> {
        match &self.place {
            Place::Empty(folder) => Fjall::open(&self.path_in(folder)),
            Place::Filled(filled) => Ok(filled.fjall()),
        }
    }

    fn sqlite(&self) -> PathBuf {
        match &self.place {
            Place::Empty(folder) => self.path_in(folder),
            Place::Filled(filled) => filled.sqlite().to_owned(),
        }
    }

    fn path_in(&self, folder: &TempDir) -> PathBuf {
        folder.path().join(format!("store {}", self.subjects))
    }

    /// Writers into one store, each on a thread of its own with its share of the rows.
    fn subject(&mut self, name: &str, writers: Vec<impl Writer + Send + 's>) {
        let next = match &self.place {
            Place::Empty(_) => 0,
            Place::Filled(filled) => filled.unused(),
        };
        self.subjects += 1;
        let mut held = Held { writers, rows: Rc::clone(&self.rows), next, _place: self.place.clone() };
        self.case.subject(name, move |times| held.write(times));
    }
}

/// A store, closed before its folder is deleted.
struct Held<W> {
    writers: Vec<W>,
    rows: Rc<Rows>,
    next: u64,
    _place: Place,
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
