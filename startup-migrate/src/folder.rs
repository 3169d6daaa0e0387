//! Migrations from files.

use std::{collections::HashSet, fs, path::Path};

use refinery::Migration;

use crate::{Error, ErrorKind, Migrations, Result};

impl Migrations {
    /// The files `V{n}__{name}.sql` and `U{n}__{name}.sql` of a folder and its subfolders; for `U` see
    /// [`from_refinery`](Self::from_refinery). Down steps have the same names, `V` or `U` included, in `down/`,
    /// beside the folder or in it; refinery reads subfolders, so beside it where refinery reads it too.
    ///
    /// # Errors
    /// A file cannot be read, is not UTF-8 or has a version that is not a whole number; a file in `down/` is
    /// not called as a step.
    pub fn from_dir(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let inside = path.join("down");
        let mut ups = Vec::new();
        read(path, &inside, &mut ups)?;
        let names: HashSet<String> = ups.iter().map(ToString::to_string).collect();
        let mut migrations = Self::from_refinery(ups);
        let beside = path.parent().map(|parent| parent.join("down"));
        let down = if inside.is_dir() { Some(inside) } else { beside.filter(|beside| beside.is_dir()) };
        let mut downs = Vec::new();
        if let Some(down) = down {
            read(&down, Path::new(""), &mut downs)?;
        }
        for down in downs {
            if !names.contains(&down.to_string()) {
                return Err(ErrorKind::InvalidSet(format!("no step is called as down/{down}.sql")).into());
            }
            migrations = migrations.down_sql(down.version(), down.sql().unwrap_or_default());
        }
        Ok(migrations)
    }
}

fn read(dir: &Path, except: &Path, into: &mut Vec<Migration>) -> Result<()> {
    let failed = |error: std::io::Error| Error::storage("reading migrations", error).at(dir);
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if path != except {
                read(&path, except, into)?;
            }
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let sql = fs::read_to_string(&path).map_err(|error| Error::storage("reading", error).at(&path))?;
        let migration = Migration::unapplied(stem, &sql).map_err(|error| {
            let why = format!("{stem}.sql is not named V{{number}}__{{name}}.sql");
            Error::new(ErrorKind::InvalidSet(why)).caused_by(error).at(&path)
        })?;
        into.push(migration);
    }
    Ok(())
}
