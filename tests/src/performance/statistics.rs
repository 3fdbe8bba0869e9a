//! Medians and ratios of turns, and whether there were enough of them.

/// The ratio of two cases over the turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    /// The median of the turns' ratios.
    pub(super) median: f64,
    /// Half the width of the interval in which the median lies, as a part of it: 1.57 times the distance of the quartiles over the
    /// square root of the number of turns, as the notches of a box plot have it (McGill, Tukey and Larsen, 1978).
    pub(super) half_width: f64,
}

impl Ratio {
    /// Of what was measured turn by turn: the ratio of each turn counts, so that what else the machine does meanwhile is the burden
    /// of both.
    pub(super) fn of(one: &[f64], other: &[f64]) -> Self {
        let ratios: Vec<f64> = one.iter().zip(other).map(|(one, other)| one / other).collect();
        let median = median(&ratios);
        let distance = quantile(&ratios, 0.75) - quantile(&ratios, 0.25);
        Self { median, half_width: 1.57 * distance / (ratios.len() as f64).sqrt() / median }
    }

    /// Whether more turns would not change much.
    pub(super) fn is_steady(&self, widest: f64) -> bool {
        self.half_width < widest
    }
}

/// The middle of `values`; not a number where there are none.
pub(super) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this part of `values` lies, between two of them where it falls there.
pub(super) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = part * last as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_between_the_values_on_either_side() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(quantile(&[1.0, 2.0, 3.0, 4.0, 5.0], 0.75), 4.0);
        assert_eq!((quantile(&[7.0], 0.99), quantile(&[1.0, 2.0], 1.0)), (7.0, 2.0));
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_burden_that_both_have_in_the_same_turn_does_not_change_their_ratio() {
        let ratio = Ratio::of(&[300.0, 100.0, 30.0], &[100.0, 33.333_333, 10.0]);
        assert!((ratio.median - 3.0).abs() < 1e-6 && ratio.half_width < 1e-6, "{ratio:?}");
    }

    #[test]
    fn more_turns_of_the_same_spread_are_steadier_and_one_wild_turn_counts_for_nothing() {
        let other = vec![100.0; 40];
        let one: Vec<f64> = (0..40).map(|turn| if turn % 2 == 0 { 190.0 } else { 210.0 }).collect();
        let (few, many) = (Ratio::of(&one[..4], &other), Ratio::of(&one, &other));
        assert!((many.median - 2.0).abs() < 1e-9 && many.half_width < few.half_width, "{few:?} {many:?}");
        assert!(many.is_steady(0.03) && !few.is_steady(0.03), "{few:?} {many:?}");
        let mut wild = one.clone();
        wild[7] = 10_000.0;
        assert!((Ratio::of(&wild, &other).median - many.median).abs() < 0.1);
    }
}
