//! This test program once more, as another process with a role to play.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

const ROLE: &str = "CACHE_FILE_TEST_ROLE";

/// What the lines begin with that a child says.
const SAID: &str = "said: ";

/// Another process, in a role, on a folder.
pub(crate) fn child(role: &str, dir: &Path, name: &str) -> Child {
    start(Command::new(std::env::current_exe().unwrap()), role, dir, name)
}

/// Another process, started by the shell after it was told to do something.
#[cfg(unix)]
pub(crate) fn child_after(orders: &str, role: &str, dir: &Path, name: &str) -> Child {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{orders}; exec \"$0\" \"$@\"")]).arg(std::env::current_exe().unwrap());
    start(shell, role, dir, name)
}

pub(crate) fn start(mut command: Command, role: &str, dir: &Path, name: &str) -> Child {
    command
        .args(["--exact", "child::role_of_a_child_process", "--nocapture"])
        .env(ROLE, format!("{role}\n{}\n{name}", dir.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Does nothing unless this process was started by one of the above.
#[test]
fn role_of_a_child_process() {
    let Ok(order) = std::env::var(ROLE) else { return };
    let [role, dir, name] = order.split('\n').collect::<Vec<_>>()[..] else { panic!("no order: {order}") };
    let dir = Path::new(dir);
    match role {
        "crash" => crate::crash::work(dir, name),
        "share" => crate::processes::share(dir, name),
        "many categories" => crate::logs::use_many_categories(dir),
        "write slowly" => crate::processes::write_slowly(dir),
        #[cfg(target_os = "linux")]
        "stream" => crate::streams::stream_much(dir),
        #[cfg(target_os = "linux")]
        "read promises" => crate::damage::read_promises(dir),
        #[cfg(unix)]
        "fill" => crate::full::fill(dir),
        #[cfg(unix)]
        "private" => crate::places::write_something(dir),
        #[cfg(unix)]
        "forbidden" => crate::places::work_without_rights(dir),
        _ => panic!("no such role: {role}"),
    }
}

/// Tells the parent something.
pub(crate) fn say(what: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{SAID}{what}").unwrap();
    out.flush().unwrap();
}

/// Waits for a word of the parent.
pub(crate) fn listen() {
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
}

/// What a child says, to its end.
pub(crate) fn said(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.filter_map(|line| line.split_once(SAID).map(|(_, what)| what.to_owned()))
}

/// Says the word that a child waits for.
#[cfg(unix)]
pub(crate) fn answer(child: &mut Child) {
    child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
}

/// Waits until a child has done its work, and gives what it said.
pub(crate) fn outcome(mut child: Child) -> Vec<String> {
    let said = said(&mut child).collect();
    assert!(child.wait().unwrap().success(), "a child failed after it said {said:?}");
    said
}

/// The largest memory that this process has used so far, in KiB.
#[cfg(target_os = "linux")]
pub(crate) fn peak_memory(kind: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(kind)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
