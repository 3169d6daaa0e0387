//! gitweek on a terminal.

use std::fs;

use rustix::process::Signal;

use crate::{repo::Repo, stream::Stream, terminal::Terminal};

const NOON: i64 = 1_700_049_600;
const WEEK: i64 = 7 * 86_400;

const LEFT: &str = "\x1b[D";
const RIGHT: &str = "\x1b[C";
const HOME: &str = "\x1b[H";
const END: &str = "\x1b[F";
const DOWN: &str = "\x1b[B";
const ESCAPE: &str = "\x1b";
const ENTER: &str = "\r";
const CLEAR: &str = "\x15";
const INTERRUPT: &str = "\x03";

/// Weeks 46, 47 and 48 of 2023; in the last one, more commits than lines on the screen.
fn some_history() -> Repo {
    let commit = |stream: Stream, author: &str, time| {
        stream.commit(author.as_bytes(), time, &[(b"file", format!("{author} {time}\n").as_bytes())])
    };
    let mut stream = commit(commit(Stream::default(), "Ada", NOON), "Bob", NOON + WEEK);
    for second in 0..60 {
        stream = commit(stream, if second % 3 == 0 { "Ada" } else { "Carol" }, NOON + 2 * WEEK + second);
    }
    Repo::import(stream.bytes())
}

/// Asks for an export to this path.
fn export<'a>(terminal: &'a mut Terminal, path: &str) -> &'a mut Terminal {
    terminal.press("e").press(CLEAR).press(path).press(ENTER)
}

impl Repo {
    fn terminal(&self, args: &[&str]) -> Terminal {
        Terminal::run(&mut self.gitweek(args))
    }
}

#[test]
fn weeks_are_turned_with_the_arrows() {
    let repo = some_history();
    let mut terminal = repo.terminal(&[]);
    terminal.until(&["2023-W48", "60 commits by 2 authors", "? help"]);
    terminal.press(LEFT).until(&["2023-W47", "1 commit by 1 author", "Bob"]);
    terminal.press(LEFT).until(&["2023-W46", "Ada"]);
    // There is none before it.
    terminal.press(LEFT).press(RIGHT).until(&["2023-W47", "Bob"]);
    terminal.press(END).until(&["60 commits"]);
    terminal.press(HOME).until(&["2023-W46", "1 commit by 1 author"]);
    terminal.press("q");
    assert_eq!(terminal.end(), (true, String::new()));
}

#[test]
fn what_does_not_fit_is_scrolled() {
    let repo = some_history();
    let mut terminal = repo.terminal(&[]);
    terminal.until(&["60 commits by 2 authors", "Carol"]);
    terminal.press(DOWN).press(DOWN).until_it(|screen| !screen.contains("60 commits"));
    // To the end, and back by as many lines as there are.
    terminal.press(&"\x1b[6~".repeat(9)).until_it(|screen| !screen.contains("Authors"));
    terminal.press(&"\x1b[5~".repeat(9)).until(&["60 commits by 2 authors", "Authors"]);
}

#[test]
fn author_is_proposed_and_chosen() {
    let repo = some_history();
    let mut terminal = repo.terminal(&[]);
    terminal.until(&["60 commits by 2 authors"]);
    terminal.press("/").until(&["author:", "Carol (40), Ada (21), Bob (1)"]);
    terminal.press("AD").until_it(|screen| screen.contains("Ada (21)") && !screen.contains("Carol (40)"));
    terminal.press(ENTER).until(&["authors like \"AD\"", "20 commits by 1 author"]);
    // Of the author too.
    terminal.press("a").until(&["Whole history", "21 commits by 1 author"]);
    terminal.press("a/").press(CLEAR).press("nobody").until(&["author: nobody  nobody"]);
    terminal.press(ESCAPE).until(&["20 commits by 1 author", "? help"]);
    terminal.press("/").press(CLEAR).press(ENTER).until(&["60 commits by 2 authors"]);
}

#[test]
fn every_pane_is_one_key_away() {
    let repo = some_history();
    let mut terminal = repo.terminal(&[]);
    terminal.until(&["60 commits by 2 authors"]);
    terminal.press("a").until(&["Whole history", "62 commits by 3 authors", "Files changed"]);
    terminal.press("c").until(&["commits per week, up to 60", "2023", "█", "▲ 2023-W48: 60 commits"]);
    terminal.press(LEFT).until(&["▲ 2023-W47: 1 commit"]);
    terminal.press("t").until(&["repository", "migrate.run index.db", "first paint", "authors  loaded"]);
    terminal.press("s").until(&["Cache", "sqlite", "analytics_results"]);
    let stats = terminal.screen();
    for category in
        ["ui_state", "user_preferences", "current_week", "week_data", "task_lists", "aggregated_stats"]
    {
        let line = stats.lines().find(|line| line.contains(category)).unwrap();
        assert_ne!(line.split_whitespace().nth(1), Some("0"), "{category} in\n{stats}");
    }
    terminal.press("?").until(&["keys", "export the commits"]);
    terminal.press("x").until_it(|screen| !screen.contains("export the commits"));
    terminal.press(ESCAPE).until(&["2023-W47", "1 commit by 1 author"]);
}

