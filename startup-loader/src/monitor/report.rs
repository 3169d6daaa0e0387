use std::{sync::Arc, time::Duration};

use super::{chrome, critical::CriticalPath, origin::Origin, svg, waterfall};

/// What a monitor had seen at one moment. Its `Display` is a table.
///
/// All times are durations since the [origin](Self::origin).
#[derive(Debug, Clone)]
pub struct Report {
    phases: Vec<Phase>,
    marks: Vec<Mark>,
    origin: Origin,
    before_monitor: Duration,
    taken_at: Duration,
    dropped: u64,
}

impl Report {
    pub(super) fn new(
        phases: Vec<Phase>,
        mut marks: Vec<Mark>,
        origin: Origin,
        before_monitor: Duration,
        taken_at: Duration,
        dropped: u64,
    ) -> Self {
        // By start, with the indices that parents and marks hold following.
        let mut order = (0..phases.len()).collect::<Vec<_>>();
        order.sort_by_key(|&index| phases[index].start);
        let mut place = vec![0; phases.len()];
        for (new, &old) in order.iter().enumerate() {
            place[old] = new;
        }
        let moved = |old: usize| place.get(old).copied();
        let mut phases = phases.into_iter().enumerate().collect::<Vec<_>>();
        phases.sort_by_key(|(old, _)| place[*old]);
        let phases =
            phases.into_iter().map(|(_, phase)| Phase { parent: phase.parent.and_then(moved), ..phase });
        for mark in &mut marks {
            mark.phase = mark.phase.and_then(moved);
        }
        marks.sort_by_key(|mark| mark.at);
        Self { phases: phases.collect(), marks, origin, before_monitor, taken_at, dropped }
    }

    /// The phases, ordered by their start.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// The marks, ordered by time.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// The first mark of this name.
    pub fn mark(&self, name: &str) -> Option<&Mark> {
        self.marks.iter().find(|mark| mark.name == name)
    }

    /// What the times count from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// From the origin to the creation of the monitor: what nothing was seen of.
    pub fn before_monitor(&self) -> Duration {
        self.before_monitor
    }

    /// When the report was taken.
    pub fn taken_at(&self) -> Duration {
        self.taken_at
    }

    /// How many phases and marks were not collected, because the limit was reached.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The end of the last phase or the last mark, whichever is later; of a phase that runs, the time of the
    /// report.
    pub fn total(&self) -> Duration {
        let ends = self.phases.iter().map(|phase| self.end_of(phase));
        ends.chain(self.marks.iter().map(|mark| mark.at)).max().unwrap_or(self.before_monitor)
    }

    /// A picture for a terminal, no line longer than so many characters, but at least 40.
    pub fn waterfall(&self, columns: usize) -> String {
        waterfall::draw(self, columns)
    }

    /// A picture, with the critical path to the last mark, or to the end if there is no mark.
    pub fn to_svg(&self) -> String {
        svg::draw(self)
    }

    /// A trace in the JSON format of Chrome, as <https://ui.perfetto.dev> and `chrome://tracing` open it.
    pub fn to_chrome_json(&self) -> String {
        chrome::write(self)
    }

    /// What the first mark of this name had to wait for; without one, the end of the last phase. `None` if
    /// there is no such mark.
    pub fn critical_path(&self, mark: Option<&str>) -> Option<CriticalPath> {
        let mark = match mark {
            Some(name) => Some(self.mark(name)?),
            None => None,
        };
        Some(CriticalPath::find(self, mark))
    }

    /// The path to the last mark, which pictures show.
    pub(super) fn shown_path(&self) -> CriticalPath {
        CriticalPath::find(self, self.marks.last())
    }

    pub(super) fn end_of(&self, phase: &Phase) -> Duration {
        phase.end.unwrap_or(self.taken_at).max(phase.start)
    }

    /// The phases around this one, the nearest first.
    pub(super) fn ancestors(&self, index: usize) -> impl Iterator<Item = usize> {
        let parent = |index: usize| self.phases.get(index).and_then(|phase| phase.parent);
        // No longer than there are phases, whatever the parents say.
        std::iter::successors(parent(index), move |&index| parent(index)).take(self.phases.len())
    }
}

