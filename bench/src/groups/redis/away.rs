//! What is asked of the tier while the server is away and left alone.

use std::{hint::black_box, time::Duration};

use anyhow::{Result, ensure};
use cache_redis::{RedisOptions, RedisTier};
use warmstart::{Bytes, Compression};

use super::{Ours, Redis, Values, each, text};
use crate::bench::{Bench, Case};

pub(super) fn run(bench: &mut Bench<'_>, server: &Redis) -> Result<()> {
    bench.case("read 1 KB, server away", |case| {
        compared(case, server, |ours, name, _| {
            black_box(ours.get(name)?);
            Ok(())
        })
    })?;
    bench.case("write 1 KB, server away", |case| compared(case, server, Ours::put))
}

/// Does it with a server that is away, and with one that is not.
fn compared<'s>(
    case: &mut Case<'s>,
    server: &Redis,
    work: impl Fn(&Ours, &str, &Bytes) -> Result<()> + Copy + 's,
) -> Result<()> {
    let values = text(1 << 10);
    let (away, there) = (away(&values)?, Ours::open(server, "there", Compression::None)?);
    there.fill(&values)?;
    each(case, "RedisTier, server away", &values, move |name, value| work(&away, name, value));
    each(case, "RedisTier, server there", &values, move |name, value| work(&there, name, value));
    Ok(())
}

/// A tier whose server has been, and is not tried again soon.
fn away(values: &Values) -> Result<Ours> {
    let mut server = Redis::start();
    let options = RedisTier::options().pause(Duration::from_secs(3_600));
    let ours = Ours::open_with(options, &server, Compression::None)?;
    ours.fill(values)?;
    server.kill();
    for _ in 0..RedisOptions::FAILURES {
        ours.get(&values.entries[0].0)?;
    }
    ensure!(ours.tier.health().is_away, "the server is still asked");
    Ok(ours)
}
