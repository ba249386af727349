use std::fmt;
use std::str::FromStr;

/// A ticket's number, from 1; people see it as `T` and at least three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketNumber(i64);

impl TicketNumber {
    /// The number as stored; `None` below 1.
    pub fn new(number: i64) -> Option<Self> {
        (number >= 1).then_some(Self(number))
    }

    /// The number as stored.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for TicketNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T{:03}", self.0)
    }
}

/// The text is no ticket number such as `T042` or `42`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ticket number")]
pub struct NotATicketNumber;

impl FromStr for TicketNumber {
    type Err = NotATicketNumber;

    fn from_str(text: &str) -> Result<Self, NotATicketNumber> {
        let text = text.trim();
        let digits = text.strip_prefix(['T', 't']).unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotATicketNumber);
        }
        digits.parse().ok().and_then(Self::new).ok_or(NotATicketNumber)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shown_with_at_least_three_digits() {
        assert_eq!(TicketNumber(1).to_string(), "T001");
        assert_eq!(TicketNumber(1234).to_string(), "T1234");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for wrong in ["", "T", "T0", "0", "-1", "T-1", "+1", "T1x", "TT1", "99999999999999999999"] {
            assert!(wrong.parse::<TicketNumber>().is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_read_again(number in 1i64..) {
            let ticket = TicketNumber(number);
            prop_assert_eq!(ticket.to_string().parse(), Ok(ticket));
            prop_assert_eq!(ticket.to_string().to_lowercase().parse(), Ok(ticket));
        }
    }
}
