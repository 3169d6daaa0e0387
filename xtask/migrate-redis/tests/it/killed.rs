//! Moves that somebody ends.

use std::{
    fs,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{Stand, has_redis, said, state_of, value};

const KEYS: usize = 30_000;

/// A move that is slow, for it asks for few keys at once.
const SLOWLY: [&str; 4] = ["--map", "k:*=week_data", "--batch", "10"];

fn start(stand: &Stand, arguments: &[&str]) -> Child {
    let mut command = stand.command(&SLOWLY);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until the child has come as far as `is_there` says, or to its end.
fn wait(child: &mut Child, is_there: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_there() && child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(120), "it hangs");
        thread::sleep(Duration::from_millis(1));
    }
}

fn check(stand: &Stand) {
    assert!(!state_of(&stand.to()).exists());
    let entries = stand.open().bytes("week_data").unwrap();
    for key in 0..KEYS {
        assert_eq!(**entries.get(&format!("k:{key}")).unwrap(), *value(key).as_bytes());
    }
    assert_eq!(entries.entries().unwrap().len(), KEYS);
}

#[test]
fn move_that_was_killed_goes_on_and_ends_as_if_it_had_not_been() {
    if !has_redis() {
        return;
    }
    let stand = Stand::new();
    stand.fill("k:", KEYS);
    let mut random = 1_u64;
    for _ in 0..12 {
        let mut child = start(&stand, &["--resume"]);
        let state = state_of(&stand.to());
        wait(&mut child, || state.exists());
        // Somewhere in the next second.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        thread::sleep(Duration::from_millis(random >> 54));
        child.kill().unwrap();
        child.wait().unwrap();
        if state.exists() {
            let (ok, said) = stand.run(&SLOWLY);
            assert!(!ok && said.contains("an earlier move was interrupted"), "{said}");
        }
    }
    let (ok, said) = stand.run(&["--map", "k:*=week_data", "--resume", "--verify"]);
    assert!(ok, "{said}");
    let row = said.lines().find(|line| line.starts_with("week_data")).unwrap();
    assert_eq!(row.split_whitespace().nth(1).unwrap(), KEYS.to_string(), "each counts once: {said}");
    check(&stand);
}

#[test]
fn move_that_was_interrupted_says_how_to_go_on() {
    if !has_redis() {
        return;
    }
    let stand = Stand::new();
    stand.fill("k:", KEYS);
    let mut child = start(&stand, &[]);
    // Its first state is that of the beginning.
    let state = state_of(&stand.to());
    wait(&mut child, || fs::read_to_string(&state).is_ok_and(|state| state.contains("k:*")));
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let code = output.status.code();
    let (_, text) = said(&output);
    assert!(code == Some(130) && text.contains("interrupted; go on with --resume"), "{code:?} {text}");
    assert!(state.exists());
    let (ok, text) = stand.run(&["--map", "k:*=week_data", "--resume"]);
    assert!(ok, "{text}");
    check(&stand);
}

#[test]
fn server_that_dies_is_an_error_that_says_how_to_go_on() {
    if !has_redis() {
        return;
    }
    let mut stand = Stand::new();
    stand.fill("k:", KEYS);
    let mut child = start(&stand, &[]);
    let state = state_of(&stand.to());
    wait(&mut child, || state.exists());
    stand.redis.kill();
    let (ok, said) = said(&child.wait_with_output().unwrap());
    assert!(
        !ok && said.contains("go on with --resume") && said.contains("error: redis://127.0.0.1"),
        "{said}"
    );
    assert!(state.exists());
}
