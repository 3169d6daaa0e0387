//! What gitweek says about a whole history is what git says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    repo::Repo,
    stream::{Stream, person},
};

/// 2023-11-15, a Wednesday.
const NOON: i64 = 1_700_049_600;
const DAY: i64 = 86_400;

/// A commit, as git tells of it.
struct Commit {
    time: i64,
    author: String,
    /// Insertions, deletions, path.
    files: Vec<(u64, u64, String)>,
}

impl Repo {
    /// The commits by this author, each asked for alone.
    fn commits(&self, author: &str) -> Vec<Commit> {
        let all = self.git_text(&["rev-list", "--max-parents=1", "HEAD"]);
        let commits = all.lines().map(|oid| {
            let show = |format| self.git_text(&["show", "-s", &format!("--format={format}"), oid]);
            let diff = ["diff-tree", "-r", "-z", "--root", "--no-commit-id", "--numstat", oid];
            let diff = String::from_utf8_lossy(&self.git(&diff)).into_owned();
            let file = |line: &str| {
                let columns: Vec<_> = line.splitn(3, '\t').collect();
                (columns[0].parse().unwrap_or(0), columns[1].parse().unwrap_or(0), columns[2].to_owned())
            };
            Commit {
                time: show("%ct").parse().unwrap(),
                author: show("%an"),
                files: diff.split_terminator('\0').map(file).collect(),
            }
        });
        commits.filter(|commit| commit.author.to_lowercase().contains(author)).collect()
    }

    /// Compares the analysis with git: through the index alone, into the cache and out of it.
    fn check_analysis(&self, author: &str) -> Value {
        let commits = self.commits(author);
        let mut sizes: Vec<_> = commits
            .iter()
            .map(|commit| commit.files.iter().map(|file| file.0 + file.1).sum::<u64>())
            .collect();
        sizes.sort_unstable();
        let mut files: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
        let mut authors: BTreeMap<&str, u64> = BTreeMap::new();
        let mut hours = [[0; 24]; 7];
        for commit in &commits {
            *authors.entry(&commit.author).or_default() += 1;
            // 1970 began on a Thursday.
            let (day, hour) = ((commit.time / DAY + 3) % 7, commit.time % DAY / 3600);
            hours[usize::try_from(day).unwrap()][usize::try_from(hour).unwrap()] += 1;
            for (insertions, deletions, path) in &commit.files {
                let file = files.entry(path).or_default();
                *file = (file.0 + 1, file.1 + insertions, file.2 + deletions);
            }
        }
        let mut files: Vec<_> = files.into_iter().collect();
        files.sort_by_key(|&(_, (commits, insertions, deletions))| {
            (u64::MAX - commits, u64::MAX - insertions - deletions)
        });
        let files: Vec<_> = files
            .into_iter()
            .take(20)
            .map(|(path, (commits, insertions, deletions))| {
                json!({"path": path, "commits": commits, "insertions": insertions, "deletions": deletions})
            })
            .collect();
        let mut top: Vec<_> = authors.values().copied().collect();
        top.sort_unstable_by(|a, b| b.cmp(a));
        for options in [&["--no-cache"][..], &[], &[]] {
            let report = self.report(&[&["--analysis", "--author", author], options].concat());
            let analysis = &report["analysis"];
            assert_eq!(analysis["commits"], commits.len());
            assert_eq!(analysis["authors"], authors.len());
            assert_eq!(analysis["week_hours"], json!(hours));
            let sum = |hour: usize| hours.iter().map(|day| day[hour]).sum::<u64>();
            assert_eq!(analysis["hours"], json!((0..24).map(sum).collect::<Vec<_>>()));
            assert_eq!(analysis["files"], json!(files));
            let counts = analysis["top_authors"].as_array().unwrap().iter();
            let counts: Vec<_> = counts.map(|author| author["commits"].as_u64().unwrap()).collect();
            assert_eq!(counts, top[..top.len().min(10)]);
            let count = sizes.len();
            if count > 0 {
                let doubled = analysis["commit_size"]["median"].as_f64().unwrap() * 2.0;
                assert_eq!(
                    doubled,
                    f64::from(u32::try_from(sizes[count / 2] + sizes[(count - 1) / 2]).unwrap())
                );
                let p90 = analysis["commit_size"]["p90"].as_u64().unwrap();
                let within = |size: u64| sizes.iter().filter(|&&other| other <= size).count() * 10;
                assert!(within(p90) >= count * 9 && (p90 == 0 || within(p90 - 1) < count * 9), "{p90}");
            }
        }
        self.report(&["--analysis", "--author", author])["analysis"].clone()
    }
}

