//! The commits of the whole history as CSV, for spreadsheets and scripts.

use std::{fmt::Display, io::Write};

use crate::{
    history::Commit,
    week::{Week, moment},
};

/// A table in the form of RFC 4180, in UTF-8: a head, and a line per commit.
///
/// Every cell is what was committed, apart from bytes that are no text and the end of a very long subject. Nothing is
/// changed for a spreadsheet: a subject that begins with `=` stays one.
#[derive(Debug)]
pub(crate) struct Csv(Vec<u8>);

impl Csv {
    /// A table without commits.
    pub(crate) fn new() -> Self {
        Self(b"week,time,hash,author,subject,files,insertions,deletions\r\n".to_vec())
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, commit: &Commit) {
        self.plain(Week::at(commit.time), b",");
        self.plain(moment(commit.time), b",");
        self.plain(&commit.oid, b",");
        self.quoted(&String::from_utf8_lossy(&commit.author));
        self.quoted(&commit.subject);
        self.plain(commit.files, b",");
        self.plain(commit.insertions, b",");
        self.plain(commit.deletions, b"\r\n");
    }

    /// The table.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// A cell that has none of CSV's own characters in it, and what follows it.
    fn plain(&mut self, cell: impl Display, end: &[u8]) {
        // Writing to memory does not fail.
        let _ = write!(self.0, "{cell}");
        self.0.extend_from_slice(end);
    }

    fn quoted(&mut self, cell: &str) {
        if cell.contains([',', '"', '\r', '\n']) {
            self.plain(format_args!("\"{}\"", cell.replace('"', "\"\"")), b",");
        } else {
            self.plain(cell, b",");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_with_characters_of_csv_are_quoted() {
        let mut csv = Csv::new();
        csv.add(&Commit {
            oid: "ab12".to_owned(),
            time: 0,
            author: b"Lovelace, Ada".to_vec(),
            subject: "=1+1 \"quoted\"".to_owned(),
            files: 1,
            insertions: 2,
            deletions: 3,
        });
        let text = String::from_utf8(csv.into_bytes()).unwrap();
        let (_, line) = text.split_once("\r\n").unwrap();
        assert_eq!(
            line,
            "1970-W01,1970-01-01T00:00:00Z,ab12,\"Lovelace, Ada\",\"=1+1 \"\"quoted\"\"\",1,2,3\r\n"
        );
    }
}
