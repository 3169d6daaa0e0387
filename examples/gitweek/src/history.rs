//! Commits, as they are read from what `git log` prints.

use std::{io::BufRead, str};

use crate::error::{Error, Result};

/// A commit and what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Its hash, in hexadecimal digits.
    pub(crate) oid: String,
    /// The committer's time, in seconds since the Unix epoch.
    pub(crate) time: i64,
    /// The author's name. Mostly UTF-8, but git does not insist.
    pub(crate) author: Vec<u8>,
    /// The first lines of its message, of at most 400 bytes.
    pub(crate) subject: String,
    /// The files that it changed, binary ones too.
    pub(crate) files: u64,
    /// The lines that it added.
    pub(crate) insertions: u64,
    /// The lines that it took away.
    pub(crate) deletions: u64,
}

/// What a commit did to one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Any bytes but NUL.
    pub(crate) path: Vec<u8>,
    /// Lines; none in a binary file.
    pub(crate) insertions: u64,
    pub(crate) deletions: u64,
}

impl Change {
    /// Reads `added TAB deleted TAB path`, with `-` for the lines of a binary file.
    fn read(item: &[u8]) -> Result<Self> {
        let mut columns = item.splitn(3, |&byte| byte == b'\t');
        let (insertions, deletions) = (lines(columns.next(), item)?, lines(columns.next(), item)?);
        let path = columns.next().ok_or_else(|| unexpected("no path", item))?.to_owned();
        Ok(Self { path, insertions, deletions })
    }
}

/// The commits of a stream with their changes, one by one. The stream as a whole is never in memory.
///
/// [`Repository::log`](crate::repository::Repository::log) makes git end every item with a NUL, the only byte that
/// occurs neither in a path nor in a name nor in a subject:
///
/// ```text
/// hash NUL time NUL author NUL subject NUL
/// [LF added TAB deleted TAB path NUL [added TAB deleted TAB path NUL]...]
/// ```
///
/// A hash has no TAB in it, so what an item is can be told from the item alone.
#[derive(Debug)]
pub(crate) struct Commits<R> {
    stream: R,
    item: Vec<u8>,
    /// The commit whose changes are being read.
    current: Option<(Commit, Vec<Change>)>,
}

impl<R: BufRead> Commits<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, item: Vec::new(), current: None }
    }

    /// The next commit, or `None` after the last.
    fn read(&mut self) -> Result<Option<(Commit, Vec<Change>)>> {
        while self.read_item()? {
            let item = self.item.strip_prefix(b"\n").unwrap_or(&self.item);
            if item.contains(&b'\t') {
                let Some((commit, changes)) = &mut self.current else {
                    return Err(unexpected("files before a commit", item));
                };
                let change = Change::read(item)?;
                commit.files += 1;
                commit.insertions += change.insertions;
                commit.deletions += change.deletions;
                changes.push(change);
            } else {
                let next = (self.read_head()?, Vec::new());
                if let Some(commit) = self.current.replace(next) {
                    return Ok(Some(commit));
                }
            }
        }
        Ok(self.current.take())
    }

    /// The rest of a commit's first items, after its hash.
    fn read_head(&mut self) -> Result<Commit> {
        if !matches!(self.item.len(), 40 | 64) || !self.item.iter().all(u8::is_ascii_hexdigit) {
            return Err(unexpected("no hash of a commit", &self.item));
        }
        let oid = lossy(&self.item);
        let time = self.read_text()?;
        // A broken commit may have no time; git sorts it to the beginning.
        let time = lossy(time).parse().unwrap_or(0);
        let author = self.read_text()?.to_owned();
        let subject = shortened(lossy(self.read_text()?));
        Ok(Commit { oid, time, author, subject, files: 0, insertions: 0, deletions: 0 })
    }

    fn read_text(&mut self) -> Result<&[u8]> {
        if self.read_item()? { Ok(&self.item) } else { Err(unexpected("the end within", b"a commit")) }
    }

    /// Reads the next item and says whether there was one.
    fn read_item(&mut self) -> Result<bool> {
        self.item.clear();
        self.stream.read_until(0, &mut self.item).map_err(|error| Error::GitOutput(error.to_string()))?;
        match self.item.pop() {
            Some(0) => Ok(true),
            Some(_) => Err(unexpected("the end within", &self.item)),
            None => Ok(false),
        }
    }
}

