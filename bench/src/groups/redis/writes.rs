//! Inserts, of which other programs are told.

use anyhow::Result;
use redis::{cmd, pipe};
use warmstart::{Compression, core::Tier};

use super::{MANY, Ours, Redis, STORED, again, connect, each, text};
use crate::bench::{Bench, Case};

pub(super) fn run(bench: &mut Bench<'_>, server: &Redis) -> Result<()> {
    for (name, size, compression) in STORED {
        bench.case(&format!("insert {name}"), |case| insert(case, server, size, compression))?;
    }
    bench.case(&format!("put_many of {MANY}, 1 KB, all of them"), |case| put_many(case, server))
}

fn insert(case: &mut Case<'_>, server: &Redis, size: usize, compression: Compression) -> Result<()> {
    let values = text(size);
    let ours = Ours::open(server, "insert", compression)?;
    each(case, "RedisTier", &values, move |name, value| {
        ours.put(name, value)?;
        // One that was dropped is no error before.
        Ok(ours.tier.flush()?)
    });
    let mut connection = connect(server)?;
    each(case, "SET and PUBLISH in a pipeline", &values, move |name, value| {
        Ok(pipe().set(name, &**value).publish("nobody", name).exec(&mut connection)?)
    });
    let mut connection = connect(server)?;
    each(case, "SET", &values, move |name, value| {
        Ok(cmd("SET").arg(name).arg(&**value).exec(&mut connection)?)
    });
    Ok(())
}

fn put_many(case: &mut Case<'_>, server: &Redis) -> Result<()> {
    let entries = text(1 << 10).entries[..MANY].to_vec();
    let (ours, put) = (Ours::open(server, "put-many", Compression::None)?, entries.clone());
    again(case, "RedisTier", move || {
        ours.put_many(&put)?;
        Ok(ours.tier.flush()?)
    });
    for (name, publishes) in [("SETs and PUBLISHes in a pipeline", true), ("SETs in a pipeline", false)] {
        let (mut connection, put) = (connect(server)?, entries.clone());
        again(case, name, move || {
            let mut pipe = pipe();
            for (name, value) in &put {
                pipe.set(name, &**value);
                if publishes {
                    pipe.publish("nobody", name);
                }
            }
            Ok(pipe.exec(&mut connection)?)
        });
    }
    let mut connection = connect(server)?;
    again(case, "SETs one by one", move || {
        for (name, value) in &entries {
            cmd("SET").arg(name).arg(&**value).exec(&mut connection)?;
        }
        Ok(())
    });
    Ok(())
}
