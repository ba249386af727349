//! A million tickets of two years by COPY: 20,000 of them unresolved, 900 submitters, 40 assignees, three changes of status
//! each, one comment for each that is done with; tables vacuumed as a running PostgreSQL keeps them.
//!
//! Every text has a few words that all have, and two of 20,000 others, which are as frequent as words are: the first one in
//! a fifth of all tickets, the `r`th in the `r`th part of that.

use chrono::DateTime;
use sqlx::{Executor, PgConnection};

/// How many there are.
pub const TICKETS: i64 = 1_000_000;
const UNRESOLVED: i64 = 20_000;

/// Words of our language.
pub const WORDS: i64 = 20_000;

/// Which word stands in this place of a text, by a fair die thrown for each place.
fn which(place: i64) -> i64 {
    let die = (place.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E) >> 16 & 0xFFFF_FFFF) as f64;
    let rank = ((WORDS as f64).ln() * die / f64::from(u32::MAX)).exp();
    (rank as i64).clamp(1, WORDS)
}

/// The `n`th word of a language of our own.
pub fn word(n: i64) -> String {
    const BEGIN: [&str; 20] =
        ["b", "c", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "br", "st", "tr"];
    const END: [&str; 10] = ["an", "el", "ir", "ot", "um", "ac", "ed", "ig", "on", "us"];
    let syllable = |n: i64| {
        let n = usize::try_from(n % 200).unwrap_or_default();
        format!("{}{}", BEGIN[n / 10], END[n % 10])
    };
    format!("{}{}{}", syllable(n), syllable(n / 200 + 7 * (n % 200)), syllable(n * 31 + 11))
}

/// Fills the tables, in pieces.
pub async fn load(db: &mut PgConnection) {
    // The vocabulary and the daily counts are filled at the end, at once.
    db.execute("ALTER TABLE tickets DISABLE TRIGGER USER").await.expect("disabled");
    let mut tickets = String::new();
    let mut events = String::new();
    let first = 1_731_628_800; // 2024-11-15
    let step = 2 * 365 * 86_400 / TICKETS;
    for n in 1..=TICKETS {
        let created = first + n * step;
        let (assigned, done) = (created + 600 + n * 7919 % 86_400, created + 90_000 + n * 104_729 % 600_000);
        let is_open = n > TICKETS - UNRESOLVED;
        let is_closed = !is_open && n % 4 == 0;
        let user = n % 40;
        let (status, assignee) = match (is_open, n % 3) {
            (true, 0) => ("open", "\\N".to_owned()),
            (true, _) => ("in_progress", format!("U0SYS{user}")),
            (false, _) => (if is_closed { "closed" } else { "resolved" }, format!("U0SYS{user}")),
        };
        let time = |seconds: i64| DateTime::from_timestamp(seconds, 0).expect("a time").to_rfc3339();
        let or_null = |is: bool, seconds: i64| if is { time(seconds) } else { "\\N".to_owned() };
        let updated = if is_open { time(assigned) } else { time(done) };
        let priority = ["high", "medium", "low"][usize::try_from(n % 7 % 3).unwrap_or_default()];
        tickets.push_str(&format!(
            "{n}\tU0AGENT{}\tCampaign {}\tIssue {}\t{priority}\tThe dialer drops every second call on line {n}: {} and {}.\t{}\t{status}\t{assignee}\t3\t{}\t{updated}\t{}\t{}\t{}\n",
            n % 900, n % 5, n % 18, word(which(2 * n)), word(which(2 * n + 1)),
            if is_open { "" } else { "Restarted it." },
            time(created), or_null(status != "open", assigned), or_null(!is_open && !is_closed, done), or_null(is_closed, done)
        ));
        events.push_str(&format!("{n}\t1\t{}\tU0AGENT1\tfile\t\\N\topen\t\\N\tmodal\n", time(created)));
        if status != "open" {
            events.push_str(&format!("{n}\t2\t{}\tU0SYS1\tassign\topen\tin_progress\t\\N\tcard\n", time(assigned)));
        }
        if !is_open {
            let (at, action) = (time(done), if is_closed { "close" } else { "resolve" });
            events.push_str(&format!("{n}\t3\t{at}\tU0SYS1\t{action}\tin_progress\t{status}\tRestarted it.\tcard\n"));
        }
        if n % 20_000 == 0 {
            copy(db, "COPY tickets (number, submitter, campaign, issue_type, priority, details, comments_text, status, assignee, version, created_at, updated_at, first_assigned_at, resolved_at, closed_at) FROM STDIN", &mut tickets).await;
            copy(db, "COPY ticket_events (ticket, version, at, actor, action, from_status, to_status, comment, surface) FROM STDIN", &mut events).await;
        }
    }
    for statement in [
        "ALTER TABLE tickets ENABLE TRIGGER USER",
        "INSERT INTO search_words (word)
         SELECT DISTINCT word FROM tickets CROSS JOIN LATERAL words_to_search(details || ' ' || comments_text) AS word",
        "SELECT rebuild_ticket_days()",
        "SELECT rebuild_filed_days()",
        "VACUUM ANALYZE tickets",
        "VACUUM ANALYZE ticket_events",
        "VACUUM ANALYZE ticket_days",
        "VACUUM ANALYZE ticket_days_filed",
        "VACUUM ANALYZE ticket_days_times",
        "VACUUM ANALYZE search_words",
    ] {
        db.execute(statement).await.expect("done");
    }
}

async fn copy(db: &mut PgConnection, statement: &'static str, rows: &mut String) {
    let mut copy = db.copy_in_raw(statement).await.expect("COPY begins");
    copy.send(std::mem::take(rows).into_bytes()).await.expect("rows are sent");
    copy.finish().await.expect("COPY ends");
}
