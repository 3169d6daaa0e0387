//! The repository, as `git` itself sees it.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread::JoinHandle,
};

use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};

/// A repository at one moment: which commit HEAD is, and all else that decides which commits it reaches.
#[derive(Debug)]
pub(crate) struct Repository {
    /// The folder that was asked for; the current one, or `GIT_DIR`, if none.
    folder: Option<PathBuf>,
    /// The folder that holds the history, shared by all work trees.
    git_dir: PathBuf,
    head: String,
    /// What of a shallow clone's history is there. `None` if all is.
    shallow: Option<u64>,
    bare: bool,
}

impl Repository {
    /// Looks for the repository in and around `folder`, or where git looks by itself.
    ///
    /// This starts one git process, the only one of a run that finds its answers in the cache.
    pub(crate) fn discover(folder: Option<&Path>) -> Result<Self> {
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(Error::NoFolder(folder.to_owned()));
        }
        let questions = ["--git-common-dir", "--is-bare-repository", "--is-shallow-repository", "HEAD"];
        let output = git(folder, "rev-parse").args(questions).output().map_err(Error::GitMissing)?;
        // A path may hold line ends, the other answers do not: read from the back.
        let mut answers = output.stdout.trim_ascii_end().rsplitn(4, |&byte| byte == b'\n');
        let (head, shallow, bare, dir) = (answers.next(), answers.next(), answers.next(), answers.next());
        let git_dir = dir.map(|dir| absolute(folder, os_string(dir)));
        match (output.status.success(), git_dir) {
            (true, Some(git_dir)) => Ok(Self {
                folder: folder.map(Path::to_owned),
                head: String::from_utf8_lossy(head.unwrap_or_default()).into_owned(),
                shallow: (shallow == Some(b"true")).then(|| xxh3_64(&content(&git_dir.join("shallow")))),
                bare: bare == Some(b"true"),
                git_dir,
            }),
            // All answered, except for what HEAD is: nothing was committed so far.
            (false, Some(git_dir)) => Err(Error::NoCommits(path_of(&git_dir).display().to_string())),
            _ => Err(refusal(folder, &output.stderr)),
        }
    }

    /// The folder of the repository: the main work tree's, or the repository itself if it is bare.
    pub(crate) fn path(&self) -> &Path {
        path_of(&self.git_dir)
    }

    /// The last part of its path, without `.git`.
    pub(crate) fn name(&self) -> String {
        let name = self.path().file_name().unwrap_or(OsStr::new("repository")).to_string_lossy();
        name.strip_suffix(".git").unwrap_or(&name).to_owned()
    }

    /// A number that stays the same for this place on disk, whichever way leads there.
    pub(crate) fn place(&self) -> u64 {
        xxh3_64(self.git_dir.as_os_str().as_encoded_bytes())
    }

    /// The hash of the commit that HEAD is.
    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    /// Whether older history was left out when this was cloned.
    pub(crate) fn is_shallow(&self) -> bool {
        self.shallow.is_some()
    }

    /// What else than HEAD decides about the commits and their numbers.
    ///
    /// A shallow clone can be deepened, and a bare repository has no attributes that declare a file binary.
    pub(crate) fn view(&self) -> String {
        let shallow = self.shallow.map_or_else(String::new, |digest| format!("-shallow-{digest:016x}"));
        format!("{shallow}{}", if self.bare { "-bare" } else { "" })
    }

    /// A name for exactly this history: whatever is derived from it under this name is never out of date.
    pub(crate) fn history(&self) -> String {
        format!("{}{}", self.head, self.view())
    }

    /// A digest of the settings with which git counts lines: its `diff` section and files of attributes.
    pub(crate) fn diff_settings(&self) -> Result<u64> {
        let pattern = r"^diff\.|^core\.(attributesfile|bigfilethreshold)$";
        let output = self.git("config").args(["-z", "--get-regexp", pattern]).output();
        let mut settings = output.map_err(Error::GitMissing)?.stdout;
        settings.extend(content(&self.git_dir.join("info/attributes")));
        Ok(xxh3_64(&settings))
    }

    /// Whether files of attributes differ between two commits, so that git may count all lines differently.
    pub(crate) fn attributes_differ(&self, old: &str, new: &str) -> Result<bool> {
        let files = ":(top,glob)**/.gitattributes";
        let mut command = self.git("diff-tree");
        let status = command.args(["-r", "--quiet", old, new, "--", files]).stderr(Stdio::null()).status();
        Ok(!status.map_err(Error::GitMissing)?.success())
    }

    /// How many commits [`log`](Self::log) will tell of.
    pub(crate) fn count(&self, known: Option<&str>) -> Result<u64> {
        let mut command = self.git("rev-list");
        command.args(["--count", "--no-merges", &self.head]);
        command.args(known.map(|known| format!("^{known}")));
        let mut count = Ok(0);
        Output::of("rev-list", command)?.for_each_line(|line| {
            count =
                line.parse().map_err(|_| Error::GitOutput(format!("{line:?} is not a number of commits")));
            Ok(())
        })?;
        count
    }

    /// The hashes of the commits that `known` reaches and HEAD does not, one per line.
    pub(crate) fn gone(&self, known: &str) -> Result<Output> {
        let mut command = self.git("rev-list");
        command.args(["--no-merges", known, &format!("^{}", self.head)]);
        Output::of("rev-list", command)
    }

    /// The commits that HEAD reaches and `known` does not, oldest first, in the form of [`crate::history`].
    pub(crate) fn log(&self, known: Option<&str>) -> Result<Output> {
        let mut command = self.git("log");
        if !self.bare {
            // As of HEAD, not as they happen to lie in the work tree: the numbers then depend on HEAD alone.
            command.env("GIT_ATTR_SOURCE", &self.head);
        }
        command.args(["--no-merges", "--reverse", "--no-renames", "--numstat", "-z"]);
        command.arg("--format=tformat:%H%x00%ct%x00%an%x00%s").arg("--encoding=UTF-8");
        // Whatever the configuration says to the contrary:
        command.args(["--root", "--no-relative", "--no-ext-diff", "--no-color"]);
        command.args(["--no-show-signature", "--no-notes", "--no-mailmap"]);
        command.arg(&self.head).args(known.map(|known| format!("^{known}"))).arg("--");
        Output::of("log", command)
    }

    fn git(&self, command: &'static str) -> Command {
        git(self.folder.as_deref(), command)
    }
}

