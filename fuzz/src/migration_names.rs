//! Folders of migrations, with files of any name.

use std::{collections::BTreeMap, fs};

use arbitrary::{Arbitrary, Unstructured};
use refinery::Migration;
use rusqlite::Connection;
use warmstart::migrate::{ErrorKind, Migrations, Migrator};

use crate::scratch;

/// Steps that touch nothing but the database.
const TEXTS: [&str; 8] = [
    "",
    "-- nothing",
    "CREATE TABLE IF NOT EXISTS a (x)",
    "CREATE TABLE b (x);\r\nDROP TABLE b;",
    "INSERT INTO a VALUES (1)",
    "CREATE TABLE",
    "-- a step in Rust",
    "COMMIT; CREATE TABLE c (x)",
];

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    files: Vec<File<'a>>,
    downs: Vec<File<'a>>,
    down_inside: bool,
    in_code: Vec<InCode<'a>>,
    grouped: bool,
    rollback_to: i32,
}

#[derive(Debug, Arbitrary)]
struct File<'a> {
    name: Name<'a>,
    in_subfolder: bool,
    text: Text<'a>,
}

#[derive(Debug, Arbitrary)]
enum Name<'a> {
    Good { unversioned: bool, version: u8, name: u8 },
    Near { prefix: char, version: &'a str, name: &'a str, extension: Extension },
    Any(&'a str),
}

#[derive(Debug, Arbitrary)]
enum Extension {
    Sql,
    Upper,
    None,
    Twice,
}

#[derive(Debug, Arbitrary)]
enum Text<'a> {
    Step(u8),
    Bytes(&'a [u8]),
}

#[derive(Debug, Arbitrary)]
struct InCode<'a> {
    version: i32,
    name: &'a str,
    text: u8,
    down: bool,
}

impl Name<'_> {
    fn to_file(&self) -> String {
        match self {
            Self::Good { unversioned, version, name } => {
                let prefix = if *unversioned { 'U' } else { 'V' };
                format!("{prefix}{}__{}.sql", version % 8, ["a", "b_c", "ü", "1"][usize::from(*name) % 4])
            }
            Self::Near { prefix, version, name, extension } => {
                let extension = match extension {
                    Extension::Sql => ".sql",
                    Extension::Upper => ".SQL",
                    Extension::None => "",
                    Extension::Twice => ".sql.sql",
                };
                format!("{prefix}{version}__{name}{extension}")
            }
            Self::Any(name) => (*name).to_owned(),
        }
    }
}

impl Text<'_> {
    /// What is no step is nothing that SQLite could do.
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Step(place) => step(*place).into(),
            Self::Bytes(bytes) => [b"\0", *bytes].concat(),
        }
    }
}

fn step(place: u8) -> &'static str {
    TEXTS[usize::from(place) % TEXTS.len()]
}

/// A folder is read as refinery would read its file names, or refused. What is then applied is applied whole and in
/// order, once, and can be undone.
pub fn run(data: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let dir = scratch::folder();
    let ups = dir.path().join("up");
    let downs = if input.down_inside { ups.join("down") } else { dir.path().join("down") };
    let written = write(&ups, &input.files);
    if !input.downs.is_empty() {
        write(&downs, &input.downs);
    }
    match Migrations::from_dir(&ups) {
        Ok(migrations) => {
            let named = expected(&written).expect("refinery takes these names");
            apply(migrations, Some(&named), &input);
        }
        Err(error) => {
            let known = matches!(error.kind(), ErrorKind::InvalidSet(_) | ErrorKind::Storage(_));
            assert!(known && !error.to_string().is_empty(), "{error}");
            assert!(!input.downs.is_empty() || expected(&written).is_none(), "refinery takes these: {error}");
        }
    }
    let in_code = input.in_code.iter().fold(Migrations::new(), |migrations, part| {
        let migrations = migrations.sql(part.version, part.name, step(part.text));
        if part.down { migrations.down_sql(part.version, "-- nothing") } else { migrations }
    });
    apply(in_code, None, &input);
    let of_refinery =
        input.in_code.iter().filter_map(|part| Migration::unapplied(part.name, step(part.text)).ok());
    apply(Migrations::from_refinery(of_refinery), None, &input);
}

/// Writes the files that the file system takes. By path below the folder, what is in each.
fn write(dir: &std::path::Path, files: &[File<'_>]) -> BTreeMap<String, Vec<u8>> {
    let mut written = BTreeMap::new();
    fs::create_dir_all(dir.join("more")).expect("folders can be made");
    for file in files {
        let (name, text) = (file.name.to_file(), file.text.to_bytes());
        let is_name =
            !name.contains(['/', '\\', '\0']) && !matches!(&*name, "" | "." | ".." | "more" | "down");
        let path = if file.in_subfolder { format!("more/{name}") } else { name };
        if is_name && fs::write(dir.join(&path), &text).is_ok() {
            written.insert(path, text);
        }
    }
    written
}

/// Versions and names as refinery reads them; `None` if it refuses a file.
fn expected(files: &BTreeMap<String, Vec<u8>>) -> Option<Vec<(i32, String)>> {
    let mut named = Vec::new();
    for (path, text) in files {
        let name = path.strip_prefix("more/").unwrap_or(path);
        let Some(stem) = name.strip_suffix(".sql").filter(|stem| !stem.is_empty()) else { continue };
        let migration = Migration::unapplied(stem, std::str::from_utf8(text).ok()?).ok()?;
        named.push((migration.version(), migration.name().to_owned()));
    }
    named.sort();
    Some(named)
}

fn apply(migrations: Migrations, named: Option<&[(i32, String)]>, input: &Input<'_>) {
    let migrator = Migrator::new(migrations);
    let migrator = if input.grouped { migrator.grouped() } else { migrator };
    let mut db = Connection::open_in_memory().expect("SQLite opens a database in memory");
    let report = match migrator.run(&mut db) {
        Ok(report) => report,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            if let ErrorKind::InvalidSet(_) = error.kind() {
                assert!(migrator.is_current(&db).is_err(), "an unusable set is so each time");
            } else {
                assert!(!migrator.is_current(&db).expect("the history can be read"));
                migrator.run(&mut db).expect_err("what failed fails again");
            }
            return;
        }
    };
    let applied: Vec<_> = report.applied.iter().map(|step| (step.version, step.name.clone())).collect();
    assert!(applied.is_sorted_by(|a, b| a.0 < b.0), "{applied:?}");
    if let Some(named) = named {
        assert_eq!(applied, named);
    }
    assert!(migrator.is_current(&db).expect("the history can be read"));
    assert!(migrator.run(&mut db).expect("there is nothing to do").is_empty());
    let history = |db: &Connection| {
        let ask = "SELECT count(*) FROM refinery_schema_history";
        db.query_row(ask, [], |row| row.get::<_, u32>(0)).unwrap_or(0) as usize
    };
    assert_eq!(history(&db), applied.len());
    match migrator.rollback(&mut db, input.rollback_to) {
        Ok(undone) => {
            let kept = applied.iter().filter(|(version, _)| *version <= input.rollback_to).count();
            assert_eq!((history(&db), undone.applied.len()), (kept, applied.len() - kept));
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(history(&db), applied.len(), "nothing was undone: {error}");
        }
    }
}
