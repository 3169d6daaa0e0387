//! Hits.

use std::{hint::black_box, rc::Rc, sync::Arc, thread, time::Instant};

use anyhow::{Context, Result, ensure};
use redis::{Connection, cmd, pipe};
use warmstart::{
    Bytes, Compression, Handle, Route,
    core::{Level, Routes, TieredCache},
    memory::MemoryTier,
};

use super::{
    MANY, Ours, PATIENCE, Redis, STORED, Values, again, connect, each, new_each, ours::CATEGORY, text,
};
use crate::bench::{Bench, Case};

pub(super) fn run(bench: &mut Bench<'_>, server: &Redis) -> Result<()> {
    bench.case("hit 1 KB", |case| in_memory(case, server))?;
    bench.case("load 1 KB", |case| load(case, server))?;
    for (name, size, compression) in STORED {
        bench.case(&format!("get {name}"), |case| get(case, server, size, compression))?;
    }
    bench.case(&format!("get_many of {MANY}, 1 KB, all of them"), |case| get_many(case, server))
}

/// What is nowhere, made by a loader that has next to nothing to do: asked for at the server, and stored there unless
/// another program has meanwhile.
fn load(case: &mut Case<'_>, server: &Redis) -> Result<()> {
    // They stay at the server, and are as many of all subjects.
    case.operations(200);
    let values = text(1 << 10);
    let (handle, _) = tiered(server, "load")?;
    new_each(case, "typed handle", &values, move |name, value| {
        black_box(handle.get_or_load(name, || String::from_utf8(value.to_vec()))?);
        Ok(())
    });
    let mut connection = connect(server)?;
    new_each(case, "GET, SET", &values, move |name, value| {
        let found: Option<Vec<u8>> = cmd("GET").arg(name).query(&mut connection)?;
        ensure!(found.is_none(), "it is there");
        Ok(cmd("SET").arg(name).arg(&**value).exec(&mut connection)?)
    });
    Ok(())
}

/// What a copy in memory spares.
fn in_memory(case: &mut Case<'_>, server: &Redis) -> Result<()> {
    let values = text(1 << 10);
    let (handle, ours) = tiered(server, "in-memory")?;
    for (name, value) in &values.entries {
        handle.insert(name, String::from_utf8(value.to_vec())?)?;
    }
    each(case, "typed handle, a copy in memory", &values, move |name, _| {
        black_box(handle.get(name).context("the entry is gone")?);
        Ok(())
    });
    each(case, "RedisTier", &values, move |name, _| {
        black_box(ours.hit(name)?);
        Ok(())
    });
    plain(case, "GET", filled(server, 0, &values, Bytes::clone)?, &values, |value| Ok(value.len()));
    Ok(())
}

/// The tier behind memory, and the tier alone.
fn tiered(server: &Redis, prefix: &str) -> Result<(Handle<String>, Ours)> {
    let ours = Ours::open(server, prefix, Compression::None)?;
    // Copies go when the tier begins to hear of changes.
    let start = Instant::now();
    while !(ours.tier.health().is_listening && ours.tier.catch_up(PATIENCE)) {
        ensure!(start.elapsed() < PATIENCE, "the tier hears of nothing");
        thread::yield_now();
    }
    let cache = TieredCache::builder()
        .tier(Level::L1, Arc::new(MemoryTier::builder().build()?))
        .tier(Level::L4, Arc::new(ours.tier.clone()))
        .routes(Routes::empty())
        .build()?;
    let handle = cache.define(CATEGORY, Route::redis().compression(Compression::None))?;
    Ok((handle, ours))
}

/// A round trip, and what is done with the answer.
fn get(case: &mut Case<'_>, server: &Redis, size: usize, compression: Compression) -> Result<()> {
    let values = text(size);
    let ours = Ours::open(server, "get", compression)?;
    ours.fill(&values)?;
    each(case, "RedisTier", &values, move |name, value| {
        ensure!(black_box(ours.hit(name)?).len() == value.len(), "another value");
        Ok(())
    });
    if compression == Compression::Lz4 {
        let connection = filled(server, 1, &values, |value| lz4_flex::compress_prepend_size(value).into())?;
        let unpacked = |value: &[u8]| Ok(black_box(lz4_flex::decompress_size_prepended(value)?).len());
        plain(case, "GET, decompress", connection, &values, unpacked);
    }
    plain(case, "GET, not compressed", filled(server, 0, &values, Bytes::clone)?, &values, |value| {
        Ok(value.len())
    });
    Ok(())
}

fn get_many(case: &mut Case<'_>, server: &Redis) -> Result<()> {
    let values = text(1 << 10);
    let names: Rc<[String]> = values.entries.iter().take(MANY).map(|(name, _)| name.clone()).collect();
    let ours = Ours::open(server, "get-many", Compression::None)?;
    ours.fill(&values)?;
    let asked = Rc::clone(&names);
    again(case, "RedisTier", move || ours.get_many(&asked));
    let (mut connection, asked) = (filled(server, 0, &values, Bytes::clone)?, Rc::clone(&names));
    again(case, "MGET", move || {
        let found: Vec<Vec<u8>> = cmd("MGET").arg(&*asked).query(&mut connection)?;
        all_there(&found)
    });
    let (mut connection, asked) = (connect(server)?, Rc::clone(&names));
    again(case, "GETs in a pipeline", move || {
        let mut pipe = pipe();
        for name in &*asked {
            pipe.get(name);
        }
        let found: Vec<Vec<u8>> = pipe.query(&mut connection)?;
        all_there(&found)
    });
    let mut connection = connect(server)?;
    again(case, "GETs one by one", move || {
        let get = |name| cmd("GET").arg(name).query(&mut connection);
        let found: Vec<Vec<u8>> = names.iter().map(get).collect::<Result<_, _>>()?;
        all_there(&found)
    });
    Ok(())
}

fn all_there(found: &[Vec<u8>]) -> Result<()> {
    ensure!(black_box(found).iter().filter(|value| !value.is_empty()).count() == MANY, "a value is gone");
    Ok(())
}

/// A connection to a database of the server where all values were stored by their names alone.
fn filled(
    server: &Redis,
    database: u8,
    values: &Values,
    pack: impl Fn(&Bytes) -> Bytes,
) -> Result<Connection> {
    let mut connection = connect(server)?;
    cmd("SELECT").arg(database).exec(&mut connection)?;
    for (name, value) in &values.entries {
        cmd("SET").arg(name).arg(&*pack(value)).exec(&mut connection)?;
    }
    Ok(connection)
}

/// The floor: a `GET` of each.
fn plain<'s>(
    case: &mut Case<'s>,
    name: &str,
    mut connection: Connection,
    values: &Rc<Values>,
    unpack: impl Fn(&[u8]) -> Result<usize> + 's,
) {
    each(case, name, values, move |name, value| {
        let found: Vec<u8> = cmd("GET").arg(name).query(&mut connection)?;
        ensure!(unpack(black_box(&found))? == value.len(), "another value");
        Ok(())
    });
}
