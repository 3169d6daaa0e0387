//! No room: a disk that is full, files that may not grow, no more files that may be open.

mod filler;

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use warmstart::Bytes;

use self::filler::{Filler, cache_of};
use super::kill::{check, tidy};
use crate::{
    campaign::{Campaign, Length, Round},
    child::{Child, Role, command_after},
    journal::Possible,
    stand::{SHELVES, handles},
};

pub(crate) const CAMPAIGN: Campaign =
    Campaign { name: "full", length: Length::Rounds { long: 50, short: 3 }, round };

/// What there is no room for, and where it comes from again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// A small file system; others give back what they had of it.
    Ballast,
    /// No file may be longer than so much; the next process has no such limit.
    Size,
    /// No more files may be open; some are closed.
    Files,
    /// A small file system; the cache is cleared.
    Own,
    /// A full file system before the cache is opened.
    Opening,
}

impl Scene {
    /// One round has one, and the next round has another.
    fn of(seed: u64) -> Self {
        [Self::Ballast, Self::Size, Self::Files, Self::Own, Self::Opening]
            [usize::try_from(seed % 5).unwrap_or(0)]
    }
}

pub(crate) fn child(dir: &Path, seed: u64) -> Result<()> {
    Filler::new(Scene::of(seed), dir, seed)?.run()
}

fn round(round: &mut Round) -> Result<()> {
    let scene = Scene::of(round.seed);
    let folder = round.dir().join("small");
    fs::create_dir(&folder)?;
    let mut mounted = None;
    if matches!(scene, Scene::Ballast | Scene::Own | Scene::Opening) {
        // More than the log of the database takes before it is moved into it, or else nothing else has any room.
        let size = if scene == Scene::Own { "size=9m" } else { "size=2m" };
        mounted = Mounted::new(&folder, size)?;
        if mounted.is_none() {
            round.skip("a small file system: only root can mount one");
            return Ok(());
        }
    }
    let shell = match scene {
        Scene::Opening => return opening(round, &folder),
        // In blocks of 512 bytes; without the signal that would end the process.
        Scene::Size => format!("trap '' XFSZ; ulimit -f {}", round.rng.u32(200..1_000)),
        Scene::Files => format!("ulimit -n {}", round.rng.u32(30..60)),
        Scene::Ballast | Scene::Own => String::from(":"),
    };
    let child = Child::start(command_after(&shell, Role::Full, &folder, round.seed)?)?;
    let said = child.finish()?;
    let refusals = said.iter().find_map(|line| line.strip_prefix("refusals ")?.parse().ok());
    let refusals: u64 = refusals.context("the child said nothing of refusals")?;
    ensure!(refusals > 0, "nothing was refused: {scene:?}");
    round.count("refusals", refusals);
    round
        .count("full of the log of the database", said.iter().filter(|line| *line == "stuck").count() as u64);
    let mut possible = Possible::default();
    possible.read(said.iter().map(String::as_str))?;

    let cache = cache_of(&folder).open_strict().context("the next open")?;
    let values = check(&cache, &mut possible, |_| false)?;
    round.count("values", values);
    tidy(&cache, &folder.join("cache"))?;
    for (handle, shelf) in handles(&cache)?.iter().zip(SHELVES) {
        handle.insert("later", Bytes::from_static(b"later")).with_context(|| shelf.name)?;
    }
    cache.close()?;
    drop(mounted);
    Ok(())
}

/// On a full disk, a cache that was there is opened or not, and a new one is in memory; both say so.
fn opening(round: &mut Round, folder: &Path) -> Result<()> {
    let was_there = round.rng.bool();
    if was_there {
        let cache = cache_of(folder).open_strict()?;
        for handle in handles(&cache)? {
            handle.insert("before", Bytes::from_static(b"before"))?;
        }
        cache.close()?;
    }
    let ballast = folder.join("ballast");
    let mut file = File::create(&ballast)?;
    while file.write_all(&[1; 512]).is_ok() {}
    drop(file);

    let named = |text: &str| text.contains(&folder.display().to_string());
    match cache_of(folder).open_strict() {
        Ok(cache) => {
            ensure!(was_there, "a new cache on a full disk");
            drop(cache);
        }
        Err(error) => ensure!(named(&error.to_string()), "an error without a path: {error}"),
    }
    let cache = cache_of(folder).memory_entries(100).open()?;
    let degraded = cache.degraded().map(str::to_owned);
    if let Some(why) = &degraded {
        ensure!(named(why) && cache.stats().degraded.is_some(), "told without a path: {why}");
        round.count("opened in memory", 1);
    }
    ensure!(was_there || degraded.is_some(), "nothing is said of the full disk");
    for (handle, shelf) in handles(&cache)?.iter().zip(SHELVES) {
        let before = handle.get("before").map(|value| value.to_vec());
        ensure!(before.is_none() || was_there, "what nobody wrote is there");
        ensure!(before.is_none_or(|value| value == b"before"), "a wrong value");
        let inserted = handle.insert("now", Bytes::from_static(b"now"));
        if degraded.as_ref().is_some_and(|why| why.contains("cache.db") && why.contains("files")) {
            inserted.with_context(|| format!("{}, in memory", shelf.name))?;
            ensure!(handle.get("now").is_some_and(|value| *value == "now"), "what was just inserted is gone");
        }
    }
    // What is queued does not fit.
    drop(cache.close());

    fs::remove_file(ballast)?;
    let cache = cache_of(folder).open_strict().context("with room")?;
    for (handle, shelf) in handles(&cache)?.iter().zip(SHELVES) {
        let before = handle.get("before").is_some_and(|value| *value == "before");
        ensure!(before == was_there, "{} lost what was there", shelf.name);
        handle.insert("later", Bytes::from_static(b"later"))?;
    }
    cache.flush()?;
    tidy(&cache, &folder.join("cache"))?;
    cache.close()?;
    Ok(())
}

/// A small file system, until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// `None` if this is not allowed here.
    fn new(folder: &Path, size: &str) -> Result<Option<Self>> {
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(folder).output();
        Ok(mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder.to_owned())))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Also from under what a violation has left open.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
