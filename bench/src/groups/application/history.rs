//! A repository that is as long as one likes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{git, root};

/// A repository that is gone when this is dropped.
pub(super) struct History(TempDir);

impl History {
    /// Of commits that gitweek's example makes out of the sources of the tiers.
    pub(super) fn new(make_history: &Path, commits: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let init = git(folder.path()).args(["init", "--quiet", "-b", "main"]).output()?;
        ensure!(init.status.success(), "git init: {}", String::from_utf8_lossy(&init.stderr));
        let mut maker = Command::new(make_history)
            .arg(commits.to_string())
            .args(texts()?)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}", make_history.display()))?;
        let stream = maker.stdout.take().context("its output is piped")?;
        let import = git(folder.path()).args(["fast-import", "--quiet"]).stdin(stream).output()?;
        ensure!(import.status.success(), "git fast-import: {}", String::from_utf8_lossy(&import.stderr));
        ensure!(maker.wait()?.success(), "make_history failed");
        Ok(Self(folder))
    }

    pub(super) fn folder(&self) -> &Path {
        self.0.path()
    }
}

fn texts() -> Result<Vec<PathBuf>> {
    let mut paths = vec![];
    for tier in ["cache-core", "cache-file", "cache-memory", "cache-sqlite"] {
        for entry in fs::read_dir(root().join(tier).join("src"))? {
            paths.push(entry?.path());
        }
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    paths.sort_unstable();
    Ok(paths)
}
