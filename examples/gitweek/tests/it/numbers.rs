//! gitweek's numbers are git's.

use crate::{
    repo::{Numbers, Repo},
    stream::{Stream, person},
};

/// Some text with a history worth of lines.
const TEXT: &[u8] = include_bytes!("../../src/index.rs");
const OTHER: &[u8] = include_bytes!("../../src/git.rs");
/// 2023-11-15, a Wednesday.
const NOON: i64 = 1_700_049_600;
const DAY: i64 = 86_400;

#[test]
fn plain_history() {
    let stream = Stream::default()
        .commit(b"Ada", NOON, &[(b"a.rs", TEXT), (b"dir/b.rs", OTHER)])
        .commit(b"Grace", NOON + DAY, &[(b"a.rs", OTHER)])
        .commit(b"Ada", NOON + 7 * DAY, &[(b"dir/b.rs", &TEXT[..500])])
        .commit(b"Ada", NOON + 30 * DAY, &[(b"c", b"no line end")]);
    let repo = Repo::import(stream.bytes());
    repo.check();
    assert_eq!(repo.report(&["--week", "2023-W46"])["commits"], 2);
}

#[test]
fn names_of_any_bytes_are_distinct_authors() {
    let names: [&[u8]; 12] = [
        b"J\xfcrgen",
        b"J\xf6rgen",
        "Jürgen".as_bytes(),
        b"tab\there",
        b"1\t2\tlooks like a file",
        b"unit\x1fseparator",
        b"escape\x1b[31m",
        "emoji 🧀".as_bytes(),
        b"quote \" and \\ and '",
        b"bell\x07",
        b"e\xcc\x81",
        b"\xc3\xa9",
    ];
    let mut stream = Stream::default();
    for (name, time) in names.iter().chain(&names).zip(NOON..) {
        stream = stream.commit(name, time, &[(b"file", format!("{time}\n").as_bytes())]);
    }
    let repo = Repo::import(stream.bytes());
    repo.check();
    assert_eq!(repo.report(&[])["authors"], 12);
}

#[test]
fn name_in_another_encoding_is_converted_as_git_does() {
    let stream = |encoding: &str, name: &str| {
        format!(
            "commit refs/heads/main\nauthor {name} <a@b> {NOON} +0000\ncommitter {name} <a@b> {NOON} +0000\n\
             {encoding}data 1\nx\n"
        )
    };
    let mut bytes = stream("", "Jürgen").into_bytes();
    let latin = stream("encoding ISO-8859-1\n", "J?rgen");
    bytes.extend(latin.bytes().map(|byte| if byte == b'?' { 0xfc } else { byte }));
    let repo = Repo::import(&bytes);
    repo.check();
    assert_eq!(repo.report(&[])["top_authors"][0]["name"], "Jürgen");
}

#[test]
fn week_is_that_of_the_committer_in_utc() {
    let monday = 1_704_067_200; // 2024-01-01T00:00:00Z
    let mut stream = Stream::default();
    let borders = [
        monday - 1,
        monday,
        monday + 7 * DAY - 1,
        monday + 7 * DAY,
        1_609_459_199,
        1_609_718_399,
        1_609_718_400,
    ];
    for (number, time) in borders.into_iter().enumerate() {
        for zone in ["+1400", "-1200", "+0530"] {
            let file = format!("{number}{zone}\n");
            let (author, committer) = (person(b"Ada", time - 90 * DAY, zone), person(b"Bob", time, zone));
            stream = stream.commit_on("main", &author, &committer, b"x", &[(b"file", file.as_bytes())]);
        }
    }
    let repo = Repo::import(stream.bytes());
    repo.check();
    assert_eq!(repo.report(&["--week", "2023-W52"])["commits"], 3);
    assert_eq!(repo.report(&["--week", "2020-W53"])["commits"], 6);
}

#[test]
fn binary_files_count_without_lines_and_empty_commits_count() {
    let stream = Stream::default()
        .commit(b"Ada", NOON, &[(b"logo.png", b"\x89PNG\0\0\0\n\n"), (b"a", TEXT)])
        .commit(b"Ada", NOON + 1, &[])
        .commit(b"Bob", NOON + 2, &[(b"logo.png", b"\x89PNG\0\0\n"), (b"empty", b"")])
        .commit(b"Ada", NOON + 3, &[]);
    let repo = Repo::import(stream.bytes());
    repo.check();
    assert_eq!(repo.report(&[])["files"], 4);
}

