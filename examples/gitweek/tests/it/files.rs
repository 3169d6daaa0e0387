//! The chart and the table that are written to files.

use std::fs;

use crate::{
    repo::{Repo, run},
    stream::{Stream, person},
};

const NOON: i64 = 1_700_049_600;
const WEEK: i64 = 7 * 86_400;

fn some_history() -> Repo {
    let odd = person(b"Ada, \"the\" x", NOON, "+0100");
    let stream = Stream::default()
        .commit_on("main", &odd, &person(b"x", NOON, "+0100"), b"=1+1, \"two\"", &[(b"a", b"one\ntwo\n")])
        .commit(b"Grace", NOON + WEEK, &[(b"a", b"two\n"), (b"b", b"x")])
        .commit(b"Grace", NOON + 3 * WEEK, &[]);
    Repo::import(stream.bytes())
}

impl Repo {
    /// What gitweek prints, which is no JSON.
    fn print(&self, args: &[&str]) -> String {
        String::from_utf8(run(&mut self.gitweek(args), b"").stdout).unwrap()
    }
}

#[test]
fn export_has_a_line_per_commit() {
    let repo = some_history();
    let hash = |commit| repo.git_text(&["rev-parse", commit]);
    let lines = [
        "week,time,hash,author,subject,files,insertions,deletions".to_owned(),
        format!(
            "2023-W46,2023-11-15T12:00:00Z,{},\"Ada, \"\"the\"\" x\",\"=1+1, \"\"two\"\"\",1,2,0",
            hash("HEAD~2")
        ),
        format!("2023-W47,2023-11-22T12:00:00Z,{},Grace,A commit,2,1,1", hash("HEAD~1")),
        format!("2023-W49,2023-12-06T12:00:00Z,{},Grace,A commit,0,0,0", hash("HEAD")),
    ];
    // Through the index alone, into the cache and out of it.
    for options in [&["--no-cache"][..], &[], &[]] {
        let text = repo.print(&[&["--export", "-"], options].concat());
        assert_eq!(text, lines.clone().map(|line| line + "\r\n").concat());
    }
    let of_grace = repo.print(&["--export", "-", "--author", "GRACE"]);
    assert_eq!(of_grace.lines().count(), 3);
    assert_eq!(repo.print(&["--export", "-", "--author", "nobody"]).lines().count(), 1);
}

#[test]
fn export_follows_the_history() {
    let repo = some_history();
    assert_eq!(repo.print(&["--export", "-"]).lines().count(), 4);
    repo.commit("c", "new\n", NOON + 4 * WEEK);
    assert_eq!(repo.print(&["--export", "-"]).lines().count(), 5);
}

#[test]
fn chart_has_a_bar_per_week_and_the_selected_one_stands_out() {
    let repo = some_history();
    for options in [&["--no-cache"][..], &[], &[]] {
        let svg = repo.print(&[&["--chart", "-", "--week", "2023-W47"], options].concat());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
        assert_eq!(
            (svg.matches("class=\"bar\"").count(), svg.matches("<rect class=\"selected\"").count()),
            (2, 1)
        );
        for text in [
            ">project<",
            ">3 commits, by week, 2023-W46 – 2023-W49<",
            "<title>2023-W46: 1 commit</title>",
            ">W48<",
            ">2023<",
        ] {
            assert!(svg.contains(text), "{text} in\n{svg}");
        }
    }
    let svg = repo.print(&["--chart", "-", "--author", "Grace"]);
    assert!(svg.contains(">2 commits by authors named like “Grace”, by week"), "{svg}");
    let svg = repo.print(&["--chart", "-", "--author", "nobody"]);
    assert!(svg.contains(">0 commits by"), "{svg}");
}

#[test]
fn text_in_a_chart_is_no_markup() {
    let repo = some_history();
    let odd = repo.beside("<&>\"\u{1b}\n");
    fs::rename(&repo.path, &odd).unwrap();
    let svg = repo.at(odd).print(&["--chart", "-", "--author", "</svg>&\u{7}"]);
    assert!(svg.contains(">&lt;&amp;&gt;\"\u{fffd}\u{fffd}<"), "{svg}");
    assert!(svg.contains("“&lt;/svg&gt;&amp;\u{fffd}”"), "{svg}");
}

#[test]
fn report_is_printed_beside_files() {
    let repo = some_history();
    let (chart, export) = (repo.beside("c.svg"), repo.beside("e.csv"));
    let args = ["--chart", chart.to_str().unwrap(), "--export", export.to_str().unwrap()];
    assert_eq!(repo.report(&args)["commits"], 1);
    assert_eq!(fs::read_to_string(chart).unwrap(), repo.print(&["--chart", "-"]));
    assert_eq!(fs::read_to_string(export).unwrap(), repo.print(&["--export", "-"]));
}

#[test]
fn file_is_replaced_as_a_whole_or_not_at_all() {
    let repo = some_history();
    let (folder, export) = (repo.beside("out"), repo.beside("out/e.csv"));
    fs::create_dir(&folder).unwrap();
    fs::write(&export, "something old and long".repeat(100)).unwrap();
    let expected = repo.print(&["--export", "-"]);
    repo.report(&["--export", export.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&export).unwrap(), expected);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
    // The same bytes in other places.
    fs::write(&export, expected.replace("Grace", "Ecarg")).unwrap();
    repo.report(&["--export", export.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&export).unwrap(), expected);
}

#[cfg(unix)]
#[test]
fn export_that_is_there_already_is_left_alone() {
    use std::os::unix::fs::MetadataExt;

    let repo = some_history();
    let export = repo.beside("e.csv");
    let run = || {
        repo.report(&["--export", export.to_str().unwrap()]);
        (fs::metadata(&export).unwrap().ino(), fs::read_to_string(&export).unwrap())
    };
    let first = run();
    assert_eq!(run(), first);
    fs::write(&export, first.1.replace("Grace", "Ecarg")).unwrap();
    assert_eq!(run().1, first.1);
    // An author whose name looks like a part of a key.
    let odd = repo.print(&["--export", "-", "--author", "digest/"]);
    assert_eq!(odd.lines().count(), 1);
}

#[cfg(unix)]
#[test]
fn mode_and_link_of_a_file_stay() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let repo = some_history();
    let (file, link) = (repo.beside("e.csv"), repo.beside("link.csv"));
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&file, &link).unwrap();
    repo.report(&["--export", link.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), repo.print(&["--export", "-"]));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    // One that leads nowhere makes the file.
    let text = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    repo.report(&["--export", link.to_str().unwrap()]);
    assert_eq!(fs::read(&file).unwrap(), text);
    // A device is written to, not replaced.
    repo.report(&["--export", "/dev/null"]);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn path_that_cannot_be_written_is_named() {
    let repo = some_history();
    let (missing, folder) = (repo.beside("nowhere/e.csv"), repo.beside("folder"));
    fs::create_dir(&folder).unwrap();
    for path in [missing, folder] {
        for option in ["--export", "--chart"] {
            let said = repo.complaint(&[option, path.to_str().unwrap()]);
            assert!(
                said.starts_with(&format!("gitweek: {} could not be written: ", path.display())),
                "{said}"
            );
        }
    }
}

#[test]
fn chart_and_export_do_not_go_to_one_place() {
    let repo = some_history();
    for (chart, export) in [("-", "-"), ("new", "./new"), ("a", &*repo.path.join("a").to_string_lossy())] {
        let output = repo.gitweek(&["--chart", chart, "--export", export]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{chart} {export}");
        assert!(output.stdout.is_empty());
    }
}
