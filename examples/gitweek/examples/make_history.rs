//! A large history to try gitweek on, as a stream for `git fast-import`.
//!
//! ```text
//! git init -b main large
//! cargo run -p gitweek --example make_history -- 20000 src/*.rs | git -C large fast-import
//! ```
//!
//! The commits edit the text of the given files, lines of which move from one to the other, one to four files each,
//! some files far more often than others. People work from Monday to Friday, and more in some seasons than in
//! others. The same arguments make the same history.

use std::{
    env, fs,
    io::{self, BufWriter, Write, stdout},
};

/// How many files of the history there are at most, and how many lines each begins with.
const FILES: usize = 120;
const LINES: usize = 150;
/// 2018-01-01, a Monday.
const START: u64 = 1_514_764_800;
const DAY: u64 = 86_400;

fn main() -> io::Result<()> {
    let mut args = env::args().skip(1);
    let commits = args.next().and_then(|number| number.parse().ok()).unwrap_or(20_000);
    let mut texts = Vec::new();
    for path in args.take(FILES) {
        let text = fs::read_to_string(path)?;
        texts.push(text.lines().map(str::to_owned).collect::<Vec<_>>());
    }
    let lines: Vec<String> = texts.iter().flatten().cloned().collect();
    if lines.is_empty() {
        return Err(io::Error::other("name some text files: make_history COMMITS FILE..."));
    }
    texts.iter_mut().for_each(|text| text.truncate(LINES));
    History { out: BufWriter::new(stdout().lock()), random: Random(1), texts, lines, worked: 0 }
        .write(commits)
}

struct History<W> {
    out: W,
    random: Random,
    texts: Vec<Vec<String>>,
    lines: Vec<String>,
    /// Seconds, with days as long as any and nothing but working days.
    worked: u64,
}

impl<W: Write> History<W> {
    fn write(mut self, commits: u64) -> io::Result<()> {
        // Marks give a merge something to merge: the side branch is one commit off the one before.
        for mark in 1..=commits {
            let is_side = mark % 20 == 10;
            self.head(mark, if is_side { "side" } else { "main" })?;
            match mark {
                1 => {}
                _ if is_side => writeln!(self.out, "from :{}", mark - 1)?,
                _ if mark % 20 == 11 => writeln!(self.out, "from :{}", mark - 2)?,
                _ if mark % 20 == 15 => writeln!(self.out, "from :{}\nmerge :{}", mark - 1, mark - 5)?,
                _ => writeln!(self.out, "from :{}", mark - 1)?,
            }
            for _ in 0..=self.random.below(4) {
                self.edit()?;
            }
            writeln!(self.out)?;
        }
        self.out.flush()
    }

    fn head(&mut self, mark: u64, branch: &str) -> io::Result<()> {
        let author = self.random.below(40).min(self.random.below(40));
        let subject = self.lines[self.random.below(self.lines.len())].trim().to_owned();
        let message = format!("Change {mark}: {subject}\n");
        // Two and a half hours on average, so that there are some fifty commits a week.
        let hours = match mark / 700 % 4 {
            0 => 3,
            1 => 4,
            2 => 6,
            _ => 7,
        };
        self.worked += self.random.below(hours * 3600) as u64;
        let (days, second) = (self.worked / DAY, self.worked % DAY);
        // Twelve hours from 7 o'clock on, and days off after five.
        let time = START + (days / 5 * 7 + days % 5) * DAY + 7 * 3600 + second / 2;
        let who = format!("Author {author:02} <author{author}@example.org> {time} +0100");
        writeln!(self.out, "commit refs/heads/{branch}\nmark :{mark}\nauthor {who}\ncommitter {who}")?;
        writeln!(self.out, "data {}\n{message}", message.len())
    }

    /// Replaces a few lines of a file.
    fn edit(&mut self) -> io::Result<()> {
        let files = self.texts.len();
        let file = self.random.below(files).min(self.random.below(files));
        let (start, count) = (self.random.below(self.lines.len()), self.random.below(12));
        let new: Vec<_> = self.lines.iter().skip(start).take(count).cloned().collect();
        let text = &mut self.texts[file];
        let place = self.random.below(text.len() + 1);
        let end = (place + self.random.below(12)).min(text.len());
        text.splice(place..end, new);
        let content = text.iter().map(|line| format!("{line}\n")).collect::<String>();
        let folder = file % 10;
        writeln!(
            self.out,
            "M 100644 inline src/part{folder}/file{file}.rs\ndata {}\n{content}",
            content.len()
        )
    }
}

/// Knuth's linear congruential generator; good enough to look busy.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}