#[test]
fn export_is_written_and_nothing_is_replaced_unasked() {
    let repo = some_history();
    let file = repo.beside("commits.csv");
    let path = file.to_str().unwrap();
    let mut terminal = repo.terminal(&[]);
    terminal.until(&["60 commits by 2 authors"]);
    terminal.press("e").until(&["export the commits to: project.csv"]);
    terminal.press(CLEAR).press(path).press(ENTER).until(&["is written"]);
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 63);
    fs::write(&file, "mine").unwrap();
    export(&mut terminal, path).until(&["Enter replaces what is there already"]);
    terminal.press(ESCAPE).until(&["? help"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    export(&mut terminal, path).until(&["Enter replaces what is there already"]);
    terminal.press(ENTER).until(&["is written"]);
    export(&mut terminal, "/no/such/folder").until(&["could not be written"]);
}

#[test]
fn export_that_is_under_way_is_finished_before_the_end() {
    let repo = some_history();
    let path = repo.beside("commits.csv");
    let mut terminal = repo.terminal(&[]);
    terminal.until(&["60 commits by 2 authors"]);
    // A file of that name, whatever it means elsewhere.
    export(&mut terminal, "-").until(&["- is written"]);
    assert_eq!(fs::read_to_string(repo.path.join("-")).unwrap().lines().count(), 63);
    export(&mut terminal, "-").until(&["- holds them already"]);
    export(&mut terminal, path.to_str().unwrap()).press("q");
    assert_eq!(terminal.end(), (true, String::new()));
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 63);
    assert_eq!(fs::read_dir(&repo.path).unwrap().count(), 3, "the repository, its file and `-`");
}

#[test]
fn export_that_cannot_come_to_an_end_can_be_left() {
    let repo = some_history();
    repo.report(&[]);
    let index = rusqlite::Connection::open(repo.kept().join("index.db")).unwrap();
    index.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut terminal = repo.terminal(&["--no-cache"]);
    terminal.until(&["gitweek reads the history", "waiting for another gitweek"]);
    index.execute_batch("COMMIT").unwrap();
    terminal.until(&["60 commits by 2 authors"]);
    // For an author of whom nothing is known so far.
    index.execute_batch("BEGIN EXCLUSIVE").unwrap();
    terminal.press("/Bob").press(ENTER).until(&["authors like \"Bob\""]);
    terminal.press("e").press(ENTER).until(&["writing project.csv"]);
    terminal.press("q").until_said("still writing project.csv");
    terminal.signal(Signal::INT);
    assert!(!terminal.end().0);
}

#[test]
fn question_that_has_to_wait_freezes_nothing() {
    let repo = some_history();
    repo.report(&[]);
    let index = rusqlite::Connection::open(repo.kept().join("index.db")).unwrap();
    index.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let mut terminal = repo.terminal(&[]);
    terminal.until(&["60 commits by 2 authors"]);
    // It is in the index, and nobody else knows it.
    terminal.press(LEFT).until(&["2023-W47", "reading"]);
    terminal.press("t").until(&["week view"]);
    terminal.press("?").until(&["export the commits"]);
    terminal.press("?w").press(RIGHT).until(&["60 commits by 2 authors"]);
    terminal.press(LEFT).until(&["waiting for another gitweek"]);
    index.execute_batch("COMMIT").unwrap();
    terminal.until(&["2023-W47", "1 commit by 1 author"]);
}

#[test]
fn nothing_waits_for_what_loads_behind_the_week() {
    let repo = some_history();
    let delays = ["analysis", "chart", "export"].map(|name| format!("{name} = 3_600_000\n"));
    let text = format!("[startup.async_loading.component_delays]\n{}", delays.concat());
    let mut terminal = repo.terminal(&["--config", &repo.configuration(&text)]);
    terminal.until(&["60 commits by 2 authors", "loading the rest"]);
    terminal.press(LEFT).until(&["2023-W47", "Bob"]);
    terminal.press("a").until(&["62 commits by 3 authors"]);
    terminal.press("c").until(&["commits per week"]);
    terminal.press("t").until(&["week view"]);
    terminal.press("q");
    assert_eq!(terminal.end(), (true, String::new()));
}

#[test]
fn heavy_parts_wait_for_their_first_use() {
    let repo = some_history();
    let file = repo.configuration("startup.lazy_imports.defer_heavy = ['authors']");
    let mut terminal = repo.terminal(&["--config", &file]);
    terminal.until(&["60 commits by 2 authors"]);
    terminal.press("t").until(&["index    loaded", "authors  unloaded"]);
    terminal.press("/").until(&["Carol (40)"]);
    terminal.press(ESCAPE).until(&["authors  loaded"]);
}

