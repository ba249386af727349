/// How urgent a ticket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Work has stopped.
    High,
    /// Work is hindered.
    Medium,
    /// It can wait.
    Low,
}

impl Priority {
    /// Most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// The one spelling in jobs, in the database and in option values.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// Reads [`Priority::as_str`]'s spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == text)
    }

    /// What people read, with the coloured sign.
    pub fn label(self) -> &'static str {
        match self {
            Self::High => "🔴 High",
            Self::Medium => "🟡 Medium",
            Self::Low => "🔵 Low",
        }
    }
}
