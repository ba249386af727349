//! `/agent-tickets` and `/system-tickets`: a list opens, or one ticket's details.

use common::job::Ask;

use super::open_modal::{Opening, give_up_if_late, open};
use super::tell::tell;
use super::{Outcome, Run};
use crate::db::open_views;
use crate::delivery::render_view;
use crate::lists::{List, ViewState, Words, help, parse_words};
use crate::views::texts;

pub(super) async fn run(run: &Run<'_>, ask: &Ask, list: List) -> anyhow::Result<Outcome> {
    let (kind, command) = match list {
        List::Own => ("open_agent_tickets.v1", "/agent-tickets"),
        List::All => ("open_system_tickets.v1", "/system-tickets"),
    };
    if list == List::All && !run.context.system_users.contains(&ask.user) {
        tracing::warn!(job.id = run.job_id, user = %ask.user, command, "denied");
        return told(run, ask, kind, &texts::not_a_system_user(&ask.user)).await;
    }
    let people = match list {
        List::All => run.context.system_users_by_name().await?,
        List::Own => Vec::new(),
    };
    let (state, note) = match parse_words(&ask.text, list, &people) {
        Words::Help => return told(run, ask, kind, help(list)).await,
        Words::Wrong(sentence) => return told(run, ask, kind, &sentence).await,
        Words::Ticket(ticket) => (ViewState::details(list, ticket), None),
        Words::Filter { filter, note } => (ViewState::first_page(list, *filter), note),
        Words::Nothing => {
            let filter = open_views::find_filter(&mut *run.context.db.acquire().await?, &ask.user, list).await?;
            (ViewState::first_page(list, filter), None)
        }
    };
    open_state(run, ask, kind, &format!("`{command}`"), state, note.as_deref()).await
}

/// Opens or pushes a modal that shows this, with a line on top.
pub(super) async fn open_state(
    run: &Run<'_>,
    ask: &Ask,
    kind: &'static str,
    again: &str,
    state: ViewState,
    note: Option<&str>,
) -> anyhow::Result<Outcome> {
    if let Some(outcome) = give_up_if_late(run, ask, kind, again).await? {
        return Ok(outcome);
    }
    match render_view(run.context, &ask.user, run.job_id, &state, note).await? {
        Ok(shown) => open(run, &Opening { kind, ask, again, offers_form: false, state: Some(state) }, shown).await,
        Err(sentence) => told(run, ask, kind, &sentence).await,
    }
}

async fn told(run: &Run<'_>, ask: &Ask, kind: &str, text: &str) -> anyhow::Result<Outcome> {
    tell(run, ask, kind, "told", text).await?;
    Ok(Outcome::Done("told"))
}
