//! Zipf's law: the key of rank r is asked for in proportion to 1 / r^s.

use fastrand::Rng;

/// Ranks from 0, the most popular one, without end.
///
/// Rejection-inversion: W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone
/// discrete distributions", ACM TOMACS 6(3), 1996.
pub(crate) struct Zipf {
    random: Rng,
    keys: f64,
    exponent: f64,
    below_first: f64,
    above_last: f64,
}

impl Zipf {
    /// Over `keys` ranks, with an exponent over 0 that is not 1.
    pub(crate) fn new(keys: usize, exponent: f64, seed: u64) -> Self {
        let mut zipf = Self {
            random: Rng::with_seed(seed),
            keys: keys as f64,
            exponent,
            below_first: 0.0,
            above_last: 0.0,
        };
        zipf.below_first = zipf.area(1.5) - 1.0;
        zipf.above_last = zipf.area(zipf.keys + 0.5);
        zipf
    }

    /// The area under x^-s from 1 to `x`.
    fn area(&self, x: f64) -> f64 {
        let power = 1.0 - self.exponent;
        (x.powf(power) - 1.0) / power
    }

    /// Where the area is so large.
    fn inverse(&self, area: f64) -> f64 {
        let power = 1.0 - self.exponent;
        (1.0 + area * power).powf(1.0 / power)
    }
}

impl Iterator for Zipf {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            let area = self.above_last + self.random.f64() * (self.below_first - self.above_last);
            let x = self.inverse(area);
            let rank = x.round().clamp(1.0, self.keys);
            if area >= self.area(rank + 0.5) - rank.powf(-self.exponent) {
                return Some(rank as u32 - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_as_frequent_as_the_law_says() {
        const DRAWS: usize = 200_000;
        let mut counts = [0_u32; 100];
        Zipf::new(100, 0.9, 1).take(DRAWS).for_each(|rank| counts[rank as usize] += 1);
        let weight = |rank: usize| (rank as f64 + 1.0).powf(-0.9);
        let total: f64 = (0..100).map(weight).sum();
        for (rank, &count) in counts.iter().enumerate() {
            let expected = DRAWS as f64 * weight(rank) / total;
            let deviation = 5.0 * expected.sqrt();
            assert!((f64::from(count) - expected).abs() < deviation, "rank {rank}: {count}, not {expected}");
        }
    }
}
