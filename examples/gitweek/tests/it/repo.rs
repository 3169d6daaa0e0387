//! Repositories to run gitweek on, and git's own answers to compare it with.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A repository in a folder of its own, with a home and a cache folder beside it.
pub(crate) struct Repo {
    base: TempDir,
    /// Where git and gitweek are run.
    pub(crate) path: PathBuf,
}

/// What gitweek should say about a week.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) commits: u64,
    pub(crate) authors: u64,
    pub(crate) files: u64,
    pub(crate) insertions: u64,
    pub(crate) deletions: u64,
}

impl Repo {
    /// An empty repository.
    pub(crate) fn new() -> Self {
        Self::init(&[])
    }

    pub(crate) fn init(options: &[&str]) -> Self {
        let base = tempfile::tempdir().unwrap();
        let repo = Self { path: base.path().join("project"), base };
        let mut init = isolated("git", repo.base.path());
        run(init.args(["init", "-q", "-b", "main"]).args(options).arg(&repo.path), b"");
        for (name, value) in [("user.name", "Ada"), ("user.email", "ada@example.org"), ("gc.auto", "0")] {
            repo.git(&["config", name, value]);
        }
        repo
    }

    /// A repository with the commits of a `git fast-import` stream.
    pub(crate) fn import(stream: &[u8]) -> Self {
        let repo = Self::new();
        repo.add(stream);
        repo
    }

    /// Adds the commits of a stream and checks them out.
    pub(crate) fn add(&self, stream: &[u8]) {
        run(self.command("git").args(["fast-import", "--quiet", "--force"]), stream);
        if self.git_text(&["rev-parse", "--is-bare-repository"]) == "false" {
            self.git(&["reset", "-q", "--hard"]);
        }
    }

