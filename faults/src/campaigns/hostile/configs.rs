//! Configurations that nobody meant.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use warmstart::{Bytes, Config};

const WHOLE: &str = include_str!("../../../../examples/warmstart.toml");

/// How many are made by chance, and how many of those that are right are opened: one of so many.
const CHANCES: usize = 700;
const OPENED: u32 = 5;

/// What stands where something else is expected.
const VALUES: [&str; 28] = [
    "-1",
    "0",
    "1",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999999",
    "0xffffffffffffffff",
    "1e308",
    "-0.0",
    "nan",
    "inf",
    "true",
    "''",
    "'10MB'",
    "'99999999999PB'",
    "'-5s'",
    "'unlimited'",
    "'never'",
    "'1000000y'",
    "[]",
    "[[[[]]]]",
    "{}",
    "{a = {a = {a = {}}}}",
    "1979-05-27T07:32:00Z",
    "'\\u0000'",
    "\"\\u0000\"",
    "\"\\U0010FFFF\"",
    "\"\"\"\n\"\"\"",
];

/// Each is an error with a place, or opens.
pub(super) fn meet(dir: &Path, mut rng: Rng) -> Result<()> {
    let dir = dir.with_file_name("configured");
    fs::create_dir_all(&dir)?;
    let file = dir.join("cache.toml");
    let (mut refused, mut opened) = (0, 0);
    let by_chance = (0..CHANCES).map(|_| configuration(&mut rng)).collect::<Vec<_>>();
    for text in strange_values().chain(by_chance) {
        fs::write(&file, &text)?;
        match Config::from_file(&file) {
            Err(error) => {
                let place = format!("{}:{}", error.line(), error.column());
                let lines = text.iter().filter(|&&byte| byte == b'\n').count() + 1;
                let said = error.to_string();
                ensure!((1..=lines).contains(&error.line()) && error.column() > 0, "no such place: {said}");
                ensure!(said.contains("cache.toml") && said.contains(&place), "no place: {said}");
                ensure!(!error.message().is_empty() && said.len() < 10_000, "{} bytes are said", said.len());
                refused += 1;
            }
            Ok(config) => {
                // A changed path may lead anywhere.
                let is_inside =
                    [&config.sqlite_cache.db_path, &config.file_cache.cache_dir].iter().all(|path| {
                        path.starts_with(&dir) && path.components().all(|part| part.as_os_str() != "..")
                    });
                if is_inside && rng.u32(..OPENED) == 0 {
                    opens(&config).with_context(|| String::from_utf8_lossy(&text).into_owned())?;
                    opened += 1;
                    for inside in fs::read_dir(&dir)? {
                        let inside = inside?;
                        if inside.file_type()?.is_dir() {
                            fs::remove_dir_all(inside.path())?;
                        }
                    }
                }
            }
        }
    }
    ensure!(refused > 300 && opened > 20, "{refused} were refused and {opened} were opened");
    Ok(())
}

fn opens(config: &Config) -> Result<()> {
    let cache = warmstart::open(config)?;
    let routes = config.routes()?;
    for (name, _) in routes.iter() {
        let handle = cache.bytes(name)?;
        // It may be too large for what was configured.
        let _ = handle.insert("k", Bytes::from_static(b"v"));
        let found = handle.get("k");
        ensure!(found.is_none_or(|found| *found == b"v"[..]), "a wrong value");
    }
    cache.stats();
    cache.maintain()?;
    Ok(cache.close()?)
}

/// The whole configuration, with each of the values in the place of each other one.
fn strange_values() -> impl Iterator<Item = Vec<u8>> {
    let lines: Vec<_> = WHOLE.lines().collect();
    let places: Vec<_> = (0..lines.len()).filter(|&line| lines[line].contains('=')).collect();
    places.into_iter().flat_map(move |place| {
        let lines = lines.clone();
        VALUES.map(|value| {
            let key = lines[place].split('=').next().unwrap_or_default();
            let line = format!("{key}= {value}");
            let all = lines.iter().enumerate().map(|(at, other)| if at == place { &line } else { *other });
            all.collect::<Vec<_>>().join("\n").into_bytes()
        })
    })
}

fn configuration(rng: &mut Rng) -> Vec<u8> {
    if rng.u32(..40) == 0 {
        return deep(rng).into_bytes();
    }
    let mut text = WHOLE.as_bytes().to_vec();
    for _ in 0..rng.u32(1..4) {
        change(&mut text, rng);
    }
    text
}

fn change(text: &mut Vec<u8>, rng: &mut Rng) {
    let lines: Vec<Vec<u8>> = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    let (one, other) = (rng.usize(..lines.len()), rng.usize(..lines.len()));
    let mut lines = lines;
    let value = *rng.choice(&VALUES).unwrap_or(&"");
    match rng.u32(..9) {
        0 | 1 if !text.is_empty() => {
            let at = rng.usize(..text.len());
            match rng.u32(..3) {
                0 => text[at] = rng.u8(..),
                1 => text[at] = *rng.choice(b"[]{}=\"'#.,\n\\0 ").unwrap_or(&0),
                _ => drop(text.remove(at)),
            }
            return;
        }
        2..=4 => {
            if let Some(equals) = lines[one].iter().position(|&byte| byte == b'=') {
                lines[one].truncate(equals + 1);
                lines[one].extend(value.bytes());
            }
        }
        5 => lines.swap(one, other),
        6 => lines.insert(one, lines[other].clone()),
        7 => drop(lines.remove(one)),
        _ => lines.truncate(one),
    }
    *text = lines.join(&b'\n');
}

/// Deeper, longer or more than anybody writes.
fn deep(rng: &mut Rng) -> String {
    let times = *rng.choice(&[50, 500, 5_000, 30_000]).unwrap_or(&1);
    match rng.u32(..7) {
        0 => format!("memory_cache = {}", "[".repeat(times)),
        1 => format!("memory_cache = {}", "{a=".repeat(times)),
        2 => format!("[{}a]", "a.".repeat(times)),
        3 => format!("categories.x.tier = '{}'", "l".repeat(times)),
        4 => format!("{} = 1", "k".repeat(times)),
        5 => (0..times / 10).map(|i| format!("[categories.c{i}]\ntier = 'l1'\n")).collect(),
        _ => "\n".repeat(times) + "[memory_cache]\nmax_size = 'x'",
    }
}
