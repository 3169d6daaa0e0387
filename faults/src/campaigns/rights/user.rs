//! A process that uses a cache of which a part is not as it should be.

use std::{
    io::{Read, Write, stdin},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use warmstart::{Bytes, Cache, ErrorKind, Handle};

use crate::{
    stamp::{Stamp, name},
    stand::{SHELVES, handles, options},
};

/// Keys that are there before.
const BEFORE: u32 = 6;

fn before(key: u32) -> Stamp {
    Stamp { key, writer: 1, number: 1 }
}

/// When the fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// Between two processes.
    Closed,
    /// While the process has it open that is then told to go on.
    Open,
}

/// Makes a cache for others to find.
pub(super) fn prepare(dir: &Path) -> Result<()> {
    let cache = options(dir).open_strict()?;
    fill(&cache)?;
    Ok(cache.close()?)
}

fn fill(cache: &Cache) -> Result<()> {
    for handle in handles(cache)? {
        for key in 0..BEFORE {
            handle.insert(&name(key), Bytes::from(before(key).value()))?;
        }
    }
    cache.flush()?;
    // With this, all parts are there.
    Ok(cache.maintain()?)
}

/// Uses a cache; `few` keeps almost no copies in memory, `again` opens it once more afterwards.
pub(super) fn use_it(dir: &Path, when: When, few: bool, again: bool) -> Result<()> {
    let options = || if few { options(dir).memory_entries(10) } else { options(dir) };
    if when == When::Open {
        let cache = options().open_strict()?;
        fill(&cache)?;
        println!("open");
        stdin().read_to_end(&mut vec![])?;
        User::new(&cache, dir)?.do_everything()?;
        if !again {
            return Ok(());
        }
    }
    match options().open_strict() {
        Ok(cache) => User::new(&cache, dir)?.do_everything()?,
        Err(error) => {
            let names_it = error.to_string().contains(&dir.display().to_string());
            ensure!(names_it, "an error that does not say where: {error}");
        }
    }
    let cache = options().open()?;
    if let Some(why) = cache.degraded() {
        ensure!(why.contains(&dir.display().to_string()), "without a place: {why}");
        println!("degraded {why}");
    }
    User::new(&cache, dir)?.do_everything()
}

struct User<'a> {
    cache: &'a Cache,
    dir: &'a Path,
    handles: Vec<Handle<Bytes>>,
    missing: u32,
    refused: u32,
}

impl<'a> User<'a> {
    fn new(cache: &'a Cache, dir: &'a Path) -> Result<Self> {
        Ok(Self { cache, dir, handles: handles(cache)?, missing: 0, refused: 0 })
    }

    fn do_everything(&mut self) -> Result<()> {
        let (cache, handles) = (self.cache, self.handles.clone());
        for handle in &handles {
            self.use_shelf(handle).with_context(|| handle.name().to_owned())?;
        }
        for _ in 0..2 {
            self.outcome(cache.maintain())?;
            self.outcome(cache.flush())?;
        }
        for handle in &handles {
            self.outcome(handle.clear())?;
            // What others cannot be kept from is a clear of what this process can see.
            handle.insert("last", Bytes::from_static(b"last")).or_else(|error| self.refuse(&error))?;
        }
        self.outcome(cache.flush())?;
        let stats = cache.stats();
        let told = stats.errors > 0 || stats.degraded.is_some() || self.refused > 0;
        println!(
            "missing {} refused {} {}",
            self.missing,
            self.refused,
            if told { "told" } else { "silent" }
        );
        let closed = cache.close();
        self.outcome(closed)
    }

    fn use_shelf(&mut self, handle: &Handle<Bytes>) -> Result<()> {
        for key in 0..BEFORE {
            let found = match key % 3 {
                0 => handle.get(&name(key)),
                1 => handle.get_many(&[name(key)]).remove(0),
                _ => read(handle, &name(key)).map(|value| Bytes::from(value).into()),
            };
            match found {
                Some(value) => ensure!(Stamp::read(&value)?.key == key, "a wrong value under {key}"),
                None => self.missing += 1,
            }
        }
        let number = 100;
        for (key, streamed) in [(1, false), (2, true), (900, false), (901, true)] {
            let stamp = Stamp { key, writer: 2, number };
            let inserted = if streamed { stream(handle, stamp) } else { insert(handle, stamp) };
            let found = handle.get(&name(key)).map(|value| Stamp::read(&value)).transpose()?;
            match inserted {
                Ok(()) => ensure!(found == Some(stamp), "{found:?} right after the insert of {stamp}"),
                Err(error) => self.refuse(&error)?,
            }
        }
        let loaded = handle.get_or_load("load", || Ok::<_, std::io::Error>(Bytes::from_static(b"load")));
        ensure!(*loaded? == "load", "what was loaded is another");
        match handle.remove(&name(3)) {
            Ok(()) => ensure!(handle.get(&name(3)).is_none(), "there after its removal"),
            Err(error) => self.refuse(&error)?,
        }
        let listed = handle.entries().map(drop);
        self.outcome(listed)?;
        let _ = handle.contains(&name(4));
        Ok(())
    }

    fn outcome(&mut self, outcome: warmstart::Result<()>) -> Result<()> {
        outcome.or_else(|error| self.refuse(&error))
    }

    /// An error says what it is about.
    fn refuse(&mut self, error: &warmstart::Error) -> Result<()> {
        self.refused += 1;
        let text = error.to_string();
        let known = text.contains(&self.dir.display().to_string())
            || SHELVES.iter().any(|shelf| text.contains(shelf.name));
        ensure!(known, "an error that does not say what it is about: {text}");
        Ok(())
    }
}

fn insert(handle: &Handle<Bytes>, stamp: Stamp) -> warmstart::Result<()> {
    handle.insert(&name(stamp.key), Bytes::from(stamp.value()))
}

fn stream(handle: &Handle<Bytes>, stamp: Stamp) -> warmstart::Result<()> {
    let key = name(stamp.key);
    let mut writer = handle.writer(&key)?;
    if let Err(error) = writer.write_all(&stamp.value()) {
        let other = |error| warmstart::Error::new(ErrorKind::Storage(format!("{error}")));
        return Err(error.downcast::<warmstart::Error>().unwrap_or_else(other));
    }
    writer.commit()
}

fn read(handle: &Handle<Bytes>, key: &str) -> Option<Vec<u8>> {
    let mut value = vec![];
    handle.reader(key)?.read_to_end(&mut value).ok().map(|_| value)
}