impl<R: BufRead> Iterator for Commits<R> {
    type Item = Result<(Commit, Vec<Change>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// A text in which upper and lower case are one. Character by character, so that what is part of a text is part of it
/// in this form too; a sigma at the end of a word would be another letter.
pub(crate) fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect()
}

fn lines(column: Option<&[u8]>, line: &[u8]) -> Result<u64> {
    match column {
        Some(b"-") => Ok(0),
        column => column
            .and_then(|digits| str::from_utf8(digits).ok()?.parse().ok())
            .ok_or_else(|| unexpected("no number of lines", line)),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A subject is whatever comes before the first empty line, which can be a book.
fn shortened(mut subject: String) -> String {
    subject.truncate(subject.floor_char_boundary(400));
    subject
}

fn unexpected(what: &str, item: &[u8]) -> Error {
    Error::GitOutput(format!("{what} {:?}", shortened(lossy(item))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn read(text: &str) -> Result<Vec<Commit>> {
        Commits::new(text.as_bytes()).map(|item| item.map(|(commit, _)| commit)).collect()
    }

    #[test]
    fn files_are_counted_to_their_commit() {
        let text = format!("{A}\05\0Ada\0one\0\n3\t1\ta\tb\n\0-\t-\tlogo.png\0{B}\06\0\x1f\0\0");
        let commits = read(&text).unwrap();
        assert_eq!(commits.len(), 2);
        assert_eq!((commits[0].files, commits[0].insertions, commits[0].deletions), (2, 3, 1));
        assert_eq!((commits[1].oid.as_str(), commits[1].time, commits[1].files), (B, 6, 0));
        assert_eq!((commits[1].author.as_slice(), commits[1].subject.as_str()), (&b"\x1f"[..], ""));
    }

    #[test]
    fn change_has_its_path_as_git_knows_it() {
        let text = format!("{A}\05\0Ada\0one\0\n3\t1\ta\tb\n\0-\t-\tlogo.png\0");
        let (_, changes) = Commits::new(text.as_bytes()).next().unwrap().unwrap();
        let change =
            |path: &[u8], insertions, deletions| Change { path: path.to_owned(), insertions, deletions };
        assert_eq!(changes, [change(b"a\tb\n", 3, 1), change(b"logo.png", 0, 0)]);
    }

    #[test]
    fn name_and_subject_may_look_like_anything() {
        let text = format!("{A}\05\01\t2\tfile\0{B}\0");
        let commits = read(&text).unwrap();
        assert_eq!((commits[0].author.as_slice(), commits[0].subject.as_str()), (&b"1\t2\tfile"[..], B));
    }

    #[test]
    fn stream_that_ends_early_or_is_none_of_gits_is_an_error() {
        for text in [
            &A[..9],
            A,
            &format!("{A}\05\0Ada\0"),
            "1\t2\tfile\0",
            &format!("{A}\05\0Ada\0one\0\nx\t2\tf\0"),
            &format!("{A}\05\0Ada\0one\0\n1\t2\0"),
            "\0",
        ] {
            assert!(matches!(read(text), Err(Error::GitOutput(_))), "{text}");
        }
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn part_of_a_name_is_part_of_it_in_any_case() {
        for (name, part) in [("Jürgen ÄRMEL", "ärm"), ("ΟΔΥΣΣΕΥΣ", "οδυσ"), ("Οδυσσεύς", "ΎΣ"), ("Ada", "")]
        {
            assert!(folded(name).contains(&folded(part)), "{part}");
        }
        assert!(!folded("Ada").contains(&folded("ärm")));
    }

    #[test]
    fn long_subject_is_cut_between_characters() {
        let commits = read(&format!("{A}\05\0Ada\0{}\0", "€".repeat(1000))).unwrap();
        assert_eq!(commits[0].subject, "€".repeat(133));
    }
}
