//! Where the time went, as the start-up monitor saw it.

use std::{
    ffi::OsString,
    io::{Write, stderr},
    path::Path,
    str::FromStr,
};

use console::Term;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
use warmstart::loader::monitor::{Report, StartupMonitor};

use crate::{error::Result, target::Target};

/// A span of the start-up monitor, for a part of this program.
macro_rules! watched {
    ($name:literal $(, after = $after:expr)?) => {
        tracing::info_span!(target: "startup", $name $(, after = $after)?)
    };
}
pub(crate) use watched;

/// A file for the waterfall.
#[derive(Debug, Clone)]
pub(crate) struct Waterfall {
    target: Target,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Svg,
    Json,
}

/// A look at the run.
#[derive(Clone)]
pub(crate) struct Watch(StartupMonitor);

impl Watch {
    /// Looks from now on.
    pub(crate) fn start() -> Self {
        let (layer, monitor) = StartupMonitor::new();
        // This program has no other subscriber.
        let _ = tracing_subscriber::registry().with(layer).try_init();
        Self(monitor)
    }

    /// What was seen so far.
    pub(crate) fn report(&self) -> Report {
        self.0.report()
    }
}

/// Shows what was seen: in a file, if there is one.
pub(crate) fn show(report: &Report, file: Option<&Waterfall>) -> Result<()> {
    match file {
        Some(Waterfall { target, form: Form::Svg }) => target.write(report.to_svg().as_bytes()),
        Some(Waterfall { target, form: Form::Json }) => target.write(report.to_chrome_json().as_bytes()),
        None => {
            let columns = Term::stderr().size_checked().map_or(100, |(_, columns)| columns.into());
            // Nobody can be told that nobody can be told.
            let _ = write!(stderr(), "{}", report.waterfall(columns));
            Ok(())
        }
    }
}

impl FromStr for Waterfall {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, String> {
        let form = match Path::new(path).extension().and_then(|end| end.to_str()) {
            Some("svg") => Form::Svg,
            Some("json") => Form::Json,
            _ => return Err("the file has to end in .svg or .json".to_owned()),
        };
        Ok(Self { target: OsString::from(path).into(), form })
    }
}
