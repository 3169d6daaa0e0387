//! What the calls of all threads have done, and whether what was read could be there.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};

/// A category and a key.
pub(crate) type Place = (usize, u32);

/// What one call has done to a place, or found there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) place: Place,
    pub(super) what: What,
    pub(super) begin: u64,
    pub(super) end: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// An insert of a number, or a removal.
    Write(Option<u32>),
    /// A loader made a number. It began at `begin`, and whatever was written after that goes before it.
    Load(u32),
    Read(Option<u32>),
}

/// Whether no read found what was older than a write that had ended before the read began. Some entries may leave by
/// themselves.
pub(super) fn check(calls: &[Call], may_be_gone: impl Fn(Place) -> bool) -> Result<()> {
    let mut places: HashMap<Place, Vec<Call>> = HashMap::new();
    for call in calls {
        places.entry(call.place).or_default().push(*call);
    }
    for (place, calls) in places {
        History::new(&calls).check(&calls, may_be_gone(place))?;
    }
    Ok(())
}

/// The writes of one place.
struct History {
    /// By its end, the latest begin of all writes that have ended by then.
    ended: Vec<(u64, u64)>,
    /// Begin and last moment of each number.
    numbers: HashMap<u32, (u64, u64)>,
    /// Begin and end of each removal; one was before everything.
    removals: Vec<(u64, u64)>,
}

impl History {
    fn new(calls: &[Call]) -> Self {
        let (mut numbers, mut removals, mut ended) = (HashMap::new(), vec![(0, 0)], vec![]);
        for &Call { what, begin, end, .. } in calls {
            match what {
                What::Write(number) => {
                    ended.push((end, begin));
                    match number {
                        Some(number) => drop(numbers.insert(number, (begin, end))),
                        None => removals.push((begin, end)),
                    }
                }
                What::Load(number) => drop(numbers.insert(number, (begin, begin))),
                What::Read(_) => {}
            }
        }
        ended.sort_unstable();
        let mut latest = 0;
        for (_, begin) in &mut ended {
            latest = latest.max(*begin);
            *begin = latest;
        }
        removals.sort_unstable();
        // The last end of all that began by then.
        let mut last = 0;
        for (_, end) in &mut removals {
            last = last.max(*end);
            *end = last;
        }
        Self { ended, numbers, removals }
    }

    fn check(&self, calls: &[Call], may_be_gone: bool) -> Result<()> {
        for call in calls {
            let What::Read(found) = call.what else { continue };
            let ended = self.ended.partition_point(|&(end, _)| end < call.begin);
            let Some(&(_, latest)) = ended.checked_sub(1).and_then(|last| self.ended.get(last)) else {
                continue;
            };
            let (began, last) = match found {
                None if may_be_gone => continue,
                None => self.removals[self.removals.partition_point(|&(begin, _)| begin < call.end) - 1],
                Some(number) => {
                    *self.numbers.get(&number).with_context(|| format!("nobody wrote {number}"))?
                }
            };
            ensure!(began < call.end, "{call:?} found what was not written yet");
            ensure!(
                last >= latest,
                "{call:?} found what was over at {last}, but a write began at {latest} and had ended before the read"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(what: What, begin: u64, end: u64) -> Call {
        Call { place: (1, 0), what, begin, end }
    }

    fn holds(calls: &[Call]) -> bool {
        check(calls, |_| false).is_ok()
    }

    use What::{Load, Read, Write};

    #[test]
    fn read_finds_the_last_write() {
        assert!(holds(&[call(Write(Some(1)), 1, 2), call(Read(Some(1)), 3, 4)]));
        assert!(!holds(&[call(Write(Some(1)), 1, 2), call(Write(Some(2)), 3, 4), call(Read(Some(1)), 5, 6)]));
        assert!(!holds(&[call(Write(Some(1)), 1, 2), call(Read(None), 3, 4)]));
        assert!(!holds(&[call(Write(Some(1)), 1, 2), call(Write(None), 3, 4), call(Read(Some(1)), 5, 6)]));
    }

    #[test]
    fn of_writes_at_the_same_time_either_may_win() {
        let writes = [call(Write(Some(1)), 1, 3), call(Write(Some(2)), 2, 4)];
        for number in [1, 2] {
            assert!(holds(&[writes[0], writes[1], call(Read(Some(number)), 5, 6)]));
        }
    }

    #[test]
    fn load_that_began_before_a_removal_is_not_found_after_it() {
        let calls = [call(Load(1), 1, 5), call(Write(None), 2, 3)];
        assert!(!holds(&[calls[0], calls[1], call(Read(Some(1)), 4, 6)]));
        assert!(holds(&[calls[0], calls[1], call(Read(None), 4, 6)]));
    }

    #[test]
    fn what_nobody_wrote_is_a_violation() {
        assert!(!holds(&[call(Write(Some(1)), 1, 2), call(Read(Some(9)), 3, 4)]));
    }
}
