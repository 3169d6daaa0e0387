//! What the program does not do, and what it says then.

use std::{fs, net::TcpListener};

use super::{Stand, has_redis, program, said, state_of};

#[test]
fn category_in_memory_is_refused() {
    if !has_redis() {
        return;
    }
    let stand = Stand::new();
    for further in ["--dry-run", "--verify"] {
        let (ok, said) = stand.run(&["--map", "*=ui_state", further]);
        assert!(!ok && said.contains("\"ui_state\" is at home in memory"), "{said}");
    }
    assert!(!stand.to().exists());
}

#[test]
fn orders_that_make_no_sense_are_refused() {
    for (arguments, why) in [
        (&["--to", "x"][..], "give --from URL, or set REDIS_URL"),
        (&["--from", "redis://127.0.0.1"], "--to"),
        (&["--from", "redis://127.0.0.1", "--to", "x", "--map", "week"], "PATTERN=CATEGORY"),
        (&["--from", "redis://127.0.0.1", "--to", "x", "--dry-run", "--resume"], "cannot be used with"),
        (&["--from", "redis://127.0.0.1", "--to", "x", "--max-value", "much"], "not a size"),
        (&["--from", "redis://127.0.0.1", "--config", "none.toml"], "none.toml"),
        (&["--from", "http://u:secret@host", "--to", "x", "--dry-run"], "redis://host:6379"),
    ] {
        let (ok, said) = said(&program().args(arguments).output().unwrap());
        assert!(!ok && said.contains(why) && !said.contains("secret"), "{arguments:?}: {said}");
    }
}

#[test]
fn server_that_is_not_there_is_named_without_its_password() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("redis://user:secret@127.0.0.1:{port}/2");
    let (ok, said) =
        said(&program().env("REDIS_URL", url).args(["--to", "x", "--dry-run"]).output().unwrap());
    assert!(
        !ok && said.contains(&format!("redis://127.0.0.1:{port}/2")) && !said.contains("secret"),
        "{said}"
    );
}

#[test]
fn folder_that_cannot_be_used_is_no_reason_to_move_into_memory() {
    if !has_redis() {
        return;
    }
    let stand = Stand::new();
    stand.fill("k:", 5);
    fs::write(stand.to(), "a file").unwrap();
    let (ok, said) = stand.run(&[]);
    assert!(!ok && said.contains("error: "), "{said}");
}

#[test]
fn difference_is_a_failure() {
    if !has_redis() {
        return;
    }
    let stand = Stand::new();
    stand.fill("k:", 100);
    // So little that most of it has to make room.
    let config = stand.dir.path().join("planner.toml");
    fs::write(&config, "categories.few = { tier = 'l2', max_size = 1000 }").unwrap();
    let (ok, said) = stand.run(&["--config", config.to_str().unwrap(), "--map", "*=few", "--verify"]);
    assert!(!ok && said.contains("missing in the cache"), "{said}");
    assert!(said.contains("error: the cache does not hold what Redis does"), "{said}");
    assert!(!state_of(&stand.to()).exists());
}
