//! What a process does to entries that nobody else writes, told before and after, so that it is known what may be there
//! after its end, whatever that was.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    sync::Mutex,
};

use anyhow::{Context, Result, bail, ensure};

/// An entry: the number of its shelf, and its key.
pub(crate) type Place = (usize, u32);

/// Where a process tells what it does. Each line is written at once.
pub(crate) struct Journal<W>(Mutex<W>);

/// The number of a removal, which leaves nothing.
pub(crate) type Number = Option<u32>;

impl<W: Write> Journal<W> {
    pub(crate) fn new(to: W) -> Self {
        Self(Mutex::new(to))
    }

    /// Begins a write, or with `None` a removal.
    pub(crate) fn begin(&self, (shelf, key): Place, number: Number) -> Result<()> {
        self.line(format_args!("begin {shelf} {key} {}", number.map_or(-1, i64::from)))
    }

    /// Ends the write of an entry that is stored from now on, whatever happens.
    pub(crate) fn stored(&self, (shelf, key): Place) -> Result<()> {
        self.line(format_args!("stored {shelf} {key}"))
    }

    /// Ends a write that was refused.
    pub(crate) fn refused(&self, (shelf, key): Place) -> Result<()> {
        self.line(format_args!("refused {shelf} {key}"))
    }

    pub(crate) fn line(&self, line: std::fmt::Arguments<'_>) -> Result<()> {
        let mut to = self.0.lock().map_err(|_| anyhow::anyhow!("a thread of this process failed"))?;
        // One write, so that no line is half there after a kill.
        to.write_all(format!("{line}\n").as_bytes())?;
        Ok(to.flush()?)
    }
}

/// What may be there under each place: numbers of writes, and `None` for nothing.
#[derive(Debug, Default)]
pub(crate) struct Possible(BTreeMap<Place, BTreeSet<Number>>);

impl Possible {
    /// What may be there after all lines. What is `stored` is all that may be there; what has begun may be there too.
    /// Lines of others are passed over.
    pub(crate) fn read<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let mut begun: BTreeMap<Place, Vec<Number>> = BTreeMap::new();
        for line in lines {
            let mut words = line.split(' ');
            let verb = words.next().unwrap_or_default();
            if !["begin", "stored", "refused"].contains(&verb) {
                continue;
            }
            let mut number =
                || words.next().and_then(|word| word.parse::<i64>().ok()).with_context(|| line.to_owned());
            let place = (usize::try_from(number()?)?, u32::try_from(number()?)?);
            let possible = self.0.entry(place).or_insert_with(|| BTreeSet::from([None]));
            let begun = begun.entry(place).or_default();
            match verb {
                "begin" => {
                    begun.push(u32::try_from(number()?).ok());
                    possible.extend(begun.last());
                }
                "stored" => *possible = BTreeSet::from([*begun.last().context("stored before it began")?]),
                _ => {
                    let refused = begun.pop().context("refused before it began")?;
                    if refused.is_some() {
                        possible.remove(&refused);
                    }
                }
            }
        }
        Ok(())
    }

    /// All places.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        self.0.keys().copied()
    }

    /// Whether `found` may be there; after this, it is what is there.
    pub(crate) fn find(&mut self, place: Place, found: Number, may_be_gone: bool) -> Result<()> {
        let (shelf, key) = place;
        let Some(possible) = self.0.get_mut(&place) else { bail!("nobody wrote key {key} of shelf {shelf}") };
        let gone = may_be_gone && found.is_none();
        ensure!(
            gone || possible.contains(&found),
            "under key {key} of shelf {shelf} is {found:?}, which is none of {possible:?}"
        );
        *possible = BTreeSet::from([found]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may be under key 7 of shelf 0 after these lines.
    fn possible(lines: &[&str]) -> Vec<Number> {
        let mut possible = Possible::default();
        possible.read(lines.iter().copied()).unwrap();
        possible.0.remove(&(0, 7)).unwrap().into_iter().collect()
    }

    #[test]
    fn write_that_began_may_be_there_or_not() {
        assert_eq!(possible(&["begin 0 7 1"]), [None, Some(1)]);
    }

    #[test]
    fn only_what_was_stored_is_there() {
        assert_eq!(possible(&["begin 0 7 1", "begin 0 7 2", "stored 0 7"]), [Some(2)]);
        assert_eq!(possible(&["begin 0 7 1", "stored 0 7", "begin 0 7 -1"]), [None, Some(1)]);
    }

    #[test]
    fn what_was_refused_is_not_there() {
        assert_eq!(possible(&["begin 0 7 1", "stored 0 7", "begin 0 7 2", "refused 0 7"]), [Some(1)]);
    }

    #[test]
    fn what_was_refused_does_not_keep_the_write_before_it_from_being_stored() {
        assert_eq!(possible(&["begin 0 7 1", "begin 0 7 2", "refused 0 7", "stored 0 7"]), [Some(1)]);
    }

    #[test]
    fn what_cannot_be_there_is_a_violation() {
        let mut found = Possible::default();
        found.read(["begin 0 7 1", "stored 0 7"]).unwrap();
        assert!(found.find((0, 7), None, false).is_err());
        assert!(found.find((0, 7), Some(2), true).is_err());
        found.find((0, 7), None, true).unwrap();
    }
}
