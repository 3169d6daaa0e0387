//! How often entries come back, by class and age.

/// Classes by the number of uses.
pub(super) const CLASSES: usize = 4;

/// Ages are told apart by the binary logarithm of 1 + 32 age / capacity: the first bucket is everything under 1/32 of the
/// capacity, each further one twice as wide, and the last one everything from 128 times the capacity.
const BUCKETS: usize = 13;

/// How much the old weighs after each period: its half-life is 69 of them, 14 times the capacity in requests from a
/// capacity of 640 on.
const FADE: f32 = 0.99;

/// A class with few observations counts as if it had seen so many more, spread as those of all classes are.
const PRIOR: f32 = 8.0;

/// What was observed of uses and ends, and what follows from it.
///
/// An *observation* is of an entry of some class that was used again at some age, or that was forgotten at that age
/// without. From them follows for each class and age the *rate of reuse*: reuses per request that an entry takes room
/// for, if it is kept for the time that makes the most of it from here on.
// In this order: what a hit reads comes first, beside the list that it was found in.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Rates {
    /// 32 over the capacity, in units of 2^-32.
    steps: u64,
    /// The same.
    scale: f32,
    reused: Table,
    ended: Table,
    rate: Table,
}

type Table = [[f32; BUCKETS]; CLASSES];

impl Rates {
    /// Before anything was observed: the younger, the better.
    #[expect(clippy::cast_precision_loss, reason = "below 13")]
    pub(super) fn new(capacity: u32) -> Self {
        let rate = std::array::from_fn(|bucket| 1.0 / (bucket as f32 + 1.0));
        let zero = [[0.0; BUCKETS]; CLASSES];
        let mut rates = Self { reused: zero, ended: zero, rate: [rate; CLASSES], scale: 0.0, steps: 0 };
        rates.resize(capacity);
        rates
    }

    /// Ages are measured by the capacity, in entries.
    #[expect(clippy::cast_precision_loss, reason = "24 bits tell apart what buckets tell apart")]
    pub(super) fn resize(&mut self, capacity: u32) {
        self.scale = 32.0 / capacity.max(1) as f32;
        self.steps = (32_u64 << 32).div_ceil(capacity.max(1).into());
    }

    /// The rate of reuse to expect of an entry of this class at this age, drawn straight from the middle of one bucket
    /// to the middle of the next: at the edges it would jump, and a queue that is steered by it would stop there.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "24 bits tell apart what buckets tell apart")]
    pub(super) fn rate(&self, class: u8, age: u32) -> f32 {
        // The binary logarithm of 1 + 32 age / capacity, straight between powers of two: the bits of a floating-point
        // number, taken for a fixed-point one, are just that, but for the 127 that its exponent begins with.
        const ONE: u32 = 1 << (f32::MANTISSA_DIGITS - 1);
        let log = (1.0 + age as f32 * self.scale).to_bits() - (f32::MAX_EXP as u32 - 1) * ONE;
        let place = log.saturating_sub(ONE / 2);
        let rates = &self.rate[usize::from(class)];
        let here = ((place / ONE) as usize).min(BUCKETS - 1);
        let next = (here + 1).min(BUCKETS - 1);
        rates[here] + (place % ONE) as f32 / ONE as f32 * (rates[next] - rates[here])
    }

    /// An entry was used at this age.
    #[inline]
    pub(super) fn reused(&mut self, class: u8, age: u32) {
        let bucket = self.bucket(age);
        self.reused[usize::from(class)][bucket] += 1.0;
    }

    /// An entry was forgotten at this age.
    pub(super) fn ended(&mut self, class: u8, age: u32) {
        let bucket = self.bucket(age);
        self.ended[usize::from(class)][bucket] += 1.0;
    }

    /// Draws the rates from what was observed, and lets it fade a little for each period that went by.
    pub(super) fn learn(&mut self, periods: u32) {
        let pooled = |table: &Table| -> [f32; BUCKETS] {
            std::array::from_fn(|bucket| table.iter().map(|class| class[bucket]).sum())
        };
        let (reused, ended) = (pooled(&self.reused), pooled(&self.ended));
        let total: f32 = reused.iter().chain(&ended).sum();
        if total == 0.0 {
            return;
        }
        for ((rate, own_reused), own_ended) in self.rate.iter_mut().zip(&self.reused).zip(&self.ended) {
            let smooth = |own: &[f32; BUCKETS], all: &[f32; BUCKETS]| -> [f32; BUCKETS] {
                std::array::from_fn(|bucket| own[bucket] + PRIOR * all[bucket] / total)
            };
            let (reused, ended) = (smooth(own_reused, &reused), smooth(own_ended, &ended));
            *rate = best_rates(&reused, &room(&reused, &ended));
        }
        // As if what came evenly over the periods had faded after each of them.
        let faded = FADE.powi(i32::try_from(periods).unwrap_or(i32::MAX));
        let fade = FADE * (1.0 - faded) / ((1.0 - FADE) * periods as f32);
        for observed in self.reused.iter_mut().chain(&mut self.ended).flatten() {
            *observed *= fade;
        }
    }

