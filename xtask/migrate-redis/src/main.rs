//! Moves what Redis holds into a cache. `cargo xtask migrate-redis` builds and starts it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program speaks to a terminal")]

mod destination;

use std::{
    env,
    ops::ControlFlow,
    path::PathBuf,
    process::ExitCode,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use clap::Parser;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use warmstart::{
    Budget, ErrorKind,
    redis::migrate::{Migration, Progress},
};

use self::destination::Destination;

/// Moves what Redis holds into a cache. Redis is only read from.
///
/// Keys stay as they are, with the time that they have left. Strings are stored as they are, hashes, lists, sets and sorted
/// sets as warmstart::redis::migrate::Collection.
#[derive(Parser, Debug)]
#[command(bin_name = "cargo xtask migrate-redis")]
struct Options {
    /// The server: redis://host:6379/0, rediss://user:password@host:6380 or unix:///run/redis.sock. Without it, the
    /// environment variable REDIS_URL says where: other users of this machine do not see that one.
    #[arg(long, value_name = "URL")]
    from: Option<String>,

    /// The server is a node of a cluster: move what all of its nodes hold.
    #[arg(long)]
    cluster: bool,

    /// The folder of the cache, as for warmstart::open_dir.
    #[arg(long, value_name = "CACHE_DIR", required_unless_present = "config")]
    to: Option<PathBuf>,

    /// The configuration of the cache: its categories, and, without --to, its place.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Moves the keys that match a pattern of Redis into a category: 'week:*=week_data'. The first one that matches
    /// counts. Without any, all keys go into the category "redis".
    #[arg(long = "map", value_name = "PATTERN=CATEGORY")]
    maps: Vec<Map>,

    /// Say what would be moved, and move nothing.
    #[arg(long, conflicts_with_all = ["resume", "verify"])]
    dry_run: bool,

    /// Go on where an earlier move was interrupted.
    #[arg(long)]
    resume: bool,

    /// Read everything again afterwards, and compare.
    #[arg(long)]
    verify: bool,

    /// About how many keys to ask for at once.
    #[arg(long, value_name = "KEYS", default_value_t = 1_000)]
    batch: usize,

    /// Skip values that are larger.
    #[arg(long, value_name = "SIZE", default_value = "64 MiB", value_parser = Budget::from_str)]
    max_value: Budget,

    /// How many seconds to wait for the server.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u64,
}

/// A pattern and the category that it stands for. The last `=` is between them: no category has one in its name.
#[derive(Debug, Clone)]
struct Map {
    pattern: String,
    category: String,
}

impl FromStr for Map {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (pattern, category) = text.rsplit_once('=').ok_or("write 'PATTERN=CATEGORY'")?;
        Ok(Self { pattern: pattern.into(), category: category.into() })
    }
}

/// How it ended, if nothing failed.
enum End {
    Done,
    Interrupted,
    Different,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Different) => {
            eprintln!("error: the cache does not hold what Redis does");
            ExitCode::FAILURE
        }
        // As a program that a signal ended.
        Ok(End::Interrupted) => ExitCode::from(130),
        Err(error) => {
            eprintln!("error: {}", sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error with its causes, as far as it does not say the same already.
fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told {
        told if told.is_empty() => cause,
        told if told.contains(&cause) => told,
        told => format!("{told}: {cause}"),
    })
}

fn run(options: &Options) -> Result<End> {
    let (interrupted, bar) = (listen()?, bar());
    let migration = options.migration()?.on_progress({
        let bar = bar.clone();
        move |progress| {
            show(&bar, progress);
            if interrupted.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    });
    let destination =
        Destination::new(options.to.as_deref(), options.config.as_deref(), migration.categories())?;
    if options.dry_run {
        bar.set_prefix("looking");
        let report = migration.dry_run();
        bar.finish_and_clear();
        let report = report?;
        print!("{report}");
        println!("\nnothing was moved: this was a dry run");
        return Ok(if report.interrupted { End::Interrupted } else { End::Done });
    }

    let (cache, state) = destination.open()?;
    let mut moving = migration.clone().state_file(&state);
    if options.resume {
        moving = moving.resume();
    }
    let start = Instant::now();
    bar.set_prefix("moving");
    let outcome = moving.run(&cache);
    bar.finish_and_clear();
    if let Err(error) = &outcome
        && !matches!(error.kind(), ErrorKind::InvalidOption(_))
        && state.exists()
    {
        eprintln!("the move did not come to its end; go on with --resume");
    }
    let report = outcome?;
    print!("{report}");
    let of_them = if options.resume { ", the last of them" } else { "" };
    println!("\n{} keys moved{of_them} in {:.1} s", report.moved(), start.elapsed().as_secs_f64());
    if report.interrupted {
        eprintln!("interrupted; go on with --resume");
        return Ok(End::Interrupted);
    }
    let mut end = End::Done;
    if options.verify {
        bar.reset();
        bar.set_prefix("comparing");
        let verification = migration.verify(&cache);
        bar.finish_and_clear();
        let verification = verification?;
        print!("\n{verification}");
        if verification.interrupted {
            eprintln!("interrupted: not everything was compared");
            end = End::Interrupted;
        } else if !verification.is_clean() {
            end = End::Different;
        }
    }
    cache.close()?;
    Ok(end)
}

impl Options {
    fn migration(&self) -> Result<Migration> {
        let Some(url) = self.from.clone().or_else(|| env::var("REDIS_URL").ok()) else {
            bail!("no server is named: give --from URL, or set REDIS_URL");
        };
        let max_value = match self.max_value {
            Budget::Bytes(bytes) => bytes,
            _ => u64::MAX,
        };
        let mut migration = Migration::new(url)
            .batch(self.batch)
            .max_value(max_value)
            .timeout(Duration::from_secs(self.timeout));
        if self.cluster {
            migration = migration.cluster();
        }
        for Map { pattern, category } in &self.maps {
            migration = migration.map(pattern, category);
        }
        Ok(migration)
    }
}

/// Whether somebody wants the program to end. Whoever says so twice means at once.
fn listen() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 130, interrupted.clone())?;
        flag::register(signal, interrupted.clone())?;
    }
    Ok(interrupted)
}

/// A line on standard error, if that is a terminal.
fn bar() -> ProgressBar {
    let style = "{prefix} {wide_bar} {human_pos}/{human_len} keys, {msg}, {eta} left";
    let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

fn show(bar: &ProgressBar, progress: &Progress) {
    // Keys that came in the meantime are named too.
    bar.set_length(progress.total.unwrap_or_default().max(progress.scanned));
    bar.set_position(progress.scanned);
    bar.set_message(HumanBytes(progress.bytes).to_string());
}
