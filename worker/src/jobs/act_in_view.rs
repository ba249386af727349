//! Something chosen in a list or in a ticket's details: the modal shows it at once; a ticket's details are pushed on top.
//!
//! What a modal shows is known from the database, never from what a client sent. Two choices at once are made one after
//! the other (a row lock), and the modal is updated by the outbox, which always renders the newest state.

use std::time::Duration;

use common::interaction::{list as ids, parse_ticket_value};
use common::job::ActInView;

use super::open_list::{may_see, open_state};
use super::open_modal::{Opening, open};
use super::{Outcome, Run};
use crate::db::outbox::{self, Wish};
use crate::db::{inbox, open_views};
use crate::delivery::Target;
use crate::lists::{ViewState, choose};
use crate::views;

const KIND: &str = "act_in_view.v1";
/// A modal that is open for longer than this isn't updated any more.
const VIEW_EXPIRES: Duration = Duration::from_secs(30 * 60);

pub(super) async fn run(run: &Run<'_>, act: &ActInView) -> anyhow::Result<Outcome> {
    let Some(view_id) = act.ask.in_view.as_deref() else {
        return Ok(Outcome::Discard("a choice outside of any modal".to_owned()));
    };
    let mut tx = run.context.db.begin().await?;
    let open_view = open_views::find_for_update(&mut tx, view_id).await?;
    let Some(open_view) = open_view.filter(|view| view.user == act.ask.user.as_str()) else {
        inbox::claim(&mut tx, run.job_id, KIND, "unknown modal").await?;
        tx.commit().await?;
        return Ok(Outcome::Done("unknown modal"));
    };
    if !may_see(run, &act.ask.user, &open_view.state) {
        tracing::warn!(job.id = run.job_id, user = %act.ask.user, "denied");
        inbox::claim(&mut tx, run.job_id, KIND, "denied").await?;
        tx.commit().await?;
        return Ok(Outcome::Done("denied"));
    }
    let element = act.action_id.split(':').next().unwrap_or_default();
    match (element, &open_view.state) {
        (ids::VIEW, ViewState::Page { list, .. }) => {
            tx.rollback().await?;
            let Some(ticket) = act.values.first().and_then(|value| parse_ticket_value(value)) else {
                return Ok(Outcome::Discard("a ticket without a number".to_owned()));
            };
            open_state(run, &act.ask, KIND, "the button", ViewState::details(*list, ticket)).await
        }
        (ids::OPEN_SEARCH, ViewState::Page { filter, .. }) => {
            tx.rollback().await?;
            let view = views::search_dialog(view_id, filter.search.as_deref());
            let opening = Opening { kind: KIND, ask: &act.ask, command: "the button", offers_form: false, state: None };
            open(run, &opening, view).await
        }
        _ => {
            if !inbox::claim(&mut tx, run.job_id, KIND, "chosen").await? {
                return Ok(Outcome::Done("was chosen before"));
            }
            let state = choose(&open_view.state, &act.action_id, &act.values);
            open_views::insert(&mut tx, view_id, &act.ask.user, &state, None).await?;
            if let ViewState::Page { list, filter, .. } = &state {
                open_views::save_filter(&mut tx, &act.ask.user, *list, filter).await?;
            }
            let target = Target::View { view_id: view_id.to_owned() };
            outbox::insert(&mut tx, &[Wish { expires_after: Some(VIEW_EXPIRES), ..Wish::new(target) }]).await?;
            tx.commit().await?;
            run.context.wake_delivery();
            Ok(Outcome::Done("chosen"))
        }
    }
}
