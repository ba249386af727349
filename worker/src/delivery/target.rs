//! What a delivery makes right in Slack, and how it is written in the outbox.

use std::fmt;

use common::slack_id::UserId;
use common::ticket::TicketNumber;
use uuid::Uuid;

/// One thing in Slack. Its text form is the key of the outbox row and of the message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// The ticket's card in the ticket channel.
    Card(TicketNumber),
    /// The notice about the new ticket in the administrators' channel.
    Notice(TicketNumber),
    /// The submitter's direct message about the filed ticket.
    Filed(TicketNumber),
    /// The modal in which the ticket was filed.
    Confirmation(TicketNumber),
    /// The ticket's images, shared in the card's thread.
    Images(TicketNumber),
    /// What a person is to be told of a ticket's changes: a new message each time, in one thread.
    News {
        /// Which ticket.
        ticket: TicketNumber,
        /// To whom.
        user: UserId,
    },
    /// A comment that was written elsewhere, in the card's thread.
    ThreadNote {
        /// Which ticket.
        ticket: TicketNumber,
        /// The version of the comment's history row.
        version: i32,
    },
    /// A modal that shows a list or a ticket.
    View {
        /// Its external id.
        key: String,
    },
    /// A submitted modal that says "Saving…".
    Dialog {
        /// The job that judges it; also the modal's external id.
        job_id: String,
    },
    /// The direct message about a form that could not be made a ticket.
    NotFiled {
        /// To whom.
        user: UserId,
        /// The job that was given up.
        job_id: String,
    },
    /// The direct message about something that was asked for in vain, with what was typed.
    NotDone {
        /// To whom.
        user: UserId,
        /// The job that could not do it.
        job_id: String,
    },
    /// A summary in the ticket channel.
    Summary {
        /// The modal that it was posted from.
        id: String,
    },
    /// A summary's modal with a note of what came of its button.
    SummaryModal {
        /// Slack's id of the modal.
        view_id: String,
    },
    /// The direct message about a large export.
    ExportStatus {
        /// The job that exports.
        job_id: String,
    },
    /// A slot's weekly summary in the ticket channel.
    WeeklySummary(SlotRun),
    /// A person's overdue tickets.
    Overdue {
        /// Whose.
        user: UserId,
        /// By which slot.
        of: SlotRun,
    },
    /// Overdue tickets that nobody has, in the administrators' channel.
    OverdueUnassigned(SlotRun),
    /// Tickets without an update, in the administrators' channel.
    Stale(SlotRun),
    /// The list of high-priority tickets that nobody has: one message in the ticket channel for ever.
    UrgentList,
    /// That list's pin.
    Pin,
    /// Another target once more, when a late update of it must have come. A row of its own, since a wish that joined the
    /// target's next change would come too early.
    Again {
        /// The row whose update is in doubt.
        of: Uuid,
        /// What to make right.
        target: Box<Target>,
    },
    /// An operator's alert.
    Alert {
        /// The cause.
        cause: String,
        /// When its hour began, in microseconds since 1970.
        since: i64,
    },
}

/// A run of a schedule's slot: a second run of it, by an operator's command, is another message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotRun {
    /// When it was due, in seconds since 1970.
    pub slot: i64,
    /// The number of the run, from 1.
    pub run: i32,
}

impl fmt::Display for SlotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.slot, self.run)
    }
}

impl SlotRun {
    fn parse(text: &str) -> Option<Self> {
        let (slot, run) = text.split_once(':')?;
        Some(Self { slot: slot.parse().ok()?, run: run.parse().ok()? })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(ticket) => write!(f, "card:{}", ticket.get()),
            Self::Notice(ticket) => write!(f, "notice:{}", ticket.get()),
            Self::Filed(ticket) => write!(f, "filed:{}", ticket.get()),
            Self::Confirmation(ticket) => write!(f, "confirmation:{}", ticket.get()),
            Self::Images(ticket) => write!(f, "images:{}", ticket.get()),
            Self::News { ticket, user } => write!(f, "news:{}:{user}", ticket.get()),
            Self::ThreadNote { ticket, version } => write!(f, "note:{}:{version}", ticket.get()),
            Self::View { key } => write!(f, "view:{key}"),
            Self::Dialog { job_id } => write!(f, "dialog:{job_id}"),
            Self::NotFiled { user, job_id } => write!(f, "not_filed:{user}:{job_id}"),
            Self::NotDone { user, job_id } => write!(f, "not_done:{user}:{job_id}"),
            Self::Summary { id } => write!(f, "summary:{id}"),
            Self::SummaryModal { view_id } => write!(f, "summary_modal:{view_id}"),
            Self::ExportStatus { job_id } => write!(f, "export:{job_id}"),
            Self::WeeklySummary(of) => write!(f, "weekly_summary:{of}"),
            Self::Overdue { user, of } => write!(f, "overdue:{user}:{of}"),
            Self::OverdueUnassigned(of) => write!(f, "overdue_unassigned:{of}"),
            Self::Stale(of) => write!(f, "stale:{of}"),
            Self::UrgentList => f.write_str("urgent_list"),
            Self::Pin => f.write_str("pin"),
            Self::Again { of, target } => write!(f, "again:{of}:{target}"),
            Self::Alert { cause, since } => write!(f, "alert:{since}:{cause}"),
        }
    }
}

