//! Access to a value that is loaded.

use std::{hint::black_box, sync::LazyLock, time::Instant};

use anyhow::Result;
use once_cell::sync::Lazy as OnceLazy;
use warmstart::lazy::{Lazy, LazyError};

use crate::bench::{Bench, Case};

static LAZY: Lazy<u64> = Lazy::new("value", || Ok(1));
static ONCE: OnceLazy<u64> = OnceLazy::new(|| 1);
static STD: LazyLock<u64> = LazyLock::new(|| 1);
static PLAIN: u64 = 1;

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    bench.case("access to a loaded value", |case| {
        case.counted();
        // Where each value is, is hidden: or else the access is taken out of the loop.
        access(case, "Lazy", || Ok(*black_box(&LAZY).get()?));
        access(case, "once_cell Lazy", || Ok(**black_box(&ONCE)));
        access(case, "std LazyLock", || Ok(**black_box(&STD)));
        access(case, "floor: a plain static", || Ok(*black_box(&PLAIN)));
        Ok(())
    })
}

fn access(case: &mut Case<'_>, name: &str, one: impl Fn() -> Result<u64, LazyError> + 'static) {
    case.subject(name, move |times| {
        let start = Instant::now();
        let mut sum = 0;
        for _ in 0..times {
            sum += one()?;
        }
        black_box(sum);
        Ok(start.elapsed())
    });
}
