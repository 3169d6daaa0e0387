//! The report for people.

use crate::{
    repo::Repo,
    stream::{Stream, person},
};

const NOON: i64 = 1_700_049_600;

fn table(repo: &Repo, args: &[&str]) -> String {
    let output = repo.gitweek(args).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn table_says_what_happened() {
    let mut stream = Stream::default();
    for number in 0..30 {
        let who = person(if number % 3 == 0 { b"Grace" } else { b"Ada" }, NOON + number * 60, "+0000");
        let (message, text) = (format!("Change {number}"), format!("{number}\n"));
        stream = stream.commit_on("main", &who, &who, message.as_bytes(), &[(b"file", text.as_bytes())]);
    }
    let table = table(&Repo::import(stream.bytes()), &[]);
    for part in [
        "project  2023-W46  Mon 13 Nov – Sun 19 Nov 2023\n",
        "30 commits by 2 authors  ·  30 files changed  ·  +30 -29 lines\n",
        "·█  2023-W46  up to 30 a week\n",
        "  Ada    20  ██████████████████████████████\n  Grace  10  ███████████████\n",
        "  Wed 15  +1  -1  Ada    Change 29\n",
        "\n  and 10 more\n",
    ] {
        assert!(table.contains(part), "{part:?} in\n{table}");
    }
    assert!(!table.contains('\x1b'), "no colour into a pipe");
}

#[test]
fn names_and_subjects_cannot_act_on_the_terminal() {
    let who = person(b"evil\x1b]0;owned\x07", NOON, "+0000");
    let message = "clear\x1b[2J \u{202e}sdrawkcab \u{9b}31m".as_bytes();
    let repo = Repo::import(Stream::default().commit_on("main", &who, &who, message, &[]).bytes());
    let text = table(&repo, &["--author", "evil\x1b"]);
    assert!(!text.contains(['\x1b', '\x07', '\u{202e}', '\u{9b}']), "{text:?}");
    let json = table(&repo, &["--format", "json"]);
    assert!(!json.contains(['\x1b', '\x07', '\u{9b}']), "{json:?}");
    assert_eq!(repo.report(&[])["top_authors"][0]["name"], "evil\x1b]0;owned\x07");
}

#[test]
fn week_without_the_author_is_an_empty_report() {
    let repo = Repo::new();
    repo.commit("file", "one\n", NOON);
    assert!(table(&repo, &["--author", "nobody"]).contains("0 commits by 0 authors"));
}

#[test]
fn long_name_is_whole_in_a_file() {
    let name = "Maria Anna Walburga Ignatia Mozart";
    let repo = Repo::import(Stream::default().commit(name.as_bytes(), NOON, &[]).bytes());
    assert_eq!(table(&repo, &["--analysis"]).matches(name).count(), 3);
}

#[test]
fn shares_of_many_authors_fit_a_terminal() {
    let authors = (0..70_u8).map(|number| [b'A' + number % 12]);
    let stream =
        authors.zip(NOON..).fold(Stream::default(), |stream, (who, time)| stream.commit(&who, time, &[]));
    let table = table(&Repo::import(stream.bytes()), &["--analysis"]);
    let heading = table.lines().find(|line| line.starts_with("Authors of")).unwrap();
    assert_eq!(heading, "Authors of the whole history  top 1: 8.6 %, top 3: 25.7 %, top 10: 85.7 %");
}

#[test]
fn analysis_fits_a_terminal() {
    let mut stream = Stream::default();
    for (number, time) in (0..40_i64).zip((NOON..).step_by(500_000)) {
        let who = if number % 4 == 0 { &b"Grace"[..] } else { b"Ada" };
        stream = stream.commit(who, time, &[(b"src/file", format!("{number}\n").as_bytes())]);
    }
    let table = table(&Repo::import(stream.bytes()), &["--analysis", "--cache-stats"]);
    let (_, whole) = table.split_once("\nWhole history  ").unwrap();
    for part in [
        "40 commits by 2 authors\n",
        "  Trend   15 commits in the last 12 weeks, 15 in the 12 before: +0 %\n",
        "  Size    2 lines in the median commit, at most 2 in nine of ten\n",
        "top 1: 75 %\n",
        "  Ada    30   75.0 %  ██████████████████████████████\n",
        "  40  +40  -39  src/file\n",
        "\n    week_data ",
    ] {
        assert!(whole.contains(part), "{part:?} in\n{table}");
    }
    let width = whole.lines().map(|line| line.chars().count()).max();
    assert!(width <= Some(80), "{width:?} columns in\n{whole}");
}
