//! What can happen to files.

use std::path::{Path, PathBuf};

use fastrand::Rng;

use super::files::Files;

/// Lengths of what files are made of: sectors, pages, frames of the log of a database, records of a usage log.
const BLOCKS: [usize; 5] = [512, 4096, 4096, 24 + 4096, 48];

/// Where the first of them begins.
const STARTS: [usize; 2] = [0, 32];

/// Damages one or two of the files, and says how.
pub(crate) fn damage(files: &mut Files, rng: &mut Rng) -> &'static str {
    let path = pick(files, rng);
    let other = pick(files, rng);
    let Some(bytes) = files.get_mut(&path) else { return "nothing" };
    let len = bytes.len();
    // The first bytes decide most.
    let at = if rng.u32(..4) == 0 { rng.usize(..=len.min(108)) } else { rng.usize(..=len) };
    let at = at.min(len.saturating_sub(1));
    // There is nothing to be changed in an empty file.
    match rng.u32(if len == 0 { 7 } else { 0 }..11) {
        0 | 1 => {
            bytes[at] ^= 1 << rng.u32(..8);
            "bits flipped"
        }
        2 => {
            bytes[at] = rng.u8(..);
            "bytes changed"
        }
        3 => {
            let end = len.min(at + rng.usize(1..100));
            rng.fill(&mut bytes[at..end]);
            "runs of bytes changed"
        }
        4 => {
            let block = *rng.choice(&BLOCKS).unwrap_or(&1);
            bytes.truncate(if rng.bool() { at } else { at / block * block });
            "files cut off"
        }
        5 => {
            let (start, end) = block(len, rng);
            bytes[start..end].fill(0);
            "blocks zeroed"
        }
        6 => {
            swap_blocks(bytes, rng);
            "blocks swapped"
        }
        7 => {
            let mut more = vec![0; rng.usize(1..10_000)];
            if rng.bool() {
                rng.fill(&mut more);
            }
            bytes.append(&mut more);
            "files made longer"
        }
        8 => {
            swap_files(files, &path, &other);
            "files swapped"
        }
        9 => {
            let bytes = files.get(&other).cloned().unwrap_or_default();
            files.insert(path, bytes);
            "files replaced by others"
        }
        _ => {
            files.remove(&path);
            "files deleted"
        }
    }
}

fn pick(files: &Files, rng: &mut Rng) -> PathBuf {
    let of_database = rng.bool();
    let mut paths: Vec<_> = files.keys().collect();
    paths.retain(|path| path.starts_with("files") != of_database);
    // What lies beside the database and its log is of little weight.
    let path = rng.choice(&paths);
    let path =
        if path.is_some_and(|path| path.ends_with("cache.db.lock")) { rng.choice(&paths) } else { path };
    path.map_or_else(PathBuf::new, |path| path.to_path_buf())
}

/// The beginning and end of a block.
fn block(len: usize, rng: &mut Rng) -> (usize, usize) {
    let (size, first) = (*rng.choice(&BLOCKS).unwrap_or(&1), *rng.choice(&STARTS).unwrap_or(&0));
    block_of(size, first, len, rng)
}

fn block_of(size: usize, first: usize, len: usize, rng: &mut Rng) -> (usize, usize) {
    let start = first + size * rng.usize(..=len.saturating_sub(first) / size);
    (start.min(len), len.min(start + size))
}

fn swap_blocks(bytes: &mut [u8], rng: &mut Rng) {
    let (size, first) = (*rng.choice(&BLOCKS).unwrap_or(&1), *rng.choice(&STARTS).unwrap_or(&0));
    let mut places = [(); 2].map(|()| block_of(size, first, bytes.len(), rng));
    places.sort_unstable();
    let [(a, _), (b, end)] = places;
    if a < b {
        let (before, after) = bytes.split_at_mut(b);
        let size = (end - b).min(b - a);
        before[a..a + size].swap_with_slice(&mut after[..size]);
    }
}

fn swap_files(files: &mut Files, one: &Path, other: &Path) {
    let [a, b] = [one, other].map(|path| files.get(path).cloned().unwrap_or_default());
    files.extend([(one.to_owned(), b), (other.to_owned(), a)]);
}
