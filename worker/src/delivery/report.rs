//! The schedule's messages. Who gets one is decided when the slot is claimed; what it says is read when it is sent, and
//! again whenever it is brought up to date.

use std::time::Duration;

use chrono::{DateTime, Days, Utc};
use chrono_tz::Tz;
use common::slack_id::UserId;
use sqlx::PgConnection;

use super::rendering::{Place, Rendered, permalink};
use super::{Delivered, Delivery, SlotRun, Target};
use crate::context::Context;
use crate::db::reports::{self, Reported};
use crate::db::{alerts, messages, outbox, statistics};
use crate::period::Period;
use crate::schedule::slots::local_day;
use crate::slack::client::Content;
use crate::slack::error::Code;
use crate::views::reports::{self as view, OLDEST, SHOWN};

/// The facts of a report.
enum Facts {
    Week(Box<statistics::Summary>, Reported),
    Overdue(UserId, Reported),
    OverdueUnassigned(Reported),
    Stale(Reported),
    Urgent(Reported),
}

impl Facts {
    async fn read(
        db: &mut PgConnection,
        context: &Context,
        target: &Target,
        now: DateTime<Utc>,
    ) -> sqlx::Result<Option<Self>> {
        let days = context.days_to_resolution();
        Ok(Some(match target {
            Target::WeeklySummary(of) => {
                let Some(week) = week_before(*of, context.timezone()) else { return Ok(None) };
                let by_priority = context.form.days_by_priority();
                let summary = statistics::get_summary(db, week, context.timezone(), by_priority, now).await?;
                Self::Week(Box::new(summary), reports::list_oldest(db, days, OLDEST).await?)
            }
            Target::Overdue { user, .. } => {
                Self::Overdue(user.clone(), reports::list_overdue(db, Some(user), days, SHOWN).await?)
            }
            Target::OverdueUnassigned(_) => {
                Self::OverdueUnassigned(reports::list_overdue(db, None, days, SHOWN).await?)
            }
            Target::Stale(_) => Self::Stale(reports::list_stale(db, days, SHOWN).await?),
            Target::UrgentList => Self::Urgent(reports::list_urgent(db, days, SHOWN).await?),
            _ => return Ok(None),
        }))
    }

    fn reported(&mut self) -> &mut Reported {
        match self {
            Self::Week(_, reported)
            | Self::Overdue(_, reported)
            | Self::OverdueUnassigned(reported)
            | Self::Stale(reported)
            | Self::Urgent(reported) => reported,
        }
    }

    /// A report of nothing is not sent.
    fn is_idle(&self) -> bool {
        match self {
            Self::Overdue(_, reported) | Self::OverdueUnassigned(reported) | Self::Stale(reported) => {
                reported.total == 0
            }
            Self::Week(..) | Self::Urgent(_) => false,
        }
    }

    fn render(&self, now: DateTime<Utc>, timezone: Tz) -> Rendered {
        match self {
            Self::Week(summary, oldest) => {
                let (with_charts, with_bars) = view::weekly_summary(summary, oldest, now);
                Rendered { without_previews: Some(with_bars), ..Rendered::new(Place::TicketChannel, with_charts) }
            }
            Self::Overdue(user, overdue) => {
                Rendered::new(Place::With(user.clone()), view::overdue_digest(overdue, now))
            }
            Self::OverdueUnassigned(overdue) => {
                Rendered::new(Place::AdminChannel, view::overdue_unassigned(overdue, now))
            }
            Self::Stale(stale) => Rendered::new(Place::AdminChannel, view::stale(stale, now)),
            Self::Urgent(urgent) => Rendered::new(Place::TicketChannel, view::urgent_list(urgent, now, timezone)),
        }
    }
}

/// The seven days before a slot's day: on a Monday the week from Monday to Sunday that has just ended.
fn week_before(of: SlotRun, timezone: Tz) -> Option<Period> {
    let day = local_day(DateTime::from_timestamp(of.slot, 0)?, timezone);
    Period::new(day.checked_sub_days(Days::new(7))?, day.checked_sub_days(Days::new(1))?).ok()
}

/// What would be sent now, and where; `None` where there is nothing to say.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn preview(
    db: &mut PgConnection,
    context: &Context,
    target: &Target,
) -> sqlx::Result<Option<(Place, Content)>> {
    let now = Utc::now();
    let facts = Facts::read(db, context, target, now).await?.filter(|facts| !facts.is_idle());
    let rendered = facts.map(|facts| facts.render(now, context.timezone()));
    Ok(rendered.map(|rendered| (rendered.place, rendered.content)))
}

pub(super) async fn render(
    delivery: &Delivery<'_>,
    target: &Target,
) -> anyhow::Result<Result<Option<Rendered>, Delivered>> {
    let (context, now) = (delivery.context, Utc::now());
    let facts = {
        let mut db = context.db.acquire().await?;
        let facts = Facts::read(&mut db, context, target, now).await?;
        // A digest whose last ticket was resolved says so; one that was not sent yet is not sent any more.
        let is_sent = messages::find(&mut db, &delivery.row.target).await?.is_some();
        facts.filter(|facts| is_sent || !facts.is_idle())
    };
    let Some(mut facts) = facts else { return Ok(Ok(None)) };
    if let Facts::Urgent(urgent) = &facts
        && urgent.tickets.iter().any(|ticket| ticket.card.is_none())
    {
        // A card that comes later is linked then.
        outbox::insert_urgent_list(&mut *context.db.acquire().await?, Duration::ZERO).await?;
    }
    for ticket in &mut facts.reported().tickets {
        if let Some(card) = ticket.card.as_mut().filter(|card| card.permalink.is_none()) {
            match permalink(delivery, ticket.number, card).await? {
                Ok(address) => card.permalink = address,
                Err(delivered) => return Ok(Err(delivered)),
            }
        }
    }
    Ok(Ok(Some(facts.render(now, context.timezone()))))
}

/// An assignee who can't be written to (left, deactivated): the administrators learn of the overdue tickets.
pub(super) async fn tell_of_unreachable(delivery: &Delivery<'_>, code: &Code) -> anyhow::Result<()> {
    let Some(Target::Overdue { user, .. }) = Target::parse(&delivery.row.target) else { return Ok(()) };
    let context = delivery.context;
    let mut db = context.db.acquire().await?;
    let overdue = reports::list_overdue(&mut db, Some(&user), context.days_to_resolution(), 1).await?;
    let text = view::unreachable_assignee(&user, &code.code, overdue.total);
    alerts::raise(&mut db, &format!("unreachable:{user}"), &text, context.waits.alert_update).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monday_reports_the_week_that_has_ended() {
        let of = |text: &str| SlotRun { slot: text.parse::<DateTime<Utc>>().unwrap().timestamp(), run: 1 };
        let week = |text, zone| week_before(of(text), zone).unwrap().to_string();
        assert_eq!(week("2026-11-23T14:00:00Z", Tz::America__New_York), "2026-11-16..2026-11-22");
        assert_eq!(week("2026-11-23T02:00:00Z", Tz::America__New_York), "2026-11-15..2026-11-21");
        assert_eq!(week("2026-11-22T22:00:00Z", Tz::Australia__Lord_Howe), "2026-11-16..2026-11-22");
    }
}
