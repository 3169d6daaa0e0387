//! From figures to places.

/// An axis from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    is_log: bool,
}

impl Scale {
    /// From zero to a little over the greatest. If that is more than 30 times the least, logarithmic.
    pub(super) fn of_bars(figures: impl Iterator<Item = f64> + Clone) -> Self {
        let high = 1.04 * figures.clone().fold(f64::MIN_POSITIVE, f64::max);
        let least = figures.filter(|&it| it > 0.0).fold(high, f64::min);
        match high > 30.0 * least {
            // The shortest bar can still be seen.
            true => Self { low: 10_f64.powf((0.6 * least).log10().floor()), high, is_log: true },
            false => Self { low: 0.0, high, is_log: false },
        }
    }

    /// Even, from a tick to a tick.
    pub(super) fn even(low: f64, high: f64) -> Self {
        let step = step(low, high.max(low + 1.0));
        Self { low: (low / step).floor() * step, high: (high / step).ceil() * step, is_log: false }
    }

    /// Logarithmic, exactly from here to there.
    pub(super) fn log(low: f64, high: f64) -> Self {
        Self { low, high, is_log: true }
    }

    pub(super) fn is_log(self) -> bool {
        self.is_log
    }

    /// Where a figure is; at an end if it is beyond.
    pub(super) fn place(self, figure: f64) -> f64 {
        let place = match self.is_log {
            true => (figure / self.low).ln() / (self.high / self.low).ln(),
            false => (figure - self.low) / (self.high - self.low),
        };
        place.clamp(0.0, 1.0)
    }

    /// Round figures on it, six or so.
    pub(super) fn ticks(self) -> Vec<f64> {
        if self.is_log {
            let decades = (self.low.log10().ceil() as i32)..=(self.high.log10().floor() as i32);
            let every = decades.clone().count().div_ceil(7).max(1);
            return decades.step_by(every).map(|decade| 10_f64.powi(decade)).collect();
        }
        let step = step(self.low, self.high);
        let count = ((self.high - self.low) / step + 1e-9).floor() as u32;
        (0..=count).map(|index| self.low + f64::from(index) * step).collect()
    }
}

/// 1, 2 or 5 times a power of ten; a quarter of the whole, about.
fn step(low: f64, high: f64) -> f64 {
    let rough = (high - low) / 4.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    steps.into_iter().find(|step| step * decade >= rough).unwrap_or(10.0) * decade
}
