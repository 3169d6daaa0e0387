//! Cases, and how their subjects take turns.

use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    Options,
    groups::Group,
    instructions,
    row::{Row, Unit},
};

/// Runs cases and keeps what they gave.
pub(crate) struct Bench<'o> {
    options: &'o Options,
    once: Option<Once>,
    group: Option<Group>,
    groups: (usize, usize),
    rows: Vec<Row>,
    bar: ProgressBar,
}

/// One subject of one case, to be run so many times: under a counter of instructions.
struct Once {
    case: String,
    subject: String,
    times: u64,
}

/// Subjects that do the same, each in its own way. The first one is ours: the others are compared with it.
pub(crate) struct Case<'s> {
    subjects: Vec<Subject<'s>>,
    threads: usize,
    rounds: Option<usize>,
    operations: Option<u64>,
    batches: Option<usize>,
    counted: bool,
}

struct Subject<'s> {
    name: String,
    run: Run<'s>,
}

/// Does so many operations and says how long they took, without what had to be made ready for them.
type Run<'s> = Box<dyn FnMut(u64) -> Result<Duration> + 's>;

impl<'o> Bench<'o> {
    pub(crate) fn new(options: &'o Options, groups: usize) -> Result<Self> {
        let once = match options.once.as_deref() {
            Some([case, subject, times]) => {
                Some(Once { case: case.clone(), subject: subject.clone(), times: times.parse()? })
            }
            _ => None,
        };
        let bar = ProgressBar::no_length()
            .with_style(ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {msg}")?);
        if once.is_some() {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        Ok(Self { options, once, group: None, groups: (0, groups), rows: vec![], bar })
    }

    pub(crate) fn options(&self) -> &Options {
        self.options
    }

    /// The cases that follow belong to this group.
    pub(crate) fn enter(&mut self, group: Group) {
        self.group = Some(group);
        self.groups.0 += 1;
        self.bar.set_prefix(format!("{group} ({}/{})", self.groups.0, self.groups.1));
    }

    /// Runs the case that `build` makes, unless another one is wanted alone.
    pub(crate) fn case<'s>(
        &mut self,
        name: &str,
        build: impl FnOnce(&mut Case<'s>) -> Result<()>,
    ) -> Result<()> {
        if !self.is_wanted(name) {
            return Ok(());
        }
        let once = match &self.once {
            Some(once) if once.case != name => return Ok(()),
            once => once.as_ref().map(|once| (once.subject.clone(), once.times)),
        };
        self.bar.set_message(format!("{name}: making ready"));
        let mut case = Case {
            subjects: vec![],
            threads: 1,
            rounds: None,
            operations: None,
            batches: None,
            counted: false,
        };
        build(&mut case)?;
        if let Some((subject, times)) = once {
            if let Some(subject) = case.subjects.iter_mut().find(|it| it.name == subject) {
                instructions::counted(&mut subject.run, times)?;
            }
            return Ok(());
        }
        let samples = self.measure(name, &mut case)?;
        let rounds = Rounds::of(&samples);
        for (index, subject) in case.subjects.iter().enumerate() {
            let mut row = Row {
                threads: case.threads,
                ratio_to_ours: rounds.ratio(index),
                ..self.row(name, &subject.name, Unit::Nanoseconds, &mut samples[index].concat())
            };
            if case.counted && self.options.instructions {
                self.bar.set_message(format!("{name}: instructions of {}", subject.name));
                row.instructions =
                    Some(instructions::per_operation(row.group.as_str(), name, &subject.name)?);
            }
            self.rows.push(row);
        }
        Ok(())
    }

    /// Whether a case is to be run at all.
    pub(crate) fn is_wanted(&self, name: &str) -> bool {
        self.options.case.as_ref().is_none_or(|wanted| name.contains(wanted))
    }

    /// Keeps figures that are not times: one for each subject, the first one ours.
    pub(crate) fn record(&mut self, case: &str, unit: Unit, figures: &[(String, f64)]) {
        let ours = figures.first().map(|(_, figure)| *figure).filter(|figure| *figure != 0.0);
        for (subject, figure) in figures {
            let mut row = self.row(case, subject, unit, &mut [*figure]);
            row.ratio_to_ours = ours.map(|ours| figure / ours);
            self.rows.push(row);
        }
    }

    /// Shows how far a group is that has no cases to count.
    pub(crate) fn progress(&self, done: usize, of: usize, what: &str) {
        self.bar.set_length(of as u64);
        self.bar.set_position(done as u64);
        self.bar.set_message(what.to_owned());
    }

    /// Says that the group is left out, and for want of what.
    pub(crate) fn leave_out(&self, why: &str) {
        let group = self.group.map_or_else(String::new, |group| group.to_string());
        self.bar.suspend(|| eprintln!("\n!! THE GROUP {group} IS LEFT OUT: {why}\n"));
    }

    /// Whether one subject is run by itself, so that what is not a case has nothing to do.
    pub(crate) fn is_once(&self) -> bool {
        self.once.is_some()
    }

    pub(crate) fn into_rows(self) -> Vec<Row> {
        self.bar.finish_and_clear();
        self.rows
    }

    /// Nanoseconds per operation: by subject, then by round.
    fn measure(&self, name: &str, case: &mut Case<'_>) -> Result<Vec<Vec<Vec<f64>>>> {
        let (round, rounds) = match self.options.quick {
            true => (Duration::from_millis(4), case.rounds.unwrap_or(9).min(9)),
            false => (Duration::from_millis(20), case.rounds.unwrap_or(31)),
        };
        let mut counts = vec![];
        for subject in &mut case.subjects {
            self.bar.set_message(format!("{name}: {}", subject.name));
            counts.push(match (case.operations, case.batches) {
                (Some(operations), _) => operations,
                (None, Some(_)) => BATCH,
                (None, None) => operations_in(round, &mut subject.run)?,
            });
        }
        let batches = case.batches.unwrap_or(1);
        let mut samples = vec![vec![]; case.subjects.len()];
        self.bar.set_length(rounds as u64);
        for round in 0..rounds {
            self.bar.set_position(round as u64);
            self.bar.set_message(name.to_owned());
            for ((subject, operations), samples) in case.subjects.iter_mut().zip(&counts).zip(&mut samples) {
                // What the one before it left in the processor's caches is not to be the burden of this one. Not where it
                // would take as long as all the turn.
                if *operations > 1 {
                    (subject.run)(1)?;
                }
                let figures = (0..batches)
                    .map(|_| Ok((subject.run)(*operations)?.as_secs_f64() * 1e9 / *operations as f64));
                samples.push(figures.collect::<Result<Vec<f64>>>()?);
            }
        }
        Ok(samples)
    }

    fn row(&self, case: &str, subject: &str, unit: Unit, samples: &mut [f64]) -> Row {
        samples.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| samples[((samples.len() - 1) as f64 * part).round() as usize];
        Row {
            group: self.group.map_or_else(String::new, |group| group.to_string()),
            case: case.to_owned(),
            subject: subject.to_owned(),
            threads: 1,
            unit,
            median: at(0.5),
            p99: at(0.99),
            min: at(0.0),
            max: at(1.0),
            low: at(0.05),
            high: at(0.95),
            ratio_to_ours: None,
            instructions: None,
        }
    }
}

/// Operations in a batch of [`Case::batches`].
const BATCH: u64 = 100;

impl<'s> Case<'s> {
    /// One more that takes its turn: `run` does so many operations and says how long they took.
    pub(crate) fn subject(&mut self, name: impl Into<String>, run: impl FnMut(u64) -> Result<Duration> + 's) {
        self.subjects.push(Subject { name: name.into(), run: Box::new(run) });
    }

    /// How many threads a subject uses.
    pub(crate) fn threads(&mut self, threads: usize) {
        self.threads = threads;
    }

    /// At most so many rounds, for what takes long.
    pub(crate) fn rounds(&mut self, rounds: usize) {
        self.rounds = Some(rounds);
    }

    /// Operations in a turn, where a subject cannot do any number of them.
    pub(crate) fn operations(&mut self, operations: u64) {
        self.operations = Some(operations);
    }

    /// Times so many batches of 100 operations in a turn, one by one: for what is rare and long.
    pub(crate) fn batches(&mut self, batches: usize) {
        self.batches = Some(batches);
    }

    /// Instructions are worth counting here.
    pub(crate) fn counted(&mut self) {
        self.counted = true;
    }
}

/// How many operations take about so long. Warms the subject up on the way.
fn operations_in(round: Duration, run: &mut Run<'_>) -> Result<u64> {
    let mut operations = 1;
    loop {
        let took = run(operations)?;
        if took * 2 >= round {
            return Ok(operations);
        }
        operations *= 2;
    }
}

/// The median of each subject in each round.
struct Rounds(Vec<Vec<f64>>);

impl Rounds {
    fn of(samples: &[Vec<Vec<f64>>]) -> Self {
        Self(samples.iter().map(|rounds| rounds.iter().map(|round| median(round)).collect()).collect())
    }

    fn ratio(&self, subject: usize) -> Option<f64> {
        let ours = self.0.first()?;
        let ratios: Vec<f64> = self.0[subject].iter().zip(ours).map(|(it, ours)| it / ours).collect();
        Some(median(&ratios)).filter(|ratio| ratio.is_finite())
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_is_taken_within_rounds() {
        // The machine was twice as slow in the second round; the subject takes three times ours in both.
        let samples = [vec![vec![1.0], vec![2.0]], vec![vec![3.0], vec![6.0]]];
        let rounds = Rounds::of(&samples);
        assert_eq!((rounds.ratio(0), rounds.ratio(1)), (Some(1.0), Some(3.0)));
    }

    #[test]
    fn number_of_operations_fills_a_round() {
        let mut run: Run<'_> = Box::new(|operations| Ok(Duration::from_micros(operations)));
        let operations = operations_in(Duration::from_millis(1), &mut run).unwrap();
        assert_eq!(operations, 512, "half a round to one round");
    }
}
