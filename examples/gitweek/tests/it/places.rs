//! Repositories of every kind, and caches in every place.

use std::fs;

use crate::repo::{Numbers, Repo};

const NOON: i64 = 1_700_049_600;

fn some_history() -> Repo {
    let repo = Repo::new();
    for (time, text) in (NOON..).step_by(500_000).zip(["one\n", "one\ntwo\n", "two\n", "two\nthree\nfour\n"])
    {
        repo.commit("file", text, time);
    }
    repo
}

#[test]
fn bare_repository() {
    let repo = some_history();
    let bare = repo.beside("copy.git");
    repo.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let repo = repo.at(bare);
    repo.check();
    assert!(repo.report(&[])["repo"].as_str().unwrap().ends_with("copy.git"));
}

#[test]
fn linked_work_tree_and_detached_head() {
    let repo = some_history();
    repo.check();
    let tree = repo.beside("tree");
    repo.git(&["worktree", "add", "-q", "--detach", tree.to_str().unwrap(), "HEAD~2"]);
    let repo = repo.at(tree);
    repo.check();
    // The folder of the work tree and that of the repository share what is known.
    repo.kept();
}

#[test]
fn sub_folder_of_a_work_tree() {
    let repo = some_history();
    let folder = repo.path.join("deep/down");
    fs::create_dir_all(&folder).unwrap();
    let repo = repo.at(folder);
    assert_eq!(repo.report(&[])["commits"], repo.numbers().values().next_back().unwrap().commits);
}

#[test]
fn folder_of_git_itself() {
    let repo = some_history();
    let git_dir = repo.path.join(".git");
    repo.check();
    repo.commit("file", "more\n", NOON + 2_000_000);
    repo.at(git_dir).check();
}

#[test]
fn shallow_clone_works_and_says_so() {
    let repo = some_history();
    let (url, copy) = (format!("file://{}", repo.path.display()), repo.beside("copy"));
    repo.git(&["clone", "-q", "--depth=2", &url, copy.to_str().unwrap()]);
    let repo = repo.at(copy);
    repo.check();
    assert_eq!(repo.report(&[])["shallow"], true);
    let table = repo.gitweek(&[]).output().unwrap();
    assert!(String::from_utf8_lossy(&table.stdout).contains("shallow clone"));
    // The same HEAD, and yet more history.
    repo.git(&["fetch", "-q", "--depth=3"]);
    repo.check();
    repo.git(&["fetch", "-q", "--unshallow"]);
    repo.check();
    assert_eq!(repo.report(&[])["shallow"], false);
}

#[test]
fn repository_that_was_named_goes_before_the_environment() {
    let repo = some_history();
    let other = Repo::new();
    other.commit("file", "only\n", NOON);
    let git_dir = other.path.join(".git");
    let run = |args: &[&str]| {
        let output = repo.gitweek(args).arg("--format=json").env("GIT_DIR", &git_dir).output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["head"].clone()
    };
    assert_eq!(run(&["--repo", "."]), repo.git_text(&["rev-parse", "HEAD"]));
    assert_eq!(run(&[]), other.git_text(&["rev-parse", "HEAD"]));
}

#[test]
fn path_may_have_spaces_and_line_ends() {
    let repo = some_history();
    let odd = repo.beside("odd \nname\t");
    fs::rename(&repo.path, &odd).unwrap();
    repo.at(odd).check();
}

#[test]
fn unusable_cache_folder_costs_time_only() {
    let repo = some_history();
    fs::write(repo.cache_dir(), "a file in the way").unwrap();
    let (report, said) = repo.report_and_notes(&[]);
    assert!(said.contains("nothing is kept"), "{said}");
    assert_eq!(Numbers::of(&report), *repo.numbers().values().next_back().unwrap());
}

#[test]
fn unusable_index_and_cache_files_cost_time_only() {
    let repo = some_history();
    repo.report(&[]);
    let kept = repo.kept();
    fs::remove_dir_all(&kept).unwrap();
    fs::create_dir_all(kept.join("index.db")).unwrap();
    fs::remove_dir_all(repo.cache_dir().join("cache")).unwrap();
    fs::write(repo.cache_dir().join("cache"), "a file in the way").unwrap();
    let (report, said) = repo.report_and_notes(&[]);
    assert!(said.contains("no index") && said.contains("cache"), "{said}");
    assert_eq!(Numbers::of(&report), *repo.numbers().values().next_back().unwrap());
}

