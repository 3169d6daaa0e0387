//! What access to a loaded value costs, here and elsewhere.
//!
//! Alone: nanoseconds per access, medians of interleaved rounds. `access N lazy|once_cell|std|none` only does
//! N accesses, for a tool that counts instructions.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::{env, error::Error, hint::black_box, sync::LazyLock, time::Instant};

use once_cell::sync::Lazy as OnceLazy;
use startup_lazy::{Lazy, LazyError};

static LAZY: Lazy<u64> = Lazy::new("value", || Ok(1));
static ONCE: OnceLazy<u64> = OnceLazy::new(|| 1);
static STD: LazyLock<u64> = LazyLock::new(|| 1);

const ROUNDS: usize = 51;
const ACCESSES: u32 = 1_000_000;

/// A name, and a loop of so many accesses.
type Contender = (&'static str, fn(u32) -> Result<u64, LazyError>);

const CONTENDERS: [Contender; 4] =
    [("lazy", lazy), ("once_cell", once_cell), ("std", std_lazy), ("none", none)];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => measure(),
        ["access", count, name] => {
            let contender = CONTENDERS.iter().find(|(known, _)| *known == name).ok_or("no such contender")?;
            black_box(contender.1(count.parse()?)?);
            Ok(())
        }
        _ => Err("usage: measure_lazy [access N lazy|once_cell|std|none]".into()),
    }
}

fn measure() -> Result<(), Box<dyn Error>> {
    let mut times = CONTENDERS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, access), times) in CONTENDERS.iter().zip(&mut times) {
            let started = Instant::now();
            black_box(access(ACCESSES)?);
            times.push(started.elapsed().as_secs_f64() * 1e9 / f64::from(ACCESSES));
        }
    }
    for ((name, _), times) in CONTENDERS.iter().zip(&mut times) {
        times.sort_unstable_by(f64::total_cmp);
        println!("{name:10} {:.2} ns per access, the empty loop included", times[ROUNDS / 2]);
    }
    Ok(())
}

// Each loop hides where its value is, so that no access is taken out of it.

#[inline(never)]
fn lazy(count: u32) -> Result<u64, LazyError> {
    let mut sum = 0;
    for _ in 0..count {
        sum += *black_box(&LAZY).get()?;
    }
    Ok(sum)
}

#[inline(never)]
fn once_cell(count: u32) -> Result<u64, LazyError> {
    let mut sum = 0;
    for _ in 0..count {
        sum += **black_box(&ONCE);
    }
    Ok(sum)
}

#[inline(never)]
fn std_lazy(count: u32) -> Result<u64, LazyError> {
    let mut sum = 0;
    for _ in 0..count {
        sum += **black_box(&STD);
    }
    Ok(sum)
}

#[inline(never)]
fn none(count: u32) -> Result<u64, LazyError> {
    static VALUE: u64 = 1;
    let mut sum = 0;
    for _ in 0..count {
        sum += *black_box(&VALUE);
    }
    Ok(sum)
}
