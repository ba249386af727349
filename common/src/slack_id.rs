//! Slack's identifiers as types of their own, so that a user can't be passed where a channel is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! slack_id {
    ($(#[$doc:meta])* $name:ident, $prefixes:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes `text` where it has the form of this kind of id; `None` otherwise.
            pub fn parse(text: &str) -> Option<Self> {
                let well_formed = text.starts_with(|c: char| $prefixes.contains(c))
                    && text.len() > 1
                    && text.len() <= 64
                    && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
                well_formed.then(|| Self(text.to_owned()))
            }

            /// The id as Slack writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text).ok_or_else(|| format!("not a {}", stringify!($name)))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

slack_id!(
    /// A person: `U…` (or `W…` in an Enterprise organisation).
    UserId,
    "UW"
);
slack_id!(
    /// A workspace `T…` (or an Enterprise organisation `E…`).
    TeamId,
    "TE"
);
slack_id!(
    /// A conversation: public channel `C…`, older private channel `G…`, direct message `D…`.
    ChannelId,
    "CGD"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_needs_its_prefix_and_nothing_but_id_characters() {
        assert!(UserId::parse("U0AGENT1").is_some());
        assert!(UserId::parse("W123").is_some());
        for wrong in ["", "U", "C123", "U1>", "U1 ", "<@U1>"] {
            assert!(UserId::parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