#[test]
fn everything_may_be_loaded_in_order_before_the_first_picture() {
    let repo = some_history();
    let file = repo.configuration("startup.async_loading.enabled = false");
    let mut terminal = repo.terminal(&["--config", &file]);
    terminal.until(&["60 commits by 2 authors"]);
    let picture = terminal.press("t").until(&["export", "first paint"]);
    let at = |name: &str| picture.lines().position(|line| line.starts_with(name)).unwrap();
    assert!(
        at("week view") < at("analysis") && at("analysis") < at("chart") && at("export") < at("first week")
    );
}

#[test]
fn splash_shows_how_far_the_first_start_is_and_can_be_left() {
    let repo = some_history();
    let path = repo.wrap_git(
        "case \"$*\" in *--numstat*) while [ -d ../bin ] && [ ! -e ../go ]; do sleep 0.05; done;; esac",
    );
    let mut terminal = Terminal::run(repo.gitweek(&[]).env("PATH", &path));
    terminal.until(&[
        "gitweek reads the history",
        "50%",
        "✓  repository",
        "✓  cache",
        "index",
        "·  week view",
    ]);
    terminal.press(INTERRUPT);
    assert_eq!(terminal.end(), (true, String::new()));
    fs::write(repo.beside("go"), "").unwrap();
    // Nothing of it is in the way of the next start.
    repo.terminal(&[]).until(&["60 commits by 2 authors"]);
}

#[test]
fn failure_gives_the_terminal_back_and_says_why() {
    let repo = some_history();
    let (good, said) = repo.terminal(&["--repo", "/"]).end();
    assert!(!good && said.contains("not in a git repository"), "{said}");
    // After the splash, too.
    let fails =
        "while [ -d ../bin ] && [ ! -e ../go ]; do sleep 0.05; done; echo 'fatal: no disk' >&2; exit 1";
    let path = repo.wrap_git(&format!("case \"$*\" in *--numstat*) {fails};; esac"));
    let mut terminal = Terminal::run(repo.gitweek(&[]).env("PATH", &path));
    terminal.until(&["gitweek reads the history"]);
    fs::write(repo.beside("go"), "").unwrap();
    let (good, said) = terminal.end();
    assert!(!good && said.contains("no disk"), "{said}");
}

#[test]
fn signal_gives_the_terminal_back() {
    let repo = some_history();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut terminal = repo.terminal(&[]);
        terminal.until(&["60 commits by 2 authors"]);
        terminal.signal(signal);
        assert_eq!(terminal.end(), (true, String::new()));
    }
}

#[test]
fn keys_with_control_are_other_keys() {
    let repo = some_history();
    let mut terminal = repo.terminal(&[]);
    terminal.until(&["60 commits by 2 authors"]);
    terminal.press("\x11\x01").press(LEFT).until(&["2023-W47", "1 commit by 1 author"]);
}

#[test]
fn notes_are_on_the_screen_and_after_it() {
    let repo = some_history();
    repo.report(&[]);
    fs::write(repo.kept().join("index.db"), "no database ".repeat(1000)).unwrap();
    let mut terminal = repo.terminal(&["--no-cache"]);
    terminal.until(&[
        "60 commits by 2 authors",
        "the index could not be used (file is not a database) and has been made anew",
    ]);
    terminal.press("q");
    let (good, said) = terminal.end();
    assert!(
        good && said.contains("note: the index could not be used") && said.contains("index.db"),
        "{said}"
    );
}

#[test]
fn times_of_the_start_are_told_at_the_end() {
    let repo = some_history();
    let file = repo.beside("start.svg");
    let mut terminal = repo.terminal(&["--timings", file.to_str().unwrap()]);
    terminal.until(&["60 commits by 2 authors"]);
    terminal.press("q");
    assert_eq!(terminal.end(), (true, String::new()));
    let svg = fs::read_to_string(file).unwrap();
    assert!(["first paint", "ready", "week view"].iter().all(|part| svg.contains(part)), "{svg}");
}

#[test]
fn what_was_chosen_is_kept_if_the_configuration_says_so() {
    let repo = some_history();
    let routes = ["ui_state", "user_preferences", "current_week"]
        .map(|name| format!("[categories.{name}]\ntier = 'l2'\nttl = 'never'\n"));
    let file = repo.configuration(&routes.concat());
    let mut terminal = repo.terminal(&["--config", &file]);
    terminal.until(&["60 commits by 2 authors"]);
    terminal.press(LEFT).press("/Bob\ra").until(&["Whole history", "1 commit by 1 author"]);
    terminal.press("q");
    assert_eq!(terminal.end(), (true, String::new()));
    let mut terminal = repo.terminal(&["--config", &file]);
    terminal.until(&["2023-W47", "authors like \"Bob\"", "Whole history", "1 commit by 1 author"]);
    // A report is of what it was asked for.
    assert_eq!(repo.report(&["--config", &file])["week"], "2023-W48");
}

#[test]
fn report_that_was_asked_for_takes_no_screen() {
    let repo = some_history();
    for args in [&["--week", "2023-W47"][..], &["--format", "table"], &["--analysis"]] {
        let mut terminal = repo.terminal(args);
        terminal.until(&["commit", "Authors"]);
        assert!(!terminal.is_taken());
        assert!(terminal.end().0);
    }
}