/// What a git process prints, while it prints it. The process ends with this value.
#[derive(Debug)]
pub(crate) struct Output {
    command: &'static str,
    process: Child,
    pub(crate) stream: BufReader<ChildStdout>,
    complaints: Option<JoinHandle<Vec<u8>>>,
}

impl Output {
    fn of(name: &'static str, mut command: Command) -> Result<Self> {
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
        Err(Error::Git { command: self.command, said: text(&said) })
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Both fail only for a process that has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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

fn git(folder: Option<&Path>, name: &'static str) -> Command {
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
    command.arg(name);
    command
}

/// Why git does not see a repository.
fn refusal(folder: Option<&Path>, stderr: &[u8]) -> Error {
    let said = text(stderr);
    if said.contains("not a git repository") {
        let current = || std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        return Error::NoRepository(folder.map_or_else(current, Path::to_owned));
    }
    Error::Git { command: "rev-parse", said }
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim().strip_prefix("fatal: ").unwrap_or(text.trim()).to_owned()
}

/// Where a path is that git printed from `folder`, without links on the way.
fn absolute(folder: Option<&Path>, path: OsString) -> PathBuf {
    let path = folder.unwrap_or(Path::new(".")).join(path);
    path.canonicalize().unwrap_or(path)
}

/// What people call the repository: the folder around `.git`, or a bare repository itself.
fn path_of(git_dir: &Path) -> &Path {
    match git_dir.parent() {
        Some(parent) if git_dir.file_name() == Some(OsStr::new(".git")) => parent,
        _ => git_dir,
    }
}

/// What a file of git's holds. One that is not there, or not for us, says nothing.
fn content(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}
