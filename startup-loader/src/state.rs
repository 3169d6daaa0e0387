//! What has happened to the components of a plan so far. No threads and no clock: all times are given.

use std::{
    any::Any,
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use crate::{
    Event, EventKind, LoadFailure,
    plan::{Lane, Node},
    sync::{ThreadId, thread},
};

/// The state of a start. Whoever changes it holds the lock; nothing here runs code of others.
pub(crate) struct State {
    pub(crate) started: Instant,
    pub(crate) parts: Vec<Part>,
    /// For those that are there without having run.
    results: Arc<[OnceLock<Arc<dyn Any + Send + Sync>>]>,
    worker: BinaryHeap<Reverse<(usize, usize)>>,
    main: BinaryHeap<Reverse<(usize, usize)>>,
    timers: BinaryHeap<Reverse<(Instant, usize, Timer)>>,
    /// Whoever waits has to look at the timers again.
    pub(crate) has_new_timer: bool,
    /// The main thread has something new to do, or everything is over.
    pub(crate) wake: bool,
    /// It looks for that itself, or was woken and has not come yet.
    pub(crate) is_awake: bool,
    pub(crate) unsettled: usize,
    /// What is told to listeners, once the lock is free.
    pub(crate) events: VecDeque<Event>,
    /// The thread that tells them.
    pub(crate) deliverer: Option<ThreadId>,
    /// Threads that hang in a component whose deadline is over, and that nobody has replaced yet.
    pub(crate) lost: usize,
    pub(crate) cancelled: bool,
    /// The main thread does all the work.
    alone: bool,
    done: f32,
    sequential: bool,
}

/// The state of one component.
pub(crate) struct Part {
    pub(crate) status: Status,
    waiting: usize,
    pub(crate) attempts: u32,
    progress: f32,
    pub(crate) ready: Option<Instant>,
    pub(crate) first_start: Option<Instant>,
    pub(crate) finished: Option<Instant>,
    pub(crate) thread: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Status {
    Waiting,
    /// All dependencies are settled; a delay or the rest before a further attempt is not over.
    Delayed,
    Ready,
    Running,
    Loaded,
    Failed(Arc<LoadFailure>),
    Skipped(Arc<LoadFailure>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Release,
    Deadline,
}

/// The right to run a component once.
#[derive(Clone)]
pub(crate) struct Ticket {
    pub(crate) place: usize,
    pub(crate) attempt: u32,
    /// How long it was ready and nobody had time for it.
    pub(crate) queued: Duration,
}

impl State {
    pub(crate) fn new(
        nodes: &[Node],
        results: Arc<[OnceLock<Arc<dyn Any + Send + Sync>>]>,
        started: Instant,
        sequential: bool,
    ) -> Self {
        let part = |node: &Node| Part {
            status: Status::Waiting,
            waiting: node.dependencies,
            attempts: 0,
            progress: 0.0,
            ready: None,
            first_start: None,
            finished: None,
            thread: None,
        };
        let mut state = Self {
            started,
            parts: nodes.iter().map(part).collect(),
            results,
            worker: BinaryHeap::new(),
            main: BinaryHeap::new(),
            timers: BinaryHeap::new(),
            has_new_timer: false,
            wake: nodes.is_empty(),
            is_awake: false,
            unsettled: nodes.len(),
            events: VecDeque::new(),
            deliverer: None,
            lost: 0,
            cancelled: false,
            alone: false,
            done: 0.0,
            sequential,
        };
        for (place, node) in nodes.iter().enumerate() {
            if node.dependencies == 0 {
                state.release(nodes, place, started);
                state.spread(nodes, place, started);
            }
        }
        state
    }

    pub(crate) fn is_settled(&self, place: usize) -> bool {
        matches!(self.parts[place].status, Status::Loaded | Status::Failed(_) | Status::Skipped(_))
    }

    pub(crate) fn ready(&self, lane: Lane) -> usize {
        match lane {
            Lane::Worker => self.worker.len(),
            Lane::Main => self.main.len(),
        }
    }

    /// There are no other threads: what is ready for one of them is something for the main one.
    pub(crate) fn leave_alone(&mut self) {
        self.alone = true;
        self.wake |= !self.worker.is_empty();
    }

    /// Whether everybody has been told what happened, or is about to be.
    pub(crate) fn is_told(&self) -> bool {
        !self.wake && !self.has_new_timer && (self.deliverer.is_some() || self.events.is_empty())
    }

    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, ..))| *at)
    }

    /// The component to run next in one of `lanes`.
    pub(crate) fn take(&mut self, nodes: &[Node], lanes: &[Lane], now: Instant) -> Option<Ticket> {
        let first = |lane: &Lane| match lane {
            Lane::Worker => self.worker.peek().map(|top| (top.0, Lane::Worker)),
            Lane::Main => self.main.peek().map(|top| (top.0, Lane::Main)),
        };
        let ((_, place), lane) = lanes.iter().filter_map(first).min_by_key(|&(top, _)| top)?;
        match lane {
            Lane::Worker => self.worker.pop(),
            Lane::Main => self.main.pop(),
        };
        let part = &mut self.parts[place];
        part.status = Status::Running;
        part.attempts += 1;
        part.thread = Some(thread_name());
        let attempt = part.attempts;
        let queued = part.ready.map_or(Duration::ZERO, |ready| now.saturating_duration_since(ready));
        if part.first_start.is_none() {
            part.first_start = Some(now);
            if let Some(end) = nodes[place].deadline.and_then(|limit| now.checked_add(limit)) {
                self.set_timer(end, place, Timer::Deadline);
            }
        }
        self.tell(nodes, place, EventKind::Started { attempt });
        Some(Ticket { place, attempt, queued })
    }

    /// Notes how an attempt ended. `false` if that is of no interest any more.
    pub(crate) fn finish(
        &mut self,
        nodes: &[Node],
        ticket: &Ticket,
        outcome: Result<(), LoadFailure>,
        now: Instant,
    ) -> bool {
        let place = ticket.place;
        // A deadline that passed while nobody looked counts too.
        self.fire(nodes, now);
        if !self.is_running(ticket) {
            return false;
        }
        match outcome {
            Ok(()) => self.settle(nodes, place, Status::Loaded, now),
            Err(failure) => {
                let failure = Arc::new(failure);
                let retry = nodes[place].retry;
                let again = matches!(*failure, LoadFailure::Error(_)) && ticket.attempt < retry.attempts;
                if again && !self.cancelled {
                    self.set_progress(place, 0.0);
                    self.tell(nodes, place, EventKind::Retrying(failure));
                    let rest = retry.backoff.saturating_mul(2_u32.saturating_pow(ticket.attempt - 1));
                    self.delay(nodes, place, now.checked_add(rest), now);
                } else {
                    self.settle(nodes, place, Status::Failed(failure), now);
                }
            }
        }
        true
    }

    /// Whether the attempt still counts: its component may have failed by its deadline.
    pub(crate) fn is_running(&self, ticket: &Ticket) -> bool {
        let part = &self.parts[ticket.place];
        matches!(part.status, Status::Running) && part.attempts == ticket.attempt
    }

    /// Does what has become due.
    pub(crate) fn fire(&mut self, nodes: &[Node], now: Instant) {
        while let Some(&Reverse((at, place, timer))) = self.timers.peek()
            && at <= now
        {
            self.timers.pop();
            match (timer, &self.parts[place].status) {
                (Timer::Release, Status::Delayed) => {
                    self.make_ready(nodes, place, now);
                    self.spread(nodes, place, now);
                }
                (Timer::Deadline, Status::Running | Status::Delayed | Status::Ready) => {
                    if matches!(self.parts[place].status, Status::Running)
                        && nodes[place].lane == Some(Lane::Worker)
                        && !self.alone
                    {
                        self.lost += 1;
                    }
                    self.leave_queue(place);
                    let limit = nodes[place].deadline.unwrap_or_default();
                    self.settle(nodes, place, Status::Failed(Arc::new(LoadFailure::Deadline(limit))), now);
                }
                _ => {}
            }
        }
    }

    /// Skips all that does not run yet.
    pub(crate) fn cancel(&mut self, nodes: &[Node], now: Instant) {
        self.cancelled = true;
        self.worker.clear();
        self.main.clear();
        let failure = Arc::new(LoadFailure::Cancelled);
        for place in 0..self.parts.len() {
            if matches!(self.parts[place].status, Status::Waiting | Status::Delayed | Status::Ready) {
                let has_run = self.parts[place].attempts > 0;
                let status = if has_run { Status::Failed } else { Status::Skipped };
                self.note(nodes, place, status(failure.clone()), now);
            }
        }
    }

    /// Notes how far a running component is; steps of less than a hundredth are not told.
    pub(crate) fn progress(&mut self, nodes: &[Node], ticket: &Ticket, progress: f32) {
        if self.is_running(ticket) && (progress - self.parts[ticket.place].progress).abs() >= 0.01 {
            self.set_progress(ticket.place, progress);
            self.tell(nodes, ticket.place, EventKind::Progress(progress));
        }
    }

    /// How much of the whole is done, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    pub(crate) fn overall(&self) -> f32 {
        if self.unsettled == 0 { 1.0 } else { (self.done / self.parts.len() as f32).clamp(0.0, 1.0) }
    }

    /// All dependencies are settled.
    fn release(&mut self, nodes: &[Node], place: usize, now: Instant) {
        let due = self.started.checked_add(nodes[place].delay);
        if self.sequential || due.is_some_and(|due| due <= now) {
            self.make_ready(nodes, place, now);
        } else {
            self.delay(nodes, place, due, now);
        }
    }

    /// `until` is `None` for a time that the clock cannot tell; that is never.
    fn delay(&mut self, nodes: &[Node], place: usize, until: Option<Instant>, now: Instant) {
        match until {
            Some(until) if until <= now => self.make_ready(nodes, place, now),
            _ => {
                self.parts[place].status = Status::Delayed;
                if let Some(until) = until {
                    self.set_timer(until, place, Timer::Release);
                }
            }
        }
    }

    fn set_timer(&mut self, at: Instant, place: usize, timer: Timer) {
        self.timers.push(Reverse((at, place, timer)));
        self.has_new_timer = true;
    }

    fn make_ready(&mut self, nodes: &[Node], place: usize, now: Instant) {
        self.parts[place].ready = Some(now);
        match nodes[place].lane {
            None => return self.note(nodes, place, Status::Loaded, now),
            Some(Lane::Worker) => {
                self.worker.push(Reverse((nodes[place].rank, place)));
                self.wake |= self.alone;
            }
            Some(Lane::Main) => {
                self.main.push(Reverse((nodes[place].rank, place)));
                self.wake = true;
            }
        }
        self.parts[place].status = Status::Ready;
        self.tell(nodes, place, EventKind::Queued);
    }

    fn leave_queue(&mut self, place: usize) {
        if matches!(self.parts[place].status, Status::Ready) {
            self.worker.retain(|&Reverse((_, other))| other != place);
            self.main.retain(|&Reverse((_, other))| other != place);
        }
    }

    /// Settles a component and all that follows from it.
    fn settle(&mut self, nodes: &[Node], place: usize, status: Status, now: Instant) {
        self.note(nodes, place, status, now);
        self.spread(nodes, place, now);
    }

    /// What follows for others from a component, if that is settled.
    fn spread(&mut self, nodes: &[Node], place: usize, now: Instant) {
        // A list instead of recursion: a chain may be longer than the stack.
        let mut changed = vec![place];
        while let Some(place) = changed.pop() {
            let failure = match &self.parts[place].status {
                Status::Failed(failure) | Status::Skipped(failure) => Some(failure.clone()),
                Status::Loaded => None,
                _ => continue,
            };
            for &(dependent, required) in &nodes[place].dependents {
                if self.is_settled(dependent) {
                    continue;
                }
                if let Some(reason) = failure.as_ref().filter(|_| required) {
                    let required = nodes[place].name.clone();
                    let skipped = LoadFailure::Skipped { required, reason: reason.clone() };
                    self.note(nodes, dependent, Status::Skipped(Arc::new(skipped)), now);
                } else {
                    self.parts[dependent].waiting -= 1;
                    if self.parts[dependent].waiting > 0 {
                        continue;
                    }
                    self.release(nodes, dependent, now);
                }
                changed.push(dependent);
            }
        }
    }

    fn note(&mut self, nodes: &[Node], place: usize, status: Status, now: Instant) {
        let kind = match &status {
            Status::Failed(failure) => EventKind::Failed(failure.clone()),
            Status::Skipped(failure) => EventKind::Skipped(failure.clone()),
            _ => EventKind::Finished,
        };
        if matches!(status, Status::Loaded) && nodes[place].lane.is_none() {
            let _ = self.results[place].set(Arc::new(()));
        }
        self.parts[place].status = status;
        self.parts[place].finished = Some(now);
        self.unsettled -= 1;
        self.wake |= self.unsettled == 0;
        self.set_progress(place, 1.0);
        self.tell(nodes, place, kind);
    }

    fn set_progress(&mut self, place: usize, progress: f32) {
        self.done += progress - self.parts[place].progress;
        self.parts[place].progress = progress;
    }

    fn tell(&mut self, nodes: &[Node], place: usize, kind: EventKind) {
        self.events.push_back(Event { component: nodes[place].name.clone(), kind, overall: self.overall() });
    }
}

fn thread_name() -> String {
    let thread = thread::current();
    thread.name().map_or_else(|| format!("{:?}", thread.id()), str::to_owned)
}
