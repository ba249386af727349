//! `/agent-tickets` and `/system-tickets`: a list opens, or one ticket's details.

use common::job::Ask;
use common::slack_id::UserId;

use super::open_modal::{Opening, open};
use super::{Outcome, Run};
use crate::db::{inbox, open_views};
use crate::delivery::render_view;
use crate::lists::{Filter, HELP, List, ViewState, Words, parse_words};
use crate::views::texts;

pub(super) async fn run(run: &Run<'_>, ask: &Ask, list: List) -> anyhow::Result<Outcome> {
    let (kind, command) = match list {
        List::Own => ("open_agent_tickets.v1", "/agent-tickets"),
        List::All => ("open_system_tickets.v1", "/system-tickets"),
    };
    if list == List::All && !run.context.system_users.contains(&ask.user) {
        tracing::warn!(job.id = run.job_id, user = %ask.user, command, "denied");
        return tell(run, ask, kind, &texts::not_a_system_user(&ask.user)).await;
    }
    let state = match parse_words(&ask.text) {
        Words::Help => return tell(run, ask, kind, HELP).await,
        Words::Wrong(sentence) => return tell(run, ask, kind, &sentence).await,
        Words::Ticket(ticket) => ViewState::details(list, ticket),
        Words::Filter(filter) => ViewState::first_page(list, of_list(list, *filter)),
        Words::Nothing => {
            let filter = open_views::find_filter(&mut *run.context.db.acquire().await?, &ask.user, list).await?;
            ViewState::first_page(list, filter)
        }
    };
    open_state(run, ask, kind, command, state).await
}

/// Opens or pushes a modal that shows this.
pub(super) async fn open_state(
    run: &Run<'_>,
    ask: &Ask,
    kind: &'static str,
    command: &str,
    state: ViewState,
) -> anyhow::Result<Outcome> {
    match render_view(run.context, &ask.user, &state, None).await? {
        Ok(view) => open(run, &Opening { kind, ask, command, offers_form: false, state: Some(state) }, view).await,
        Err(sentence) => tell(run, ask, kind, &sentence).await,
    }
}

/// One's own list has fewer filters.
fn of_list(list: List, filter: Filter) -> Filter {
    match list {
        List::All => filter,
        List::Own => Filter { statuses: filter.statuses, from: filter.from, to: filter.to, ..Filter::default() },
    }
}

async fn tell(run: &Run<'_>, ask: &Ask, kind: &str, text: &str) -> anyhow::Result<Outcome> {
    let claimed = inbox::claim(&mut *run.context.db.acquire().await?, run.job_id, kind, "told").await?;
    if claimed {
        run.tell(ask.response_url.as_deref(), text).await;
    }
    Ok(Outcome::Done("told"))
}

/// Whether this person may see this.
pub(super) fn may_see(run: &Run<'_>, user: &UserId, state: &ViewState) -> bool {
    match state {
        ViewState::Page { list: List::All, .. } | ViewState::Details { list: List::All, .. } => {
            run.context.system_users.contains(user)
        }
        ViewState::Page { list: List::Own, .. } | ViewState::Details { list: List::Own, .. } => true,
    }
}
