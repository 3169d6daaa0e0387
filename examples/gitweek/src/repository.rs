//! The repository, as `git` itself sees it.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    error::{Error, Result},
    git::{Output, complaint, git},
    timings::watched,
};

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
    /// Asks git for the repository in and around `folder`, or where git looks by itself.
    ///
    /// This starts one git process, the only one of a run that finds its answers in the cache.
    pub(crate) fn ask(folder: Option<&Path>) -> Result<Asked> {
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(Error::NoFolder(folder.to_owned()));
        }
        let questions = ["--git-common-dir", "--is-bare-repository", "--is-shallow-repository", "HEAD"];
        let mut command = git(folder, "rev-parse");
        command.args(questions).stdout(Stdio::piped()).stderr(Stdio::piped());
        let process = command.spawn().map_err(Error::GitMissing)?;
        Ok(Asked { folder: folder.map(Path::to_owned), process })
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

    /// A name for exactly this history, in this place: another clone may count lines by other settings. What is
    /// derived from it under this name is never out of date.
    pub(crate) fn history(&self) -> String {
        format!("{}{}-{:016x}", self.head, self.view(), self.place())
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
        command.args(["--root", "--no-relative", "--no-color"]);
        command.args(["--no-show-signature", "--no-notes", "--no-mailmap"]);
        command.arg(&self.head).args(known.map(|known| format!("^{known}"))).arg("--");
        Output::of("log", command)
    }

    fn git(&self, command: &'static str) -> Command {
        git(self.folder.as_deref(), command)
    }
}

/// A git process that looks for the repository, while this one does something else.
pub(crate) struct Asked {
    folder: Option<PathBuf>,
    process: Child,
}

impl Asked {
    /// Waits for what git says.
    pub(crate) fn answer(self) -> Result<Repository> {
        let _watched = watched!("git rev-parse").entered();
        let Self { folder, process } = self;
        let output = process.wait_with_output().map_err(Error::GitMissing)?;
        // A path may hold line ends, the other answers do not: read from the back.
        let mut answers = output.stdout.trim_ascii_end().rsplitn(4, |&byte| byte == b'\n');
        let (head, shallow, bare, dir) = (answers.next(), answers.next(), answers.next(), answers.next());
        let git_dir = dir.map(|dir| absolute(folder.as_deref(), os_string(dir)));
        match (output.status.success(), git_dir) {
            (true, Some(git_dir)) => Ok(Repository {
                head: String::from_utf8_lossy(head.unwrap_or_default()).into_owned(),
                shallow: (shallow == Some(b"true")).then(|| xxh3_64(&content(&git_dir.join("shallow")))),
                bare: bare == Some(b"true"),
                folder,
                git_dir,
            }),
            // All answered, except for what HEAD is: nothing was committed so far.
            (false, Some(git_dir)) => Err(Error::NoCommits(path_of(&git_dir).display().to_string())),
            _ => Err(refusal(folder.as_deref(), &output.stderr)),
        }
    }
}

/// Why git does not see a repository.
fn refusal(folder: Option<&Path>, stderr: &[u8]) -> Error {
    let said = complaint(stderr);
    if said.contains("not a git repository") {
        let current = || std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        return Error::NoRepository(folder.map_or_else(current, Path::to_owned));
    }
    Error::Git { command: "rev-parse", said }
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
