//! People who submit form after form, and what became of each: for tests in which something is killed meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use harness::desk::{Desk, TICKETS};
use harness::slack::Delivery;
use serde_json::{Value, json};

use crate::gateway::interact;
use crate::road::{fill_form, open_form};

/// Generous, since the machine may be busy; only a failure takes this long.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Polls until `condition` holds.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(POLL).await;
    }
}

/// A submission of the form by Ana; [`submit`] sends it as those of other forms.
pub(crate) async fn template(desk: &Desk) -> Value {
    let ana = desk.slack.person("U0AGENT1");
    open_form(desk, &ana).await;
    fill_form(&ana, "template");
    let payload = submission_of(desk);
    ana.close().await.expect("the form is open");
    payload
}

/// The payload that pressing Submit would send now.
pub(crate) fn submission_of(desk: &Desk) -> Value {
    desk.slack.change(|world| {
        let view = world.top_view("U0AGENT1").expect("the form is open").id.clone();
        harness::slack::payload::submission(world, &view).expect("the form is open")
    })
}

/// Submits the template as another form, whose details are its number.
pub(crate) async fn submit(desk: &Desk, template: &Value, number: usize) -> Delivery {
    let mut payload = template.clone();
    payload["view"]["id"] = json!(format!("V0OTHER{number}"));
    payload["view"]["state"]["values"]["details"]["details"]["value"] = json!(number.to_string());
    interact(desk, &payload).await
}

/// The form became "Submitting…": from here on the ticket must not be lost.
pub(crate) fn accepted(answer: &Delivery) -> bool {
    answer.is_ok() && answer.json()["response_action"] == "update"
}

/// The form stays open with what was typed.
pub(crate) fn given_back(answer: &Delivery) -> bool {
    answer.is_ok() && answer.json()["response_action"] == "errors"
}

/// The numbers of the forms that have become tickets, in order.
pub(crate) async fn filed(desk: &Desk) -> Vec<usize> {
    let query = "SELECT details::bigint FROM tickets WHERE details ~ '^[0-9]+$' ORDER BY details::bigint";
    let numbers: Vec<i64> = sqlx::query_scalar(query).fetch_all(&desk.db).await.expect("the tickets can be read");
    numbers.into_iter().map(|number| usize::try_from(number).expect("no negative number")).collect()
}

/// Waits until a desk that had trouble has made every delivery, and checks that every card stands there once.
pub(crate) async fn settle(desk: Desk) {
    let mut rounds = 0;
    let left = "SELECT count(*) FROM outbox WHERE state IN ('sending', 'pending', 'waiting')";
    let mut since = (i64::MAX, Instant::now());
    loop {
        match desk.count(left).await {
            0 => break,
            now if now < since.0 => since = (now, Instant::now()),
            now if since.1.elapsed() > Duration::from_secs(2) => {
                // What was ambiguous is looked for after 5, 15 and 45 s.
                desk.elapse(Duration::from_secs(60)).await;
                since = (now, Instant::now());
                rounds += 1;
                assert!(rounds < 10, "{now} deliveries are never made\n{}", desk.slack.dump());
            }
            _ => tokio::time::sleep(POLL).await,
        }
    }
    eventually("nothing is left in the streams", async || desk.queued().await == 0).await;
    let cards = desk.slack.read(|world| world.messages_in(TICKETS).iter().filter(|m| !m.is_reply()).count());
    assert_eq!(cards as i64, desk.count("SELECT count(*) FROM tickets").await, "one card for each ticket");
    let dead = desk.count("SELECT count(*) FROM dead_letters").await;
    desk.finish_with_dead_letters(dead).await;
}

/// People who submit form after form until they are stopped; each presses Submit until the form is taken.
#[derive(Default)]
pub(crate) struct Load {
    begun: AtomicUsize,
    taken: AtomicUsize,
    refused: AtomicUsize,
    stop: AtomicBool,
}

impl Load {
    /// Six people at once, until [`Load::stop`].
    pub(crate) async fn run(&self, desk: &Desk, template: &Value) {
        let press = async |number: usize| {
            let answer = submit(desk, template, number).await;
            assert!(accepted(&answer) || given_back(&answer) || !answer.is_ok(), "{}", answer.text());
            let count = if accepted(&answer) { &self.taken } else { &self.refused };
            count.fetch_add(1, Ordering::SeqCst);
            accepted(&answer)
        };
        join_all((0..6).map(|_| async {
            while !self.stop.load(Ordering::SeqCst) {
                let number = self.begun.fetch_add(1, Ordering::SeqCst);
                eventually("the form is taken", async || press(number).await).await;
            }
        }))
        .await;
    }

    /// Waits until `more` further submissions were taken.
    pub(crate) async fn taken(&self, more: usize) {
        Self::grown(&self.taken, more, "submissions are taken").await;
    }

    /// Waits until `more` further submissions were refused or not answered.
    pub(crate) async fn refused(&self, more: usize) {
        Self::grown(&self.refused, more, "submissions are refused").await;
    }

    async fn grown(count: &AtomicUsize, more: usize, what: &str) {
        let before = count.load(Ordering::SeqCst);
        eventually(what, async || count.load(Ordering::SeqCst) >= before + more).await;
    }

    /// Nobody begins another form.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Every form, and all of them were taken in the end, must be exactly one ticket.
    pub(crate) async fn check(&self, desk: &Desk) {
        let all: Vec<usize> = (0..self.begun.load(Ordering::SeqCst)).collect();
        assert_eq!(self.taken.load(Ordering::SeqCst), all.len());
        eventually("every acknowledged submission is a ticket", async || filed(desk).await.len() >= all.len()).await;
        assert_eq!(filed(desk).await, all, "each exactly once");
    }
}
