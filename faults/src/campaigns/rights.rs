//! Folders and files that may not be read or written, belong to somebody else, vanish, or are replaced.

mod stage;
mod user;

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use warmstart::Bytes;

use self::{
    stage::{Fault, PARTS, Stage},
    user::{When, prepare, use_it},
};
use crate::{
    campaign::{Campaign, Length, Round},
    child::{Child, Role, command},
    stand::{SHELVES, handles, options},
};

pub(crate) const CAMPAIGN: Campaign = Campaign { name: "rights", length: Length::Cases(CASES), round };

const CASES: &[&str] = &[
    "user: may not write",
    "user: may not read",
    "user: another's",
    "user: gone",
    "user: links",
    "user: other kinds",
    "root: gone",
    "root: links",
    "root: other kinds",
];

/// Whom no file belongs to.
const NOBODY: u32 = 65_534;

const PREPARE: u64 = 1 << 8;
const OPEN: u64 = 1;
const FEW: u64 = 2;
const ONCE: u64 = 4;

pub(crate) fn child(dir: &Path, orders: u64) -> Result<()> {
    if orders == PREPARE {
        return prepare(dir);
    }
    let when = if orders & OPEN == 0 { When::Closed } else { When::Open };
    use_it(dir, when, orders & FEW != 0, orders & ONCE == 0)
}

fn faults(case: &str) -> &'static [Fault] {
    match case.split_once(": ").map_or(case, |(_, what)| what) {
        "may not write" => &[Fault::ReadOnly],
        "may not read" => &[Fault::Unreadable],
        "another's" => &[Fault::Anothers],
        "gone" => &[Fault::Gone],
        "links" => &[Fault::Link, Fault::Dangling, Fault::Loop],
        _ => &[Fault::Folder, Fault::Pipe, Fault::Socket, Fault::File],
    }
}

fn round(round: &mut Round) -> Result<()> {
    let case = CASES[usize::try_from(round.number)?];
    let is_root = rustix::process::geteuid().is_root();
    let who = case.starts_with("user").then_some(NOBODY).filter(|_| is_root);
    if !is_root && (case.starts_with("root") || case.contains("another")) {
        round.skip("what root may do, and what belongs to root: this is not root");
        return Ok(());
    }
    // Others have to get through to it.
    fs::set_permissions(round.dir(), Permissions::from_mode(0o755))?;
    let program = round.dir().join("faults");
    let own = std::env::current_exe()?;
    fs::hard_link(&own, &program).or_else(|_| fs::copy(&own, &program).map(drop))?;
    let mut number = 0;
    for part in PARTS {
        for &fault in faults(case) {
            let one = round.rng.usize(..2);
            for (i, when) in [When::Closed, When::Open].into_iter().enumerate() {
                if round.short && i != one {
                    continue;
                }
                // Whoever opens a cache may name its folder by a link.
                let named = fault == Fault::Link && [".", "files"].contains(&part);
                if when == When::Closed && named {
                    continue;
                }
                number += 1;
                let few = if round.rng.bool() { FEW } else { 0 };
                let orders = few | if named { ONCE } else { 0 };
                let scene = Scene { program: program.clone(), who, when, orders };
                let dir = round.dir().join(number.to_string());
                fs::create_dir(&dir)?;
                let made = scene
                    .play(&dir, part, fault)
                    .with_context(|| format!("{case}: {part}, {fault:?}, {when:?}"))?;
                let Some(said) = made else { continue };
                round.count("faults", 1);
                let in_memory = said.iter().filter(|line| line.starts_with("degraded")).count();
                round.count("opened in memory", in_memory as u64);
            }
        }
    }
    Ok(())
}

struct Scene {
    program: PathBuf,
    /// Who uses the cache, if not who runs this.
    who: Option<u32>,
    when: When,
    /// What else it is told.
    orders: u64,
}

impl Scene {
    fn start(&self, cache: &Path, orders: u64) -> Result<Child> {
        let plain = command(Role::Rights, cache, orders)?;
        let mut command = Command::new(&self.program);
        command.args(plain.get_args());
        if let Some(who) = self.who {
            command.uid(who).gid(who);
        }
        Child::start(command)
    }

    /// What the user said, if there is such a part.
    fn play(&self, dir: &Path, part: &str, fault: Fault) -> Result<Option<Vec<String>>> {
        let mut stage = Stage::new(dir, self.who)?;
        let mut user = None;
        if self.when == When::Open {
            let user = user.insert(self.start(&stage.cache, OPEN | self.orders)?);
            user.listen().context("opening, before anything happens")?;
        } else {
            self.start(&stage.cache, PREPARE)?.finish().context("before anything happens")?;
        }
        let Some(made) = stage.make(part, fault)? else { return Ok(None) };
        let mut user = match user {
            Some(user) => user,
            None => self.start(&stage.cache, self.orders)?,
        };
        user.hang_up();
        let said = user.finish()?;
        stage.check_outside()?;
        // An empty folder in the place of a folder is as if all in it were gone, and what is no log is as if there were
        // none: that cannot be told from a cache in which there is less.
        let looks_right = fault == Fault::Gone
            || (fault == Fault::Folder && made.is_dir())
            || (fault == Fault::File && part == "cache.db-wal");
        if !looks_right {
            let first = said.iter().find(|line| line.starts_with("missing")).context("it said nothing")?;
            let silent = first.ends_with("silent") && !first.starts_with("missing 0");
            ensure!(!silent, "entries are missing, and nothing is said of it: {said:?}");
        }

        stage.mend(&made)?;
        let cache = options(&stage.cache).open_strict().context("once it is as it should be")?;
        for (handle, shelf) in handles(&cache)?.iter().zip(SHELVES) {
            handle.insert("later", Bytes::from_static(b"later")).with_context(|| shelf.name)?;
        }
        cache.flush()?;
        cache.maintain()?;
        cache.close()?;
        stage.check_outside().context("once it is as it should be")?;
        Ok(Some(said))
    }
}
