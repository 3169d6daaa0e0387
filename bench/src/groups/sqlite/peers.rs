//! The databases of others.

use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{Reader, Requests, Row, Rows, Writer};
use crate::peers::{fjall::Fjall, redb::Redb};

pub(crate) fn filled_redb(path: &Path, rows: &Rows) -> Result<Redb> {
    let redb = Redb::open(path)?;
    rows.pieces(str::to_owned).try_for_each(|piece| redb.insert(piece.iter().map(Row::parts)))?;
    Ok(redb)
}

pub(crate) fn filled_fjall(folder: &Path, rows: &Rows) -> Result<Fjall> {
    let fjall = Fjall::open(folder)?;
    rows.pieces(str::to_owned).try_for_each(|piece| fjall.insert(piece.iter().map(Row::parts)))?;
    fjall.settle()?;
    Ok(fjall)
}

impl Reader for Redb {
    fn read(&mut self, requests: &mut Requests) -> Result<Duration> {
        requests.time(|name| Ok(black_box(self.get(name)?).is_some()))
    }
}

impl Writer for Redb {
    fn write(&mut self, rows: &[Row]) -> Result<Duration> {
        let start = Instant::now();
        self.insert(rows.iter().map(Row::parts))?;
        Ok(start.elapsed())
    }
}

impl Reader for Fjall {
    fn read(&mut self, requests: &mut Requests) -> Result<Duration> {
        requests.time(|name| Ok(black_box(self.get(name)?).is_some()))
    }
}

impl Writer for Fjall {
    fn write(&mut self, rows: &[Row]) -> Result<Duration> {
        let start = Instant::now();
        self.insert(rows.iter().map(Row::parts))?;
        Ok(start.elapsed())
    }
}
