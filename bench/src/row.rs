//! One line of a report.

use std::fmt;

use serde::Serialize;

/// What was measured of one subject in one case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) group: String,
    pub(crate) case: String,
    pub(crate) subject: String,
    pub(crate) threads: usize,
    pub(crate) unit: Unit,
    pub(crate) median: f64,
    pub(crate) p99: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Nine of ten samples are from here,
    #[serde(skip)]
    pub(crate) low: f64,
    /// to here.
    #[serde(skip)]
    pub(crate) high: f64,
    /// The median over the rounds of this subject's figure over ours, of the same round. 1 for ours; over 1 is
    /// more than ours. `None` where there is nothing to compare.
    pub(crate) ratio_to_ours: Option<f64>,
    /// Instructions per operation, where they were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instructions: Option<f64>,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    /// Nanoseconds per operation.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Bytes per entry.
    #[serde(rename = "bytes")]
    Bytes,
    /// Per cent of the requests.
    #[serde(rename = "%")]
    PerCent,
}

impl Unit {
    /// A figure for people, with its unit.
    pub(crate) fn show(self, figure: f64) -> String {
        match self {
            Self::Nanoseconds => {
                let (figure, unit) = match figure {
                    ns if ns < 1e3 => (ns, "ns"),
                    ns if ns < 1e6 => (ns / 1e3, "us"),
                    ns if ns < 1e9 => (ns / 1e6, "ms"),
                    ns => (ns / 1e9, "s"),
                };
                format!("{figure:.prec$} {unit}", prec = digits(figure))
            }
            Self::Bytes => format!("{figure:.0} B"),
            Self::PerCent => format!("{figure:.2} %"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nanoseconds => "ns",
            Self::Bytes => "bytes",
            Self::PerCent => "%",
        })
    }
}

/// Three digits that mean something.
fn digits(figure: f64) -> usize {
    match figure {
        it if it < 10.0 => 2,
        it if it < 100.0 => 1,
        _ => 0,
    }
}