#[test]
fn two_repositories_of_one_name_are_kept_apart_in_one_cache() {
    let repo = some_history();
    repo.check();
    let other = repo.beside("other/project");
    repo.git(&["init", "-q", other.to_str().unwrap()]);
    let repo = repo.at(other);
    repo.git(&["config", "user.name", "Ada"]);
    repo.git(&["config", "user.email", "ada@example.org"]);
    repo.commit("other", "only\n", NOON);
    repo.check();
    assert_eq!(fs::read_dir(repo.cache_dir()).unwrap().count(), 3, "the cache and two indexes");
}

#[test]
fn default_place_is_the_cache_folder_of_the_platform() {
    let repo = some_history();
    let place = repo.beside("xdg");
    let mut command = repo.command(env!("CARGO_BIN_EXE_gitweek"));
    let output = command.env("XDG_CACHE_HOME", &place).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    if cfg!(target_os = "linux") {
        assert_eq!(fs::read_dir(place.join("gitweek")).unwrap().count(), 2);
    }
}

#[test]
fn cache_is_where_and_how_the_configuration_says() {
    let (repo, other) = (some_history(), Repo::new());
    other.commit("file", "only\n", NOON);
    let config = "[sqlite_cache]\ndb_path = 'kept/weeks.db'\n[categories.week_data]\ntier = 'l1'\n";
    let file = repo.configuration(config);
    let options = ["--config", &file];
    for _ in 0..2 {
        for repo in [&repo, &other] {
            let report = repo.report(&options);
            assert_eq!(Numbers::of(&report), *repo.numbers().values().next_back().unwrap());
            assert_eq!(report["cache"]["categories"]["week_data"]["sqlite"], serde_json::Value::Null);
        }
    }
    assert!(repo.report(&options)["cache"]["sqlite"]["hits"].as_u64().unwrap() > 0);
    assert!(repo.beside("config/kept/weeks.db").is_file() && !repo.cache_dir().join("cache").exists());
    assert!(repo.kept().join("index.db").is_file());
}

#[test]
fn session_is_of_one_run_wherever_it_is_kept() {
    let (repo, other) = (some_history(), Repo::new());
    other.commit("file", "only\n", NOON + 100_000_000);
    let routes = ["ui_state", "user_preferences", "current_week"]
        .map(|name| format!("[categories.{name}]\ntier = 'l2'\nttl = 'never'\n"));
    let file = repo.configuration(&routes.concat());
    let report = |repo: &Repo, args: &[&str]| repo.report(&[&["--config", &file], args].concat());
    for _ in 0..2 {
        let first = report(&repo, &["--week", "2023-W46", "--author", "ada", "--analysis"]);
        assert_eq!((&first["week"], first["analysis"].is_null()), (&"2023-W46".into(), false));
        let newest = report(&repo, &[]);
        assert_eq!((&newest["week"], newest["analysis"].is_null()), (&"2023-W48".into(), true));
        assert_eq!(report(&other, &[])["week"], "2027-W02");
    }
}

#[test]
fn session_without_room_in_memory_is_what_was_asked_for() {
    let repo = some_history();
    for config in
        ["[memory_cache]\nmax_size = 1\n", "[categories.user_preferences]\ntier = 'l1'\nmax_size = 1\n"]
    {
        let file = repo.configuration(config);
        let report = repo
            .report_and_notes(&["--config", &file, "--author", "nobody", "--week", "2023-W46", "--analysis"])
            .0;
        assert_eq!((&report["week"], &report["commits"]), (&"2023-W46".into(), &0.into()));
        assert_eq!(report["analysis"]["commits"], 0);
    }
}

#[test]
fn clones_that_count_by_other_settings_share_no_numbers() {
    let repo = some_history();
    let copy = repo.beside("copy");
    repo.git(&["clone", "-q", ".", copy.to_str().unwrap()]);
    let file = repo.configuration("");
    assert_ne!(repo.report(&["--config", &file])["insertions"], 0);
    let copy = repo.at(copy);
    fs::create_dir_all(copy.path.join(".git/info")).unwrap();
    fs::write(copy.path.join(".git/info/attributes"), "file binary\n").unwrap();
    assert_eq!(copy.report(&["--config", &file])["insertions"], 0);
}

#[test]
fn configuration_that_makes_no_sense_is_told() {
    let repo = some_history();
    let file = repo.beside("gitweek.toml");
    let said = repo.complaint(&["--config", file.to_str().unwrap()]);
    assert!(said.contains("gitweek.toml"), "{said}");
    fs::write(&file, "[memory_cache]\nmax_sice = 5\n").unwrap();
    for options in
        [&["--config", file.to_str().unwrap()][..], &["--no-cache", "--config", file.to_str().unwrap()]]
    {
        let said = repo.complaint(options);
        assert!(said.contains("gitweek.toml:2:1") && said.contains("max_sice"), "{said}");
    }
}
