//! The state machine: every (status, action) pair has a next status or a named refusal.

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Nobody works on it.
    Open,
    /// Somebody is assigned.
    InProgress,
    /// Solved, may still be reopened.
    Resolved,
    /// Done with, may still be reopened.
    Closed,
}

/// What somebody can do to a ticket's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Take an open ticket.
    Assign,
    /// Give it to somebody (else).
    Reassign,
    /// Say that it is solved.
    Resolve,
    /// Say that nothing more will be done.
    Close,
    /// Take up a resolved or closed ticket again.
    Reopen,
}

/// Why an action isn't possible now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Assign: somebody has it.
    #[error("it is assigned already")]
    AlreadyAssigned,
    /// Assign, Reassign or Resolve on a resolved ticket.
    #[error("it is resolved already")]
    AlreadyResolved,
    /// Anything but Reopen on a closed ticket.
    #[error("it is closed already")]
    AlreadyClosed,
    /// Reopen on a ticket that is neither resolved nor closed.
    #[error("it is not resolved or closed")]
    NotFinished,
}

impl Status {
    /// In the order of a ticket's life.
    pub const ALL: [Self; 4] = [Self::Open, Self::InProgress, Self::Resolved, Self::Closed];

    /// The one spelling in jobs, in the database and in option values.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InProgress => "in_progress",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }

    /// Reads [`Status::as_str`]'s spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// What people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::InProgress => "In Progress",
            Self::Resolved => "Resolved",
            Self::Closed => "Closed",
        }
    }

    /// The label with its coloured sign.
    pub fn badge(self) -> &'static str {
        match self {
            Self::Open => "🆕 Open",
            Self::InProgress => "🔧 In Progress",
            Self::Resolved => "✅ Resolved",
            Self::Closed => "🔒 Closed",
        }
    }

    /// The status after `action`.
    ///
    /// # Errors
    /// The [`Refusal`] that tells why the action isn't possible.
    pub fn apply(self, action: Action) -> Result<Self, Refusal> {
        match (self, action) {
            (Self::Open, Action::Assign) => Ok(Self::InProgress),
            (Self::InProgress, Action::Assign) => Err(Refusal::AlreadyAssigned),
            (Self::Open | Self::InProgress, Action::Reassign) => Ok(Self::InProgress),
            (Self::Open | Self::InProgress, Action::Resolve) => Ok(Self::Resolved),
            (Self::Open | Self::InProgress | Self::Resolved, Action::Close) => Ok(Self::Closed),
            (Self::Resolved | Self::Closed, Action::Reopen) => Ok(Self::Open),
            (Self::Open | Self::InProgress, Action::Reopen) => Err(Refusal::NotFinished),
            (Self::Resolved, Action::Assign | Action::Reassign | Action::Resolve) => Err(Refusal::AlreadyResolved),
            (Self::Closed, Action::Assign | Action::Reassign | Action::Resolve | Action::Close) => {
                Err(Refusal::AlreadyClosed)
            }
        }
    }

    /// The actions that are possible in this status, in the order in which buttons show them.
    pub fn possible(self) -> impl Iterator<Item = Action> {
        Action::ALL.into_iter().filter(move |action| self.apply(*action).is_ok())
    }
}

impl Action {
    /// In the order in which buttons show them.
    pub const ALL: [Self; 5] = [Self::Assign, Self::Reassign, Self::Resolve, Self::Close, Self::Reopen];

    /// The one spelling in jobs, in history and in action ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assign => "assign",
            Self::Reassign => "reassign",
            Self::Resolve => "resolve",
            Self::Close => "close",
            Self::Reopen => "reopen",
        }
    }

    /// Reads [`Action::as_str`]'s spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_buttons_of_each_status() {
        let of = |status: Status| status.possible().map(Action::as_str).collect::<Vec<_>>();
        assert_eq!(of(Status::Open), ["assign", "reassign", "resolve", "close"]);
        assert_eq!(of(Status::InProgress), ["reassign", "resolve", "close"]);
        assert_eq!(of(Status::Resolved), ["close", "reopen"]);
        assert_eq!(of(Status::Closed), ["reopen"]);
    }

    proptest! {
        /// Whatever is done in whatever order: a refusal changes nothing, a ticket is never stuck, and only Reopen
        /// leads back.
        #[test]
        fn any_walk_keeps_the_rules(actions in proptest::collection::vec(0usize..5, 0..40)) {
            let mut status = Status::Open;
            for action in actions.into_iter().map(|i| Action::ALL[i]) {
                if let Ok(next) = status.apply(action) {
                    prop_assert!(next > status || action == Action::Reopen || (action == Action::Reassign && next == status));
                    status = next;
                }
                prop_assert!(status.possible().next().is_some());
            }
        }
    }

    #[test]
    fn every_spelling_can_be_read_again() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
    }
}