#[test]
fn paths_of_any_bytes() {
    let paths: [&[u8]; 9] = [
        b"tab\tbed",
        b"line\nend",
        b"say \"hi\"",
        b"sp ace",
        b"\xff\xfe",
        "ä/🧀".as_bytes(),
        b"back\\slash",
        b"-dash",
        b"1\t2\t3",
    ];
    let files: Vec<_> = paths.map(|path| (path, TEXT)).into();
    let stream = Stream::default().commit(b"Ada", NOON, &files).commit(
        b"Ada",
        NOON + DAY,
        &files[..4].iter().map(|file| (file.0, OTHER)).collect::<Vec<_>>(),
    );
    Repo::import(stream.bytes()).check();
}

#[test]
fn merges_are_left_out_and_an_octopus_too() {
    let mut stream = Stream::default().commit(b"Ada", NOON, &[(b"base", TEXT)]);
    for branch in ["one", "two", "three"] {
        let who = person(branch.as_bytes(), NOON + DAY, "+0000");
        stream = stream.raw(&format!("reset refs/heads/{branch}\nfrom refs/heads/main\n\n")).commit_on(
            branch,
            &who,
            &who,
            b"x",
            &[(branch.as_bytes(), OTHER)],
        );
    }
    let who = "Merger <m@example.org> 1700222400 +0000";
    let merge = format!(
        "commit refs/heads/main\nauthor {who}\ncommitter {who}\ndata 1\nm\n\
         merge refs/heads/one\nmerge refs/heads/two\nmerge refs/heads/three\nM 100644 inline evil\ndata 2\ny\n\n"
    );
    // A second root, joined by a merge of unrelated histories.
    let other = person(b"Other", NOON + 20 * DAY, "+0000");
    let stream =
        stream.raw(&merge).commit_on("apart", &other, &other, b"root", &[(b"apart", TEXT)]).raw(&format!(
            "commit refs/heads/main\nauthor {who}\ncommitter {who}\ndata 1\nm\nmerge refs/heads/apart\n\n"
        ));
    let repo = Repo::import(stream.bytes());
    repo.check();
    let commits: u64 = repo.numbers().values().map(|numbers| numbers.commits).sum();
    assert_eq!(commits, 5);
}

#[test]
fn history_in_sha256() {
    let repo = Repo::init(&["--object-format=sha256"]);
    repo.add(Stream::default().commit(b"Ada", NOON, &[(b"a", TEXT)]).bytes());
    repo.check();
    repo.commit("a", "changed\n", NOON + 8 * DAY);
    repo.check();
    assert_eq!(repo.report(&[])["head"].as_str().unwrap().len(), 64);
}

#[test]
fn configuration_does_not_change_what_is_read() {
    let repo = Repo::new();
    repo.commit("old name", &String::from_utf8_lossy(TEXT), NOON);
    repo.git(&["mv", "old name", "new name"]);
    repo.commit_as(&[], NOON + 1);
    repo.commit(".mailmap", "Somebody Else <ada@example.org>\n", NOON + 2);
    std::fs::create_dir(repo.path.join("sub")).unwrap();
    repo.commit("sub/file", "one\ntwo\n", NOON + 3);
    for (name, value) in [
        ("diff.renames", "copies"),
        ("log.showSignature", "true"),
        ("log.mailmap", "true"),
        ("log.showRoot", "false"),
        ("log.decorate", "full"),
        ("log.follow", "true"),
        ("log.abbrevCommit", "true"),
        ("log.date", "relative"),
        ("format.pretty", "oneline"),
        ("core.quotepath", "false"),
        ("color.ui", "always"),
        ("diff.relative", "true"),
        ("diff.noprefix", "true"),
        ("diff.external", "false"),
        ("i18n.logOutputEncoding", "UTF-16"),
        ("notes.displayRef", "*"),
    ] {
        repo.git(&["config", name, value]);
    }
    repo.git(&["notes", "add", "-m", "1\t2\tnote", "HEAD"]);
    let expected =
        Numbers { commits: 4, authors: 1, files: 5, insertions: 2 * lines(TEXT) + 3, deletions: lines(TEXT) };
    assert_eq!(Numbers::of(&repo.report(&[])), expected);
    // From a sub-folder, and from the beginning.
    std::fs::remove_dir_all(repo.cache_dir()).unwrap();
    let sub = repo.path.join("sub");
    assert_eq!(Numbers::of(&repo.at(sub).report(&["--no-cache"])), expected);
}

