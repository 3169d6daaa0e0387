//! Loads through all tiers: values of 1 KB, made by a loader that has next to nothing to do.

mod loads;
mod turns;

use std::{path::Path, rc::Rc};

use anyhow::Result;
use tempfile::TempDir;
use warmstart::Route;

use self::{
    loads::{Behind, Loads, Mapped, Once, Tiered},
    turns::{all_there, names, one_by_one, stampede},
};
use crate::bench::{Bench, Case};
#[cfg(feature = "peers")]
use crate::peers::loading::{Foyer, Moka};

/// Entries that are there.
const ENTRIES: u64 = 2_000;

/// Rounds where every turn leaves entries behind.
const ROUNDS: usize = 15;

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    in_memory(bench)?;
    for (name, route) in [("SQLite", Route::sqlite()), ("file", Route::file())] {
        persistent(bench, name, &route)?;
    }
    Ok(())
}

fn in_memory(bench: &mut Bench<'_>) -> Result<()> {
    for what in [What::Stampede, What::Cold, What::Warm] {
        bench.case(what.name(), |case| {
            case.rounds(ROUNDS);
            let folder = Rc::new(tempfile::tempdir()?);
            let path = folder.path().join("ours");
            what.add(case, "Cache", Tiered::open(&path, Route::memory())?, &folder)?;
            what.add(case, "OnceLocks in a locked map", Once::default(), &folder)?;
            #[cfg(feature = "peers")]
            what.add(case, "moka", Moka::new(loads::CAPACITY), &folder)?;
            Ok(())
        })?;
    }
    Ok(())
}

/// The same with a tier behind memory. Whoever loads does not wait until the value is written, except where it is a file
/// of ours; the writing is waited for after a turn, and not measured. The group `sqlite` measures it.
fn persistent(bench: &mut Bench<'_>, tier: &str, route: &Route) -> Result<()> {
    let alone = |dir: &Path| if tier == "file" { Mapped::file(dir) } else { Mapped::sqlite(dir) };
    for what in [What::Stampede, What::Cold, What::Warm] {
        bench.case(&format!("{}, {tier}", what.name()), |case| {
            case.rounds(ROUNDS);
            if what != What::Warm {
                // All stores grow by as many, and a file stays until the end.
                case.operations(if tier == "file" { 50 } else { 500 });
            }
            let folder = Rc::new(tempfile::tempdir()?);
            let at = |name: &str| folder.path().join(name);
            what.add(case, "Cache", Tiered::open(&at("ours"), route.clone())?, &folder)?;
            let by_hand = alone(&at("alone"))?;
            if what == What::Stampede {
                // Or else each of the threads would load.
                what.add(case, "the tier alone, and OnceLocks", Behind::new(by_hand), &folder)?;
            } else {
                what.add(case, "the tier alone, and a locked map", by_hand, &folder)?;
            }
            #[cfg(feature = "peers")]
            what.add(case, "foyer", Foyer::open(&at("foyer"), loads::CAPACITY)?, &folder)?;
            Ok(())
        })?;
    }
    bench.case(&format!("promoted, {tier}"), |case| {
        case.rounds(ROUNDS);
        case.operations(ENTRIES);
        let folder = Rc::new(tempfile::tempdir()?);
        let at = |name: &str| folder.path().join(name);
        let ours = at("ours");
        one_by_one(&Tiered::open(&ours, route.clone())?, &names(0..ENTRIES))?;
        let (dir, route) = (ours.clone(), route.clone());
        promoted(case, "Cache", move || Tiered::open(&dir, route.clone()), &folder);
        // The same files.
        promoted(case, "the tier alone, and a locked map", move || alone(&ours), &folder);
        #[cfg(feature = "peers")]
        {
            let dir = at("foyer");
            let foyer = Foyer::open(&dir, loads::CAPACITY)?;
            one_by_one(&foyer, &names(0..ENTRIES))?;
            foyer.close()?;
            drop(foyer);
            promoted(case, "foyer", move || Foyer::open(&dir, loads::CAPACITY), &folder);
        }
        Ok(())
    })
}

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// What is nowhere, by eight threads at once.
    Stampede,
    /// What is nowhere.
    Cold,
    /// What is in memory.
    Warm,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Stampede => "stampede",
            Self::Cold => "cold",
            Self::Warm => "warm",
        }
    }

    fn add<'s>(
        self,
        case: &mut Case<'s>,
        name: &str,
        cache: impl Loads + 's,
        folder: &Rc<TempDir>,
    ) -> Result<()> {
        if self == Self::Stampede {
            case.threads(turns::STAMPEDE);
        }
        let there = names(0..ENTRIES);
        one_by_one(&cache, &there)?;
        cache.settle()?;
        let (mut next, folder) = (ENTRIES, Rc::clone(folder));
        case.subject(name, move |times| {
            let _folder = &folder;
            if self == Self::Warm {
                return all_there(&cache, there.iter().cycle().take(usize::try_from(times)?));
            }
            let new = names(next..next + times);
            next += times;
            let took = if self == Self::Cold { one_by_one(&cache, &new) } else { stampede(&cache, &new) };
            cache.settle()?;
            took
        });
        Ok(())
    }
}

/// A cache that was filled and closed, and is opened again before each turn: what a new process finds.
fn promoted<'s, L: Loads>(
    case: &mut Case<'s>,
    name: &str,
    open: impl Fn() -> Result<L> + 's,
    folder: &Rc<TempDir>,
) {
    let (there, folder) = (names(0..ENTRIES), Rc::clone(folder));
    case.subject(name, move |times| {
        let _folder = &folder;
        all_there(&open()?, there.iter().take(usize::try_from(times)?))
    });
}
