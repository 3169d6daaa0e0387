//! What it costs to find out that there is nothing to do, beside refinery's own runner: a fresh connection and
//! the list of migrations included. Medians, in microseconds; the three take turns.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::{error::Error, time::Instant};

use refinery::{Migration, Runner};
use rusqlite::Connection;
use startup_migrate::{Migrations, Migrator, Sql, SqlSet};

const ROUNDS: usize = 101;

/// Names and texts, as `include_str!` would give them.
type Texts = Vec<(i32, &'static str, &'static str)>;

fn texts(count: i32) -> Texts {
    let text = |n: i32| match n {
        1 => "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)".to_owned(),
        n => {
            format!("INSERT INTO notes (id, body) VALUES ({n}, 'a text about as long as a migration may be')")
        }
    };
    (1..=count).map(|n| (n, &*format!("step_{n}").leak(), &*text(n).leak())).collect()
}

fn listed(texts: &Texts) -> Migrations {
    texts.iter().fold(Migrations::new(), |set, (version, name, text)| set.sql(*version, *name, *text))
}

fn theirs(texts: &Texts) -> Result<Runner, refinery::Error> {
    let one = |(version, name, text): &(i32, &str, &str)| {
        Migration::unapplied(&format!("V{version}__{name}"), text)
    };
    Ok(Runner::new(&texts.iter().map(one).collect::<Result<Vec<_>, _>>()?))
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("migrations  refinery  listed  fixed  stamp");
    for count in [10, 100, 1000] {
        let texts = texts(count);
        let steps: Vec<Sql> =
            texts.iter().map(|(version, name, text)| Sql::new(*version, name, text)).collect();
        let fixed: &'static SqlSet = Box::leak(Box::new(SqlSet::new(steps.leak())));
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("app.db");
        drop(Migrator::new(fixed).stamp().open(&path)?);
        let mut times: [Vec<u128>; 4] = Default::default();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            theirs(&texts)?.run(&mut Connection::open(&path)?)?;
            times[0].push(start.elapsed().as_nanos());
            let start = Instant::now();
            drop(Migrator::new(listed(&texts)).open(&path)?);
            times[1].push(start.elapsed().as_nanos());
            let start = Instant::now();
            drop(Migrator::new(fixed).open(&path)?);
            times[2].push(start.elapsed().as_nanos());
            let start = Instant::now();
            let needed = Migrator::new(fixed).stamp().needs_migration(&path)?;
            times[3].push(start.elapsed().as_nanos());
            assert!(!needed, "the database is current");
        }
        let [a, b, c, d] = times.map(|mut times| {
            times.sort_unstable();
            times[ROUNDS / 2] as f64 / 1000.0
        });
        println!("{count:10}  {a:8.1}  {b:6.1}  {c:5.1}  {d:5.1}");
    }
    Ok(())
}