#[cfg(unix)]
#[test]
fn signatures_are_not_shown() {
    use std::os::unix::fs::PermissionsExt;

    let repo = Repo::new();
    repo.commit("file", "one\n", NOON);
    let commit = repo.git_text(&["cat-file", "commit", "HEAD"]);
    let signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n";
    std::fs::write(repo.path.join("signed"), commit.replacen("\n\n", &format!("\n{signature}"), 1)).unwrap();
    let signed = repo.git_text(&["hash-object", "-t", "commit", "-w", "signed"]);
    repo.git(&["reset", "-q", &signed]);
    let program = repo.beside("gpg");
    std::fs::write(&program, "#!/bin/sh\necho 'gpg: a signature' >&2\n").unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)).unwrap();
    repo.git(&["config", "gpg.program", program.to_str().unwrap()]);
    repo.git(&["config", "log.showSignature", "true"]);
    assert!(repo.git_text(&["log"]).contains("gpg: a signature"));
    repo.check();
}

#[test]
fn attributes_of_head_decide_what_is_binary() {
    let repo = Repo::new();
    repo.commit("data.lock", "one\ntwo\n", NOON);
    assert_eq!(repo.report(&[])["insertions"], 2);
    // From here on, git shows no lines of such a file, in old commits neither.
    repo.commit(".gitattributes", "*.lock -diff\n", NOON + 1);
    assert_eq!(repo.report(&[])["insertions"], 1);
    repo.commit(".gitattributes", "", NOON + 2);
    assert_eq!(repo.report(&[])["insertions"], 3);
}

#[test]
fn diff_settings_are_those_of_git() {
    let repo = Repo::new();
    repo.commit("data", "one\n", NOON);
    repo.git(&["config", "diff.algorithm", "patience"]);
    repo.commit(".gitattributes", "data diff=words\n", NOON + 1);
    repo.check_log();
    repo.git(&["config", "diff.words.binary", "true"]);
    assert_eq!(repo.report(&["--no-cache"])["insertions"], 1);
}

#[test]
fn replaced_commits_are_ignored() {
    let repo = Repo::new();
    repo.commit("a", "one\n", NOON);
    repo.commit("a", "two\n", NOON + 1);
    let parent = repo.git_text(&["rev-parse", "HEAD~1"]);
    repo.git(&["replace", "--graft", "HEAD"]);
    assert_eq!(repo.report(&[])["commits"], 2);
    assert!(repo.git_text(&["-c", "core.useReplaceRefs=false", "log", "--format=%H"]).ends_with(&parent));
}

#[test]
fn author_is_part_of_the_name_in_any_case() {
    let stream = Stream::default()
        .commit("Jürgen Ärmel".as_bytes(), NOON, &[(b"a", TEXT)])
        .commit(b"someone", NOON + 1, &[(b"b", OTHER)])
        .commit(b"SomeBody", NOON + 2, &[(b"c", TEXT)]);
    let repo = Repo::import(stream.bytes());
    let commits = |author: &str| repo.report(&["--author", author])["commits"].as_u64().unwrap();
    // Twice: the second answers are out of the cache.
    for _ in 0..2 {
        assert_eq!(
            [commits("äRM"), commits("SOME"), commits("someb"), commits("."), commits("example.org")],
            [1, 2, 1, 0, 0]
        );
        assert_eq!(repo.report(&["--author", "ärm"])["insertions"], lines(TEXT));
    }
    // The weeks remain those of all.
    assert_eq!(repo.report(&["--author", "nobody"])["weeks"][0]["commits"], 3);
}

impl Repo {
    /// Compares with the one command that the numbers are defined by, under the settings of the repository.
    fn check_log(&self) {
        let log = self.git_text(&["log", "--no-merges", "--no-renames", "--numstat", "--format="]);
        let column = |line: &str| line.split('\t').next().unwrap().parse().unwrap_or(0);
        assert_eq!(self.report(&["--no-cache"])["insertions"], log.lines().map(column).sum::<u64>());
    }
}

fn lines(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte == b'\n').count() as u64
}
