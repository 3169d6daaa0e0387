//! This program once more, as another process with a role to play.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use tempfile::NamedTempFile;

use crate::campaigns::{clock, flip, full, hostile, kill, many, rights};

/// Longer than any child takes that does not hang.
const HANG: Duration = Duration::from_secs(60);

/// What a child is told.
#[derive(clap::Args, Debug)]
pub(crate) struct Orders {
    role: Role,
    dir: PathBuf,
    seed: u64,
}

/// What a child can do.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(crate) enum Role {
    /// Writes until it is killed.
    Kill,
    /// Fills a folder until it is killed.
    Flip,
    /// Writes until it is refused.
    Full,
    /// Uses a cache of which a part is not as it should be.
    Rights,
    /// One of many processes.
    Many,
    /// Uses a cache while the system's clock is turned.
    Clock,
    /// Meets what somebody made who means harm.
    Hostile,
}

impl Orders {
    pub(crate) fn obey(&self) -> Result<()> {
        match self.role {
            Role::Kill => kill::child(&self.dir, self.seed),
            Role::Flip => flip::child(&self.dir),
            Role::Full => full::child(&self.dir, self.seed),
            Role::Rights => rights::child(&self.dir, self.seed),
            Role::Many => many::child(&self.dir, self.seed),
            Role::Clock => clock::child(&self.dir, self.seed),
            Role::Hostile => hostile::child(&self.dir, self.seed),
        }
    }
}

/// A process that plays a role.
pub(crate) struct Child {
    process: process::Child,
    lines: Receiver<String>,
    errors: File,
}

/// As [`command`], after what a shell does first, such as setting a limit.
pub(crate) fn command_after(shell: &str, role: Role, dir: &Path, seed: u64) -> Result<Command> {
    let plain = command(role, dir, seed)?;
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{shell}; exec \"$0\" \"$@\"")])
        .arg(plain.get_program())
        .args(plain.get_args());
    Ok(command)
}

/// The command that plays a role, to be changed before it is [started](Child::start).
pub(crate) fn command(role: Role, dir: &Path, seed: u64) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    let role = role.to_possible_value().context("a role is hidden")?;
    command.args(["child", role.get_name()]).arg(dir).arg(seed.to_string());
    Ok(command)
}

impl Child {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let errors = NamedTempFile::new()?;
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors.reopen()?)
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let said = process.stdout.take().context("a child without output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            let lines = BufReader::new(said).lines().map_while(Result::ok);
            lines.map(|line| sender.send(line)).take_while(Result::is_ok).for_each(drop);
        });
        Ok(Self { process, lines, errors: errors.into_file() })
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for the next line that the child says.
    pub(crate) fn listen(&mut self) -> Result<String> {
        match self.lines.recv_timeout(HANG) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => bail!("a child said nothing for {} s", HANG.as_secs()),
            Err(RecvTimeoutError::Disconnected) => self.fail("ended too early"),
        }
    }

    /// Ends the input of the child.
    pub(crate) fn hang_up(&mut self) {
        drop(self.process.stdin.take());
    }

    /// Kills the child, and gives what it said that was not listened to.
    pub(crate) fn kill(mut self) -> Result<Vec<String>> {
        if self.process.try_wait()?.is_some_and(|status| !status.success()) {
            return self.fail("failed");
        }
        self.process.kill()?;
        self.process.wait()?;
        Ok(self.lines.iter().collect())
    }

    /// Waits until the child has done its work, and gives what it said that was not listened to.
    pub(crate) fn finish(mut self) -> Result<Vec<String>> {
        let mut said = vec![];
        loop {
            match self.lines.recv_timeout(HANG) {
                Ok(line) => said.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.process.kill()?;
                    return self.fail("hangs");
                }
            }
        }
        if self.process.wait()?.success() { Ok(said) } else { self.fail("failed") }
    }

    fn fail<T>(&mut self, how: &str) -> Result<T> {
        let status = self.process.wait()?;
        let mut errors = String::new();
        std::io::Seek::rewind(&mut self.errors)?;
        std::io::Read::read_to_string(&mut self.errors, &mut errors)?;
        bail!("a child {how} ({status}): {}", errors.trim())
    }
}

/// Never leaves a process behind.
impl Drop for Child {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
