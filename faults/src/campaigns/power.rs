//! The power fails: of what was written since the last moment of rest, each block of each file reached the disk, or not.
//!
//! More of it is lost here than a disk may lose: what `fsync` waited for, too.

use std::{collections::BTreeMap, convert::Infallible, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};
use warmstart::{Bytes, Cache};

use super::flip::{Files, lay_out, read_all};
use crate::{
    campaign::{Campaign, Length, Round},
    child::{Child, Role, command},
    panics,
    stamp::{Stamp, name},
    stand::{SHELVES, handles, options},
    worker::own,
};

pub(crate) const CAMPAIGN: Campaign =
    Campaign { name: "power", length: Length::Rounds { long: 1000, short: 30 }, round };

/// What a disk writes as a whole.
const BLOCK: usize = 4096;

/// The worker of `kill`, and its keys.
const WRITER: u32 = 1;
const KEYS: u32 = 12;

fn round(round: &mut Round) -> Result<()> {
    let panics = panics::count();
    let folder = round.dir().join("cache");
    let mut child = Child::start(command(Role::Kill, &folder, round.seed)?)?;
    child.listen()?;
    let pid = Pid::from_raw(i32::try_from(child.id())?).context("a process has a number")?;
    let rest = |rng: &mut Rng| -> Result<Files> {
        thread::sleep(Duration::from_micros(rng.u64(1_000..60_000)));
        // Until the copy is made, nothing moves.
        kill_process(pid, Signal::STOP)?;
        let files = read_all(&folder)?;
        kill_process(pid, Signal::CONT)?;
        Ok(files)
    };
    let (before, after) = (rest(&mut round.rng)?, rest(&mut round.rng)?);
    child.kill()?;

    let lost = round.dir().join("lost");
    lay_out(&mix(&before, &after, round), &lost)?;
    for open in 0..2 {
        let cache = options(&lost).open().context("an open after the power failed")?;
        ensure!(cache.degraded().is_none(), "without a tier: {:?}", cache.degraded());
        look(round, &cache)?;
        let stored = store(&cache);
        // Damage may show as late as that, and the next open mends it.
        ensure!(stored.is_ok() || open == 0, "stored nothing: {stored:?}");
        let _ = cache.close();
    }
    let cache = options(&lost).open_strict()?;
    for (shelf, handle) in SHELVES.iter().zip(handles(&cache)?) {
        ensure!(handle.get("probe").is_some(), "what was stored in {} is not there", shelf.name);
    }
    ensure!(panics::count() == panics, "a thread panicked");
    Ok(cache.close()?)
}

/// Reads all that may be there.
fn look(round: &mut Round, cache: &Cache) -> Result<()> {
    for handle in handles(cache)? {
        for key in (0..KEYS).chain((0..KEYS).map(|key| own(WRITER, key))) {
            if let Some(value) = handle.get(&name(key)) {
                Stamp::read_under(key, &value)?;
                round.count("values", 1);
            }
            let stamp = Stamp { key, writer: 0, number: 0 };
            let loaded = handle.get_or_load(&name(key), || Ok::<_, Infallible>(Bytes::from(stamp.value())));
            Stamp::read_under(key, &loaded?)?;
        }
    }
    round.count("errors counted", cache.stats().errors);
    Ok(())
}

fn store(cache: &Cache) -> Result<()> {
    for handle in handles(cache)? {
        handle.insert("probe", Bytes::from_static(b"probe"))?;
    }
    Ok(cache.flush()?)
}

/// What was on the disk when the power failed.
fn mix(before: &Files, after: &Files, round: &mut Round) -> Files {
    let mut mixed = BTreeMap::new();
    for path in before.keys().chain(after.keys()) {
        let empty = Vec::new();
        let (old, new) = (before.get(path), after.get(path));
        let rng = &mut round.rng;
        let (what, file) = match rng.u32(..4) {
            // The folder was not written, or not what is in it.
            0 => ("files as before", old.cloned()),
            1 => ("files as after", new.cloned()),
            2 if old != new => {
                ("files of blocks of both", Some(blocks(old.unwrap_or(&empty), new.unwrap_or(&empty), rng)))
            }
            3 if old.is_none() => {
                ("files without blocks", new.map(|new| vec![0; if rng.bool() { new.len() } else { 0 }]))
            }
            _ => ("files as after", new.cloned()),
        };
        round.count(what, 1);
        match file {
            Some(file) => drop(mixed.insert(path.clone(), file)),
            None => drop(mixed.remove(path)),
        }
    }
    mixed
}

/// A file of which some blocks were written, and its length or not.
fn blocks(old: &[u8], new: &[u8], rng: &mut Rng) -> Vec<u8> {
    let len = if rng.bool() { old.len() } else { new.len() };
    let mut file = old.to_vec();
    file.resize(len.max(old.len()), 0);
    for (at, block) in (0..).step_by(BLOCK).zip(new.chunks(BLOCK)) {
        if rng.bool() && at < file.len() {
            let end = (at + block.len()).min(file.len());
            file[at..end].copy_from_slice(&block[..end - at]);
        }
    }
    file.truncate(len);
    file
}
