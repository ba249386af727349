//! Something chosen in a list or in a ticket's details: the modal shows it at once; a ticket's details are pushed on top.
//!
//! What a modal shows is known from the database, never from what a client sent. Two choices at once are made one after
//! the other (a row lock), and the modal is updated by the outbox, which always renders the newest state.

use common::interaction::{list as ids, parse_ticket_value};
use common::job::ActInView;

use super::open_list::open_state;
use super::open_modal::{Opening, open};
use super::tell::{noted, refreshed, tell};
use super::{Outcome, Run};
use crate::db::{inbox, open_views, outbox};
use crate::delivery::may_see;
use crate::lists::{ViewState, choose, cut_note, search_text};
use crate::views::{self, texts};

const KIND: &str = "act_in_view.v1";

pub(super) async fn run(run: &Run<'_>, act: &ActInView) -> anyhow::Result<Outcome> {
    // A modal's metadata comes from a client's hands: that it leads nowhere is nothing for an operator.
    let key = act.ask.in_view.as_deref().unwrap_or_default();
    let mut tx = run.context.db.begin().await?;
    let open_view = open_views::find_for_update(&mut tx, key).await?;
    let Some(open_view) = open_view.filter(|view| view.user == act.ask.user.as_str()) else {
        inbox::claim(&mut tx, run.job_id, KIND, "unknown modal").await?;
        tx.commit().await?;
        return Ok(Outcome::Done("unknown modal"));
    };
    if !may_see(run.context, &act.ask.user, &open_view.state) {
        tracing::warn!(job.id = run.job_id, user = %act.ask.user, "denied");
        tx.rollback().await?;
        tell(run, &act.ask, KIND, "denied", &texts::not_a_system_user(&act.ask.user)).await?;
        return Ok(Outcome::Done("denied"));
    }
    let element = act.action_id.split(':').next().unwrap_or_default();
    match (element, &open_view.state) {
        (ids::VIEW, ViewState::Page { list, .. }) => {
            tx.rollback().await?;
            let Some(ticket) = act.values.first().and_then(|value| parse_ticket_value(value)) else {
                tell(run, &act.ask, KIND, "no ticket", "There is no such ticket.").await?;
                return Ok(Outcome::Done("no ticket"));
            };
            open_state(run, &act.ask, KIND, "the button", ViewState::details(*list, ticket), None).await
        }
        (ids::OPEN_SEARCH, ViewState::Page { filter, .. }) => {
            tx.rollback().await?;
            let view = views::search_dialog(key, filter.search.as_deref());
            let opening = Opening { kind: KIND, ask: &act.ask, again: "the button", offers_form: false, state: None };
            open(run, &opening, view).await
        }
        _ => {
            if !inbox::claim(&mut tx, run.job_id, KIND, "chosen").await? {
                return Ok(Outcome::Done("was chosen before"));
            }
            let state = choose(&open_view.state, &act.action_id, &act.values);
            open_views::mark_state(&mut tx, key, &state).await?;
            // Words behind a command are a look aside: only what is chosen in the modal is remembered.
            if let (ViewState::Page { list, filter, .. }, ViewState::Page { filter: before, .. }) =
                (&state, &open_view.state)
                && filter != before
            {
                open_views::save_filter(&mut tx, &act.ask.user, *list, filter).await?;
            }
            let was_cut =
                element == ids::SEARCH && act.values.first().is_some_and(|v| search_text(v).is_some_and(|s| s.1));
            let wish = if was_cut { noted(key, &cut_note()) } else { refreshed(key) };
            outbox::insert(&mut tx, &[wish]).await?;
            tx.commit().await?;
            run.context.wake_delivery();
            Ok(Outcome::Done("chosen"))
        }
    }
}