    #[inline]
    fn bucket(&self, age: u32) -> usize {
        let steps = 1 + (u64::from(age).saturating_mul(self.steps) >> 32);
        (steps.ilog2() as usize).min(BUCKETS - 1)
    }
}

/// How long all that were observed took room in each bucket: those that went on to a later one all of it, those that
/// were used or ended in it half of it.
fn room(reused: &[f32; BUCKETS], ended: &[f32; BUCKETS]) -> [f32; BUCKETS] {
    let mut later = 0.0;
    let mut room = [0.0; BUCKETS];
    for bucket in (0..BUCKETS).rev() {
        let here = reused[bucket] + ended[bucket];
        let width = (1_u32 << bucket) as f32;
        room[bucket] = (later + here / 2.0) * width;
        later += here;
    }
    room
}

/// For each bucket the greatest of the ratios of reuses to room over it and any number of those that follow.
///
/// From the last bucket to the first, each takes those that follow along as long as that raises its ratio. What it
/// takes is a stretch that was found to be best for its own first bucket, so that each stretch is taken once: this
/// is the pool-adjacent-violators algorithm.
fn best_rates(reused: &[f32; BUCKETS], room: &[f32; BUCKETS]) -> [f32; BUCKETS] {
    let rate = |(reused, room): (f32, f32)| if room > 0.0 { reused / room } else { 0.0 };
    let mut stretches = [((0.0, 0.0), BUCKETS); BUCKETS];
    let mut rates = [0.0; BUCKETS];
    for bucket in (0..BUCKETS).rev() {
        let (mut sums, mut next) = ((reused[bucket], room[bucket]), bucket + 1);
        while next < BUCKETS && rates[next] > rate(sums) {
            let (more, end) = stretches[next];
            sums = (sums.0 + more.0, sums.1 + more.1);
            next = end;
        }
        stretches[bucket] = (sums, next);
        rates[bucket] = rate(sums);
    }
    rates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn best_rate_is_the_greatest_over_all_ends(
            reused in proptest::array::uniform13(0.0..100_f32),
            room in proptest::array::uniform13(0.1..100_f32),
        ) {
            let found = best_rates(&reused, &room);
            for from in 0..BUCKETS {
                let sum = |of: &[f32; BUCKETS], to: usize| of[from..=to].iter().sum::<f32>();
                let best = (from..BUCKETS).map(|to| sum(&reused, to) / sum(&room, to)).fold(0.0, f32::max);
                prop_assert!((found[from] - best).abs() <= 1e-4 * best, "{from}: {} is not {best}", found[from]);
            }
        }
    }

    #[test]
    fn ages_are_told_apart_by_their_logarithm() {
        let rates = Rates::new(3_200);
        let ages = [0, 99, 100, 299, 300, 700, 1_500, 3_100, 6_300, u32::MAX];
        assert_eq!(ages.map(|age| rates.bucket(age)), [0, 0, 1, 1, 2, 3, 4, 5, 6, 12]);
        assert_eq!(Rates::new(1).bucket(u32::MAX), 12);
    }

    #[test]
    fn rates_do_not_jump() {
        let mut rates = Rates::new(1_000);
        (0..BUCKETS).for_each(|bucket| (0..1 << (13 - bucket)).for_each(|_| rates.reused(1, 31 << bucket)));
        rates.learn(1);
        for age in 0..100_000 {
            let (here, next) = (rates.rate(1, age), rates.rate(1, age + 1));
            assert!((here - next).abs() <= 0.05 * here, "{here} at {age}, then {next}");
        }
    }

    #[test]
    fn entries_that_come_back_late_are_worth_more_once_they_are_old() {
        let mut rates = Rates::new(1_000);
        for _ in 0..1_000 {
            // A loop: each entry comes back at an age of the capacity and a half, never before.
            rates.reused(1, 1_500);
        }
        rates.learn(1);
        assert!(rates.rate(1, 1_400) > 2.0 * rates.rate(1, 10));
        assert!(rates.rate(1, 1_400) > 10.0 * rates.rate(1, 5_000), "they are not expected any more");
    }

    #[test]
    fn of_a_long_time_as_much_is_left_as_if_rates_had_been_drawn_all_along() {
        let (mut now_and_then, mut at_once) = (Rates::new(10), Rates::new(10));
        for _ in 0..2_000 {
            (0..10).for_each(|_| now_and_then.reused(1, 5));
            now_and_then.learn(1);
        }
        (0..20_000).for_each(|_| at_once.reused(1, 5));
        at_once.learn(2_000);
        let left = |rates: &Rates| rates.reused.iter().flatten().sum::<f32>();
        assert!((left(&at_once) / left(&now_and_then) - 1.0).abs() < 0.02);
        at_once.learn(u32::MAX);
        assert!(at_once.rate(1, 5).is_finite() && left(&at_once) >= 0.0);
    }

    #[test]
    fn nothing_observed_changes_nothing() {
        let mut rates = Rates::new(10);
        rates.learn(1);
        assert_eq!(rates.rate(0, 0), 1.0);
    }
}
