//! What was filed in a period, and how long things took: from the counts of its whole UTC days, which the transactions keep
//! that change tickets, and from the tickets themselves at its edges.
//!
//! Sums are exact. Of times the median and the 90th percentile are exact for periods with few of them, and for others to
//! within a twentieth, since only how many times fell into which bucket is kept.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use super::statistics::{Times, cut};

/// Campaigns and issue types that are named.
const NAMED: usize = 5;
/// Up to so many times are looked at one by one.
const FEW: i64 = 10_000;
/// How much longer each bucket's times are than those of the one before, as in the function `time_bucket`.
const GROWTH: f64 = 1.05;

/// What took how long.
#[derive(Debug, Clone, Copy)]
pub(super) enum Done {
    FirstAssignment,
    Resolution,
}

impl Done {
    /// The times themselves.
    fn exact(self) -> &'static str {
        match self {
            Self::FirstAssignment => {
                "SELECT percentile_cont(ARRAY[0.5, 0.9])
                        WITHIN GROUP (ORDER BY date_part('epoch', first_assigned_at - created_at))
                 FROM tickets WHERE first_assigned_at >= $1 AND first_assigned_at < $2"
            }
            Self::Resolution => {
                "SELECT percentile_cont(ARRAY[0.5, 0.9])
                        WITHIN GROUP (ORDER BY date_part('epoch', resolved_at - created_at))
                 FROM tickets WHERE resolved_at >= $1 AND resolved_at < $2"
            }
        }
    }

    /// How many times fell into which bucket: whole days from the counts, edges from the tickets.
    fn counted(self) -> &'static str {
        match self {
            Self::FirstAssignment => {
                "SELECT bucket, sum(count::int) FROM (
                     SELECT bucket, count FROM ticket_days_times
                     WHERE what = 'first_assignment' AND day >= $1 AND day < $2
                     UNION ALL
                     SELECT time_bucket(first_assigned_at - created_at), count(*)
                     FROM unnest($3::timestamptz[], $4::timestamptz[]) AS edge (lower, upper)
                     JOIN tickets ON first_assigned_at >= lower AND first_assigned_at < upper GROUP BY 1) counted
                 GROUP BY bucket ORDER BY bucket"
            }
            Self::Resolution => {
                "SELECT bucket, sum(count::int) FROM (
                     SELECT bucket, count FROM ticket_days_times
                     WHERE what = 'resolution' AND day >= $1 AND day < $2
                     UNION ALL
                     SELECT time_bucket(resolved_at - created_at), count(*)
                     FROM unnest($3::timestamptz[], $4::timestamptz[]) AS edge (lower, upper)
                     JOIN tickets ON resolved_at >= lower AND resolved_at < upper GROUP BY 1) counted
                 GROUP BY bucket ORDER BY bucket"
            }
        }
    }
}

/// First instants of stretches, and the first after each.
type Edges = (Vec<DateTime<Utc>>, Vec<DateTime<Utc>>);

/// The whole days, none where there is none, and the edges.
fn parts(from: DateTime<Utc>, to: DateTime<Utc>) -> ((NaiveDate, NaiveDate), Edges) {
    let cut = cut(from, to);
    let none = (from.date_naive(), from.date_naive());
    (cut.days.unwrap_or(none), cut.edges.into_iter().unzip())
}

/// Names with how often each occurs, the most frequent first.
type Ranked = Vec<(String, i64)>;

/// Campaigns and issue types of what was filed, the most frequent of each.
pub(super) async fn list_filed(
    db: &mut PgConnection,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> sqlx::Result<(Ranked, Ranked)> {
    let ((first, past), (lower, upper)) = parts(from, to);
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT what, name, sum(count)::bigint AS filed
         FROM (SELECT what, name, count FROM ticket_days_filed WHERE day >= $1 AND day < $2
               UNION ALL
               SELECT what, name, count(*)
               FROM unnest($3::timestamptz[], $4::timestamptz[]) AS edge (lower, upper)
               JOIN tickets ON created_at >= lower AND created_at < upper
               CROSS JOIN LATERAL (VALUES ('campaign', campaign), ('issue_type', issue_type)) AS under (what, name)
               GROUP BY what, name) counted
         GROUP BY what, name HAVING sum(count) > 0 ORDER BY filed DESC, name",
    )
    .bind(first)
    .bind(past)
    .bind(lower)
    .bind(upper)
    .fetch_all(db)
    .await?;
    let of = |wanted: &str| {
        let named = rows.iter().filter(|(what, ..)| what == wanted).take(NAMED);
        named.map(|(_, name, count)| (name.clone(), *count)).collect::<Ranked>()
    };
    Ok((of("campaign"), of("issue_type")))
}

/// Median and 90th percentile of what was done in the period.
pub(super) async fn find_times(
    db: &mut PgConnection,
    done: Done,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> sqlx::Result<Option<Times>> {
    let ((first, past), (lower, upper)) = parts(from, to);
    let buckets: Vec<(i16, i64)> =
        sqlx::query_as(done.counted()).bind(first).bind(past).bind(lower).bind(upper).fetch_all(&mut *db).await?;
    if buckets.iter().map(|bucket| bucket.1).sum::<i64>() > FEW {
        return Ok(Some(Times { median: quantile(&buckets, 0.5), p90: quantile(&buckets, 0.9) }));
    }
    let quantiles: Option<Vec<Option<f64>>> =
        sqlx::query_scalar(done.exact()).bind(from).bind(to).fetch_one(db).await?;
    Ok(match quantiles.as_deref() {
        Some([Some(median), Some(p90)]) => Some(Times { median: *median, p90: *p90 }),
        _ => None,
    })
}

/// The time below which this part of all lies; inside a bucket they are taken to lie evenly.
fn quantile(buckets: &[(i16, i64)], part: f64) -> f64 {
    let all: i64 = buckets.iter().map(|bucket| bucket.1).sum();
    let wanted = all as f64 * part;
    let mut before = 0.0;
    for (bucket, count) in buckets {
        let count = *count as f64;
        if before + count >= wanted && count > 0.0 {
            let (least, most) = (GROWTH.powi((*bucket).into()), GROWTH.powi(i32::from(*bucket) + 1));
            return least - 1.0 + (most - least) * (wanted - before) / count;
        }
        before += count;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bucket(seconds: f64) -> i16 {
        ((1.0 + seconds).ln() / GROWTH.ln()).floor() as i16
    }

    proptest! {
        #[test]
        fn a_quantile_is_right_to_within_a_twentieth(mut times in proptest::collection::vec(0.0f64..10_000_000.0, 1..400)) {
            times.sort_by(f64::total_cmp);
            let mut buckets: Vec<(i16, i64)> = Vec::new();
            for time in &times {
                match buckets.last_mut() {
                    Some((last, count)) if *last == bucket(*time) => *count += 1,
                    _ => buckets.push((bucket(*time), 1)),
                }
            }
            for part in [0.5, 0.9] {
                let right = times[((times.len() as f64 * part).ceil() as usize).max(1) - 1];
                let found = quantile(&buckets, part);
                prop_assert!((found - right).abs() <= (1.0 + right) * 0.051, "{found} for {right}");
            }
        }
    }
}
