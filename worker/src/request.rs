//! Which of Slack's requests the work at hand is for, so that one id is found in every line from the gateway to the last
//! Slack call: the job's. A job's run sets it; the outbox keeps it with what the job queued; a delivery sets it again.

use std::cell::Cell;

use common::ticket::TicketNumber;

struct Request {
    job_id: String,
    ticket: Cell<Option<TicketNumber>>,
}

tokio::task_local! { static REQUEST: Request; }

/// Does `work` for this job. What is spawned in it is on its own.
pub async fn on_behalf_of<F: Future>(job_id: &str, work: F) -> F::Output {
    REQUEST.scope(Request { job_id: job_id.to_owned(), ticket: Cell::new(None) }, work).await
}

/// The job that the work at hand is for; none where it is nobody's (an alert, the schedule).
pub fn job_id() -> Option<String> {
    REQUEST.try_with(|request| request.job_id.clone()).ok()
}

/// Notes which ticket the work at hand turned out to be about.
pub fn about(ticket: TicketNumber) {
    let _ = REQUEST.try_with(|request| request.ticket.set(Some(ticket)));
}

/// What was noted, as people write it.
pub fn ticket() -> Option<String> {
    REQUEST.try_with(|request| request.ticket.get()).ok().flatten().map(|ticket| ticket.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_knows_whom_it_is_for_and_forgets_afterwards() {
        let inside = on_behalf_of("command:1", async {
            about(TicketNumber::new(7).unwrap());
            (job_id(), ticket())
        });
        assert_eq!(inside.await, (Some("command:1".to_owned()), Some("T007".to_owned())));
        assert_eq!((job_id(), ticket()), (None, None));
    }
}
