//! What an entry in memory takes beyond its key and value.

use std::{env, process::Command, sync::Arc};

use anyhow::{Context, Result, bail, ensure};

use super::memory::{
    Cache, Value,
    subjects::{self, for_each_cache},
};
use crate::{allocator, bench::Bench, row::Unit};

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    let mut subjects: Vec<Subject> = vec![];
    for_each_cache!(add(&mut subjects));
    add::<subjects::Hashlink>(&mut subjects);
    // The same list, with a lock around it.
    subjects.retain(|(name, _)| *name != subjects::Locked::NAME);

    if let Some([_, name, entries]) = bench.options().once.as_deref() {
        let Some((_, bytes)) = subjects.iter().find(|(known, _)| known == name) else {
            bail!("there is no cache {name}");
        };
        println!("{}", bytes(entries.parse()?));
        return Ok(());
    }
    let sizes: &[(usize, &str)] = match bench.options().quick {
        true => &[(1_000, "1 k"), (100_000, "100 k")],
        false => &[(1_000, "1 k"), (100_000, "100 k"), (1_000_000, "1 M")],
    };
    for (entries, shown) in sizes {
        let case = format!("{shown} entries");
        if !bench.is_wanted(&case) {
            continue;
        }
        let mut figures = vec![];
        for (index, (name, _)) in subjects.iter().enumerate() {
            bench.progress(index, subjects.len(), &format!("{case}: {name}"));
            figures.push(((*name).to_owned(), in_a_process(&case, name, *entries)?));
        }
        bench.record(&case, Unit::Bytes, &figures);
    }
    Ok(())
}

/// A cache, and how many bytes its entries take if there are so many of them.
type Subject = (&'static str, fn(usize) -> f64);

fn add<C: Cache>(subjects: &mut Vec<Subject>) {
    subjects.push((C::NAME, bytes::<C>));
}

/// This program again, for one subject: nothing else is allocated in it.
fn in_a_process(case: &str, name: &str, entries: usize) -> Result<f64> {
    let output = Command::new(env::current_exe()?)
        .args(["--only", "memory-use", "--once", case, name, &entries.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let why = || format!("{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), why());
    text.trim().parse().with_context(why)
}

/// Bytes per entry of a full cache, after three times as many insertions as fit: what it remembers of the evicted
/// ones belongs to it.
fn bytes<C: Cache>(entries: usize) -> f64 {
    allocator::count();
    let cache = C::new(entries);
    let keys = || (0..3 * entries).map(key);
    for key in keys() {
        cache.insert(key, Arc::new(0));
    }
    // Some have fewer than were allowed. The reads also give those a chance that evict later.
    let held = keys().filter(|key| cache.get(key).is_some()).count();
    let all = allocator::live();
    let inline = size_of::<String>() + size_of::<Value>();
    let heap = key(0).len() + size_of::<[usize; 2]>() + size_of::<u64>();
    all as f64 / held as f64 - (inline + heap) as f64
}

/// 24 bytes, none to spare.
fn key(number: usize) -> String {
    format!("entry number {number:011}").into_boxed_str().into()
}
