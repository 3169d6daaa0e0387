//! What it was measured on.

use std::{fs, process::Command};

use serde::Serialize;

/// The machine and the day of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    processors: usize,
    memory: String,
    system: String,
    compiler: String,
    date: String,
    command: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let line = |file: &str, key: &str| {
            let text = fs::read_to_string(file).ok()?;
            let value = text.lines().find(|line| line.starts_with(key))?.split_once(':')?.1.trim();
            Some(value.to_owned())
        };
        let memory =
            line("/proc/meminfo", "MemTotal").and_then(|it| it.strip_suffix(" kB")?.parse::<u64>().ok());
        Self {
            processor: line("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory: memory.map_or_else(String::new, |kb| format!("{} GiB", kb.div_ceil(1 << 20))),
            system: said_by("uname", "-sr").unwrap_or_else(|| std::env::consts::OS.into()),
            compiler: said_by("rustc", "--version").unwrap_or_default(),
            date: jiff::Zoned::now().date().to_string(),
            command: command(std::env::args().skip(1)),
        }
    }

    /// One line for people.
    pub(crate) fn summary(&self) -> String {
        let Self { processor, processors, memory, system, compiler, date, command } = self;
        format!("{processor}, {processors} processors, {memory}; {system}; {compiler}; {date}; `{command}`")
    }
}

fn said_by(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// As it would be typed, without folders that are of this machine alone.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let shown = arguments.map(|argument| match argument.contains('/') {
        true => "DIR".to_owned(),
        false => argument,
    });
    ["cargo xtask bench".to_owned()].into_iter().chain(shown).collect::<Vec<_>>().join(" ")
}