/// Three years, many authors and files, some of them odd.
fn some_history() -> Repo {
    let mut stream = Stream::default();
    for number in 0..60_i64 {
        let author = ["Ada", "Grace", "ÄNNE", "b\x07ell"][usize::try_from(number * number % 7 % 4).unwrap()];
        let time = NOON + number * 19 * DAY + number * 4000;
        let text = "line\n".repeat(usize::try_from(number * 13 % 17).unwrap());
        let other = format!("dir/{}\t\n", number % 25);
        let binary = format!("\0{number}");
        let files: [(&[u8], &[u8]); 3] =
            [(b"a", text.as_bytes()), (other.as_bytes(), text.as_bytes()), (b"logo.png", binary.as_bytes())];
        stream = stream.commit(author.as_bytes(), time, &files[..usize::try_from(number % 4).unwrap()]);
    }
    Repo::import(stream.bytes())
}

#[test]
fn analysis_is_of_the_whole_history() {
    let repo = some_history();
    repo.check_analysis("");
    repo.check_analysis("änn");
    // An odd number for the median.
    repo.commit("a", "new\n", NOON + 1200 * DAY);
    repo.check_analysis("");
    // Commits that are gone take their changes with them.
    repo.git(&["reset", "-q", "--hard", "HEAD~9"]);
    repo.check_analysis("");
    repo.commit("a", "newer\n", NOON + 1201 * DAY);
    repo.check_analysis("");
}

#[test]
fn one_commit_is_a_whole_history() {
    let repo = Repo::new();
    repo.commit("file", "one\ntwo\n", NOON);
    let analysis = repo.check_analysis("");
    assert_eq!(analysis["commit_size"], json!({"median": 2.0, "p90": 2}));
    assert_eq!(
        analysis["trend"],
        json!({"last_12_weeks": 1, "previous_12_weeks": null, "change_percent": null})
    );
    assert_eq!(analysis["top_share"][2], json!({"authors": 10, "percent": 100.0}));
}

#[test]
fn analysis_without_commits_is_empty() {
    let repo = some_history();
    let analysis = repo.check_analysis("nobody");
    assert_eq!((&analysis["trend"], &analysis["commit_size"]), (&Value::Null, &Value::Null));
    assert_eq!(analysis["top_share"], json!([]));
}

#[test]
fn analysis_is_null_unless_asked_for() {
    assert_eq!(some_history().report(&[])["analysis"], Value::Null);
}

#[test]
fn trend_compares_the_last_12_weeks_with_those_before() {
    const SPAN: i64 = 84 * DAY;
    let newest = NOON + 3 * SPAN;
    // Six of the last weeks, four of those before: on each side of both borders.
    let times = [
        [newest - 2 * SPAN, newest - 2 * SPAN + 1, newest - SPAN - 2, newest - SPAN - 1, newest - SPAN],
        [newest - SPAN + 1, newest - DAY, newest - 3, newest - 1, newest],
    ];
    let stream = |times: &[i64]| {
        times.iter().fold(Stream::default(), |stream, &time| stream.commit(b"Ada", time, &[]))
    };
    let trend = |times: &[i64]| {
        Repo::import(stream(times).bytes()).report(&["--analysis"])["analysis"]["trend"].clone()
    };
    assert_eq!(
        trend(times.as_flattened()),
        json!({"last_12_weeks": 5, "previous_12_weeks": 4, "change_percent": 25.0})
    );
    assert_eq!(trend(&times.as_flattened()[1..])["previous_12_weeks"], Value::Null, "too young");
    assert_eq!(
        trend(&[newest - 3 * SPAN, newest]),
        json!({"last_12_weeks": 1, "previous_12_weeks": 0, "change_percent": null})
    );
}

#[test]
fn share_of_the_top_authors_is_in_percent() {
    let mut stream = Stream::default();
    for (number, time) in (0..30_u8).zip(NOON..) {
        let name = [b'a' + number % 15 * (number % 2)];
        stream = stream.commit(&name, time, &[]);
    }
    let analysis = Repo::import(stream.bytes()).check_analysis("");
    // Half of all and one more are by one author; the other 14 have one each.
    assert_eq!(analysis["authors"], 15);
    assert_eq!(analysis["top_authors"][0], json!({"name": "a", "commits": 16, "percent": 53.3}));
    let shares = [(1, 53.3), (3, 60.0), (10, 83.3)];
    assert_eq!(
        analysis["top_share"],
        json!(shares.map(|(authors, percent)| json!({"authors": authors, "percent": percent})))
    );
}

#[test]
fn files_of_any_bytes_are_counted_apart() {
    let who = person(b"Ada", NOON, "+0000");
    let mut stream = Stream::default();
    for path in [&b"\xff"[..], b"\xfe", b"\xff"] {
        let text = stream.bytes().len().to_string();
        stream = stream.commit_on("main", &who, &who, b"x", &[(path, text.as_bytes())]);
    }
    let analysis = &Repo::import(stream.bytes()).report(&["--analysis"])["analysis"];
    let file = |commits| json!({"path": "\u{fffd}", "commits": commits, "insertions": commits, "deletions": commits - 1});
    assert_eq!(analysis["files"], json!([file(2), file(1)]));
}
