//! The git process.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    thread::JoinHandle,
};

use crate::error::{Error, Result};

/// A git command in `folder`; where this program was started, if there is none.
///
/// It has its input closed and sees no settings from the environment that would change what it prints.
pub(crate) fn git(folder: Option<&Path>, name: &str) -> Command {
    let mut command = Command::new("git");
    if let Some(folder) = folder {
        // A folder that was named goes before the variables that a hook or an alias of git's sets.
        command.arg("-C").arg(folder);
        for name in LOCATION {
            command.env_remove(name);
        }
    }
    for name in MANNER {
        command.env_remove(name);
    }
    // The history as it was committed; messages in the language that `refusal` knows.
    command.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_GRAFT_FILE", "/dev/null");
    command.env("GIT_OPTIONAL_LOCKS", "0").env("LC_ALL", "C").stdin(Stdio::null());
    // Git has a good deal to say about the file of grafts, before it says why it fails.
    command.args(["-c", "advice.graftFileDeprecated=false", name]);
    command
}

/// Variables that make git look at another place or in another way than the one that was asked for.
const LOCATION: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
];

/// Variables that change what git prints.
const MANNER: [&str; 8] = [
    "GIT_SHALLOW_FILE",
    "GIT_ATTR_SOURCE",
    "GIT_EXTERNAL_DIFF",
    "GIT_DIFF_OPTS",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
];

/// What a git process prints, while it prints it. The process ends with this value.
#[derive(Debug)]
pub(crate) struct Output {
    command: &'static str,
    process: Child,
    pub(crate) stream: BufReader<ChildStdout>,
    complaints: Option<JoinHandle<Vec<u8>>>,
}

impl Output {
    pub(crate) fn of(name: &'static str, mut command: Command) -> Result<Self> {
        let mut process =
            command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(Error::GitMissing)?;
        let (Some(stdout), Some(mut stderr)) = (process.stdout.take(), process.stderr.take()) else {
            return Err(Error::GitOutput("it is not there".to_owned()));
        };
        // Read beside the output: a full pipe of complaints would stop the process.
        let complaints = std::thread::spawn(move || {
            let mut text = Vec::new();
            // A complaint that cannot be read is shorter, no more.
            let _ = stderr.read_to_end(&mut text);
            text
        });
        let stream = BufReader::with_capacity(1 << 16, stdout);
        Ok(Self { command: name, process, stream, complaints: Some(complaints) })
    }

    /// Hands over the output line by line and waits for the end of the process.
    pub(crate) fn for_each_line(mut self, mut visit: impl FnMut(&str) -> Result<()>) -> Result<()> {
        for line in self.stream.by_ref().lines() {
            visit(&line.map_err(|error| Error::GitOutput(error.to_string()))?)?;
        }
        self.finish()
    }

    /// Waits for the process. Whatever it still has to say is not of interest.
    ///
    /// # Errors
    ///
    /// If git failed: what was read is then not the whole.
    pub(crate) fn finish(mut self) -> Result<()> {
        // A process that cannot go on writing would not end. One whose output is unreadable still tells how it ended.
        let _ = io::copy(&mut self.stream, &mut io::sink());
        let status = self.process.wait().map_err(Error::GitMissing)?;
        if status.success() {
            return Ok(());
        }
        let said = self.complaints.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        Err(Error::Git { command: self.command, said: complaint(&said) })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Both fail only for a process that has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What git complains of, as text.
pub(crate) fn complaint(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim().strip_prefix("fatal: ").unwrap_or(text.trim()).to_owned()
}