/// One span: a lazy, a migration, a component, the opening of a cache or something of the application.
#[derive(Debug, Clone)]
pub struct Phase {
    pub(super) name: &'static str,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) thread: Arc<str>,
    pub(super) start: Duration,
    pub(super) end: Option<Duration>,
    pub(super) parent: Option<usize>,
}

impl Phase {
    /// The name of the span: `component.load`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it is about: the field `name`, or `path`, or else the name of the span. Of a migration's version
    /// its number and name.
    pub fn label(&self) -> String {
        let label = self.field("name").or_else(|| self.field("path")).unwrap_or(self.name);
        // A path that was recorded through `Debug`.
        let label = label.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(label);
        match self.field("version") {
            Some(version) if self.name == "migrate.version" => format!("{version} {label}"),
            _ => label.to_owned(),
        }
    }

    /// As short as pictures have it: of a path its last part, with the name of the span.
    pub(super) fn caption(&self) -> String {
        let label = self.label();
        if self.field("name").is_some() || self.field("path").is_none_or(str::is_empty) {
            return label;
        }
        format!("{} {}", self.name, label.rsplit(['/', '\\']).next().unwrap_or_default())
    }

    /// What sort of phase it is, by the name of the span.
    pub fn kind(&self) -> Kind {
        match self.name.split('.').next() {
            Some("lazy") => Kind::Lazy,
            Some("migrate") => Kind::Migration,
            Some("component") => Kind::Component,
            Some("cache") => Kind::Cache,
            _ => Kind::Own,
        }
    }

    /// The name of the thread that it ran on first.
    pub fn thread(&self) -> &str {
        &self.thread
    }

    /// When it was first entered.
    pub fn start(&self) -> Duration {
        self.start
    }

    /// When it was left for good; `None` while it runs.
    pub fn end(&self) -> Option<Duration> {
        self.end
    }

    /// The index of the phase around it in [`Report::phases`].
    pub fn parent(&self) -> Option<usize> {
        self.parent
    }

    /// Why it failed.
    pub fn error(&self) -> Option<&str> {
        self.field("error")
    }

    /// How long it was ready before it started.
    pub fn queued(&self) -> Duration {
        let queued = self.field("queued_us").and_then(|text| text.parse().ok());
        queued.map_or(Duration::ZERO, Duration::from_micros).min(self.start)
    }

    /// The components that it had to wait for: the parts of the field `after` between commas. In a name, a comma or
    /// backslash follows a backslash.
    pub fn after(&self) -> Vec<String> {
        let (mut names, mut name) = (Vec::new(), String::new());
        let mut chars = self.field("after").unwrap_or_default().chars().chain([',']);
        while let Some(c) = chars.next() {
            match c {
                ',' => names.push(std::mem::take(&mut name).trim().to_owned()),
                '\\' => name.extend(chars.next()),
                _ => name.push(c),
            }
        }
        names.retain(|name| !name.is_empty());
        names
    }

    /// All fields as text.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.fields.iter().map(|(name, text)| (*name, text.as_str()))
    }

    /// The field of this name as text.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields().find(|(known, _)| *known == name).map(|(_, text)| text)
    }
}

/// A named moment.
#[derive(Debug, Clone)]
pub struct Mark {
    pub(super) name: String,
    pub(super) at: Duration,
    pub(super) thread: Arc<str>,
    pub(super) phase: Option<usize>,
}

impl Mark {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was set.
    pub fn at(&self) -> Duration {
        self.at
    }

    /// The name of the thread that set it.
    pub fn thread(&self) -> &str {
        &self.thread
    }

    /// The index of the phase that it was set in, in [`Report::phases`].
    pub fn phase(&self) -> Option<usize> {
        self.phase
    }
}

/// A sort of phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `lazy.*`
    Lazy,
    /// `migrate.*`
    Migration,
    /// `component.*`
    Component,
    /// `cache.*`
    Cache,
    /// Any other: the application's own.
    Own,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Lazy, Self::Migration, Self::Component, Self::Cache, Self::Own];

    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lazy => "lazy",
            Self::Migration => "migration",
            Self::Component => "component",
            Self::Cache => "cache",
            Self::Own => "application",
        }
    }
}