    /// Another repository, in the same home: this one's clone, a linked work tree, a sub-folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    pub(crate) fn at(mut self, path: PathBuf) -> Self {
        self.path = path;
        self
    }

    /// Writes a file and commits it at so many seconds since the Unix epoch.
    pub(crate) fn commit(&self, file: &str, content: &str, time: i64) {
        std::fs::write(self.path.join(file), content).unwrap();
        self.git(&["add", "."]);
        self.commit_as(&[], time);
    }

    /// `git commit` with these options.
    pub(crate) fn commit_as(&self, options: &[&str], time: i64) {
        let date = format!("{time} +0000");
        let mut command = self.command("git");
        command.env("GIT_COMMITTER_DATE", &date).env("GIT_AUTHOR_DATE", &date);
        run(command.args(["commit", "-q", "-m", "A commit"]).args(options), b"");
    }

    pub(crate) fn git(&self, args: &[&str]) -> Vec<u8> {
        run(self.command("git").args(args), b"").stdout
    }

    pub(crate) fn git_text(&self, args: &[&str]) -> String {
        String::from_utf8_lossy(&self.git(args)).trim_end().to_owned()
    }

    /// A command in the repository that sees nothing of this machine's settings.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = isolated(program, self.base.path());
        command.current_dir(&self.path);
        command
    }

    /// gitweek in the repository, with a cache folder of its own.
    pub(crate) fn gitweek(&self, args: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_gitweek"));
        command.arg("--cache-dir").arg(self.cache_dir()).args(args);
        command
    }

    pub(crate) fn cache_dir(&self) -> PathBuf {
        self.base.path().join("cache")
    }

    /// The folder of the one index that there is.
    pub(crate) fn kept(&self) -> PathBuf {
        let folders = std::fs::read_dir(self.cache_dir()).unwrap().map(|entry| entry.unwrap().path());
        let mut indexes = folders.filter(|folder| !folder.ends_with("cache"));
        let folder = indexes.next().unwrap();
        assert!(indexes.next().is_none(), "more than one repository is kept");
        folder
    }

    /// gitweek's report as JSON. It must succeed without a word on standard error.
    pub(crate) fn report(&self, args: &[&str]) -> Value {
        let (report, said) = self.report_and_notes(args);
        assert_eq!(said, "");
        report
    }

    pub(crate) fn report_and_notes(&self, args: &[&str]) -> (Value, String) {
        let output = run(self.gitweek(&["--format", "json"]).args(args), b"");
        let said = String::from_utf8(output.stderr).unwrap();
        (serde_json::from_slice(&output.stdout).unwrap(), said)
    }

    /// What gitweek says instead of a report.
    pub(crate) fn complaint(&self, args: &[&str]) -> String {
        let output = self.gitweek(args).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(output.stdout, b"");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The path of a configuration, in a folder of its own.
    pub(crate) fn configuration(&self, text: &str) -> String {
        let file = self.beside("config/gitweek.toml");
        std::fs::create_dir_all(self.beside("config")).unwrap();
        std::fs::write(&file, text).unwrap();
        file.into_os_string().into_string().unwrap()
    }

    /// The commands of git that gitweek starts on its way to a report.
    #[cfg(unix)]
    pub(crate) fn asked_of_git(&self, args: &[&str]) -> String {
        let log = self.beside("asked");
        let path = self.wrap_git(&format!("echo \"$@\" >> '{}'", log.display()));
        run(self.gitweek(args).env("PATH", path), b"");
        let asked = std::fs::read_to_string(&log).unwrap();
        std::fs::remove_file(log).unwrap();
        asked
    }

    /// A search path on which git first does something else.
    #[cfg(unix)]
    pub(crate) fn wrap_git(&self, first: &str) -> String {
        let folder = self.beside("bin");
        std::fs::create_dir_all(&folder).unwrap();
        let path = std::env::var("PATH").unwrap();
        let script = format!("#!/bin/sh\n{first}\nPATH='{path}' exec git \"$@\"\n");
        std::fs::write(folder.join("git"), script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(folder.join("git"), mode).unwrap();
        format!("{}:{path}", folder.display())
    }

    /// Compares gitweek with git, for all weeks: through the index alone, into the cache and out of it.
    pub(crate) fn check(&self) {
        let expected = self.numbers();
        for options in [&["--no-cache"][..], &[], &[]] {
            let report = self.report(options);
            assert_eq!(report["head"], self.git_text(&["rev-parse", "HEAD"]));
            assert_eq!(report["week"], *expected.keys().next_back().unwrap());
            let weeks: Vec<_> = report["weeks"].as_array().unwrap().iter().map(week_entry).collect();
            assert_eq!(
                weeks,
                expected.iter().map(|(week, numbers)| (week.clone(), numbers.commits)).collect::<Vec<_>>()
            );
            for (week, numbers) in &expected {
                let report = self.report(&[options, &["--week", week]].concat());
                assert_eq!(Numbers::of(&report), *numbers, "{week}, {options:?}");
            }
        }
    }

    /// What git says about each week, commit by commit and by other commands than gitweek uses.
    pub(crate) fn numbers(&self) -> BTreeMap<String, Numbers> {
        let mut weeks: BTreeMap<String, (Numbers, BTreeSet<Vec<u8>>)> = BTreeMap::new();
        for oid in self.git_text(&["rev-list", "--max-parents=1", "HEAD"]).lines() {
            let week =
                ["show", "-s", "--no-show-signature", "--date=format-local:%G-W%V", "--format=%cd", oid];
            let (numbers, authors) = weeks.entry(self.git_text(&week)).or_default();
            authors.insert(self.git(&["show", "-s", "--no-show-signature", "--format=%an", oid]));
            numbers.commits += 1;
            for line in
                self.git_text(&["diff-tree", "-r", "--root", "--no-commit-id", "--numstat", oid]).lines()
            {
                let mut columns = line.split('\t').map(|column| column.parse().unwrap_or(0));
                numbers.files += 1;
                numbers.insertions += columns.next().unwrap();
                numbers.deletions += columns.next().unwrap();
            }
        }
        let with_authors =
            |(numbers, authors): (Numbers, BTreeSet<_>)| Numbers { authors: authors.len() as u64, ..numbers };
        weeks.into_iter().map(|(week, counted)| (week, with_authors(counted))).collect()
    }
}

impl Numbers {
    pub(crate) fn of(report: &Value) -> Self {
        let number = |name: &str| report[name].as_u64().unwrap();
        Self {
            commits: number("commits"),
            authors: number("authors"),
            files: number("files"),
            insertions: number("insertions"),
            deletions: number("deletions"),
        }
    }
}

fn week_entry(entry: &Value) -> (String, u64) {
    (entry["week"].as_str().unwrap().to_owned(), entry["commits"].as_u64().unwrap())
}

fn isolated(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") || name.to_string_lossy().starts_with("XDG_") {
            command.env_remove(name);
        }
    }
    command.env("HOME", home).env("GIT_CONFIG_NOSYSTEM", "1").env("TZ", "UTC");
    command
}

pub(crate) fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut process =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(input).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
