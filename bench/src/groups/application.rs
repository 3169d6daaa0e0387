//! The example gitweek as a whole process, on a repository with a long history.

mod history;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use self::history::History;
use crate::bench::{Bench, Case};

pub(super) fn run(bench: &mut Bench<'_>) -> Result<()> {
    if bench.is_once() {
        return Ok(());
    }
    let commits = if bench.options().quick { 5_000 } else { 20_000 };
    bench.progress(0, 2, "building gitweek");
    let programs = tempfile::tempdir()?;
    let built = Built::new(programs.path())?;
    bench.progress(1, 2, &format!("making a history of {commits} commits"));
    let history = History::new(&built.make_history, commits)?;
    let cache = tempfile::tempdir()?;
    let gitweek = Gitweek { program: &built.gitweek, repository: history.folder(), cache: cache.path() };
    for (what, flags) in [("report on", &[][..]), ("analysis of", &["--analysis"])] {
        // The first one learns.
        time(&mut gitweek.command(gitweek.cache, flags))?;
        bench.case(&format!("{what} {commits} commits"), |case| again(case, gitweek, flags))?;
        bench.case(&format!("{what} {commits} commits, first start"), |case| first(case, gitweek, flags))?;
    }
    // What is computed grows with the history, what is read from the cache does not.
    if !bench.options().quick {
        bench.progress(1, 2, &format!("making a history of {MANY} commits"));
        let history = History::new(&built.make_history, MANY)?;
        let cache = tempfile::tempdir()?;
        let gitweek = Gitweek { program: &built.gitweek, repository: history.folder(), cache: cache.path() };
        let flags = &["--analysis"];
        bench.progress(1, 2, &format!("reading a history of {MANY} commits"));
        time(&mut gitweek.command(gitweek.cache, flags))?;
        bench.case(&format!("analysis of {MANY} commits"), |case| again(case, gitweek, flags))?;
    }
    Ok(())
}

/// Commits of a history that is too long to be read anew again and again.
const MANY: u32 = 50_000;

/// All that can be known is known.
fn again<'s>(case: &mut Case<'s>, gitweek: Gitweek<'s>, flags: &'s [&str]) -> Result<()> {
    case.operations(1);
    case.subject("gitweek, warm", move |_| time(&mut gitweek.command(gitweek.cache, flags)));
    case.subject("gitweek --no-cache, index warm", move |_| {
        time(gitweek.command(gitweek.cache, flags).arg("--no-cache"))
    });
    case.subject("floor: git rev-parse HEAD", move |_| {
        time(git(gitweek.repository).args(["rev-parse", "HEAD"]))
    });
    Ok(())
}

/// Nothing is known.
fn first<'s>(case: &mut Case<'s>, gitweek: Gitweek<'s>, flags: &'s [&str]) -> Result<()> {
    case.operations(1);
    case.rounds(5);
    case.subject("gitweek, warm", move |_| time(&mut gitweek.command(gitweek.cache, flags)));
    case.subject("gitweek, cold", move |_| {
        let fresh = tempfile::tempdir()?;
        time(&mut gitweek.command(fresh.path(), flags))
    });
    case.subject("floor: git log --numstat", move |_| {
        time(git(gitweek.repository).args(["log", "--no-merges", "--no-renames", "--numstat", "--format=%H"]))
    });
    Ok(())
}

/// How long a process takes that succeeds.
fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let took = start.elapsed();
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(took)
}

/// git as it comes, without what the user has set.
fn git(repository: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(repository).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    git
}

#[derive(Clone, Copy)]
struct Gitweek<'a> {
    program: &'a Path,
    repository: &'a Path,
    cache: &'a Path,
}

impl Gitweek<'_> {
    fn command(&self, cache: &Path, flags: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.arg("--repo").arg(self.repository).arg("--cache-dir").arg(cache).args(flags);
        command
    }
}

/// The programs of the package gitweek.
struct Built {
    gitweek: PathBuf,
    make_history: PathBuf,
}

impl Built {
    /// Builds them, and copies them into `folder`, as they are installed: a linker writes here and there, so that a program
    /// that was just linked lies in memory in smaller pieces, and starts later.
    fn new(folder: &Path) -> Result<Self> {
        let root = root();
        let output = Command::new("cargo")
            .args(["build", "--quiet", "--release", "-p", "gitweek", "--bins", "--examples", "--target-dir"])
            .arg(root.join("target"))
            .current_dir(&root)
            .output()
            .context("cargo could not be started")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let install = |name: &str| {
            let built =
                root.join("target/release").join(name).with_extension(std::env::consts::EXE_EXTENSION);
            let installed = folder.join(built.file_name().unwrap_or_default());
            fs::copy(&built, &installed).with_context(|| format!("{}", built.display()))?;
            Ok::<_, anyhow::Error>(installed)
        };
        Ok(Self { gitweek: install("gitweek")?, make_history: install("examples/make_history")? })
    }
}

/// Of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
