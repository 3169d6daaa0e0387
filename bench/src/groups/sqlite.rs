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

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    get(bench)?;
    insert(bench)
}

fn get(bench: &mut Bench<'_>) -> Result<()> {
    let mut stores = Stores::default();
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
    for (size, name) in [(256, "256 B"), (1_024, "1 KB"), (16_384, "16 KB")] {
        for threads in [1, 2] {
            for (what, requests) in ASKED {
                bench.case(&format!("get {name}{what}"), |case| {
                    random_reads(case, &stores.of(FEW, size)?, threads, requests)
                })?;
            }
        }
    }
    if bench.options().quick {
        return Ok(());
    }
    for threads in [1, 2] {
        for (what, requests) in ASKED {
            bench.case(&format!("get 1 KB of 1 M entries{what}"), |case| {
                random_reads(case, &stores.of(MANY, 1_024)?, threads, requests)
            })?;
        }
    }
    Ok(())
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

fn insert(bench: &mut Bench<'_>) -> Result<()> {
    let scale = if bench.options().quick { 5 } else { 1 };
    for (name, size, inserted, rounds, threads) in [
        ("insert 1 KB, batched, sustained", 1_024, 10_000, 11, 1),
        ("insert 1 KB, batched, sustained", 1_024, 10_000, 5, 2),
        ("insert 256 B, batched", 256, 10_000, 5, 1),
        ("insert 16 KB, batched", 16_384, 1_000, 5, 1),
    ] {
        bench.case(name, |case| {
            case.threads(threads);
            case.operations(inserted / scale);
            case.rounds(rounds);
            let mut insertion = Insertion::new(case, size, threads)?;
            // With the flush at the end of a turn. What comes while a batch is committed makes the next one, which is
            // larger than the thousand entries that start a commit.
            insertion.ours(Durability::default(), 1)?;
            insertion.statement("a transaction each, same tables", 1)?;
            insertion.statement("one transaction, same tables", usize::MAX)?;
            insertion.statement("a transaction for 1,000, same tables", 1_000)?;
            #[cfg(feature = "peers")]
            insertion.peers()?;
            Ok(())
        })?;
    }
    for (name, size, inserted) in [("256 B", 256, 10_000), ("1 KB", 1_024, 10_000), ("16 KB", 16_384, 1_000)]
    {
        bench.case(&format!("put_many {name}, 100 at once"), |case| {
            case.operations(inserted / scale);
            case.rounds(5);
            let mut insertion = Insertion::new(case, size, 1)?;
            insertion.ours(Durability::default(), 100)?;
            insertion.statement("one transaction, same tables", usize::MAX)?;
            #[cfg(feature = "peers")]
            insertion.peers()?;
            Ok(())
        })?;
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
