//! Finds out again and again that there is nothing to migrate: `DATABASE COUNT list|slice open|closed`. Each line of
//! its input is a number of operations, and is answered by the nanoseconds that these took.

use std::{env, error::Error, hint::black_box, io, time::Instant};

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, count, set, connection] = &arguments[..] else {
        return Err("usage: DATABASE COUNT list|slice open|closed".into());
    };
    let texts = texts(count.parse()?);
    let slice: Vec<M<'_>> = texts.iter().map(|text| M::up(text)).collect();
    // Hidden, so that nothing is known of it: as if it came from another crate.
    let migrations = || match set.as_str() {
        "list" => Migrations::new(texts.iter().map(|text| M::up(text)).collect()),
        _ => Migrations::from_slice(black_box(&slice)),
    };
    let mut open = Connection::open(path)?;
    migrations().to_latest(&mut open)?;
    let mut open = (connection == "open").then_some(open);
    for line in io::stdin().lines() {
        let times: u64 = line?.parse()?;
        let start = Instant::now();
        for _ in 0..times {
            match &mut open {
                Some(db) => migrations().to_latest(db)?,
                None => migrations().to_latest(&mut Connection::open(path)?)?,
            }
        }
        println!("{}", start.elapsed().as_nanos());
    }
    Ok(())
}

/// As the benchmark has them.
fn texts(count: usize) -> Vec<String> {
    let text = |n| match n {
        1 => "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL)".to_owned(),
        n => {
            format!("INSERT INTO notes (id, body) VALUES ({n}, 'a text about as long as a migration may be')")
        }
    };
    (1..=count).map(text).collect()
}