impl Target {
    /// Reads the text form.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let ticket = || rest.parse().ok().and_then(TicketNumber::new);
        match kind {
            "card" => ticket().map(Self::Card),
            "notice" => ticket().map(Self::Notice),
            "filed" => ticket().map(Self::Filed),
            "confirmation" => ticket().map(Self::Confirmation),
            "images" => ticket().map(Self::Images),
            "news" => {
                let (ticket, user) = rest.split_once(':')?;
                let ticket = ticket.parse().ok().and_then(TicketNumber::new)?;
                Some(Self::News { ticket, user: UserId::parse(user)? })
            }
            "note" => {
                let (ticket, version) = rest.split_once(':')?;
                let ticket = ticket.parse().ok().and_then(TicketNumber::new)?;
                Some(Self::ThreadNote { ticket, version: version.parse().ok()? })
            }
            "view" => Some(Self::View { key: rest.to_owned() }),
            "dialog" => Some(Self::Dialog { job_id: rest.to_owned() }),
            "not_filed" => {
                let (user, job_id) = rest.split_once(':')?;
                Some(Self::NotFiled { user: UserId::parse(user)?, job_id: job_id.to_owned() })
            }
            "not_done" => {
                let (user, job_id) = rest.split_once(':')?;
                Some(Self::NotDone { user: UserId::parse(user)?, job_id: job_id.to_owned() })
            }
            "summary" => Some(Self::Summary { id: rest.to_owned() }),
            "summary_modal" => Some(Self::SummaryModal { view_id: rest.to_owned() }),
            "export" => Some(Self::ExportStatus { job_id: rest.to_owned() }),
            "weekly_summary" => SlotRun::parse(rest).map(Self::WeeklySummary),
            "overdue" => {
                let (user, of) = rest.split_once(':')?;
                Some(Self::Overdue { user: UserId::parse(user)?, of: SlotRun::parse(of)? })
            }
            "overdue_unassigned" => SlotRun::parse(rest).map(Self::OverdueUnassigned),
            "stale" => SlotRun::parse(rest).map(Self::Stale),
            "urgent_list" => Some(Self::UrgentList),
            "pin" => Some(Self::Pin),
            "again" => {
                let (of, target) = rest.split_once(':')?;
                Some(Self::Again { of: of.parse().ok()?, target: Box::new(Self::parse(target)?) })
            }
            "alert" => {
                let (since, cause) = rest.split_once(':')?;
                Some(Self::Alert { cause: cause.to_owned(), since: since.parse().ok()? })
            }
            _ => None,
        }
    }
}

/// The ticket that a target is about, as people write it, for the log: tickets' numbers stand right behind the kind.
pub(super) fn ticket_of(target: &str) -> Option<String> {
    let (kind, rest) = target.split_once(':')?;
    let about_ticket = ["card", "notice", "filed", "confirmation", "images", "news", "note"].contains(&kind);
    let number = rest.split(':').next()?.parse().ok()?;
    about_ticket.then_some(number).and_then(TicketNumber::new).map(|ticket| ticket.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_can_be_read_again() {
        let ticket = TicketNumber::new(42).unwrap();
        let user = UserId::parse("U1").unwrap();
        let of = SlotRun { slot: 1_795_460_400, run: 2 };
        for target in [
            Target::WeeklySummary(of),
            Target::Overdue { user: user.clone(), of },
            Target::OverdueUnassigned(of),
            Target::Stale(of),
            Target::UrgentList,
            Target::Pin,
            Target::Card(ticket),
            Target::Notice(ticket),
            Target::Filed(ticket),
            Target::Confirmation(ticket),
            Target::Images(ticket),
            Target::News { ticket, user: user.clone() },
            Target::ThreadNote { ticket, version: 7 },
            Target::View { key: "action:1".to_owned() },
            Target::Dialog { job_id: "submission:V1".to_owned() },
            Target::NotFiled { user: user.clone(), job_id: "submission:V1".to_owned() },
            Target::NotDone { user, job_id: "submission:V1".to_owned() },
            Target::Summary { id: "V1".to_owned() },
            Target::SummaryModal { view_id: "V1".to_owned() },
            Target::ExportStatus { job_id: "action:1".to_owned() },
            Target::Again { of: Uuid::from_u128(7), target: Box::new(Target::Card(ticket)) },
            Target::Alert { cause: "refused:channel_not_found:C1".to_owned(), since: 1_795_460_400 },
        ] {
            assert_eq!(Target::parse(&target.to_string()), Some(target));
        }
        assert_eq!(Target::parse("card:0"), None);
        assert_eq!(ticket_of("news:42:U1").as_deref(), Some("T042"));
        assert_eq!(ticket_of("alert:42:token"), None);
    }
}
