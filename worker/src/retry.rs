//! How long to wait before the next try.

use std::time::Duration;

/// Waits don't grow beyond this.
const LONGEST: Duration = Duration::from_secs(60);

/// `first` doubled for every failure so far, up to a minute, with up to a quarter of jitter so that what failed together
/// is not tried again together.
pub fn backoff(first: Duration, failures: i32) -> Duration {
    let exponent = u32::try_from(failures.clamp(0, 20)).unwrap_or_default();
    let full = first.saturating_mul(2u32.saturating_pow(exponent)).min(LONGEST);
    full.mul_f64(1.0 - 0.25 * rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_a_minute_and_stays_there() {
        let first = Duration::from_millis(200);
        for (failures, least, most) in
            [(0, 150, 200), (1, 300, 400), (5, 4800, 6400), (9, 45_000, 60_000), (i32::MAX, 45_000, 60_000)]
        {
            let wait = backoff(first, failures).as_millis();
            assert!((least..=most).contains(&wait), "{failures} failures: {wait} ms");
        }
    }
}
