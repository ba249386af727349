//! `/new-ticket`: the form opens.

use common::job::Ask;

use super::open_modal::{Opening, open};
use super::{Outcome, Run};
use crate::views;

pub(super) async fn run(run: &Run<'_>, ask: &Ask) -> anyhow::Result<Outcome> {
    let opening = Opening { kind: "open_form.v1", ask, again: "`/new-ticket`", offers_form: true, state: None };
    open(run, &opening, views::new_ticket(&run.context.form)).await
}
