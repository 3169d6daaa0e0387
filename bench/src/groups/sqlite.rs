//! Reads and writes of the SQLite tier. What is read was written and closed before, and is in the page cache of the
//! operating system.

mod filled;
mod insertion;
mod ours;
#[cfg(feature = "peers")]
mod peers;
mod requests;
mod rows;
mod statement;

use std::{rc::Rc, time::Duration};

use anyhow::Result;
use warmstart::sqlite::{Durability, SqliteCache};

#[cfg(feature = "peers")]
pub(super) use self::peers::{filled_fjall, filled_redb};
use self::{
    filled::{Filled, Stores},
    insertion::{Insertion, Writer},
    requests::{Reader, Requests, reads},
    rows::Row,
    statement::Transaction,
};
pub(super) use self::{ours::Ours, rows::Rows, statement::set_up};
use crate::bench::{Bench, Case};

const FEW: u64 = 10_000;
const MANY: u64 = 1_000_000;

/// Between bursts. Longer than a read transaction is kept, so that each burst begins without one.
const PAUSE: Duration = Duration::from_millis(8);

/// Rounds where no limit is at stake.
const ROUNDS: usize = 11;

/// Sizes of values.
const SIZES: [(usize, &str); 3] = [(256, "256 B"), (1_024, "1 KB"), (16_384, "16 KB")];

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    let mut stores = Stores::default();
    get(bench, &mut stores)?;
    insert(bench, &mut stores)
}

fn get(bench: &mut Bench<'_>, stores: &mut Stores) -> Result<()> {
    bench.case("get 1 KB, bursts of 100", |case| {
        // The pauses take much longer than what is measured.
        case.operations(500);
        let stores = stores.of(FEW, 1_024)?;
        let requests = Requests::hits(&stores).in_bursts(100, PAUSE);
        stores.ours(case, SqliteCache::options(), 1, &requests)?;
        stores.statement(case, Transaction::Around, 1, &requests)?;
        #[cfg(feature = "peers")]
        stores.peers(case, 1, &requests);
        Ok(())
    })?;
    bench.case("get 1 KB, single", |case| {
        let stores = stores.of(FEW, 1_024)?;
        let requests = Requests::hits(&stores);
        // Without the thread that ends them no read transactions are kept: every read begins its own. Pauses between
        // reads would have the same effect, but measure how a processor wakes up.
        stores.ours(case, SqliteCache::options().without_thread(), 1, &requests)?;
        stores.statement(case, Transaction::Each, 1, &requests)?;
        #[cfg(feature = "peers")]
        stores.peers(case, 1, &requests);
        Ok(())
    })?;
    for (count, of) in [(FEW, ""), (MANY, " of 1 M entries")] {
        for (size, name) in sizes(bench, count) {
            for threads in [1, 2] {
                for (what, requests) in ASKED {
                    bench.case(&format!("get {name}{of}{what}"), |case| {
                        random_reads(case, &stores.of(count, size)?, threads, requests)
                    })?;
                }
            }
        }
    }
    Ok(())
}

/// Of values that so many entries may have. A million of 16 KB take 17 GB in each of the stores: for those who ask.
fn sizes(bench: &Bench<'_>, entries: u64) -> impl Iterator<Item = (usize, &'static str)> + use<> {
    let (quick, asked) = (bench.options().quick, bench.options().case.is_some());
    SIZES.into_iter().filter(move |&(size, _)| entries == FEW || !quick && (asked || size < 16_384))
}

/// Makes requests of a store.
type Asked = fn(&Filled) -> Requests;

/// For what is there, and for what is not.
const ASKED: [(&str, Asked); 2] = [("", Requests::hits), (", miss", Requests::misses)];

fn random_reads(case: &mut Case<'_>, stores: &Rc<Filled>, threads: usize, requests: Asked) -> Result<()> {
    case.threads(threads);
    case.rounds(ROUNDS);
    let requests = requests(stores);
    stores.ours_and_floors(case, threads, &requests)?;
    #[cfg(feature = "peers")]
    stores.peers(case, threads, &requests);
    Ok(())
}

fn insert(bench: &mut Bench<'_>, stores: &mut Stores) -> Result<()> {
    let scale = if bench.options().quick { 5 } else { 1 };
    let inserted = |size| if size == 16_384 { 1_000 / scale } else { 10_000 / scale };
    for (size, name) in SIZES {
        for threads in [1, 2] {
            bench.case(&format!("insert {name}, batched, sustained"), |case| {
                case.threads(threads);
                case.operations(inserted(size));
                // A limit is at stake.
                case.rounds(if (size, threads) == (1_024, 1) { 11 } else { 5 });
                one_by_one(Insertion::new(case, size, threads)?)
            })?;
        }
    }
    for (size, name) in SIZES {
        for threads in [1, 2] {
            bench.case(&format!("put_many {name}, 100 at once"), |case| {
                case.threads(threads);
                case.operations(inserted(size));
                case.rounds(5);
                hundreds(Insertion::new(case, size, threads)?)
            })?;
        }
    }
    for (size, name) in sizes(bench, MANY) {
        for threads in [1, 2] {
            for (what, insert) in INSERTED {
                bench.case(&format!("{what} {name} among 1 M entries"), |case| {
                    case.threads(threads);
                    case.operations(inserted(size));
                    case.rounds(5);
                    insert(Insertion::new(case, size, threads)?.among(&stores.of(MANY, size)?))
                })?;
            }
        }
    }
    bench.case("insert 1 KB, immediate", |case| {
        case.operations(100);
        case.rounds(15);
        let mut insertion = Insertion::new(case, 1_024, 1)?;
        insertion.ours(Durability::Immediate, 1)?;
        insertion.statement("a transaction each, same tables", 1)?;
        #[cfg(feature = "peers")]
        insertion.immediate_peers()?;
        Ok(())
    })
}

/// Inserts, in the ways that there are.
type Inserted = fn(Insertion<'_, '_>) -> Result<()>;

const INSERTED: [(&str, Inserted); 2] = [("insert", one_by_one), ("put_many, 100 at once:", hundreds)];

fn hundreds(mut insertion: Insertion<'_, '_>) -> Result<()> {
    insertion.ours(Durability::default(), 100)?;
    insertion.statement("one transaction, same tables", usize::MAX)?;
    #[cfg(feature = "peers")]
    insertion.peers()?;
    Ok(())
}

/// With the flush at the end of a turn. What comes while a batch is committed makes the next one, which is larger than the
/// thousand entries that start a commit.
fn one_by_one(mut insertion: Insertion<'_, '_>) -> Result<()> {
    insertion.ours(Durability::default(), 1)?;
    insertion.statement("a transaction each, same tables", 1)?;
    insertion.statement("one transaction, same tables", usize::MAX)?;
    insertion.statement("a transaction for 1,000, same tables", 1_000)?;
    #[cfg(feature = "peers")]
    insertion.peers()?;
    Ok(())
}
