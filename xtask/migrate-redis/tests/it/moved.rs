//! What the program moves.

use std::fs;

use warmstart::{Config, redis::migrate::Collection};

use super::{Stand, has_redis, program, redis_server::Cluster, said, state_of, value};

#[test]
fn what_was_moved_is_there_for_an_application() {
    if !has_redis() {
        return;
    }
    let stand = Stand::new();
    stand.fill("week:", 12_000);
    stand.redis.cli(&["HSET", "user:7", "name", "Ada"]);
    stand.redis.cli(&["SET", "session", "v"]);
    stand.redis.cli(&["SET", "chart", &"x".repeat(100_000)]);
    let maps =
        ["--map", "week:*=week_data", "--map", "user:*=users", "--map", "chart=chart_data", "--verify"];
    let (ok, said) = stand.run(&maps);
    assert!(ok, "{said}");
    assert!(said.contains("12002 keys moved") && said.contains("no pattern matches the key"), "{said}");
    assert!(said.contains("\"users\" is none of the reference ones"), "{said}");
    assert!(!state_of(&stand.to()).exists());

    let cache = stand.open();
    let weeks = cache.bytes("week_data").unwrap();
    for key in 0..12_000 {
        assert_eq!(**weeks.get(&format!("week:{key}")).unwrap(), *value(key).as_bytes());
    }
    assert!(weeks.entries().unwrap().iter().all(|entry| entry.expires_at.is_none()));
    let user = cache.bytes("users").unwrap().get("user:7").unwrap();
    let fields = [(b"name".to_vec(), b"Ada".to_vec())];
    assert_eq!(Collection::from_bytes(&user).unwrap(), Collection::Hash(fields.into()));
    assert_eq!(cache.bytes("chart_data").unwrap().get("chart").unwrap().len(), 100_000);
}

#[test]
fn configuration_says_where_the_cache_is_and_what_it_holds() {
    if !has_redis() {
        return;
    }
    let stand = Stand::new();
    stand.fill("k:", 10);
    let config = stand.dir.path().join("planner.toml");
    fs::write(&config, "categories.thumbs.tier = 'l3'").unwrap();
    let run = |map: &str| {
        let mut command = program();
        command.env("REDIS_URL", stand.redis.url()).arg("--config").arg(&config).args(["--map", map]);
        said(&command.output().unwrap())
    };
    let (ok, text) = run("*=pictures");
    assert!(
        !ok && text.contains("\"pictures\"") && text.contains("week_data") && text.contains("thumbs"),
        "{text}"
    );
    assert!(!stand.dir.path().join("cache").exists());

    let (ok, text) = run("*=thumbs");
    assert!(ok, "{text}");
    let cache = warmstart::open(&Config::from_file(&config).unwrap()).unwrap();
    assert_eq!(cache.bytes("thumbs").unwrap().entries().unwrap().len(), 10);
}

#[test]
fn all_nodes_of_a_cluster_are_moved() {
    if !has_redis() {
        return;
    }
    let cluster = Cluster::start();
    for key in 0..50 {
        // Each node takes what it holds; the others refuse.
        for node in &cluster.0 {
            node.cli(&["SET", &format!("k{key}"), "v"]);
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = program();
        command.args(["--from", &cluster.url(), "--to"]).arg(dir.path().join("cache")).args(arguments);
        said(&command.output().unwrap())
    };
    let (ok, text) = run(&[]);
    assert!(!ok && text.contains("node of a cluster"), "{text}");
    let (ok, text) = run(&["--cluster", "--verify"]);
    assert!(ok && text.contains("50 keys moved"), "{text}");
}

#[test]
fn what_has_to_make_room_is_told() {
    if !has_redis() {
        return;
    }
    let stand = Stand::new();
    stand.fill("k:", 100);
    let config = stand.dir.path().join("planner.toml");
    fs::write(&config, "categories.few = { tier = 'l2', max_size = 1000 }").unwrap();
    let (ok, said) = stand.run(&["--config", config.to_str().unwrap(), "--map", "*=few"]);
    assert!(ok, "{said}");
    let row: Vec<_> = said.lines().find(|line| line.starts_with("few")).unwrap().split_whitespace().collect();
    let (keys, evicted): (u64, u64) = (row[1].parse().unwrap(), row[4].parse().unwrap());
    assert!(keys == 100 && evicted > 80, "{said}");
}

#[test]
fn dry_run_leaves_nothing_behind() {
    if !has_redis() {
        return;
    }
    let stand = Stand::new();
    stand.fill("week:", 5);
    let (ok, said) = stand.run(&["--dry-run"]);
    assert!(ok && said.contains("nothing was moved"), "{said}");
    assert!(said.lines().any(|line| line.starts_with("redis ") && line.contains(" 5 ")), "{said}");
    assert!(!stand.to().exists());
}
