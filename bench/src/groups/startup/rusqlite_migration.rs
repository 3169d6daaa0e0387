//! <https://docs.rs/rusqlite_migration>, which needs another rusqlite than ours: a process of its own.

use std::{
    io::{BufRead, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The program, built.
pub(super) struct Program(PathBuf);

impl Program {
    pub(super) fn build() -> Result<Self> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("rusqlite-migration");
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/rusqlite-migration");
        let output = Command::new("cargo")
            .args(["build", "--quiet", "--release", "--locked", "--manifest-path"])
            .arg(package.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .output()
            .context("cargo could not be started")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let name = format!("bench-rusqlite-migration{}", std::env::consts::EXE_SUFFIX);
        Ok(Self(target.join("release").join(name)))
    }

    /// A process with so many migrations; `set` is `list` or `slice`, `connection` is `open` or `closed`.
    pub(super) fn start(&self, count: i32, set: &str, connection: &str) -> Result<Process> {
        let folder = tempfile::tempdir()?;
        let mut child = Command::new(&self.0)
            .arg(folder.path().join("theirs.db"))
            .args([&count.to_string(), set, connection])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}", self.0.display()))?;
        let questions = child.stdin.take();
        let answers = child.stdout.take().map(BufReader::new);
        Ok(Process { child, questions, answers, _folder: folder })
    }
}

/// One that waits to be told how often.
pub(super) struct Process {
    child: Child,
    questions: Option<ChildStdin>,
    answers: Option<BufReader<ChildStdout>>,
    _folder: TempDir,
}

impl Process {
    pub(super) fn run(&mut self, times: u64) -> Result<Duration> {
        let (Some(questions), Some(answers)) = (&mut self.questions, &mut self.answers) else {
            return Ok(Duration::ZERO);
        };
        writeln!(questions, "{times}")?;
        let mut line = String::new();
        answers.read_line(&mut line)?;
        Ok(Duration::from_nanos(line.trim().parse().context("rusqlite_migration ended")?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.questions.take());
        let _ = self.child.wait();
    }
}
